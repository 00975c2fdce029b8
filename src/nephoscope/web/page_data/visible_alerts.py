"""Visible alerts of a visitor: those of readable workspaces, and others about readable resources.

Of the latter each is told without what is out of reach (`alerts.sight`), as the API tells it, and a text is not found in that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.alert_visibility import READ, find_alert_visibility
from nephoscope.alerts.incidents.defender_alert import find_visible_resources
from nephoscope.state import NotFoundError
from nephoscope.state.incidents.alert_counts import count_by_time
from nephoscope.state.incidents.alert_filter import STATUSES, AlertFilter
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.model.read_scope import Reach
    from nephoscope.web.visits.request_context import Visit

#: Alerts that contain a text and are looked through for those that say it within reach.
MOST_SOUGHT = 10_000


@dataclass(frozen=True, slots=True)
class VisibleAlerts:
    """Alerts of workspaces; `reach` is of what the visitor reads alerts there (None = of the workspaces themselves)."""

    visit: Visit
    workspaces: tuple[str, ...]
    reach: Reach | None = None

    @property
    def whole(self) -> bool:
        """Return whether all that an alert says is told."""
        return self.reach is None

    @property
    def any(self) -> bool:
        """Return whether there is one at all."""
        return self.count(AlertFilter(held=True)) > 0

    def page(self, looked: AlertFilter, start: int, most: int) -> tuple[list[StoredAlert], int]:
        """Some of those that are looked at, those of the latest events first, and how many there are."""
        if self.whole or not looked.text:
            return self._list_page(self._limit_filter(looked), start, most), self.count(looked)
        found = self._find_alerts_saying(looked)
        return found[start : start + most], len(found)

    def list_newest(self, looked: AlertFilter, most: int) -> list[StoredAlert]:
        """At most so many of those that are looked at, those of the latest events first."""
        if self.whole or not looked.text:
            return self._list_page(self._limit_filter(looked), 0, most)
        return self._find_alerts_saying(looked)[:most]

    def count(self, looked: AlertFilter) -> int:
        """Count how many are looked at; of a part, whatever text is looked for."""
        wanted = self._limit_filter(looked if self.whole else replace(looked, text=""))
        return sum(self.visit.instance.state.alerts.count(one, wanted) for one in self.workspaces)

    def count_by_time(self, looked: AlertFilter, edges: Sequence[datetime]) -> Counter[tuple[int, str]]:
        """(Number of the interval, severity) -> how many are looked at; `edges` are the ends of the intervals."""
        state, wanted, found = (
            self.visit.instance.state,
            self._limit_filter(looked),
            Counter[tuple[int, str]](),
        )
        for one in self.workspaces:
            found += count_by_time(state.database, state.alerts, one, wanted, edges)
        return found

    def count_by_column(self, looked: AlertFilter, by: str) -> dict[str, int]:
        """Count how many are looked at by what a column says of them (`Alerts.count_by_column`)."""
        found: Counter[str] = Counter()
        if self.whole or not looked.text:
            for one in self.workspaces:
                found.update(
                    self.visit.instance.state.alerts.count_by_column(one, self._limit_filter(looked), by)
                )
        else:
            found.update(_read_column_value(by, one) for one in self._find_alerts_saying(looked))
        return dict(found)

    def get(self, id_: str) -> StoredAlert:
        """One as it is told; NotFoundError where there is none of the id that may be."""
        return self._redact_alert(self.load_stored_alert(id_))

    def load_stored_alert(self, id_: str) -> StoredAlert:
        """Return the same as it is kept."""
        found = self.visit.instance.state.alerts.get(id_.lower())
        if found is None or found.workspace not in self.workspaces or not self._is_visible(found):
            where = f" in the workspace {self.workspaces[0]}" if self.whole else ""
            raise NotFoundError(f"alert {id_[:100]!r} not found{where}")
        return found

    def _is_visible(self, alert: StoredAlert) -> bool:
        reach = self.visit.caller.find_reach(READ)
        return self.whole or next(find_visible_resources(alert, reach), None) is not None

    def _limit_filter(self, looked: AlertFilter) -> AlertFilter:
        return replace(looked, within=self.visit.place if self.reach is None else self.reach)

    def _find_alerts_saying(self, looked: AlertFilter) -> list[StoredAlert]:
        """Return those that say a text in what is told of them."""
        return [
            one
            for one in self._list_page(self._limit_filter(looked), 0, MOST_SOUGHT)
            if _contains_text(one, looked.text)
        ]

    def _list_page(self, looked: AlertFilter, start: int, most: int) -> list[StoredAlert]:
        alerts = self.visit.instance.state.alerts
        if len(self.workspaces) == 1:
            found = alerts.list_alerts(self.workspaces[0], looked, start=start, most=most)
        else:
            several = [
                one for name in self.workspaces for one in alerts.list_alerts(name, looked, most=start + most)
            ]
            found = _merge_alerts(several, looked.order)[start : start + most]
        return [self._redact_alert(one) for one in found]

    def _redact_alert(self, alert: StoredAlert) -> StoredAlert:
        return alert if self.whole else find_alert_visibility(self.visit.caller).redact_alert(alert)


def _merge_alerts(several: Sequence[StoredAlert], order: str) -> list[StoredAlert]:
    """Merge the alerts of several workspaces in the order of a column, those of the latest events first where it has none."""
    newest = sorted(several, key=lambda one: (-one.ended.timestamp(), one.id))
    key = _ORDERS.get(order.removeprefix("-"))
    return newest if key is None else sorted(newest, key=key, reverse=order.startswith("-"))


_ORDERS: Mapping[str, Callable[[StoredAlert], float]] = {
    "status": lambda one: -STATUSES.index(one.status),
    "severity": lambda one: Severity(one.severity).rank,
    "incident": lambda one: one.incident or 0,
    "last": lambda one: one.ended.timestamp(),
    "first": lambda one: one.started.timestamp(),
}


def _read_column_value(by: str, one: StoredAlert) -> str:
    said = {"status": one.status, "severity": one.severity, "rule": one.rule}
    return {**said, "incident": "yes" if one.incident is not None else "no"}[by]


def find_visible_alerts(visit: Visit, name: str = "") -> VisibleAlerts:
    """Return those of a workspace ('' = that which a page opens), or what is reached of them; DeniedError where nothing is."""
    wanted = name.lower() or visit.home(READ)
    if visit.caller.find_reach(READ).is_empty or visit.caller.is_permitted(READ, f"/workspaces/{wanted}"):
        return VisibleAlerts(visit, (visit.workspace(READ, wanted),))
    every = visit.workspace_names
    return VisibleAlerts(visit, tuple(one for one in every if wanted in ("", one)), visit.reach(READ))


def list_visible_alerts_everywhere(visit: Visit) -> list[VisibleAlerts]:
    """Return those of all workspaces."""
    every = visit.workspace_names
    whole = visit.workspaces(READ)
    rest = tuple(one for one in every if one not in whole)
    part = bool(rest) and not visit.caller.find_reach(READ).is_empty
    found = [VisibleAlerts(visit, (one,)) for one in whole]
    return [*found, VisibleAlerts(visit, rest, visit.reach(READ))] if part else found


def _contains_text(alert: StoredAlert, text: str) -> bool:
    """Return whether the row of an alert contains a text; one such as `ada@contoso.com` also where name and suffix
    stand apart in it."""
    row = json.dumps(alert.document, ensure_ascii=False).casefold()
    wanted = json.dumps(text, ensure_ascii=False)[1:-1].casefold()
    name, _, suffix = wanted.partition("@")
    apart = bool(name and suffix) and f'{name}\\"' in row and f'upnsuffix\\": \\"{suffix}' in row
    return wanted in row or apart
