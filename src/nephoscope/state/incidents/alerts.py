"""Alerts that were raised, each once, with what people decide of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

import nephoscope.state.tables.incident_rows  # noqa: F401 - the table of a foreign key
from nephoscope.model.read_scope import Reach
from nephoscope.state.database.database import Database
from nephoscope.state.database.etag import to_etag
from nephoscope.state.incidents.alert_filter import ALERT_COLUMNS, VERSION, AlertFilter, order_alerts
from nephoscope.state.incidents.alert_scopes import KnownPlaces
from nephoscope.state.tables.alert_rows import AlertRow

#: Rows that are read by their ids at once: fewer than a statement of either database may have values.
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it is kept: `incident` is the number of the one it belongs to (None = none).

    `held_by` is the id of the suppression, or the word of the setting, that held it back ('' = it was raised); `subject` stands for
    the entities that it is about ('' = none). `group_key` and `traits` are those by which a later run of its window finds it.
    `raised` is when its window ended, `stored` when it was kept first (None: now, as `changed` says).
    """

    id: str
    workspace: str
    rule: str
    status: str
    severity: str
    started: datetime
    ended: datetime
    raised: datetime
    changed: datetime
    incident: int | None
    document: dict[str, Any]
    held_by: str = ""
    subject: str = ""
    group_key: str = ""
    traits: dict[str, str] = field(default_factory=dict, repr=False)
    stored: datetime | None = None

    @property
    def etag(self) -> str:
        """Return what names its state: another after each change of what it says and of how it stands."""
        return to_etag(self.changed)


class AlertVersion(NamedTuple):
    """An alert as it is at a moment: another after each change of it."""

    id: str
    changed: datetime
    incident: int | None


_NAMES = tuple(StoredAlert.__dataclass_fields__)


class Alerts:
    """All alerts. What changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places = KnownPlaces()

    def put(self, session: Session, alert: StoredAlert) -> None:
        """Keep an alert, in place of the one of its id where there is one."""
        values = {name: getattr(alert, name) for name in _NAMES}
        session.merge(AlertRow(**{**values, "stored": alert.stored or alert.changed}))
        session.flush()

    def find_alert(self, session: Session, id_: str) -> StoredAlert | None:
        """The alert of an id, within a transaction."""
        row = session.get(AlertRow, id_)
        return None if row is None else _build_alert(row)

    def lock_alert(self, session: Session, id_: str) -> StoredAlert | None:
        """Return the same where nobody else changes it until the transaction ends."""
        row = session.get(AlertRow, id_, with_for_update=True)
        return None if row is None else _build_alert(row)

    def place(self, session: Session, ids: Sequence[str], incident: int | None) -> None:
        """Put alerts into an incident, or into none."""
        session.execute(update(AlertRow).where(AlertRow.id.in_(ids)).values(incident=incident))

    def list_alerts_of_windows(
        self, session: Session, workspace: str, rule: str, after: datetime, until: datetime
    ) -> list[StoredAlert]:
        """Return what a rule raised, or held back, of windows that ended in (after, until]."""
        query = select(AlertRow).where(*_list_window_conditions(workspace, rule, after, until))
        return [_build_alert(row) for row in session.scalars(query.order_by(AlertRow.id))]

    def list_versions_of_windows(
        self, session: Session, workspace: str, rule: str, after: datetime, until: datetime
    ) -> list[AlertVersion]:
        """Return which alerts `list_alerts_of_windows` gives, without reading them."""
        columns = AlertRow.__table__.c
        query = select(columns.id, columns.changed, columns.incident).where(
            *_list_window_conditions(workspace, rule, after, until)
        )
        return [AlertVersion(*row) for row in session.execute(query.order_by(columns.id))]

    def has_recent_alert(
        self, session: Session, workspace: str, rule: str, end: datetime, pause: timedelta
    ) -> bool:
        """Return whether a rule raised an alert of another window that ended less than a pause before or after a time."""
        query = select(AlertRow.id).where(
            *_list_raised_conditions(workspace, rule),
            AlertRow.raised > end - pause,
            AlertRow.raised < end + pause,
            AlertRow.raised != end,
        )
        return session.scalar(query.limit(1)) is not None

    def list_recent_alerts_about(
        self, session: Session, workspace: str, rule: str, subject: str, end: datetime, interval: timedelta
    ) -> list[StoredAlert]:
        """Return what a rule raised about the same entities, of other windows that ended within an interval of a time;
        the newest first."""
        query = (
            select(AlertRow)
            .where(
                *_list_raised_conditions(workspace, rule),
                AlertRow.subject == subject,
                AlertRow.raised >= end - interval,
                AlertRow.raised <= end + interval,
                AlertRow.raised != end,
            )
            .order_by(AlertRow.raised.desc(), AlertRow.id)
        )
        return [_build_alert(row) for row in session.scalars(query)]

    def history(
        self, workspace: str, since: datetime, until: datetime, rule: str | None = None
    ) -> list[StoredAlert]:
        """The alerts of windows that ended in [since, until), held back ones too, the first first; of one rule or all."""
        query = select(AlertRow).where(
            AlertRow.workspace == workspace, AlertRow.raised >= since, AlertRow.raised < until
        )
        if rule is not None:
            query = query.where(AlertRow.rule == rule)
        with self._database.read() as session:
            return [
                _build_alert(row) for row in session.scalars(query.order_by(AlertRow.raised, AlertRow.id))
            ]

    def list_stored_alerts(
        self, workspace: str, rules: Collection[str], since: datetime, until: datetime
    ) -> list[StoredAlert]:
        """The alerts of some rules that were stored in [since, until], of any window, without those held back; the first first."""
        query = select(AlertRow).where(
            AlertRow.workspace == workspace,
            AlertRow.rule.in_(rules),
            AlertRow.held_by == "",
            AlertRow.stored >= since,
            AlertRow.stored <= until,
        )
        with self._database.read() as session:
            return [
                _build_alert(row) for row in session.scalars(query.order_by(AlertRow.raised, AlertRow.id))
            ]

    def count_suppressed_alerts(self, workspace: str) -> dict[str, int]:
        """Count how many alerts each suppression or setting has held back."""
        query = (
            select(AlertRow.held_by, func.count())
            .where(AlertRow.workspace == workspace, AlertRow.held_by != "")
            .group_by(AlertRow.held_by)
        )
        with self._database.read() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def map_incidents_by_rules(
        self, session: Session, workspace: str, rules: Sequence[str]
    ) -> dict[int, set[str]]:
        """Incident -> which of the rules have alerts in it."""
        query = (
            select(AlertRow.incident, AlertRow.rule)
            .where(AlertRow.workspace == workspace, AlertRow.rule.in_(rules), AlertRow.incident.is_not(None))
            .distinct()
        )
        found: dict[int, set[str]] = {}
        for incident, rule in session.execute(query):
            if incident is not None:
                found.setdefault(incident, set()).add(rule)
        return found

    def list_of_incident(self, session: Session, incident: int) -> list[StoredAlert]:
        """The alerts of an incident, the first first."""
        query = select(AlertRow).where(AlertRow.incident == incident).order_by(AlertRow.started, AlertRow.id)
        return [_build_alert(row) for row in session.scalars(query)]

    def count_in_incidents(self, session: Session, incidents: Sequence[int]) -> int:
        """Count how many alerts some incidents have."""
        query = select(func.count()).select_from(AlertRow).where(AlertRow.incident.in_(incidents))
        return session.scalar(query) or 0

    def span(self, session: Session, incident: int) -> tuple[datetime, datetime] | None:
        """Return when the first alert of an incident began and the last one ended; None where it has none."""
        query = select(func.min(AlertRow.started), func.max(AlertRow.ended)).where(
            AlertRow.incident == incident
        )
        first, last = session.execute(query).one()
        return None if first is None or last is None else (first, last)

    def list_newest(
        self,
        workspace: str,
        *,
        incident: int | None = None,
        severities: Iterable[str] = (),
        held: bool = True,
        most: int = 100,
    ) -> list[StoredAlert]:
        """The newest alerts, of one incident or all, of some severities, with those held back or without."""
        query = select(AlertRow).where(AlertRow.workspace == workspace)
        if incident is not None:
            query = query.where(AlertRow.incident == incident)
        if weights := list(severities):
            query = query.where(AlertRow.severity.in_(weights))
        if not held:
            query = query.where(AlertRow.held_by == "")
        query = query.order_by(AlertRow.ended.desc(), AlertRow.id).limit(most)
        with self._database.read() as session:
            return [_build_alert(row) for row in session.scalars(query)]

    def list_alerts(
        self, workspace: str, looked: AlertFilter, *, start: int = 0, most: int = 100
    ) -> list[StoredAlert]:
        """Some of the alerts that are looked at, those of the latest events first."""
        with self._database.read() as session:
            if looked.within is not None:
                ids = self._find_ids_in_reach(
                    session, looked.conditions(workspace), looked.within, looked.order
                )
                return _load_by_ids(session, ids[start : start + most])
            query = (
                select(AlertRow).where(*looked.conditions(workspace)).order_by(*order_alerts(looked.order))
            )
            return [_build_alert(row) for row in session.scalars(query.offset(start).limit(most))]

    def count(self, workspace: str, looked: AlertFilter) -> int:
        """Count how many are looked at."""
        with self._database.read() as session:
            if looked.within is not None:
                return len(self._find_ids_in_reach(session, looked.conditions(workspace), looked.within))
            query = select(func.count()).select_from(AlertRow).where(*looked.conditions(workspace))
            return session.scalar(query) or 0

    def count_by_column(self, workspace: str, looked: AlertFilter, by: str) -> dict[str, int]:
        """Count how many are looked at by what a column says of them: status, severity, rule or incident (`yes` and `no`)."""
        column = ALERT_COLUMNS[by]
        with self._database.read() as session:
            if looked.within is None:
                query = select(column, func.count()).where(*looked.conditions(workspace)).group_by(column)
                return {str(row[0]): int(row[1]) for row in session.execute(query)}
            sought = select(AlertRow.__table__.c.id, VERSION, column).where(*looked.conditions(workspace))
            rows = [(one[0], one[1], one[2]) for one in session.execute(sought)]
            versions = [(id_, version) for id_, version, _ in rows]
            ids = set(self.select_in_reach(session, versions, looked.within))
        return dict(Counter(str(value) for id_, _, value in rows if id_ in ids))

    def find_incidents_in_reach(self, workspace: str, reach: Reach) -> frozenset[int]:
        """The incidents of which an alert names a resource of a reach."""
        columns = AlertRow.__table__.c
        query = select(columns.id, VERSION, columns.incident).where(
            AlertRow.workspace == workspace, AlertRow.incident.is_not(None)
        )
        with self._database.read() as session:
            rows = [(one[0], one[1], int(one[2])) for one in session.execute(query)]
            ids = set(self.select_in_reach(session, [(id_, version) for id_, version, _ in rows], reach))
        return frozenset(number for id_, _, number in rows if id_ in ids)

    def _find_ids_in_reach(
        self, session: Session, conditions: Sequence[ColumnElement[bool]], reach: Reach, order: str = ""
    ) -> list[str]:
        """The ids of the alerts under some conditions that name a resource of a reach, in the order of a column."""
        query = select(AlertRow.__table__.c.id, VERSION).where(*conditions).order_by(*order_alerts(order))
        return self.select_in_reach(session, [(one[0], one[1]) for one in session.execute(query)], reach)

    def select_in_reach(
        self, session: Session, versions: Sequence[tuple[str, str]], reach: Reach
    ) -> list[str]:
        """List those of some (id, version) that name a resource of a reach, in their order."""
        return self._places.find_in_reach(
            versions, reach, lambda ids: ((one.id, one.document) for one in _load_by_ids(session, ids))
        )

    def list_versions(self) -> list[tuple[str, str, int | None]]:
        """All alerts: id, what is another after each change of it, and the incident; by id."""
        columns = AlertRow.__table__.c
        query = select(columns.id, VERSION, columns.incident).order_by(columns.id)
        with self._database.read() as session:
            return [(one[0], one[1], one[2]) for one in session.execute(query)]

    def get(self, id_: str) -> StoredAlert | None:
        """The alert of an id."""
        with self._database.read() as session:
            row = session.get(AlertRow, id_)
            return None if row is None else _build_alert(row)


def _load_by_ids(session: Session, ids: Sequence[str]) -> list[StoredAlert]:
    """The alerts of some ids, in their order."""
    found: dict[str, StoredAlert] = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = select(AlertRow).where(AlertRow.id.in_(ids[start : start + _AT_ONCE]))
        found |= {row.id: _build_alert(row) for row in session.scalars(query)}
    return [found[one] for one in ids if one in found]


def _list_window_conditions(
    workspace: str, rule: str, after: datetime, until: datetime
) -> tuple[ColumnElement[bool], ...]:
    raised = AlertRow.raised
    return AlertRow.workspace == workspace, AlertRow.rule == rule, raised > after, raised <= until


def _list_raised_conditions(workspace: str, rule: str) -> tuple[ColumnElement[bool], ...]:
    return AlertRow.workspace == workspace, AlertRow.rule == rule, AlertRow.held_by == ""


def _build_alert(row: AlertRow) -> StoredAlert:
    return StoredAlert(**{name: getattr(row, name) for name in _NAMES})
