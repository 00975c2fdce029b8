"""Rule case: a rule with its alert history as advisors read it, and the changes that they propose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.alert_history import PastAlert

DAYS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TuningCase:
    """A rule as it runs now, its alerts in [since, until) that its tuning would still raise, in order; `seconds` of its runs."""

    rule: AnalyticRule
    alerts: Sequence[PastAlert]
    since: datetime
    until: datetime
    seconds: float = 0.0

    @property
    def touchable(self) -> list[PastAlert]:
        """The alerts that advice may hide."""
        return [one for one in self.alerts if not one.is_untouchable]


@dataclass(frozen=True, slots=True)
class SuppressStep:
    """Hold back what meets the conditions."""

    conditions: tuple[SuppressionCondition, ...]

    def document(self) -> dict[str, Any]:
        """Return the step as JSON: the conditions of the suppression."""
        return {"suppress": [one.document() for one in self.conditions]}


@dataclass(frozen=True, slots=True)
class SettingStep:
    """Put a setting over the rule's file."""

    setting: str
    value: Any

    def document(self) -> dict[str, Any]:
        """Return the step as JSON: the setting with its new value."""
        return {"set": {self.setting: self.value}}


@dataclass(frozen=True, slots=True)
class LearnStep:
    """Let the rule know, by the names of their entities, what it is to leave alone."""

    keys: tuple[str, ...] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """Return the step as JSON: the keys to learn, each split into its parts."""
        return {"learn": [one.split("\n") for one in self.keys]}


Step = SuppressStep | SettingStep | LearnStep


@dataclass(frozen=True, slots=True)
class Proposal:
    """Proposal of an advisor with its text and evidence; `hides` are the alerts that it expects the change to hide."""

    step: Step
    text: str
    evidence: str
    hides: tuple[PastAlert, ...] = field(repr=False)

    def compute_id(self, kind: str, rule: str) -> str:
        """Return the same for the same change of the same rule."""
        text = json.dumps([kind, rule, self.step.document()], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def count_days(alerts: Sequence[PastAlert]) -> int:
    """On how many days they were raised."""
    return len({one.alert.raised.date() for one in alerts})


def format_hours(alerts: Sequence[PastAlert]) -> str:
    """At which hours, where these are few: ` at 02:00 UTC`, else ''."""
    hours = sorted({one.alert.raised.hour for one in alerts})
    return f" at {', '.join(f'{one:02}:00' for one in hours)} UTC" if len(hours) <= 2 else ""


def describe_verdicts(alerts: Sequence[PastAlert]) -> str:
    """Return what people said of them: `12 closed false, 3 benign, 5 not judged`."""
    words = {
        "closed false": sum(one.verdict == "FalsePositive" for one in alerts),
        "benign": sum(one.verdict == "BenignPositive" for one in alerts),
        "undetermined": sum(one.verdict == "Undetermined" for one in alerts),
        "not judged": sum(not one.verdict for one in alerts),
    }
    return ", ".join(f"{count} {word}" for word, count in words.items() if count)
