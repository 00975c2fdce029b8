"""Settings and suppressions of rules as they were at a past time, by the changes that people made since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.suppression.watchlist_items import open_watchlist_items
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.alerts.tuning.tuning_service import SETTING, SUPPRESSION, read_setting
from nephoscope.state.rules.rule_settings import RuleSetting
from nephoscope.state.rules.suppressions import StoredSuppression

if TYPE_CHECKING:
    from nephoscope.alerts.suppression.condition import Lists
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State
    from nephoscope.state.rules.tuning_changes import TuningChange

_TIMES = ("expires", "created", "changed")


@dataclass(slots=True)
class TuningHistory:
    """History of the tuning in force in a workspace; `lists` returns the current items of its watchlists."""

    state: State
    workspace: str
    lists: Lists
    suppressions: dict[str, StoredSuppression]
    settings: dict[tuple[str, str], RuleSetting]
    changes: Sequence[TuningChange]
    _bounds: list[datetime]
    _last: tuple[int, EffectiveTuning] | None = None

    @classmethod
    def load(cls, state: State, lake: Lake, workspace: str) -> TuningHistory:
        """Read what is there, and all changes that led to it."""
        suppressions = {one.id: one for one in state.suppressions.all(workspace)}
        settings = {(one.rule, one.setting): one for one in state.rule_settings.all(workspace)}
        changes = state.tuning_changes.all(workspace)
        bounds = {one.moment for one in changes}
        for one in suppressions.values():
            bounds |= {one.created, one.expires or one.created}
        for setting in settings.values():
            bounds |= {setting.changed, setting.expires or setting.changed}
        ended = [one.before.get("expires") for one in changes if one.before is not None]
        bounds |= {datetime.fromisoformat(text) for text in ended if text}
        lists = open_watchlist_items(lake, workspace)
        return cls(state, workspace, lists, suppressions, settings, changes, sorted(bounds))

    def get_tuning_at(self, moment: datetime) -> EffectiveTuning:
        """Return what was in force at a time."""
        place = bisect_right(self._bounds, moment)
        if self._last is None or self._last[0] != place:
            self._last = place, self._restore_tuning(moment)
        return self._last[1]

    def _restore_tuning(self, moment: datetime) -> EffectiveTuning:
        """Take back what was changed later, the newest change first."""
        suppressions, settings = dict(self.suppressions), dict(self.settings)
        for one in reversed(self.changes):
            if one.moment <= moment:
                break
            if one.kind == SUPPRESSION:
                suppressions.pop(one.subject, None)
                if one.before is not None:
                    suppressions[one.subject] = _restore_suppression(one.before)
            elif one.kind == SETTING:
                settings.pop((one.rule, one.subject), None)
                if one.before is not None:
                    settings[one.rule, one.subject] = read_setting(one.before)
        return EffectiveTuning(
            self.state,
            self.workspace,
            self.lists,
            [
                one
                for one in suppressions.values()
                if one.created <= moment and one.status(moment) == "Enabled"
            ],
            [one for one in settings.values() if one.changed <= moment and one.is_active(moment)],
        )


def _restore_suppression(document: dict[str, Any]) -> StoredSuppression:
    moments = {name: datetime.fromisoformat(document[name]) if document[name] else None for name in _TIMES}
    return StoredSuppression(**{**document, **moments})
