"""Graph's identityProtection: risk detections, risky users, service principals and agents, with their history and decisions.

What the product detected and people decided is read from the state, so that a decision is read at once; what Microsoft Entra ID's own
risk logs say stands beside it. Who may not read the whole workspace gets nothing: identities are of no subscription.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview (v1.0 and beta)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from nephoscope.api.wire import microsoft_graph_query
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_not_assessed_error
from nephoscope.api.wire.graph_rows import (
    Row,
    build_odata_context,
    is_beta,
    require_version,
    require_whole_workspace,
)
from nephoscope.api.wire.microsoft_graph_query import CollectionQuery, Keyed
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.policy_state_query import select_fields
from nephoscope.api.wire.query_throttling import make_throttled_fault
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse
from nephoscope.api.wire.risk_objects import to_history_item, to_risk_detection, to_risky_identity_row
from nephoscope.api.wire.risk_requests import answer_decision, read_ids
from nephoscope.identity.risk_decisions import IDENTITY_DECISIONS
from nephoscope.identity.risk_reader import RiskReader
from nephoscope.identity.risk_rows import TABLES
from nephoscope.model.identity_risk import IdentityKind
from nephoscope.service.identity_risk import READ, WRITE, decide_risk
from nephoscope.state.workspaces.workspace import DEFAULT

SURFACE = ApiSurface("Identity protection", lets=OWN)
_ROOT = "/{version}/identityProtection"
MOST = 500
Objects = Callable[[ApiCall], Mapping[str, Row]]


@dataclass(frozen=True, slots=True)
class RiskCollection:
    """A kind of identity: the words of its two collections, the begin of their operations, and what a decision names them by."""

    kind: IdentityKind
    risky: str
    detections: str
    ids: str
    beta: bool = False


COLLECTIONS = (
    RiskCollection(IdentityKind.USER, "riskyUsers", "riskDetections", "userIds"),
    RiskCollection(
        IdentityKind.SERVICE_PRINCIPAL, "riskyServicePrincipals", "servicePrincipalRiskDetections", "servicePrincipalIds"
    ),
    RiskCollection(IdentityKind.AGENT, "riskyAgents", "agentRiskDetections", "agentIds", beta=True),
)  # fmt: skip


def _declare_list(word: str, objects: Objects) -> None:
    """Declare the list, the count and the single object of a collection."""
    path, name = f"{_ROOT}/{word}", f"{word[:1].upper()}{word[1:]}"

    @SURFACE.get(path, f"{name}_List", READ, versioned=False, throttled=make_throttled_fault)
    def _list(call: ApiCall) -> ApiResponse:
        """List the current objects; 501 if no risk was ever imported or detected."""
        microsoft_graph_query.check_query_options(call)
        several = sorted(objects(call).items())
        rows, paging = microsoft_graph_query.read_page(
            call, MOST, lambda after: _skip_to_token(several, after)
        )
        return ApiResponse(
            {
                "@odata.context": _format_context(call, word),
                **paging,
                "value": [_select_shown_properties(call, one) for one in rows],
            }
        )

    @SURFACE.get(f"{path}/$count", f"{name}_GetCount", READ, versioned=False, throttled=make_throttled_fault)
    def _count(call: ApiCall) -> ApiResponse:
        """Count the objects that match `$filter`."""
        microsoft_graph_query.check_query_options(call, ("$filter",))
        total = sum(1 for _ in CollectionQuery.of(call).iterate_matching_items(objects(call).items()))
        return ApiResponse(str(total).encode(), headers={"Content-Type": "text/plain"})

    @SURFACE.get(f"{path}/{{id}}", f"{name}_Get", READ, versioned=False, throttled=make_throttled_fault)
    def _get(call: ApiCall) -> ApiResponse:
        """Get one of these objects by its ID."""
        found = objects(call).get(call["id"].lower())
        if found is None:
            raise _make_not_found_error(call["id"])
        return ApiResponse(
            {
                "@odata.context": f"{_format_context(call, word)}/$entity",
                **_select_shown_properties(call, found),
            }
        )


def _declare_history(one: RiskCollection) -> None:
    path, name = f"{_ROOT}/{one.risky}/{{id}}/history", f"{one.risky[:1].upper()}{one.risky[1:]}"

    @SURFACE.get(path, f"{name}_History", READ, versioned=False, throttled=make_throttled_fault)
    def _history(call: ApiCall) -> ApiResponse:
        """List the changes of an identity's risk, the oldest first."""
        items = _list_items(call, one)
        return ApiResponse(
            {"@odata.context": _format_context(call, f"{one.risky}('{call['id']}')/history"), "value": items}
        )

    @SURFACE.get(
        f"{path}/{{item}}", f"{name}_GetHistory", READ, versioned=False, throttled=make_throttled_fault
    )
    def _item(call: ApiCall) -> ApiResponse:
        """Get a change of an identity's risk; the ID of the identity returns its last change."""
        wanted = call["item"].lower()
        last = wanted == call["id"].lower()
        found = [item for item in _list_items(call, one) if last or str(item["id"]).lower() == wanted]
        if not found:
            raise _make_not_found_error(call["item"])
        context = _format_context(call, f"{one.risky}('{call['id']}')/history/$entity")
        return ApiResponse({"@odata.context": context, **found[-1]})


def _declare_decision(one: RiskCollection, decision: str) -> None:
    name = f"{one.risky[:1].upper()}{one.risky[1:]}_{decision[:1].upper()}{decision[1:]}"

    @SURFACE.declare_post_action(f"{_ROOT}/{one.risky}/{decision}", name, WRITE, versioned=False)
    def _act(call: ApiCall) -> ApiResponse:
        """Set the risk state of identities and of their detections; the next read shows the change."""
        _require_version(call, one)
        ids = read_ids(call, one.ids)
        answer_decision(lambda: decide_risk(call.service, call.instance.lake, one.kind, decision, ids))
        return NO_CONTENT


def _make_risky_identity_reader(one: RiskCollection) -> Objects:
    def read(call: ApiCall) -> Mapping[str, Row]:
        wanted = [call["id"]] if call["id"] else None
        found = _open_risk_reader(call, one).read_identities(one.kind, wanted)
        return {key: to_risky_identity_row(each) for key, each in found.items()}

    return read


def _make_detection_reader(one: RiskCollection) -> Objects:
    def read(call: ApiCall) -> Mapping[str, Row]:
        found = _open_risk_reader(call, one).read_detections(one.kind)
        return {key: to_risk_detection(each, beta=is_beta(call)) for key, each in found.items()}

    return read


for _one in COLLECTIONS:
    _declare_list(_one.detections, _make_detection_reader(_one))
    _declare_list(_one.risky, _make_risky_identity_reader(_one))
    _declare_history(_one)
    for _decision in IDENTITY_DECISIONS[_one.kind]:
        _declare_decision(_one, _decision)


def _open_risk_reader(call: ApiCall, one: RiskCollection) -> RiskReader:
    """Return what reads risks; a fault for who may not, and where none were ever read or made."""
    _require_version(call, one)
    require_whole_workspace(call, READ)
    reader = RiskReader(call.instance.lake, call.instance.state, DEFAULT, call.instance.query_seconds)
    if not reader.has_data(one.kind):
        raise make_not_assessed_error(
            f"{TABLES[one.kind].risky} has no data: connect the sign-in and risk logs of a tenant (`nephoscope sources`)."
        )
    return reader


def _require_version(call: ApiCall, one: RiskCollection) -> None:
    require_version(call)
    if one.beta and not is_beta(call):
        raise ApiError(404, "ResourceNotFound", f"'{one.risky}' is in the beta version only.")


def _list_items(call: ApiCall, one: RiskCollection) -> list[Row]:
    items = _open_risk_reader(call, one).read_history(one.kind, call["id"])
    if not items:
        raise _make_not_found_error(call["id"])
    return [to_history_item(item, beta=is_beta(call)) for item in items]


def _skip_to_token(several: Iterable[Keyed], after: str) -> Iterable[Keyed]:
    return (one for one in several if one[0] > after)


def _select_shown_properties(call: ApiCall, one: Mapping[str, object]) -> Row:
    fields = [name.strip() for name in call.get_query_value("$select").split(",") if name.strip()]
    return select_fields(dict(one), fields) if fields else dict(one)


def _make_not_found_error(id_: str) -> ApiError:
    return ApiError(404, "ResourceNotFound", f"Nothing is known of the risk of '{id_[:100]}'.")


def _format_context(call: ApiCall, word: str) -> str:
    return build_odata_context(call, f"identityProtection/{word}")
