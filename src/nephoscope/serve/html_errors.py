"""HTML errors: a denied browser gets a page instead of JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nephoscope.serve.error_pages import is_browser_navigation
from nephoscope.web import error_pages

_TITLES = {
    401: "Token required",
    403: "Not allowed",
    429: "Too many requests",
    503: "Temporarily unavailable",
}

#: Pages ask who has not signed in to do so: what refuses a browser else is no page.
_FOR_PROGRAMS = "This address is for programs: it requires an API token instead of a browser session."
_KEPT = ("retry-after", "www-authenticate")


class HtmlErrors:
    """Draws the page of a refusal where a browser shows it, and leaves all other answers as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not is_browser_navigation(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = _Refusal(send)
        await self._app(scope, receive, refusal.forward_message)
        if refusal.start is not None:
            await refusal.page(Request(scope))(scope, receive, send)


@dataclass
class _Refusal:
    """Holds an answer back where it is a refusal in JSON; `start` is None where it was none."""

    send: Send
    start: Message | None = None
    body: list[bytes] = field(default_factory=list)

    async def forward_message(self, message: Message) -> None:
        """Take a message of the answer."""
        if message["type"] == "http.response.start" and _refuses(message):
            self.start = message
        elif self.start is None:
            await self.send(message)
        elif message["type"] == "http.response.body":
            self.body.append(message.get("body", b""))

    def page(self, request: Request) -> ASGIApp:
        """The page in its place, with the headers that say when to try again."""
        start = self.start or {}
        headers = Headers(raw=start["headers"])
        text = _read_error_message(b"".join(self.body))
        if start["status"] == 401:
            text = _FOR_PROGRAMS
        elif start["status"] == 429 and (again := headers.get("retry-after")):
            text = f"This server limits the requests of each client. Try again in {again} seconds."
        drawn = error_pages.render_frameless_page(request, start["status"], _TITLES[start["status"]], text)
        drawn.headers.update({name: headers[name] for name in _KEPT if name in headers})
        return drawn


def _refuses(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] in _TITLES and kind.startswith(("application/json", "application/problem+json"))


def _read_error_message(body: bytes) -> str:
    """The message of an error as ARM or a problem document has it."""
    try:
        found: object = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    error = found.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else str(found.get("detail") or "")
