"""Active suppressions of a rule: full or partial, and when the next one ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.state.rules.suppressions import ANY_RULE, StoredSuppression

if TYPE_CHECKING:
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class RuleSuppressions:
    """The suppressions in force over one rule, or over several."""

    suppressions: Sequence[StoredSuppression] = ()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.suppressions)

    @property
    def whole(self) -> bool:
        """Return whether one of them holds back every alert of the rule."""
        return any(not one.conditions for one in self.suppressions)

    @property
    def next_end(self) -> datetime | None:
        """Return when the first of them ends; None where none has an end."""
        return min((one.expires for one in self.suppressions if one.expires is not None), default=None)

    @property
    def end(self) -> datetime | None:
        """From when on the rule raises alerts again, where it is suppressed whole; None = not without a person."""
        ends = [one.expires for one in self.suppressions if not one.conditions]
        return None if None in ends else max((one for one in ends if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class SuppressionsInForce:
    """All suppressions of a workspace that are in force at a time."""

    all: Sequence[StoredSuppression] = ()

    @staticmethod
    def load(state: State, workspace: str, now: datetime) -> SuppressionsInForce:
        """Read them; those that are disabled or expired are left out."""
        several = state.suppressions.all(workspace)
        return SuppressionsInForce([one for one in several if one.status(now) == "Enabled"])

    def select_for_rule(self, rule: str) -> RuleSuppressions:
        """Return those of a rule, with those that hold for every rule."""
        return RuleSuppressions([one for one in self.all if one.rule in (rule, ANY_RULE)])

    def for_rule_only(self, rule: str) -> RuleSuppressions:
        """Return those of a rule alone: a list in which every rule has the same mark says nothing."""
        return RuleSuppressions([one for one in self.all if one.rule == rule])
