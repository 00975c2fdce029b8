"""The verdict on a subject: a resource under a recommendation, whatever assignments and initiatives it was reached by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from nephoscope.model.assessment import Assessment
from nephoscope.model.resource_id import ResourceId
from nephoscope.model.state import State

Subject: TypeAlias = tuple[str, str]
"""The lower-cased id of a resource and the key of a recommendation."""

_WORST = (
    State.NON_COMPLIANT,
    State.ERROR,
    State.UNKNOWN,
    State.COMPLIANT,
    State.EXEMPT,
    State.NOT_APPLICABLE,
)


def worst(state: State, other: State | None = None) -> State:
    """The worse of two states of one subject."""
    return state if other is None else min(state, other, key=_WORST.index)


def verdicts(assessments: Iterable[Assessment]) -> dict[Subject, State]:
    """The worst state of every subject."""
    found: dict[Subject, State] = {}
    for item in assessments:
        subject = (ResourceId.parse(item.resource).key, item.key)
        found[subject] = worst(item.state, found.get(subject))
    return found
