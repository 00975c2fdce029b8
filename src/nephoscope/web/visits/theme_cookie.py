"""The color scheme that a visitor chose, kept in a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from nephoscope.web.visits.session_cookie import delete_cookie, sanitize_local_address, set_cookie

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

COOKIE = "__Host-nephoscope-theme"
THEMES = ("light", "dark")
#: A year: the choice is asked for once in a browser.
SECONDS = 365 * 24 * 3600


def read_chosen_theme(request: Request) -> str:
    """Return the scheme that the cookie names, '' for none and for one that is unknown."""
    given = request.cookies.get(COOKIE, "")
    return given if given in THEMES else ""


def choose_theme(theme: str, address: str) -> Response:
    """Keep a scheme, or none, and lead back to a page of this site."""
    answer = RedirectResponse(sanitize_local_address(address), 303)
    if theme in THEMES:
        set_cookie(answer, COOKIE, theme, SECONDS)
    else:
        delete_cookie(answer, COOKIE)
    return answer
