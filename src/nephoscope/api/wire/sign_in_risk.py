"""The risk of sign-ins as it is now: detections on them, and decisions on their users, over what the log says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nephoscope.api.wire.graph_rows import Row
from nephoscope.api.wire.odata_value import parse_time
from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskState,
    RiskyIdentity,
    combine_levels,
)

if TYPE_CHECKING:
    from nephoscope.state import State


def with_risk(sign_ins: Sequence[Row], state: State, workspace: str) -> list[Row]:
    """Return sign-ins with the risk that detections and decisions give them."""
    risks = state.identity_risks
    found: defaultdict[str, list[RiskDetection]] = defaultdict(list)
    for one in risks.detections_of_sign_ins(workspace, [str(row["id"]) for row in sign_ins]):
        found[one.request.lower()].append(one)
    users = risks.find_identities(workspace, IdentityKind.USER, {str(row["userId"]) for row in sign_ins})
    return [
        _apply_risk(row, found[str(row["id"]).lower()], users.get(str(row["userId"]).lower()))
        for row in sign_ins
    ]


def _apply_risk(row: Row, detections: Sequence[RiskDetection], user: RiskyIdentity | None) -> Row:
    if detections:
        return {**row, **_combine_detections(row, detections)}
    if (
        user is None
        or row["riskState"] != RiskState.AT_RISK
        or user.state in (RiskState.AT_RISK, RiskState.NONE)
    ):
        return row
    happened = parse_time(row["createdDateTime"])
    if happened is None or happened > user.updated:
        return row
    return {
        **row, "riskState": user.state.value, "riskDetail": user.detail, "riskLevelAggregated": user.level.value,
    }  # fmt: skip


def _combine_detections(row: Row, detections: Sequence[RiskDetection]) -> Row:
    newest = max(detections, key=lambda one: one.updated)
    active = [one for one in detections if one.is_active]
    now = [one for one in detections if one.timing == "realtime"]
    types = sorted({one.event_type for one in detections})
    given = row["riskEventTypes_v2"]
    logged = [one for one in given if one not in types] if isinstance(given, list) else []
    during = (
        combine_levels((one.event_type, one.level) for one in now).value
        if now
        else row["riskLevelDuringSignIn"]
    )
    return {
        "riskState": (max(active, key=lambda one: one.updated) if active else newest).state.value,
        "riskDetail": newest.detail,
        "riskLevelAggregated": combine_levels((one.event_type, one.level) for one in active).value,
        "riskLevelDuringSignIn": during,
        "riskEventTypes": [*types, *logged],
        "riskEventTypes_v2": [*types, *logged],
    }
