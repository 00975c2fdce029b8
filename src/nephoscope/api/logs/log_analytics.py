"""Log Analytics: KQL over a workspace of the lake, one query or a batch.

Source: https://learn.microsoft.com/rest/api/loganalytics/dataaccess/query, https://learn.microsoft.com/azure/azure-monitor/logs/api/overview
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.access.authenticator import DeniedError
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.query_throttling import make_throttled_fault
from nephoscope.api.wire.response import ApiResponse
from nephoscope.lake.queries.estate_scope import ReachesWithin
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.utc_time import assume_utc
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.engines.result_limit import ResultLimit
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.state.workspaces.workspace import Workspace
    from nephoscope_kql.run import QueryResult

SURFACE = ApiSurface("Log Analytics query", "Microsoft.OperationalInsights", lets=OWN)
READ = "Microsoft.OperationalInsights/workspaces/query/read"
MAX_ROWS, MAX_BATCH = 500_000, 100
BATCH_SECONDS = 600.0
"""How long all the queries of a batch run together; of one query it is the server's --query-seconds."""
MAX_BYTES = 100 << 20
"""Bytes of the rows of an answer. Source: https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#log-queries-and-language"""
_PERIOD = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_WAIT = re.compile(r"wait\s*=\s*(\d+)", re.IGNORECASE)
_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
_RESOURCE = f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/{{workspace}}"


@SURFACE.declare_post_query(
    "/v1/workspaces/{workspaceId}/query",
    "Query_Execute",
    READ,
    versioned=False,
    throttled=make_throttled_fault,
)
def run_workspace_query(call: ApiCall) -> ApiResponse:
    """Run a query in a workspace (its GUID or name)."""
    return _answer_query_body(call, call["workspaceId"], call.body)


@SURFACE.get(
    "/v1/workspaces/{workspaceId}/query", "Query_Get", READ, versioned=False, throttled=make_throttled_fault
)
def get(call: ApiCall) -> ApiResponse:
    """Run the same query, given in the URL."""
    return _answer_query_body(call, call["workspaceId"], _read_query(call))


@SURFACE.declare_post_query(
    f"{_RESOURCE}/query", "Query_ExecuteResource", READ, versioned=False, throttled=make_throttled_fault
)
def run_resource_query(call: ApiCall) -> ApiResponse:
    """Run a query in a workspace (its ARM ID)."""
    return _answer_query_body(call, call["workspace"], call.body)


@SURFACE.get(f"{_RESOURCE}/query", "Query_GetResource", READ, versioned=False, throttled=make_throttled_fault)
def get_resource(call: ApiCall) -> ApiResponse:
    """Run the same query, given in the URL."""
    return _answer_query_body(call, call["workspace"], _read_query(call))


@SURFACE.declare_post_query(
    "/v1/{scope}/query", "Query_ExecuteForResource", READ, versioned=False, throttled=make_throttled_fault
)
def query_resource_logs(call: ApiCall) -> ApiResponse:
    """Run a query over the rows of one subscription in the default workspace."""
    return _answer_query_body(call, "default", call.body, call["scope"].lower())


@SURFACE.declare_post_query(
    "/v1/$batch", "Query_Batch", READ, versioned=False, throttled=make_throttled_fault
)
def run_query_batch(call: ApiCall) -> ApiResponse:
    """Run several queries; a failed query does not stop the others."""
    asked = call.body.get("requests")
    if (
        not isinstance(asked, list)
        or len(asked) > MAX_BATCH
        or not all(isinstance(one, dict) for one in asked)
    ):
        raise make_bad_request_error(
            f"'requests' must be a list of at most {MAX_BATCH} objects.", "requests", "BadArgumentError"
        )
    until = time.monotonic() + BATCH_SECONDS
    return ApiResponse(
        {"responses": [_answer_batch_item(call, one, until - time.monotonic()) for one in asked]}
    )


def _answer_batch_item(call: ApiCall, asked: Mapping[str, object], left: float) -> dict[str, object]:
    applied = ""
    try:
        body, headers = _require_object(asked, "body"), _require_object(asked, "headers")
        prefer = next((str(value) for name, value in headers.items() if name.lower() == "prefer"), "")
        _check_time_left(left)
        workspace = str(asked.get("workspace") or "")
        status, answer, applied = 200, _answer_query(call, workspace, body, prefer, most_seconds=left), prefer
    except ApiError as fault:
        status, answer = fault.status, fault.body()
    except DeniedError as error:
        status, answer = 403, ApiError(403, "InsufficientAccessError", str(error)).body()
    return {
        "id": str(asked.get("id") or ""), "status": status, "body": answer, "headers": _build_preference_headers(call, applied),
    }  # fmt: skip


def _check_time_left(left: float) -> None:
    if left <= 0:
        problem = f"The queries before it took the {BATCH_SECONDS:.0f} s that a batch has."
        raise ApiError(504, "GatewayTimeout", problem)


def _require_object(asked: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = asked.get(name) or {}
    if not isinstance(found, dict):
        raise _make_query_error(f"'{name}' must be an object.", "BadArgumentError")
    return found


def _read_query(call: ApiCall) -> dict[str, object]:
    workspaces = [one for one in call.get_query_value("workspaces").split(",") if one]
    return {
        "query": call.get_query_value("query"),
        "timespan": call.get_query_value("timespan"),
        "workspaces": workspaces,
    }


def _answer_query_body(
    call: ApiCall, workspace: str, body: Mapping[str, object], resource: str = ""
) -> ApiResponse:
    prefer = call.headers.get("prefer", "")
    return ApiResponse(
        _answer_query(call, workspace, body, prefer, resource),
        headers=_build_preference_headers(call, prefer),
    )


def _parse_wait_seconds(call: ApiCall, prefer: str) -> float | None:
    """Return the seconds that `Prefer: wait=` asks for, no more than the server gives; None where it asks for none."""
    wait = _WAIT.search(prefer)
    return min(float(wait[1]), call.instance.query_seconds) if wait else None


def _build_preference_headers(call: ApiCall, prefer: str) -> dict[str, str]:
    """Tell in the headers of an answer how long the query had, where the client asked for a time. Source: RFC 7240 section 3"""
    wait = _parse_wait_seconds(call, prefer)
    return {} if wait is None else {"Preference-Applied": f"wait={wait:.0f}"}


def _answer_query(
    call: ApiCall,
    workspace: str,
    body: Mapping[str, object],
    prefer: str,
    resource: str = "",
    most_seconds: float = BATCH_SECONDS,
) -> dict[str, object]:
    text = body.get("query")
    if not isinstance(text, str) or not text.strip():
        raise _make_query_error("The request has no query.", "BadArgumentError")
    span = _parse_timespan(body.get("timespan"), call.instance.now)
    found = [find_workspace(call, one) for one in (workspace, *_list_other_workspaces(body))]
    seconds = min(_parse_wait_seconds(call, prefer) or call.instance.query_seconds, most_seconds)
    began = time.monotonic()
    most = ResultLimit(MAX_ROWS, MAX_BYTES)
    results = _run_workspace_query(call, text, found, span, seconds, resource, most)
    room = ResponseBudget()
    answer: dict[str, object] = {"tables": [_build_table(one, at, room) for at, one in enumerate(results)]}
    gaps = list(dict.fromkeys(gap for one in results for gap in one.gaps))
    if most.cut or room.full:
        gaps.insert(
            0,
            f"The query returned more than {MAX_ROWS} rows or {MAX_BYTES >> 20} MiB; the others are left out.",
        )
    if gaps:
        answer["error"] = _build_partial_error(gaps)
    if "include-statistics" in prefer.lower():
        answer["statistics"] = _build_statistics(time.monotonic() - began, results)
    if "include-render" in prefer.lower():
        answer["render"] = _render_results(results)
    return answer


def _list_other_workspaces(body: Mapping[str, Any]) -> list[str]:
    lists = [body.get(name) or [] for name in ("workspaces", "additionalWorkspaces")]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
        raise _make_query_error("'workspaces' must be a list of strings.", "BadArgumentError")
    return [text for one in lists for text in one]


def find_workspace(call: ApiCall, named: str) -> Workspace:
    """The workspace of a name, GUID or ARM id; Fault where there is none, told to who could read it."""
    name = named.rstrip("/").rsplit("/", 1)[-1]
    found = call.instance.state.workspaces.find(name)
    if found is None:
        call.caller.find_log_scope(call.permission, name)
        raise ApiError(404, "WorkspaceNotFoundError", f"The workspace '{named[:100]}' could not be found.")
    return found


def _run_workspace_query(
    call: ApiCall,
    text: str,
    workspaces: list[Workspace],
    span: RowSpan | None,
    seconds: float,
    resource: str,
    most: ResultLimit,
) -> list[QueryResult]:
    first, *others = dict.fromkeys(one.name for one in workspaces)
    scope = _combine_scopes(call, [first, *others])
    if resource:
        scope = _limit_to_subscription(call, scope, resource)
    lake = call.instance.lake
    try:
        return lake.query(
            text, scope=scope, workspace=first, timeout=seconds, span=span, others=others, most=most
        )
    except KqlError as error:
        raise make_query_error(error) from error


def _combine_scopes(call: ApiCall, workspaces: Sequence[str]) -> LakeScope:
    """Return what the caller may read of several workspaces at once: the subscriptions that may be read in every one of them."""
    scopes = [call.caller.find_log_scope(READ, one) for one in workspaces]
    known = [one.ids for one in scopes if one.ids is not None]
    named = [one.workspaces for one in scopes if one.workspaces is not None]
    return LakeScope(
        frozenset.intersection(*known) if known else None,
        frozenset.union(*named) if len(named) == len(scopes) else None,
        estate=scopes[0].estate,
    )


def _limit_to_subscription(call: ApiCall, scope: LakeScope, resource: str) -> LakeScope:
    """The rows of a subscription alone, of those that the caller may read; rows do not always name what is smaller."""
    parts = resource.lower().strip("/").split("/")
    if len(parts) != 2 or parts[0] != "subscriptions":
        reason = "A query is about a workspace or a subscription; what is smaller is asked for by _ResourceId in the query."
        raise ApiError(501, "NotAssessed", reason)
    if scope.ids is not None and parts[1] not in scope.ids:
        raise DeniedError(call.caller, READ, resource)
    only = frozenset({parts[1]})
    return replace(scope, subscriptions=only, estate=ReachesWithin(scope.estate, only))


def make_query_error(error: KqlError) -> ApiError:
    """A query that is wrong, as Log Analytics says it: with line and column."""
    syntax = error.kind == "invalid"
    inner = {
        "code": "SemanticError" if syntax else "UnsupportedError",
        "message": error.message,
        "innererror": {
            "code": "SEM0100" if syntax else "UNS0100",
            "message": str(error),
            "line": error.line,
            "pos": error.column,
        },
    }
    return ApiError(400, "BadArgumentError", "The request had some invalid properties", inner=inner)


def _make_query_error(message: str, code: str) -> ApiError:
    return ApiError(400, code, message)


def _parse_timespan(text: object, now: datetime) -> RowSpan | None:
    """A span as ISO 8601: a duration until now, `start/end`, `start/duration` or `duration/end`; None for none."""
    if not text:
        return None
    if not isinstance(text, str):
        raise _make_query_error("'timespan' must be a string.", "BadArgumentError")
    first, slash, second = text.partition("/")
    try:
        if not slash:
            return RowSpan(now - _parse_duration(first), now)
        if first.startswith("P"):
            end = _parse_time(second)
            return RowSpan(end - _parse_duration(first), end)
        start = _parse_time(first)
        return RowSpan(
            start, start + _parse_duration(second) if second.startswith("P") else _parse_time(second)
        )
    except (ValueError, OverflowError) as error:
        expected = "an ISO 8601 interval, or a duration in days, hours, minutes and seconds"
        raise _make_query_error(
            f"The timespan {text[:100]!r} is not {expected}.", "BadArgumentError"
        ) from error


def _parse_duration(text: str) -> timedelta:
    found = _PERIOD.fullmatch(text)
    if found is None or not any(found.groupdict().values()):
        raise ValueError(text)
    return timedelta(**{name: float(value) for name, value in found.groupdict().items() if value})


def _parse_time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return assume_utc(found)


@dataclass
class ResponseBudget:
    """Remaining bytes of a response; rows are encoded one by one, so that memory never exceeds the limit."""

    left: int = MAX_BYTES
    full: bool = False

    def encode_fitting_rows(self, rows: Iterable[list[object]]) -> list[msgspec.Raw]:
        """The first rows that fit, as JSON."""
        kept: list[msgspec.Raw] = []
        for row in rows:
            made = msgspec.json.encode(row)
            if len(made) > self.left:
                self.full = True
                break
            self.left -= len(made)
            kept.append(msgspec.Raw(made))
        return kept


def _build_table(result: QueryResult, at: int, room: ResponseBudget) -> dict[str, object]:
    columns = list_typed_columns(result.table)
    return {
        "name": result.name or ("PrimaryResult" if at == 0 else f"PrimaryResult_{at}"),
        "columns": [{"name": name, "type": kind.value} for name, kind in columns],
        "rows": room.encode_fitting_rows(
            [_to_json(value, kind) for (_, kind), value in zip(columns, row, strict=True)]
            for row in iterate_rows(result.table, MAX_ROWS)
        ),
    }


def _to_json(value: object, kind: KqlType) -> Any:
    """As JSON; dynamic stays JSON text, as the service has it."""
    return value if kind is KqlType.DYNAMIC else to_json_value(value, kind)


def _build_partial_error(reasons: Sequence[str]) -> dict[str, object]:
    """Say that rows are missing, which clients read as a partial success. Source:
    https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format"""
    return {
        "code": "PartialError",
        "message": reasons[0],
        "details": [{"code": "QueryExecutionError", "message": one} for one in reasons],
    }


def _build_statistics(seconds: float, results: list[QueryResult]) -> dict[str, object]:
    rows = [{"tableRowCount": one.table.num_rows, "tableSize": one.table.nbytes} for one in results]
    return {"query": {"executionTime": round(seconds, 4), "resourceUsage": {}, "datasetStatistics": rows}}


def _render_results(results: list[QueryResult]) -> dict[str, object]:
    hint = results[-1].hint if results else None
    return {"visualization": (hint.chart if hint else "") or "table", **(hint.properties if hint else {})}
