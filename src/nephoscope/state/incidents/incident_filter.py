"""Incident filters: which incidents are sought, and in which order they are listed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, Text, bindparam, cast, func, or_, select

from nephoscope.state.database.list_order import list_order, order_position
from nephoscope.state.incidents.alert_filter import contains_text
from nephoscope.state.tables.alert_rows import AlertRow
from nephoscope.state.tables.incident_rows import IncidentRow
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS

_TABLE = IncidentRow.__table__.c
_NEWEST = (_TABLE.last_activity.desc(), _TABLE.number.desc())
INCIDENT_COLUMNS: dict[str, ColumnElement[str]] = {
    "status": _TABLE.status,
    "severity": _TABLE.severity,
    "owner": _TABLE.owner,
}
_ORDERS: dict[str, ColumnElement[object]] = {
    "number": _TABLE.number,
    "status": order_position(_TABLE.status, ["Closed", "Active", "New"]),
    "severity": order_position(_TABLE.severity, [one.value for one in SEVERITIES_OF_INCIDENTS]),
    "title": func.lower(_TABLE.title),
    "owner": func.lower(_TABLE.owner),
    "first": _TABLE.first_activity,
    "last": _TABLE.last_activity,
    "created": _TABLE.created,
}


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Filter of incidents, without those merged into another; an empty field lets all through.

    `text` is looked for in number, title and owner and in all that its alerts say, whatever its case; `numbers` are the only ones
    that may be found (None = any); of `owners` the empty name is nobody. `order` is a column of the list, `-` before it from the
    largest ('' = those of the latest activity first).
    """

    statuses: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    text: str = ""
    numbers: frozenset[int] | None = None
    owners: frozenset[str] = frozenset()
    order: str = ""

    def conditions(self, workspace: str) -> list[ColumnElement[bool]]:
        """Return the same for SQL."""
        found = [IncidentRow.workspace == workspace, IncidentRow.merged_into.is_(None)]
        if self.statuses:
            found.append(IncidentRow.status.in_(self.statuses))
        if self.severities:
            found.append(IncidentRow.severity.in_(self.severities))
        if self.owners:
            found.append(IncidentRow.owner.in_(self.owners))
        if self.text:
            number = cast(IncidentRow.number, Text)
            words = (number, IncidentRow.title, IncidentRow.owner)
            matching = select(AlertRow.incident).where(
                AlertRow.workspace == workspace, contains_text(self.text)
            )
            own = (one.icontains(self.text, autoescape=True) for one in words)
            found.append(or_(*own, IncidentRow.number.in_(matching)))
        if self.numbers is not None:
            # written into the statement: there may be more than it may have values
            among: BindParameter[list[int]] = bindparam(
                "numbers", sorted(self.numbers), expanding=True, literal_execute=True, unique=True
            )
            found.append(IncidentRow.number.in_(among))
        return found


def order_incidents(order: str) -> list[ColumnElement[object] | ColumnElement[int]]:
    """Return by what a list of incidents is in the order of a column ('' = that of the latest activity first)."""
    return list_order(order, _ORDERS, _NEWEST)
