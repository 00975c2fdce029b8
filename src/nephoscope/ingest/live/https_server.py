"""HTTPS server: run an ASGI app over TLS in a thread, with connection limits and timeouts."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING, cast

import uvicorn

from nephoscope.ingest.live.connection_budget import ConnectionBudget, ConnectionLimits, ConnectionSlot
from nephoscope.ingest.live.listener import Listener
from nephoscope.ingest.live.request_timeouts import RequestTimeouts, TimeoutProtocol
from nephoscope.ingest.source_failures import SourceError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from nephoscope.ingest.live.log_rate_limit import LogRateLimiter

_BACKLOG = 1024


def bind_socket(address: tuple[str, int]) -> socket.socket:
    """A socket that is bound to an address; raises SourceError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SourceError(f"{address[0]}:{address[1]}: {error.strerror}") from error


class BoundedServer(uvicorn.Server):
    """uvicorn on sockets that listen, with its connections within bounds; the protocol of `config` is Paced or made of it."""

    def __init__(
        self,
        config: uvicorn.Config,
        bounds: ConnectionLimits,
        pace: RequestTimeouts,
        failure_log: LogRateLimiter,
    ) -> None:
        super().__init__(config)
        self._bounds, self._pace, self._told = bounds, pace, failure_log
        self.budgets: list[ConnectionBudget] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Let in at the sockets."""
        await super().startup(sockets=[])
        for listener in sockets or ():
            entrance = Listener(
                listener, self._bounds, self._make_protocol, self._told, self.config.ssl, awaits_head=True
            )
            entrance.open()
            self.budgets.append(entrance.budget)
            self.servers.append(cast("asyncio.Server", entrance))

    def _make_protocol(self, place: ConnectionSlot) -> asyncio.Protocol:
        kind = cast("type[TimeoutProtocol]", self.config.http_protocol_class)
        made = kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        made.place, made.pace = place, self._pace
        place.phase = made.get_phase
        return made


class AppServer:
    """Serves from a socket until `close`, which lets requests that are under way end. `idle`: seconds between two requests."""

    def __init__(
        self,
        app: Starlette,
        listener: socket.socket,
        tls: ssl.SSLContext,
        *,
        bounds: ConnectionLimits,
        pace: RequestTimeouts,
        idle: float,
        failure_log: LogRateLimiter,
    ) -> None:
        config = uvicorn.Config(
            app, http=TimeoutProtocol, ws="none", log_config=None, access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=2, timeout_keep_alive=cast("int", idle),
        )  # fmt: skip
        config.load()
        config.ssl = tls
        self._server = BoundedServer(config, bounds, pace, failure_log)
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._run_server(listener),), name="ingestion", daemon=True
        )
        self._thread.start()

    async def _run_server(self, listener: socket.socket) -> None:
        await self._server.serve(sockets=[listener])
        # Clients that keep a connection open do not say goodbye to it: waiting for that would take half a minute.
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0.05)

    @property
    def is_alive(self) -> bool:
        """Return whether it still serves."""
        return self._thread.is_alive()

    @property
    def open_connections(self) -> int:
        """Count how many connections are open."""
        return sum(one.count for one in self._server.budgets)

    def close(self) -> None:
        """Take no new requests, end those under way, stop."""
        self._server.should_exit = True
        self._thread.join()
