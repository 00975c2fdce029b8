"""Effective rules of a workspace: rule files with the settings and suppressions in force at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.suppression.condition import Lists, parse_conditions
from nephoscope.alerts.suppression.rule_suppression import LearningPeriod, RuleTuning, Suppression
from nephoscope.alerts.suppression.watchlist_items import open_watchlist_items
from nephoscope.alerts.tuning.rule_settings import apply_settings
from nephoscope.state.rules.rule_settings import RuleSetting
from nephoscope.state.rules.suppressions import ANY_RULE, StoredSuppression

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class EffectiveTuning:
    """Tuning in force in a workspace; `lists` returns the items of its watchlists."""

    state: State
    workspace: str
    lists: Lists
    suppressions: Sequence[StoredSuppression] = ()
    settings: Sequence[RuleSetting] = ()
    _known: dict[str, Suppression] = field(default_factory=dict)

    @staticmethod
    def load(state: State, lake: Lake, workspace: str, now: datetime) -> EffectiveTuning:
        """Return what is in force now."""
        return EffectiveTuning(
            state,
            workspace,
            open_watchlist_items(lake, workspace),
            [one for one in state.suppressions.all(workspace) if one.status(now) == "Enabled"],
            [one for one in state.rule_settings.all(workspace) if one.is_active(now)],
        )

    def apply_to_rule(self, rule: AnalyticRule) -> AnalyticRule:
        """The rule as it runs."""
        settings = {one.setting: one.value for one in self.settings if one.rule == rule.id}
        own = tuple(
            self._find_suppression(one) for one in self.suppressions if one.rule in (rule.id, ANY_RULE)
        )
        if not settings and not own:
            return rule
        found = apply_settings(rule, settings)
        learning = None
        if found.learning is not None:
            learning = LearningPeriod(
                found.learning, self.state.learned.load_for_rule(self.workspace, rule.id)
            )
        shown = found.shown + ((_describe_suppressed_alerts(own),) if own else ())
        return replace(found.rule, tuning=RuleTuning(own, learning, found.repeat, shown))

    def _find_suppression(self, one: StoredSuppression) -> Suppression:
        if one.id not in self._known:
            found = tuple(each.with_watchlist(self.lists) for each in parse_conditions(one.conditions))
            self._known[one.id] = Suppression(one.id, one.name, found)
        return self._known[one.id]


def _describe_suppressed_alerts(several: Sequence[Suppression]) -> str:
    return f"suppressed: {', '.join(one.name for one in several)}"
