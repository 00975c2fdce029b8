"""Forwarded headers: restore client address and scheme from headers that the front sets."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from nephoscope.serve.reverse_proxy import CLIENT, COUNTED, OWN, SCHEME


class ForwardedHeaders:
    """Puts what the front tells where every other part looks for it; `counted` is told what the front counted."""

    def __init__(self, app: ASGIApp, counted: Callable[[bytes], None]) -> None:
        self._app, self._counted = app, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            forwarded = dict(one for one in scope["headers"] if one[0].startswith(OWN))
            address = forwarded.get(CLIENT, b"").decode("latin-1")
            scope = {
                **scope,
                "headers": [one for one in scope["headers"] if one[0] not in forwarded],
                "client": (address, 0) if address else None,
                "scheme": forwarded.get(SCHEME, b"https").decode("latin-1"),
            }
            if COUNTED in forwarded:
                self._counted(forwarded[COUNTED])
        await self._app(scope, receive, send)
