"""Graph's identityProtection: risk detections, risky users and risky service principals, from the lake's rows of them.

Each of the four collections is a table of the default workspace, of which the newest row of an id is told. A decision on a risk is a
row as well. Who may not read the whole workspace gets nothing: its rows of identities are of no subscription.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview (v1.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nephoscope.api.wire import microsoft_graph_query
from nephoscope.api.wire.azure_error import ApiError, bad, not_assessed
from nephoscope.api.wire.graph_rows import Row, context_of, query_rows, quote_literal, to_graph_object
from nephoscope.api.wire.odata_filter import compile_filter
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.policy_state_query import order_rows, select_fields
from nephoscope.api.wire.query_throttling import throttled_fault
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, next_link, place
from nephoscope.api.wire.surface_request import ApiCall
from nephoscope.service.identity_risk import DECISIONS, READ, WRITE, decide_risk

SURFACE = ApiSurface("Identity protection", lets=OWN)
_ROOT = "/{version}/identityProtection"
MOST, MOST_IDS = 500, 60


@dataclass(frozen=True, slots=True)
class RiskCollection:
    """A collection with its table; of risky ones `ids` is the list that a decision names them by, `who` how its details call them."""

    word: str
    operations: str
    table: str
    ids: str = ""
    who: str = ""


COLLECTIONS = (
    RiskCollection("riskDetections", "RiskDetections", "AADUserRiskEvents"),
    RiskCollection(
        "servicePrincipalRiskDetections", "ServicePrincipalRiskDetections", "AADServicePrincipalRiskEvents"
    ),
    RiskCollection("riskyUsers", "RiskyUsers", "AADRiskyUsers", "userIds", "User"),
    RiskCollection(
        "riskyServicePrincipals",
        "RiskyServicePrincipals",
        "AADRiskyServicePrincipals",
        "servicePrincipalIds",
        "ServicePrincipal",
    ),
)


def _declare(kind: RiskCollection) -> None:
    path = f"{_ROOT}/{kind.word}"

    @SURFACE.get(path, f"{kind.operations}_List", READ, versioned=False, throttled=throttled_fault)
    def _list(call: ApiCall) -> ApiResponse:
        """Return those that were read, the newest state of each; not assessed where none ever were."""
        return _page(call, kind)

    @SURFACE.get(f"{path}/{{id}}", f"{kind.operations}_Get", READ, versioned=False, throttled=throttled_fault)
    def _get(call: ApiCall) -> ApiResponse:
        """One of them."""
        found = _newest(call, kind, [call["id"]])
        if not found:
            raise _no_such(call["id"])
        return ApiResponse({"@odata.context": f"{_context(call, kind)}/$entity", **to_graph_object(found[0])})

    if not kind.ids:
        return

    @SURFACE.get(
        f"{path}/{{id}}/history",
        f"{kind.operations}_History",
        READ,
        versioned=False,
        throttled=throttled_fault,
    )
    def _history(call: ApiCall) -> ApiResponse:
        """Return how the risk of one came to be as it is, the oldest first."""
        rows = _rows(
            call, f"{kind.table} | where Id == {quote_literal(call['id'])} | order by TimeGenerated asc"
        )
        if not rows:
            raise _no_such(call["id"])
        return ApiResponse(
            {"@odata.context": _context(call, kind), "value": [to_graph_object(one) for one in rows]}
        )

    for _decision in DECISIONS:
        _declare_decision(kind, _decision)


def _declare_decision(kind: RiskCollection, decision: str) -> None:
    name = f"{kind.operations}_{decision[:1].upper()}{decision[1:]}"

    @SURFACE.act(f"{_ROOT}/{kind.word}/{decision}", name, WRITE, versioned=False)
    def _act(call: ApiCall) -> ApiResponse:
        """Decide on the risk of some: a row of the table tells of it, as of every other change."""
        return decide(call, kind, decision)


for _kind in COLLECTIONS:
    _declare(_kind)


def decide(call: ApiCall, kind: RiskCollection, decision: str) -> ApiResponse:
    """Keep a decision; Fault where what it is about is not known."""
    ids = call.body.get(kind.ids)
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        raise bad(f"'{kind.ids}' must be a list of ids.", kind.ids, "BadRequest")
    if len(ids) > MOST_IDS:
        raise bad(f"'{kind.ids}' has more than {MOST_IDS} ids.", kind.ids, "BadRequest")
    known = {str(one["Id"]).lower(): one for one in _newest(call, kind, ids)}
    if unknown := [one for one in ids if one.lower() not in known]:
        raise _no_such(unknown[0])
    names = {kind.ids: ids}
    rows, service, lake = list(known.values()), call.service, call.instance.lake
    decide_risk(service, lake, kind.table, rows, decision, who=kind.who, target=kind.word, **names)
    return NO_CONTENT


def _page(call: ApiCall, kind: RiskCollection) -> ApiResponse:
    newest = _newest(call, kind)
    microsoft_graph_query.admit(call)
    fits = compile_filter(call.asked("$filter"))
    rows = [one for one in (to_graph_object(row) for row in newest) if fits(one)]
    if order := call.asked("$orderby"):
        rows = order_rows(rows, order)
    start, most = place(call), call.top(MOST)
    shown = rows[start : start + most]
    if fields := [one.strip() for one in call.asked("$select").split(",") if one.strip()]:
        shown = [select_fields(one, fields) for one in shown]
    body: dict[str, object] = {"@odata.context": _context(call, kind), "value": shown}
    if microsoft_graph_query.is_count_requested(call) and not start:
        body["@odata.count"] = len(rows)
    if len(rows) > start + most:
        body["@odata.nextLink"] = next_link(call, str(start + most))
    return ApiResponse(body)


def _newest(call: ApiCall, kind: RiskCollection, ids: Sequence[str] | None = None) -> list[Row]:
    """The newest row of each id; Fault where the table has none at all."""
    some = "" if ids is None else f"| where Id in~ ({', '.join(map(quote_literal, ids))}) "
    found = _rows(call, f"{kind.table} {some}| summarize arg_max(TimeGenerated, *) by Id | order by Id asc")
    if not found and not _rows(call, f"{kind.table} | take 1"):
        raise not_assessed(
            f"{kind.table} has no data: connect the sign-in and risk logs of a tenant (`nephoscope sources`)."
        )
    return found


def _rows(call: ApiCall, text: str) -> list[Row]:
    return query_rows(call, text, READ)


def _no_such(id_: str) -> ApiError:
    return ApiError(404, "ResourceNotFound", f"Nothing is known of the risk of '{id_[:100]}'.")


def _context(call: ApiCall, kind: RiskCollection) -> str:
    return context_of(call, f"identityProtection/{kind.word}")
