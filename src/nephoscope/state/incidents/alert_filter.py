"""Alert filters: which alerts are looked at, and in which order they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, case, func, or_, type_coerce

import nephoscope.state.tables.incident_rows  # noqa: F401 - the table of a foreign key
from nephoscope.model.read_scope import Reach
from nephoscope.state.database.list_order import list_order, order_position
from nephoscope.state.tables.alert_rows import AlertRow
from nephoscope_policy.model.state import Severity

#: How an alert stands, from the beginning to the end.
STATUSES = ("New", "InProgress", "Resolved", "Dismissed")
#: Statuses in which nobody works on an alert any more.
DONE = frozenset(STATUSES[2:])


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Filter of alerts; an empty field lets all through. `text` is searched in all texts of an alert; `held`: those too
    that were held back; `within`: only those that name a resource of it; `incidents`: whether they belong to one; `order` is a column
    of the list, `-` before it from the largest ('' = those of the latest events first)."""

    statuses: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    text: str = ""
    since: datetime | None = None
    held: bool = False
    within: Reach | None = None
    rules: frozenset[str] = frozenset()
    order: str = ""
    incidents: frozenset[bool] = frozenset()

    def conditions(self, workspace: str) -> list[ColumnElement[bool]]:
        """Return the same for SQL."""
        found: list[ColumnElement[bool]] = [AlertRow.workspace == workspace]
        if self.statuses:
            found.append(AlertRow.status.in_(self.statuses))
        if self.severities:
            found.append(AlertRow.severity.in_(self.severities))
        if self.rules:
            found.append(AlertRow.rule.in_(self.rules))
        if self.since is not None:
            found.append(AlertRow.ended >= self.since)
        if not self.held:
            found.append(AlertRow.held_by == "")
        if len(self.incidents) == 1:
            has = AlertRow.incident.is_not(None)
            found.append(has if True in self.incidents else ~has)
        if self.text:
            found.append(contains_text(self.text))
        return found


def contains_text(text: str) -> ColumnElement[bool]:
    """Return whether the row of an alert contains a text; one such as `ada@contoso.com` also where name and suffix
    stand apart in it."""
    row = type_coerce(AlertRow.document, Text)
    name, _, suffix = text.partition("@")
    whole = row.icontains(text, autoescape=True)
    if not name or not suffix:
        return whole
    parts = (f'{name}\\"', f'UPNSuffix\\": \\"{suffix}')
    return or_(whole, and_(*(row.icontains(one, autoescape=True) for one in parts)))


#: Compared alone: as the text that the database has, many are read several times faster than as moments.
VERSION = type_coerce(AlertRow.__table__.c.changed, Text)
_NEWEST = (AlertRow.__table__.c.ended.desc(), AlertRow.__table__.c.id)
ALERT_COLUMNS: dict[str, ColumnElement[str]] = {
    "status": type_coerce(AlertRow.__table__.c.status, Text),
    "severity": type_coerce(AlertRow.__table__.c.severity, Text),
    "rule": type_coerce(AlertRow.__table__.c.rule, Text),
    "incident": case((AlertRow.incident.is_(None), "no"), else_="yes"),
}
_ORDERS: dict[str, ColumnElement[object]] = {
    "status": order_position(AlertRow.status, STATUSES[::-1]),
    "severity": order_position(AlertRow.severity, [one.value for one in reversed(Severity)]),
    "incident": func.coalesce(AlertRow.incident, 0),
    "last": AlertRow.__table__.c.ended,
    "first": AlertRow.__table__.c.started,
}


def order_alerts(order: str) -> list[ColumnElement[object] | ColumnElement[int]]:
    """Return by what a list of alerts is in the order of a column ('' = that of the latest events first)."""
    return list_order(order, _ORDERS, _NEWEST)
