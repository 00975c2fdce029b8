"""Condition outcomes: how a condition ended, and how the outcomes of several make one.

Every condition ends true, false, unknown (it needs what the snapshot did not read) or failed (an expression has no value).
`false and unknown` is false, `true or unknown` is true, in any order; a failure counts as stronger than an unknown.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.data_gap import NOT_COLLECTED
from nephoscope_policy.model.assessment import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable


class Truth(Enum):
    """The four ends of a condition."""

    FALSE = 0
    TRUE = 1
    UNKNOWN = 2
    FAILED = 3


class ConditionOutcome(msgspec.Struct, frozen=True):
    """Outcome of a condition, with the leaves that decided; `message` says what was unknown or failed, `cause` why it is unknown."""

    truth: Truth
    reasons: tuple[Reason, ...] = ()
    message: str = ""
    cause: str = NOT_COLLECTED


def negate_outcome(outcome: ConditionOutcome) -> ConditionOutcome:
    """The outcome of `not`: what is unknown or failed stays so."""
    flipped = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(outcome.truth, outcome.truth)
    return ConditionOutcome(flipped, outcome.reasons, outcome.message, outcome.cause)


def combine_outcomes(outcomes: list[ConditionOutcome], decisive: Truth, otherwise: Truth) -> ConditionOutcome:
    """One child of the decisive truth decides; else a failure, else an unknown, else all children together."""
    for truth in (decisive, Truth.FAILED, Truth.UNKNOWN):
        found = [outcome for outcome in outcomes if outcome.truth is truth]
        if found:
            return ConditionOutcome(truth, _list_reasons(found), found[0].message, found[0].cause)
    return ConditionOutcome(otherwise, _list_reasons(outcomes))


def _list_reasons(outcomes: Iterable[ConditionOutcome]) -> tuple[Reason, ...]:
    return tuple(reason for outcome in outcomes for reason in outcome.reasons)
