"""Risky sign-ins: sign-ins with a risk detection, and why."""

from __future__ import annotations

from datetime import datetime

from nephoscope.model.identity_risk import IdentityKind, RiskDetection
from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.schemas import InWorkspace, Shape
from nephoscope.service.identity_risk import READ, open_risk_reader

OPERATIONS = OperationGroup("riskySignIns", "Risky sign-ins", "The sign-in")


class RiskySignInShape(Shape, frozen=True, kw_only=True):
    """A sign-in with the detection on it: `id` is the detection's, `request` the sign-in's."""

    id: str
    request: str
    identity: str
    name: str
    type: str
    level: str
    state: str
    happened: datetime
    address: str
    country: str
    reason: str


class RiskySignInList(Shape, frozen=True, kw_only=True):
    """Risky sign-ins, the newest first."""

    value: tuple[RiskySignInShape, ...]


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/riskySignIns"),
    CommandLine(
        "sign-ins", columns=("happened", "name", "type", "level", "state", "address", "country", "reason"),
        nothing="no risky sign-ins: `nephoscope detect` makes risk detections of alerts and anomalies",
    ),
    needs_lake=True,
    page=SectionList(
        "Risky sign-ins", "Identity", "risky sign-in", "Sign-ins with a risk detection, and the reasons.", key="id", name="name",
        guide="identity.md", facets=("type", "level", "state"), nothing="No risky sign-ins.", order=20, tab="Risk",
        columns=(
            PageColumn("name", "Identity"), PageColumn("type", "Risk detection"), PageColumn("level", "Risk level", optional=True),
            PageColumn("state", "Risk state"), PageColumn("address", "IP address", optional=True),
            PageColumn("reason", "Reason", optional=True), PageColumn("happened", "Time", optional=True),
        ),
    ),
)  # fmt: skip
def list_risky_sign_ins(call: OperationCall, query: InWorkspace) -> RiskySignInList:
    """List risky sign-ins, newest first."""
    reader = open_risk_reader(call.service, call.lake, call.workspace(query.workspace))
    found = [
        one
        for kind in IdentityKind
        for one in reader.read_detections(kind).values()
        if one.activity == "signin" or one.request
    ]
    found.sort(key=lambda one: (one.happened, one.id), reverse=True)
    return RiskySignInList(value=tuple(map(_build_shape, found)))


def _build_shape(one: RiskDetection) -> RiskySignInShape:
    return RiskySignInShape(
        id=one.id, request=one.request, identity=f"{one.kind.value}:{one.identity}",
        name=one.display_name or one.name or one.identity, type=one.event_type, level=one.level.value, state=one.state.value,
        happened=one.happened, address=one.address, country=str(one.location.get("countryOrRegion") or ""),
        reason="; ".join(one.reasons),
    )  # fmt: skip
