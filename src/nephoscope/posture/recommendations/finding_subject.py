"""Finding subject: one resource against one recommendation, across assignments and time."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource_id import ResourceId, with_tenant
from nephoscope_policy.model.state import ComplianceState

#: The lower-cased resource id, below its tenant where it lies in no subscription (resource_id.with_tenant), and the lower-cased key of
#: the recommendation.
Subject = tuple[str, str]

_WORST = (
    ComplianceState.NON_COMPLIANT,
    ComplianceState.ERROR,
    ComplianceState.UNKNOWN,
    ComplianceState.COMPLIANT,
    ComplianceState.EXEMPT,
    ComplianceState.NOT_APPLICABLE,
)


def choose_worst_state(state: ComplianceState, other: ComplianceState | None) -> ComplianceState:
    """The verdict that a person must hear of, where several assignments judge the same."""
    return state if other is None else min(state, other, key=_WORST.index)


def verdicts(assessments: Iterable[Assessment], tenant: str = "") -> dict[Subject, ComplianceState]:
    """The worst state of each subject of a tenant."""
    states: dict[Subject, ComplianceState] = {}
    for item in assessments:
        subject = (with_tenant(ResourceId.parse(item.resource).key, tenant), item.key.lower())
        states[subject] = choose_worst_state(item.state, states.get(subject))
    return states
