"""An ASGI app served over TLS by a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from nephoscope.sources.live.source import SourceError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

_BACKLOG = 1024


def bound(address: tuple[str, int]) -> socket.socket:
    """A socket that is bound to an address; raises SourceError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SourceError(f"{address[0]}:{address[1]}: {error.strerror}") from error


class Served:
    """Serves from a socket until `close`, which lets requests that are under way end."""

    def __init__(self, app: Starlette, listener: socket.socket, tls: ssl.SSLContext) -> None:
        import uvicorn

        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
        config.load()
        config.ssl = tls
        self._server: uvicorn.Server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._run(listener),), name="ingestion", daemon=True
        )
        self._thread.start()

    async def _run(self, listener: socket.socket) -> None:
        await self._server.serve(sockets=[listener])
        # Clients that keep a connection open do not say goodbye to it: waiting for that would take half a minute.
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0.05)

    @property
    def alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Take no new requests, end those under way, stop."""
        self._server.should_exit = True
        self._thread.join()
