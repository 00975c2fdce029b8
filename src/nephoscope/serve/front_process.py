"""Front process: ends TLS, accepts Logs Ingestion records and forwards everything else.

It draws no page and runs no query, so that records come in while pages are drawn, and pages are drawn while records come in.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec
import uvicorn

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.ingest.live.connection_budget import ConnectionBudget, ConnectionLimits
from nephoscope.ingest.live.file_descriptors import explain_descriptor_shortage
from nephoscope.ingest.live.https_server import BoundedServer
from nephoscope.ingest.live.ingestion.fast_path import IngestionPost, RequestIntake
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.rule_quota import IngestionLimits, RequestQuota
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.request_timeouts import RequestTimeouts, TimeoutProtocol
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError, SpoolFullError
from nephoscope.lake.queries.workspace_cache import WorkspaceCache
from nephoscope.lake.schema.tables import KnownTables
from nephoscope.lake.spool.spool_writer import CLOSE_AFTER, TICK
from nephoscope.lake.writing.writer import Writer
from nephoscope.serve import process_logs
from nephoscope.serve.ingest_auth_cache import IngestAuthCache
from nephoscope.serve.parent_watch import end_with_parent
from nephoscope.serve.rate_limit import Allowance, build_too_many_requests_response
from nephoscope.serve.reverse_proxy import METRICS_PATH, ReverseProxy, build_error_response
from nephoscope.serve.security_headers import HEADERS
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State, StateError
from nephoscope.state.state_ledger import StateLedger

if TYPE_CHECKING:
    from starlette.responses import JSONResponse
    from starlette.types import Message, Receive, Scope, Send

    from nephoscope.serve.ingest_auth_cache import IngestTarget

GRACE_SECONDS = 20
#: Of the requests and bytes of a rule in a minute, as Azure has them; of a body, as of every request to the server.
LIMITS = IngestionLimits(4 << 20, 12_000, 2 << 30)
PRODUCER = "server/front"
#: Connections, those of one address that is no proxy of ours, seconds for a TLS handshake; connections that have sent no request.
BOUNDS = ConnectionLimits(1000, 500, 5.0, unproven=400, unproven_per_address=200)
PACE = RequestTimeouts(head=10.0)
_LOG = logging.getLogger("nephoscope.front")
_PATH = re.compile(r"/dataCollectionRules/([^/]+)/streams/([^/]+)/?", re.IGNORECASE)
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


@dataclass
class FrontCounters:
    """Counters of the front: requests, records and bytes that it accepted, requests that it refused, open and past connections."""

    requests: int = 0
    records: int = 0
    bytes: int = 0
    refused: int = 0
    connections: int = 0
    unproven: int = 0
    displaced: int = 0
    turned_away: int = 0


@dataclass
class Front:
    """The ASGI app of the front."""

    admitting: IngestAuthCache
    intake: RequestIntake
    onward: ReverseProxy
    quota: RequestQuota
    allowance: Allowance
    hosts: frozenset[bytes] = frozenset()
    counted: FrontCounters = field(default_factory=FrontCounters)
    budgets: Callable[[], Sequence[ConnectionBudget]] = tuple

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        found = _PATH.fullmatch(scope["path"]) if scope["method"] == "POST" else None
        place = await self._find_ingest_target(scope, found[1], found[2]) if found is not None else None
        if found is None or place is None:
            # who may not send, or sends where nothing is taken, is told so where every other request is judged
            if scope["path"] == METRICS_PATH:
                self.onward.counted = self._encode_counts()
            await self.onward(scope, receive, send)
            return
        await self._take_records(place, found[2], scope, receive, send)

    def _encode_counts(self) -> bytes:
        for budget in self.budgets():
            self.counted.connections, self.counted.unproven = budget.count, budget.unproven
            self.counted.displaced, self.counted.turned_away = budget.displaced, budget.refused
        return msgspec.json.encode(self.counted)

    async def _find_ingest_target(self, scope: Scope, rule: str, stream: str) -> IngestTarget | None:
        headers = dict(scope["headers"])
        length, encoding = headers.get(b"content-length", b""), headers.get(b"content-encoding", b"")
        if (
            not length.isdigit()
            or int(length) > self.intake.body
            or encoding not in (b"", b"identity", b"gzip")
        ):
            return None
        if self.hosts and headers.get(b"host", b"").rpartition(b":")[0] not in self.hosts:
            return None
        if b"api-version=" not in scope["query_string"]:
            return None
        client = scope.get("client")
        try:
            return await self.admitting.place(
                headers.get(b"authorization", b""), rule, stream, client[0] if client else ""
            )
        except StateError:
            return None

    async def _take_records(
        self, place: IngestTarget, stream: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = dict(scope["headers"])
        id_ = headers.get(b"x-ms-client-request-id", b"").decode("latin-1")[:200]
        send = _mark_answer(send, id_)
        if wait := self.allowance.wait(scope):
            self.counted.refused += 1
            await build_too_many_requests_response(wait)(scope, receive, send)
            return
        body = await _read_body(receive)
        if body is None:
            return
        encoding = headers.get(b"content-encoding", b"").decode()
        post = IngestionPost(place.workspace, place.table, stream, body, encoding, id_, place.sender)
        refused = await self._accept_upload(post)
        if refused is not None:
            self.counted.refused += 1
            await refused(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _accept_upload(self, post: IngestionPost) -> JSONResponse | None:
        """None where a request was taken, else the answer."""
        try:
            self.quota.count(post.workspace, len(post.body))
            self.counted.records += await self.intake.submit(post)
        except IngestionRefusedError as error:
            return build_error_response(error.status, error.code, error.message, error.again)
        except StateError as error:
            found = make_unavailable_error(error)
            return build_error_response(
                found.status, found.code, found.message, int(found.headers["Retry-After"])
            )
        except LakeError as error:
            return build_error_response(503, "ServiceUnavailable", str(error), 5)
        except Exception:  # noqa: BLE001 - the boundary of a request
            _LOG.exception("a request for %s in %s failed", post.table, post.workspace)
            return build_error_response(500, "InternalServerError", "Internal error: see the server log.")
        self.counted.requests += 1
        self.counted.bytes += len(post.body)
        return None


def _mark_answer(send: Send, id_: str) -> Send:
    """A `send` whose answers carry the security headers and the ids of a request, as every other answer does."""
    own = str(uuid.uuid4()).encode()
    ids = [(b"x-ms-request-id", own), (b"x-ms-correlation-request-id", own), (b"cache-control", b"no-cache")]
    if id_:
        ids.append((b"x-ms-client-request-id", id_.encode("latin-1")))

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS, *ids]
        await send(message)

    return send_marked


async def _read_body(receive: Receive) -> bytes | None:
    """The body, None where the client went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@contextmanager
def open_front(settings: ServeSettings) -> Iterator[Front]:
    """The front of a data folder; another process takes what comes in out of the spool and into the tables."""
    with State.open_folder(settings.data, settings.state) as state:
        tables, workspaces = KnownTables(settings.data), WorkspaceCache(state.workspaces.get)
        guard = Guard(state, lambda: Hierarchy({}))  # a workspace lies in no management group
        with Writer(
            settings.data, disk=Disk(), ledger=StateLedger(state), tables=tables, workspace=workspaces
        ) as writer:
            intake = RequestIntake(writer, PRODUCER, lambda name: tables().get(name), workspaces, LIMITS.body)
            tokens = AccessTokenIssuer(state, settings.data / "keys", settings.tenant)
            hosts = frozenset(one.encode() for one in settings.hosts)
            front = Front(
                IngestAuthCache(state, guard, tokens, lambda name: tables().get(name)),
                intake,
                ReverseProxy(settings.web),
                RequestQuota(LIMITS),
                Allowance(settings.requests_a_minute),
                hosts,
            )
            with _close_after_append(writer):
                yield front
                intake.close()


@contextmanager
def _close_after_append(writer: Writer) -> Iterator[None]:
    """Let the flusher have what was appended, soon after it was."""
    stop = threading.Event()

    def close() -> None:
        while not stop.wait(TICK):
            try:
                writer.close_segment(CLOSE_AFTER)
            except SpoolFullError as error:
                _LOG.error("the spool was not closed: %s", error)

    thread = threading.Thread(target=close, name="segments")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def serve_front(settings: ServeSettings) -> None:
    """Answer until the process is asked to end; what is being answered then is finished."""
    process_logs.configure_logging(json_lines=settings.json_logs)
    with socket.socket(fileno=settings.fd) as listening, open_front(settings) as front:
        config = uvicorn.Config(
            front,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
            http=TimeoutProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.behind),
            forwarded_allow_ips=list(settings.behind),
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=75,
        )
        _LOG.info("listening on port %d", listening.getsockname()[1])
        if short := explain_descriptor_shortage(BOUNDS.connections):
            _LOG.warning(short)
        bounds = replace(BOUNDS, free=frozenset(settings.behind))
        server = BoundedServer(config, bounds, PACE, LogRateLimiter(lambda text, _: _LOG.warning(text)))
        front.budgets = lambda: server.budgets
        server.run(sockets=[listening])


def begin(settings: ServeSettings) -> None:
    """Serve until the supervisor ends."""
    end_with_parent()
    serve_front(settings)
