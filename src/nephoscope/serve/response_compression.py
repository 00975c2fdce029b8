"""Response compression, and how long browsers may keep each.

What an attacker's page has a browser ask for goes out as it is: the length of a compressed answer tells whether a text that the
attacker chose stands in it elsewhere (BREACH). Nor is anything compressed that may not be stored, as a page that shows a secret once.
Source: https://www.breachattack.com/
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What nobody else keeps, and a browser asks about again before it shows it.
OWN = "private, no-cache"
#: Types that are text: others are compressed already, or are streams of which each piece must arrive at once.
TYPES = ("text/html", "text/css", "text/csv", "text/javascript", "application/json", "image/svg+xml")
#: Bytes below which nothing is gained.
LEAST = 1_024
#: Beyond it a page becomes hardly smaller, and takes longer.
LEVEL = 4
#: What browsers keep is sent once: a twentieth less is worth the time.
LEVEL_OF_KEPT = 6
_GZIP = 31


class CompressedAnswers:
    """Compresses what is text for who asks for it from this site itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _CompressedAnswer(send, takes=may_compress(Headers(scope=scope)))
        await self._app(scope, receive, answer.send)


def may_compress(asked: Headers) -> bool:
    """Return whether a request takes gzip, and no page of another site had the browser send it."""
    accepted = (one.partition(";") for one in asked.get("accept-encoding", "").lower().split(","))
    takes = any(name.strip() == "gzip" and rest.replace(" ", "") != "q=0" for name, _, rest in accepted)
    return takes and asked.get("sec-fetch-site", "none") in ("none", "same-origin")


class _CompressedAnswer:
    """One answer on its way: its head waits for the first piece, which says whether it is worth it."""

    def __init__(self, send: Send, *, takes: bool) -> None:
        self._send, self._takes = send, takes
        self._head: Message | None = None
        self._packer: zlib._Compress | None = None

    async def send(self, message: Message) -> None:
        """Send a piece, compressed where it shall be."""
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("Cache-Control", OWN)
            self._head = message
            return
        if message["type"] != "http.response.body":
            await self._send_head()
            await self._send(message)
            return
        if self._head is not None:
            self._begin_response(self._head, message)
            await self._send_head()
        await self._send(message if self._packer is None else self._compress_piece(self._packer, message))

    def _begin_response(self, head: Message, first: Message) -> None:
        """Decide by the head and the first piece, and say in the head what was decided."""
        headers = MutableHeaders(scope=head)
        if not _is_text(headers) or head["status"] in (204, 206, 304):
            return
        headers.add_vary_header("Accept-Encoding")
        headers.add_vary_header("Sec-Fetch-Site")
        whole = not first.get("more_body", False)
        if not self._takes or (whole and len(first.get("body", b"")) < LEAST):
            return
        level = LEVEL_OF_KEPT if "immutable" in headers.get("cache-control", "") else LEVEL
        self._packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
        headers["Content-Encoding"] = "gzip"
        if "content-length" in headers:
            del headers["content-length"]
        if (tag := headers.get("etag", "")) and not tag.startswith("W/"):
            headers["ETag"] = f"W/{tag}"

    async def _send_head(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            await self._send(head)

    def _compress_piece(self, packer: zlib._Compress, message: Message) -> Message:
        body = packer.compress(message.get("body", b""))
        return {**message, "body": body if message.get("more_body", False) else body + packer.flush()}


def _is_text(headers: MutableHeaders) -> bool:
    kept = headers.get("cache-control", "")
    named = headers.get("content-type", "").partition(";")[0].strip().lower()
    return named in TYPES and "content-encoding" not in headers and "no-store" not in kept
