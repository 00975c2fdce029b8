"""The ASGI app of the Logs Ingestion protocol: an answer of 204 says that the records are on disk.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview (requests, status codes, limits)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nephoscope.ingest.live.ingestion.api_tokens import IngestionTokens
from nephoscope.ingest.live.ingestion.data_collection_rules import DataCollectionRule, DataFlow
from nephoscope.ingest.live.ingestion.idempotency import IdempotencyCache
from nephoscope.ingest.live.ingestion.micro_batching import BatchTimeoutError, MicroBatcher
from nephoscope.ingest.live.ingestion.record_transform import ShapedRecords, shape_records
from nephoscope.ingest.live.ingestion.request_bodies import read_body, unpack_body
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.request_records import parse_records
from nephoscope.ingest.live.ingestion.rule_quota import IngestionLimits, RequestQuota
from nephoscope.ingest.live.live_source import SourceSink
from nephoscope.ingest.source_failures import LakeBusyError
from nephoscope.model.resource_binding import ResourceBinding

_BUSY_SECONDS = 5
#: Seconds that a request waits for the same one that came before it.
_PATIENCE = 30.0
_HOW_TO_AUTHENTICATE = (
    "The bearer token is missing, or is none of this source. `nephoscope sources token` creates one; "
    "tokens of programs are for the server's own port."
)


@dataclass
class IngestionEndpoint:
    """Ingestion state of one listener: tokens, data collection rules and the sink of records. Safe for many requests at once."""

    sink: SourceSink
    tokens: IngestionTokens
    rules: Mapping[str, DataCollectionRule]
    implied: Callable[[str], tuple[DataFlow, ...]]
    name: str
    limits: IngestionLimits
    workers: int = 2
    _repeats: IdempotencyCache = field(default_factory=IdempotencyCache)
    _quota: RequestQuota = field(init=False)
    _gathering: MicroBatcher = field(init=False)

    def __post_init__(self) -> None:
        self._quota = RequestQuota(self.limits)
        self._gathering = MicroBatcher(self.sink, self.workers)

    def find_flows(self, rule: str, stream: str) -> tuple[DataFlow, ...]:
        """The flows of a stream; raises IngestionRefusedError for a rule or stream that is not there."""
        known = self.rules.get(rule.lower())
        if known is None and (self.rules or rule.lower() != self.name.lower()):
            raise IngestionRefusedError(
                404, "NotFound", f"Data collection rule with immutable Id '{rule[:200]}' not found."
            )
        found = known.streams.get(stream, ()) if known is not None else self.implied(stream)
        if not found:
            raise IngestionRefusedError(
                400, "InvalidStream", f"Stream '{stream[:200]}' is not one of the rule's streams."
            )
        return found

    def count(self, rule: str, size: int) -> None:
        """Count a request against the limits of its rule; raises IngestionRefusedError when they are reached."""
        self._quota.count(rule, size)

    def ingest_body(
        self,
        flows: tuple[DataFlow, ...],
        stream: str,
        body: bytes,
        request: str,
        sender: ResourceBinding | None = None,
    ) -> None:
        """Hand over the records of a body; a request that is sent again because its answer was lost is taken once.

        `sender` is the resource that the caller is bound to. Raises IngestionRefusedError.
        """
        with self._repeats.claim(
            IdempotencyCache.build_key(request, stream, body, sender), _PATIENCE
        ) as first:
            if first:
                self._append_records(shape_records(flows, stream, parse_records(body)), len(body), sender)

    def _append_records(self, found: ShapedRecords, size: int, sender: ResourceBinding | None) -> None:
        try:
            self._gathering.append_rows(found, size, _BUSY_SECONDS, sender)
        except BatchTimeoutError:
            raise IngestionRefusedError(
                429, "TooManyRequests", "All workers are busy.", _BUSY_SECONDS
            ) from None
        except LakeBusyError as error:
            raise IngestionRefusedError(
                503, "ServiceUnavailable", f"Nothing was ingested: {error}", _BUSY_SECONDS
            ) from error


def build_app(door: IngestionEndpoint) -> Starlette:
    """The app: POST /dataCollectionRules/{rule}/streams/{stream}?api-version=..."""

    async def post(request: Request) -> Response:
        try:
            await _serve_request(door, request)
        except IngestionRefusedError as error:
            return _build_answer(error)
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(status_code=204)

    path = "/dataCollectionRules/{rule}/streams/{stream}"
    return Starlette(routes=[Route(path, post, methods=["POST"])])


async def _serve_request(door: IngestionEndpoint, request: Request) -> None:
    if not door.tokens.accepts_header(request.headers.get("authorization", "")):
        raise IngestionRefusedError(401, "InvalidToken", _HOW_TO_AUTHENTICATE)
    if not request.query_params.get("api-version"):
        raise IngestionRefusedError(
            400, "MissingApiVersionParameter", "The api-version query parameter is required."
        )
    rule, stream = request.path_params["rule"], request.path_params["stream"]
    flows = door.find_flows(rule, stream)
    body = await read_body(request, door.limits.body)
    door.count(rule, len(body))
    # Microsoft's client fills its requests to the limit by counting records alone, not what parts them.
    data = unpack_body(body, request.headers.get("content-encoding", ""), door.limits.body * 5 // 4)
    id_ = request.headers.get("x-ms-client-request-id", "")[:200]
    await run_in_threadpool(door.ingest_body, flows, stream, data, id_)


def _build_answer(error: IngestionRefusedError) -> Response:
    headers = {"Retry-After": str(error.again)} if error.again else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(body, error.status, headers)
