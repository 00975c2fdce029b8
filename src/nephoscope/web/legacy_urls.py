"""Legacy URLs: redirect the former addresses of the identity lists (below the settings)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from nephoscope.web.lists.sections import list_sections

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request


def list_former_routes() -> Iterator[BaseRoute]:
    """Yield the routes of former addresses; of two that begin alike the longer comes first."""
    moved = [one for one in list_sections() if one.former_path]
    for one in sorted(moved, key=lambda one: one.former_path, reverse=True):
        for path in (one.former_path, f"{one.former_path}/{{rest:path}}"):
            yield Route(path, _make_redirect(one.path), methods=["GET"])


def _make_redirect(path: str) -> Callable[[Request], Awaitable[RedirectResponse]]:
    async def answer(request: Request) -> RedirectResponse:
        rest = request.path_params.get("rest", "")
        below = f"/{quote(rest)}" if rest else ""
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{path}{below}{query}", 308)

    return answer
