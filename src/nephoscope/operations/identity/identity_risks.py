"""Risky identities and risk detections: list them with their reasons, confirm or dismiss them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Literal

from nephoscope.model.identity_display_names import name_value
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskHistoryItem, RiskyIdentity
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, RowTable, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, InWorkspace, Shape
from nephoscope.service.identity_risk import READ, WRITE, decide_risk, open_risk_reader
from nephoscope.state.database.state_errors import StateError

OPERATIONS = OperationGroup(
    "identityRisks", "Identity risk", "The identity",
    "List risky identities with the reasons, and confirm or dismiss their risk.",
)  # fmt: skip
RiskyId = Annotated[
    str, describe("A risky identity: its kind and ID, such as user:ID.", max_length=200, pattern=PLAIN, metavar="IDENTITY")
]  # fmt: skip

_LEVELS = {"none": 0, "hidden": 1, "low": 2, "medium": 3, "high": 4}
_AT_RISK = ("atRisk", "confirmedCompromised")
Line = dict[str, object]


class RiskQuery(InWorkspace, frozen=True, kw_only=True):
    """A filter of risky identities."""

    active: Annotated[bool, describe("Show only identities that are still at risk.")] = False
    level: Annotated[
        Literal["", "low", "medium", "high"], describe("Show only identities with at least this risk level.")
    ] = ""


class RiskyIdentityShape(Shape, frozen=True, kw_only=True):
    """A risky identity: its level and state, why, and since when."""

    id: str
    kind: str
    name: str
    display_name: str
    level: str
    state: str
    detail: str
    updated: datetime
    detections: int
    reason: str


class RiskyIdentityList(Shape, frozen=True, kw_only=True):
    """Risky identities, the highest level first."""

    value: tuple[RiskyIdentityShape, ...]


class RiskDetectionShape(Shape, frozen=True, kw_only=True):
    """A risk detection on an identity, and its reasons in words."""

    id: str
    identity: str
    name: str
    type: str
    level: str
    state: str
    timing: str
    happened: datetime
    address: str
    reasons: tuple[str, ...]


class RiskDetectionList(Shape, frozen=True, kw_only=True):
    """Risk detections, the newest first."""

    value: tuple[RiskDetectionShape, ...]


def _list_rows(found: RiskyIdentityList) -> list[Line]:
    return [
        {
            "level": one.level, "state": one.state, "name": one.display_name or one.name or one.id, "kind": one.kind,
            "detections": one.detections, "reason": one.reason, "updated": one.updated, "detail": one.detail, "id": one.id,
            "principalName": one.name,
        }
        for one in found.value
    ]  # fmt: skip


def _list_detection_rows(found: RiskDetectionList) -> list[Line]:
    return [
        {
            "time": one.happened, "type": one.type, "level": one.level, "state": one.state, "name": one.name, "address": one.address,
            "reason": "; ".join(one.reasons), "timing": one.timing, "identity": one.identity, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/identityRisks"),
    CommandLine(
        "list", columns=("level", "state", "name", "kind", "detections", "reason", "updated", "id"), rows=_list_rows,
        nothing="no risky identities: `nephoscope detect` makes risk detections of alerts and anomalies",
    ),
    needs_lake=True,
    page=SectionList(
        "Risky identities", "Identity", "risky identity",
        "Users, service principals and agents at risk: from this server's detections and from Microsoft Entra ID.", key="id",
        name="name", plural="risky identities", guide="identity.md", facets=("level", "state", "kind"), order=10, tab="Risk",
        in_navigation=True,
        nothing="No risky identities: none has a risk detection of this server or Microsoft Entra ID.",
        columns=(
            PageColumn("name", "Identity"), PageColumn("level", "Risk level"), PageColumn("state", "Risk state"),
            PageColumn("reason", "Latest reason", optional=True), PageColumn("updated", "Changed", optional=True),
        ),
    ),
)  # fmt: skip
def list_risky_identities(call: OperationCall, query: RiskQuery) -> RiskyIdentityList:
    """List risky identities, highest level first."""
    reader = open_risk_reader(call.service, call.lake, call.workspace(query.workspace))
    shapes: list[RiskyIdentityShape] = []
    for kind in IdentityKind:
        on_identity: defaultdict[str, list[RiskDetection]] = defaultdict(list)
        for each in reader.read_detections(kind).values():
            on_identity[each.identity.lower()].append(each)
        shapes += [
            _build_identity_shape(one, on_identity[one.key])
            for one in reader.read_identities(kind).values()
            if (not query.active or one.state in _AT_RISK)
            and _LEVELS[one.level] >= _LEVELS[query.level or "none"]
        ]
    shapes.sort(key=lambda one: (-_LEVELS[one.level], -one.updated.timestamp(), one.id))
    return RiskyIdentityList(value=tuple(shapes))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/riskDetections"),
    CommandLine(
        "detections", columns=("time", "type", "level", "state", "name", "address", "reason"), rows=_list_detection_rows,
        nothing="no risk detections",
    ),
    needs_lake=True,
)  # fmt: skip
def list_detections(call: OperationCall, query: InWorkspace) -> RiskDetectionList:
    """List risk detections, newest first."""
    reader = open_risk_reader(call.service, call.lake, call.workspace(query.workspace))
    found = [one for kind in IdentityKind for one in reader.read_detections(kind).values()]
    found.sort(key=lambda one: (one.happened, one.id), reverse=True)
    return RiskDetectionList(value=tuple(map(_build_detection_shape, found)))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/identityRisks/{id}/detections"),
    CommandLine("show", columns=("time", "type", "level", "state", "address", "reason"), rows=_list_detection_rows),
    needs_lake=True, page=RowTable("Risk detections"),
)  # fmt: skip
def list_detections_on_identity(call: OperationCall, id: RiskyId, query: InWorkspace) -> RiskDetectionList:  # noqa: A002
    """List the risk detections on an identity, newest first, with their reasons."""
    kind, key = _parse_split(id)
    reader = open_risk_reader(call.service, call.lake, call.workspace(query.workspace))
    found = sorted(reader.read_detections(kind, [key]).values(), key=lambda one: one.happened, reverse=True)
    return RiskDetectionList(value=tuple(map(_build_detection_shape, found)))


@OPERATIONS.operation(
    READ, command=CommandLine("history", columns=("time", "level", "state", "detail", "by", "types"), rows=list),
    needs_lake=True, page=RowTable("Risk history", choices=("detail",)),
)  # fmt: skip
def list_risk_history(call: OperationCall, id: RiskyId, query: InWorkspace) -> list[Line]:  # noqa: A002
    """List the changes of the risk of an identity, oldest first."""
    kind, key = _parse_split(id)
    reader = open_risk_reader(call.service, call.lake, call.workspace(query.workspace))
    return [_build_history_row(one) for one in reader.read_history(kind, key)]


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/identityRisks/{id}/dismiss"), CommandLine("dismiss", "dismissed the risk of {id}"), needs_lake=True,
    page=OperationForm("Dismiss risk", in_rows=True, when=lambda row: row["state"] in _AT_RISK),
)  # fmt: skip
def dismiss_risk(call: OperationCall, id: RiskyId, query: InWorkspace) -> None:  # noqa: A002
    """Dismiss the risk of an identity and its detections."""
    _decide_risk(call, id, "dismiss", query.workspace)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/identityRisks/{id}/confirmSafe"), CommandLine("confirm-safe", "confirmed {id} as safe"), needs_lake=True,
    page=OperationForm(
        "Confirm safe", when=lambda row: row["state"] in _AT_RISK and row["kind"] != "servicePrincipal"
    ),
)  # fmt: skip
def confirm_safe(call: OperationCall, id: RiskyId, query: InWorkspace) -> None:  # noqa: A002
    """Confirm that an identity is safe: its detections are closed as false positives."""
    _decide_risk(call, id, "confirmSafe", query.workspace)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/identityRisks/{id}/confirmCompromised"),
    CommandLine("confirm-compromised", "confirmed {id} as compromised"), needs_lake=True,
    page=OperationForm("Confirm compromised", danger=True, when=lambda row: row["state"] != "confirmedCompromised"),
)  # fmt: skip
def confirm_compromised(call: OperationCall, id: RiskyId, query: InWorkspace) -> None:  # noqa: A002
    """Confirm that an identity is compromised: its risk is high until it is remediated."""
    _decide_risk(call, id, "confirmCompromised", query.workspace)


def _decide_risk(call: OperationCall, text: str, decision: str, workspace: str) -> None:
    kind, key = _parse_split(text)
    name = call.workspace(workspace)
    with translate_errors("id", StateError, KeyError):
        decide_risk(call.service, call.lake, kind, decision, [key], name)


def _parse_split(text: str) -> tuple[IdentityKind, str]:
    """Return the kind and the id of an identity; a word without a kind is a user's id."""
    kind, colon, key = text.partition(":")
    with translate_errors("id", ValueError):
        return (IdentityKind(kind), key) if colon else (IdentityKind.USER, text)


def _build_identity_shape(one: RiskyIdentity, found: list[RiskDetection]) -> RiskyIdentityShape:
    last = max(found, key=lambda each: each.happened, default=None)
    return RiskyIdentityShape(
        id=f"{one.kind.value}:{one.id}", kind=one.kind.value, name=one.name, display_name=one.display_name, level=one.level.value,
        state=one.state.value, detail=one.detail, updated=one.updated, detections=len(found),
        reason=f"{name_value(last.event_type)}: {'; '.join(last.reasons)}".removesuffix(": ") if last else "",
    )  # fmt: skip


def _build_detection_shape(one: RiskDetection) -> RiskDetectionShape:
    return RiskDetectionShape(
        id=one.id, identity=f"{one.kind.value}:{one.identity}", name=one.display_name or one.name or one.identity,
        type=one.event_type, level=one.level.value, state=one.state.value, timing=one.timing, happened=one.happened,
        address=one.address, reasons=tuple(one.reasons),
    )  # fmt: skip


def _build_history_row(item: RiskHistoryItem) -> Line:
    one = item.identity
    return {
        "time": one.updated, "level": one.level.value, "state": one.state.value, "detail": one.detail, "by": item.initiated_by,
        "types": ", ".join(item.event_types),
    }  # fmt: skip
