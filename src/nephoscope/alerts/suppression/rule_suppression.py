"""Rule suppression: the suppressions and learned entities that apply to a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nephoscope.alerts.suppression.condition import SuppressionCondition, SuppressionSubject

LEARNING, LEARNED, REPEAT, PAUSE = "learningPeriod", "learned", "repeatInterval", "suppressionDuration"
"""By what else than a suppression an alert is held back: the names of the settings that do it."""
YOUNG = "youngLogs"
"""By the learningPeriod of a rule, whose logs do not reach back so far."""
WORDS = {
    LEARNING: "learning period",
    YOUNG: "too few days of logs",
    LEARNED: "learned as usual",
    REPEAT: "repeat interval",
    PAUSE: "pause after an alert",
}


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppression in force: what meets all of its conditions is held back (all findings of the rule where it has none)."""

    id: str
    name: str
    conditions: tuple[SuppressionCondition, ...] = ()

    def suppresses_subject(self, subject: SuppressionSubject) -> bool:
        """Return whether it holds back what is about that."""
        return all(one.is_met(subject) for one in self.conditions)


@dataclass(frozen=True, slots=True)
class LearningPeriod:
    """A rule learns in windows that end before `until`; later it leaves what it `knows`, each by the names of its entities."""

    until: datetime
    knows: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class RuleTuning:
    """Tuning of a rule; `shown` lists for display the settings that differ from its file."""

    suppressions: tuple[Suppression, ...] = ()
    learning: LearningPeriod | None = None
    repeat: timedelta | None = None
    shown: tuple[str, ...] = ()
