"""Outcomes of checks, stored as numbers: an outcome is a row of a small table, a verdict is its number."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The number that stands for 'not evaluated'.
NONE = 0


class EvaluationOutcome(msgspec.Struct, frozen=True):
    """Result of an evaluation without its reasons."""

    state: ComplianceState
    effect: str = ""
    cause: str = ""
    description: str = ""


class OutcomeTable:
    """The distinct outcomes of a run; row 0 is kept for 'not evaluated'."""

    def __init__(self, rows: Iterable[EvaluationOutcome] = ()) -> None:
        self.rows: list[EvaluationOutcome] = [
            EvaluationOutcome(ComplianceState.UNKNOWN, cause="not-evaluated"),
            *rows,
        ]
        self._numbers = {
            (row.state, row.effect, row.cause, row.description): number
            for number, row in enumerate(self.rows)
        }

    def number(self, state: ComplianceState, effect: str, cause: str, description: str) -> int:
        """The number of an outcome; a new one is added."""
        key = (state, effect, cause, description)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.rows)
            self.rows.append(EvaluationOutcome(state, effect, cause, description))
        return found


def make_verdict_column(length: int) -> array[int]:
    """Verdicts of one check over the resources of one type, none of them evaluated yet."""
    return array("I", bytes(4 * length))
