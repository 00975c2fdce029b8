"""What holds findings back: suppressions of people, and what a rule learned; what it holds is kept, and never raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.suppression.condition import Subject
from nephoscope.alerts.suppression.rule_suppression import LEARNED, LEARNING, WORDS, Tuning

if TYPE_CHECKING:
    from nephoscope.alerts.rules.query_result import Finding
    from nephoscope.alerts.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Hold:
    """By what an alert is held back, in a word that stays and in words; `learn`: what it is about is to be remembered."""

    by: str
    words: str
    learn: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a run that go together: raised, or held back; `events` counts also those that were not looked at."""

    rows: Sequence[Finding]
    events: int
    hold: Hold | None = None


def key_of(subject: Subject) -> str:
    """The names of its entities, '' where it has none."""
    return "\n".join(sorted(one.key for one in subject.entities))


def divide_run(
    rule: Rule, rows: Sequence[Finding], subjects: Sequence[Subject], found: int, end: datetime
) -> list[Part]:
    """The parts of a run whose trigger holds: first what is raised, then what each suppression holds back.

    `found` is how many rows there were. Where those that are left are too few, the whole run is held back. A trigger that few rows
    meet (lt, eq, ne) is met by rows that are taken away: such a run is held back only where every row of it is.
    """
    holds = [_hold(one, rule.tuning, end) for one in subjects]
    first = next((one for one in holds if one is not None), _unconditional(rule.tuning))
    if first is None:
        return [Part(rows, found)]
    held = dict(_group_by_hold(rows, holds))
    left = found - sum(map(len, held.values()))
    if rule.operator != "gt":
        return [Part(rows, found, None if left else first)]
    if left and not rule.holds(left):
        return [Part(rows, found, first)]
    kept = [row for row, hold in zip(rows, holds, strict=True) if hold is None]
    parts = [Part(kept, left)] if left else []
    return [*parts, *(Part(several, len(several), hold) for hold, several in held.items())]


def _group_by_hold(
    rows: Sequence[Finding], holds: Sequence[Hold | None]
) -> Iterator[tuple[Hold, list[Finding]]]:
    for hold in dict.fromkeys(one for one in holds if one is not None):
        yield hold, [row for row, other in zip(rows, holds, strict=True) if other == hold]


def _hold(subject: Subject, tuning: Tuning, end: datetime) -> Hold | None:
    for one in tuning.suppressions:
        if one.holds(subject):
            return Hold(one.id, one.name)
    learning, key = tuning.learning, key_of(subject)
    if learning is None or not key:
        return None
    if end <= learning.until:
        return Hold(LEARNING, WORDS[LEARNING], learn=True)
    return Hold(LEARNED, WORDS[LEARNED]) if key in learning.knows else None


def _unconditional(tuning: Tuning) -> Hold | None:
    """A suppression of all that a rule finds holds a run without rows too."""
    return next((Hold(one.id, one.name) for one in tuning.suppressions if not one.conditions), None)
