"""Reverse proxy from the TLS front to the web process over a Unix socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

import httpcore
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from nephoscope.serve.error_pages import is_browser_navigation, render_error_page, serve_style_sheet
from nephoscope.serve.security_headers import HEADERS
from nephoscope.web.style_sheet import STYLE_SHEET

#: Headers by which the front tells the web process who asks; nobody else can: they are taken out of every request first.
OWN = b"x-nephoscope-"
CLIENT, SCHEME, COUNTED = OWN + b"client", OWN + b"scheme", OWN + b"counted"
#: What is between two neighbors, not between client and server. Source: RFC 9110 section 7.6.1
_BETWEEN = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect",
})  # fmt: skip
METRICS_PATH = "/metrics"
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Shorter than the web process keeps a connection.
_KEPT_SECONDS, _MOST, _TRIES = 60.0, 900, 3
_LOST = (
    "The server lost the process that handles requests. The request may or may not have been "
    "completed. Try again."
)
_LOG = logging.getLogger("nephoscope.front")


class _UpstreamUnavailableError(Exception):
    """The web process went away before it answered."""


class _BadRequestError(Exception):
    """A request that HTTP does not allow."""


@dataclass
class ProxiedClient:
    """The client of one request: sends its body, then either waits for the answer or goes away."""

    receive: Receive
    has_body: bool
    _sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield what the client sends; httpcore.ReadError where it goes away over it."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise httpcore.ReadError("the client disconnected")
            if part := message.get("body"):
                yield part
            if not message.get("more_body"):
                self._sent.set()
                return

    async def wait_unless_gone(
        self, answer: Coroutine[object, object, httpcore.Response]
    ) -> httpcore.Response | None:
        """Wait for an answer; None where the client goes away before, which ends the request at the web process too."""
        answering, gone = asyncio.ensure_future(answer), asyncio.ensure_future(self._wait_until_gone())
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                return answering.result()
            return None
        finally:
            gone.cancel()
            if not answering.done():
                answering.cancel()
                with suppress(asyncio.CancelledError, httpcore.NetworkError, httpcore.ProtocolError):
                    await answering

    async def _wait_until_gone(self) -> None:
        """Return when the client has gone away; while it sends its body, that is noticed there."""
        if self.has_body:
            await self._sent.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass


@dataclass
class ReverseProxy:
    """An ASGI app: hands requests on to the socket at a path."""

    path: str
    counted: bytes = b""
    _pool: httpcore.AsyncConnectionPool = field(init=False)

    def __post_init__(self) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            uds=self.path, max_connections=_MOST, keepalive_expiry=_KEPT_SECONDS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. A request that may be sent twice is, where the web process ended over it; 502 where it may have been done."""
        tries = _TRIES if scope["method"] in _REPEATABLE and not _has_body(scope) else 1
        for left in reversed(range(tries)):
            try:
                await self._forward_request(scope, ProxiedClient(receive, has_body=_has_body(scope)), send)
            except _UpstreamUnavailableError as error:
                if left:
                    continue
                _LOG.warning("no response to %s %s: %s", scope["method"], scope["path"], error)
                await _answer_bad_gateway(scope)(scope, receive, send)
            except _BadRequestError as error:
                text = f"Invalid HTTP request: {error}"
                await _build_fault_response(scope, 400, "InvalidRequest", "Invalid request", text)(
                    scope, receive, send
                )
            return

    async def close(self) -> None:
        """Let the connections go."""
        await self._pool.aclose()

    async def _forward_request(self, scope: Scope, client: ProxiedClient, send: Send) -> None:
        request = httpcore.Request(
            scope["method"].encode(),
            httpcore.URL(scheme=b"http", host=b"web", port=None, target=_build_target(scope)),
            headers=self._list_headers(scope),
            content=client.body() if client.has_body else b"",
            extensions={"timeout": {}},
        )
        try:
            response = await client.wait_unless_gone(self._pool.handle_async_request(request))
        except httpcore.LocalProtocolError as error:
            raise _BadRequestError(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _UpstreamUnavailableError(str(error) or type(error).__name__) from error
        if response is None:
            return
        try:
            await send(_build_start_message(response))
            # once it has begun an answer cannot be taken back: what is raised now ends the client's connection
            async for part in response.aiter_stream():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    def _list_headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        kept = [one for one in scope["headers"] if one[0] not in _BETWEEN and not one[0].startswith(OWN)]
        client = scope.get("client")
        own = [(CLIENT, client[0].encode() if client else b""), (SCHEME, scope["scheme"].encode())]
        if scope["path"] == METRICS_PATH:
            own.append((COUNTED, self.counted))
        names = {name for name, _ in kept}
        if b"host" not in names:
            own.append((b"host", b""))
        if _has_body(scope) and b"content-length" not in names:
            own.append((b"transfer-encoding", b"chunked"))
        return kept + own


def build_error_response(status: int, code: str, message: str, again: int = 0) -> JSONResponse:
    """An error as Azure answers it."""
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, {"Retry-After": str(again)} if again else None)


def _answer_bad_gateway(scope: Scope) -> Response:
    """502; the style sheet of the page that says so comes from here too, as nobody else gives it now."""
    if scope["path"] == STYLE_SHEET and scope["method"] in ("GET", "HEAD"):
        return _add_security_headers(serve_style_sheet())
    return _build_fault_response(scope, 502, "BadGateway", "No response", _LOST, 1)


def _build_fault_response(
    scope: Scope, status: int, code: str, title: str, text: str, again: int = 0
) -> Response:
    """A fault as the one who asked reads it: a page in a browser, else an error as Azure answers it."""
    if not is_browser_navigation(Headers(scope=scope)):
        return _add_security_headers(build_error_response(status, code, text, again))
    return _add_security_headers(
        render_error_page(status, title, text, {"Retry-After": str(again)} if again else None)
    )


def _add_security_headers(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers["cache-control"] = "no-store"
    return answer


def _build_target(scope: Scope) -> bytes:
    query = scope["query_string"]
    target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return target


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _build_start_message(response: httpcore.Response) -> Message:
    headers = [(name.lower(), value) for name, value in response.headers if name.lower() not in _BETWEEN]
    return {"type": "http.response.start", "status": response.status, "headers": headers}
