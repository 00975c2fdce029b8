"""Suppression filter: keep findings that a suppression or learned entity matches, without raising alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.suppression.condition import SuppressionSubject
from nephoscope.alerts.suppression.rule_suppression import LEARNED, LEARNING, WORDS, RuleTuning

if TYPE_CHECKING:
    from nephoscope.alerts.rules.query_result import RuleResultRow
    from nephoscope.alerts.rules.rule import AnalyticRule


@dataclass(frozen=True, slots=True)
class SuppressionReason:
    """By what an alert is held back, in a word that stays and in words; `learn`: what it is about is to be remembered."""

    by: str
    words: str
    learn: bool = False


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a run that go together: raised, or held back; `events` counts also those that were not looked at."""

    rows: Sequence[RuleResultRow]
    events: int
    hold: SuppressionReason | None = None


def build_suppression_key(subject: SuppressionSubject) -> str:
    """The names of its entities, '' where it has none."""
    return "\n".join(sorted(one.key for one in subject.entities))


def divide_run(
    rule: AnalyticRule,
    rows: Sequence[RuleResultRow],
    subjects: Sequence[SuppressionSubject],
    found: int,
    end: datetime,
) -> list[RowGroup]:
    """The parts of a run whose trigger holds: first what is raised, then what each suppression holds back.

    `found` is how many rows there were. Where those that are left are too few, the whole run is held back. A trigger that few rows
    meet (lt, eq, ne) is met by rows that are taken away: such a run is held back only where every row of it is.
    """
    holds = [_find_suppression_reason(one, rule.tuning, end) for one in subjects]
    first = next((one for one in holds if one is not None), _find_unconditional_suppression(rule.tuning))
    if first is None:
        return [RowGroup(rows, found)]
    held = dict(_group_by_hold(rows, holds))
    left = found - sum(map(len, held.values()))
    if rule.operator != "gt":
        return [RowGroup(rows, found, None if left else first)]
    if left and not rule.triggers_at(left):
        return [RowGroup(rows, found, first)]
    kept = [row for row, hold in zip(rows, holds, strict=True) if hold is None]
    parts = [RowGroup(kept, left)] if left else []
    return [*parts, *(RowGroup(several, len(several), hold) for hold, several in held.items())]


def _group_by_hold(
    rows: Sequence[RuleResultRow], holds: Sequence[SuppressionReason | None]
) -> Iterator[tuple[SuppressionReason, list[RuleResultRow]]]:
    for hold in dict.fromkeys(one for one in holds if one is not None):
        yield hold, [row for row, other in zip(rows, holds, strict=True) if other == hold]


def _find_suppression_reason(
    subject: SuppressionSubject, tuning: RuleTuning, end: datetime
) -> SuppressionReason | None:
    for one in tuning.suppressions:
        if one.suppresses_subject(subject):
            return SuppressionReason(one.id, one.name)
    learning, key = tuning.learning, build_suppression_key(subject)
    if learning is None or not key:
        return None
    if end <= learning.until:
        return SuppressionReason(LEARNING, WORDS[LEARNING], learn=True)
    return SuppressionReason(LEARNED, WORDS[LEARNED]) if key in learning.knows else None


def _find_unconditional_suppression(tuning: RuleTuning) -> SuppressionReason | None:
    """A suppression of all that a rule finds holds a run without rows too."""
    return next(
        (SuppressionReason(one.id, one.name) for one in tuning.suppressions if not one.conditions), None
    )
