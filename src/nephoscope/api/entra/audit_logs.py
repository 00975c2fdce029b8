"""Graph's auditLogs: sign-ins with their risk, and changes of the directory, from the tables of the lake.

The newest come first, and a page goes on after the last that it gave, whatever arrives meanwhile. What `$filter` says of times and of
columns that equal a text narrows the query; the rest of it is tested on the objects.

Source: https://learn.microsoft.com/graph/api/signin-list and .../directoryaudit-list (v1.0 and beta)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.api.wire import microsoft_graph_query
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_assessed_error
from nephoscope.api.wire.graph_rows import (
    Row,
    build_odata_context,
    is_beta,
    query_rows,
    quote_literal,
    require_version,
)
from nephoscope.api.wire.odata_filter import read
from nephoscope.api.wire.odata_tree import (
    FunctionCall,
    Node,
    PropertyComparison,
    PropertyPath,
    split_conjuncts,
)
from nephoscope.api.wire.odata_value import parse_time
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.policy_state_query import select_fields
from nephoscope.api.wire.query_throttling import make_throttled_fault
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, build_next_link, read_skip_token
from nephoscope.api.wire.risk_requests import answer_decision, read_ids
from nephoscope.api.wire.sign_in_objects import (
    DIRECTORY_AUDIT,
    SIGN_IN,
    GraphProperty,
    to_directory_audit,
    to_sign_in,
)
from nephoscope.api.wire.sign_in_risk import with_risk
from nephoscope.identity.risk_decisions import SIGN_IN_DECISIONS
from nephoscope.service.identity_risk import WRITE, decide_sign_ins
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

SURFACE = ApiSurface("Audit logs", lets=OWN)
READ = "Microsoft.OperationalInsights/workspaces/query/read"
MOST = 1000
SIGN_INS = "SigninLogs"
#: Rows that are read at once where `$filter` says more than a query can.
CHUNK = 5000
#: How far the time of an entry and that of its row may lie apart.
_APART = {
    "ge": ">= datetime({}) - 1d",
    "gt": ">= datetime({}) - 1d",
    "le": "<= datetime({}) + 1d",
    "lt": "<= datetime({}) + 1d",
}


@dataclass(frozen=True, slots=True)
class AuditCollection:
    """A collection: its path, its table, the property that it is in the order of, and how a row becomes an object."""

    word: str
    operations: str
    table: str
    time: str
    properties: tuple[GraphProperty, ...]
    make: Callable[[Row, bool], Row]


COLLECTIONS = (
    AuditCollection(
        "signIns", "SignIns", SIGN_INS, "createdDateTime", SIGN_IN, lambda row, beta: to_sign_in(row, beta=beta)
    ),
    AuditCollection(
        "directoryAudits", "DirectoryAudits", "AuditLogs", "activityDateTime", DIRECTORY_AUDIT,
        lambda row, _: to_directory_audit(row),
    ),
)  # fmt: skip


def _declare_audit_operations(kind: AuditCollection) -> None:
    path = f"/{{version}}/auditLogs/{kind.word}"

    @SURFACE.get(path, f"{kind.operations}_List", READ, versioned=False, throttled=make_throttled_fault)
    def _list(call: ApiCall) -> ApiResponse:
        """List log entries page by page, the newest first."""
        return _build_page(call, kind)

    @SURFACE.get(
        f"{path}/{{id}}", f"{kind.operations}_Get", READ, versioned=False, throttled=make_throttled_fault
    )
    def _get(call: ApiCall) -> ApiResponse:
        """Get a log entry."""
        rows = query_rows(call, f"{kind.table} | where Id == {quote_literal(call['id'])} | take 1", READ)
        if not rows:
            raise ApiError(404, "ResourceNotFound", f"Resource '{call['id'][:100]}' does not exist.")
        context = {"@odata.context": f"{build_odata_context(call, f'auditLogs/{kind.word}')}/$entity"}
        return ApiResponse({**context, **_build_objects(call, kind, rows)[0]})


for _kind in COLLECTIONS:
    _declare_audit_operations(_kind)


def _declare_decision(decision: str) -> None:
    name = f"SignIns_{decision[:1].upper()}{decision[1:]}"

    @SURFACE.declare_post_action(f"/{{version}}/auditLogs/signIns/{decision}", name, WRITE, versioned=False)
    def _act(call: ApiCall) -> ApiResponse:
        """Set the risk state of sign-ins; the remaining risk of their users comes from their other detections."""
        require_version(call)
        ids = read_ids(call, "requestIds")
        answer_decision(lambda: decide_sign_ins(call.service, call.instance.lake, decision, ids))
        return NO_CONTENT


for _decision in SIGN_IN_DECISIONS:
    _declare_decision(_decision)


def _build_page(call: ApiCall, kind: AuditCollection) -> ApiResponse:
    microsoft_graph_query.check_query_options(call, microsoft_graph_query.USUAL - {"$count"})
    rising = _is_order_rising(call, kind)
    found = read(call.get_query_value("$filter"))
    narrowed = "".join(_to_query_condition(kind, one) for one in split_conjuncts(found.tree))
    top, after = call.read_requested_count(MOST), read_skip_token(call)
    chunk = CHUNK if found.tree else top + 1
    shown: list[Row] = []
    for key, one in _list_entries(call, kind, narrowed, after, chunk, rising=rising):
        if found.test(one):
            if len(shown) == top:
                break
            shown.append(one)
            after = key
    else:
        after = ""
    if not shown and not query_rows(call, f"{kind.table} | take 1", READ):
        raise make_not_assessed_error(
            f"{kind.table} has no data: connect the logs of a tenant's directory (`nephoscope sources`)."
        )
    if fields := [one.strip() for one in call.get_query_value("$select").split(",") if one.strip()]:
        shown = [select_fields(one, fields) for one in shown]
    body: dict[str, object] = {
        "@odata.context": build_odata_context(call, f"auditLogs/{kind.word}"),
        "value": shown,
    }
    if after:
        body["@odata.nextLink"] = build_next_link(call, after)
    return ApiResponse(body)


def _is_order_rising(call: ApiCall, kind: AuditCollection) -> bool:
    """Return whether the oldest come first; 400 for another order than that of time."""
    name, _, way = call.get_query_value("$orderby").strip().partition(" ")
    if name and (name.lower() != kind.time.lower() or way.strip().lower() not in ("", "asc", "desc")):
        raise microsoft_graph_query.make_unsupported_option_error(f"$orderby is {kind.time} asc or desc.")
    return bool(name) and way.strip().lower() != "desc"


def _list_entries(
    call: ApiCall, kind: AuditCollection, narrowed: str, after: str, chunk: int, *, rising: bool
) -> Iterator[tuple[str, Row]]:
    """Yield (where a page that ends with it goes on, the object) in order, chunk by chunk."""
    sign, way = (">", "asc") if rising else ("<", "desc")
    while True:
        time, _, id_ = after.partition("|")
        if after and parse_time(time) is None:
            raise make_bad_request_error(
                "The $skipToken was not issued by this server.", "$skipToken", "InvalidSkipToken"
            )
        begin = f"| where TimeGenerated {sign} datetime({time}) or (TimeGenerated == datetime({time}) and Id > {quote_literal(id_)}) "
        text = f"{kind.table} {narrowed}{begin if after else ''}| sort by TimeGenerated {way}, Id asc | take {chunk}"
        rows = query_rows(call, text, READ)
        for row, one in zip(rows, _build_objects(call, kind, rows), strict=True):
            after = f"{row['TimeGenerated']}|{row['Id']}"
            yield after, one
        if len(rows) < chunk:
            return


def _build_objects(call: ApiCall, kind: AuditCollection, rows: list[Row]) -> list[Row]:
    made = [kind.make(row, is_beta(call)) for row in rows]
    return with_risk(made, call.instance.state, DEFAULT) if kind.table == SIGN_INS else made


def _to_query_condition(kind: AuditCollection, condition: Node) -> str:
    """Return what a condition says as an operator of a query; '' where only the objects can tell."""
    texts = {one.name.lower(): one.column for one in kind.properties if one.kind == "text"}
    match condition:
        case PropertyComparison(path, operator, value) if path.name.lower() == kind.time.lower():
            return _to_time_condition(operator, value)
        case PropertyComparison(path, "eq", str() as value) if column := texts.get(path.name.lower()):
            return f"| where {column} =~ {quote_literal(value)} "
        case FunctionCall("startswith", (PropertyPath(name), str() as value)) if column := texts.get(
            name.lower()
        ):
            return f"| where {column} startswith {quote_literal(value)} "
        case _:
            return ""


def _to_time_condition(operator: str, value: object) -> str:
    moment = parse_time(value)
    if moment is None or operator not in _APART:
        return ""
    return f"| where TimeGenerated {_APART[operator].format(moment.isoformat())} "
