"""Incidents: alerts that belong together, with what people decide of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.database.etag import to_etag
from nephoscope.state.incidents.incident_filter import INCIDENT_COLUMNS, IncidentFilter, order_incidents
from nephoscope.state.tables.incident_rows import (
    IncidentActionRow,
    IncidentKeyRow,
    IncidentNoteRow,
    IncidentRow,
)

CLASSIFICATIONS: dict[str, tuple[str, ...]] = {
    "TruePositive": ("SuspiciousActivity",),
    "BenignPositive": ("SuspiciousButExpected",),
    "FalsePositive": ("IncorrectAlertLogic", "InaccurateData"),
    "Undetermined": ("",),
}
"""What a closed incident was, and why. Source: https://learn.microsoft.com/azure/sentinel/incident-investigation"""


REMARK = "classification"
"""The name of the comment that says why an incident was classified as it is."""


class IncidentStatus(StrEnum):
    """Status of an incident."""

    NEW = "New"
    ACTIVE = "Active"
    CLOSED = "Closed"


class NoteKind(StrEnum):
    """Kind of note that people add to an incident."""

    COMMENT = "comment"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident; `number` is 0 and `id` '' before it is kept, `told` the time of its newest row in the lake.

    `acknowledged`: when a person first took it up (an owner, Active or Closed); `first_modified`: when a person first changed it;
    `severity_set`, `title_set`: whether its severity, its title was chosen and not left to its alerts.
    `owner_told`: what a client of the API said of the owner beside the name.
    """

    workspace: str
    title: str
    description: str
    severity: str
    first_activity: datetime
    last_activity: datetime
    created: datetime
    changed: datetime
    number: int = 0
    id: str = ""
    status: IncidentStatus = IncidentStatus.NEW
    owner: str = ""
    classification: str = ""
    reason: str = ""
    labels: tuple[str, ...] = ()
    closed: datetime | None = None
    merged_into: int | None = None
    told: datetime | None = None
    acknowledged: datetime | None = None
    first_modified: datetime | None = None
    severity_set: bool = False
    title_set: bool = False
    owner_told: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """Return what names its state: another after each change of it, or of the alerts in it."""
        return to_etag(self.changed)


@dataclass(frozen=True, slots=True)
class IncidentAction:
    """Action of a person on an incident, in words."""

    moment: datetime
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class IncidentNote:
    """A comment or a task of an incident; `name` is the id that a client gave it ('' = none), `changed` when it was last changed."""

    id: int
    kind: NoteKind
    author: str
    text: str
    done: bool
    written: datetime
    name: str = ""
    changed: datetime | None = None


_NAMES = tuple(name for name in Incident.__dataclass_fields__ if name != "labels")


class Incidents:
    """All incidents. What changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, incident: Incident) -> Incident:
        """Keep an incident: a new one gets its number and id."""
        given = replace(incident, id=incident.id or str(uuid.uuid4()))
        row = session.get(IncidentRow, given.number) if given.number else None
        if row is None:
            row = IncidentRow(id=given.id)
            session.add(row)
        for name in _NAMES:
            if name != "number":
                setattr(row, name, getattr(given, name))
        row.labels = list(given.labels)
        session.flush()
        return replace(given, number=row.number)

    def add_correlation_keys(self, session: Session, number: int, keys: Iterable[str]) -> None:
        """Add what the incident is found by."""
        values = [{"incident": number, "key": key} for key in sorted(set(keys))]
        if values:
            insert = self._database.insert(IncidentKeyRow, values)
            session.execute(insert.on_conflict_do_nothing(index_elements=["incident", "key"]))

    def find_by_keys(
        self, session: Session, workspace: str, keys: Iterable[str], since: datetime, until: datetime
    ) -> list[tuple[Incident, int]]:
        """Incidents with one of the keys whose activity touches [since, until], with how many keys they share; the most first."""
        shared = func.count(IncidentKeyRow.key)
        query = (
            select(IncidentRow, shared)
            .join(IncidentKeyRow, IncidentKeyRow.incident == IncidentRow.number)
            .where(
                IncidentKeyRow.key.in_(sorted(set(keys))),
                IncidentRow.workspace == workspace,
                IncidentRow.merged_into.is_(None),
                IncidentRow.last_activity >= since,
                IncidentRow.first_activity <= until,
            )
            .group_by(IncidentRow.number)
            .order_by(shared.desc(), IncidentRow.number)
        )
        return [(_build_incident(row), count) for row, count in session.execute(query)]

    def read(self, session: Session, number: int) -> Incident:
        """The incident of a number; StateError where there is none."""
        row = session.get(IncidentRow, number)
        if row is None:
            raise NotFoundError(f"incident {number} not found")
        return _build_incident(row)

    def lock_incident(self, session: Session, number: int) -> Incident:
        """Return the same where nobody else changes it until the transaction ends."""
        row = session.get(IncidentRow, number, with_for_update=True)
        if row is None:
            raise NotFoundError(f"incident {number} not found")
        return _build_incident(row)

    def load_in_workspace(self, session: Session, workspace: str, number: int) -> Incident:
        """The incident of a number in a workspace; StateError where there is none."""
        found = self.read(session, number)
        if found.workspace != workspace:
            raise NotFoundError(f"incident {number} not found in the workspace {workspace}")
        return found

    def keys(self, session: Session, number: int) -> set[str]:
        """Return what an incident is found by."""
        return set(session.scalars(select(IncidentKeyRow.key).where(IncidentKeyRow.incident == number)))

    def parts(self, session: Session, number: int) -> list[Incident]:
        """The incidents that were merged into one and lead there."""
        query = select(IncidentRow).where(IncidentRow.merged_into == number).order_by(IncidentRow.number)
        return [_build_incident(row) for row in session.scalars(query)]

    def forget(self, session: Session, number: int) -> None:
        """Take its keys: no further alert joins it."""
        session.execute(delete(IncidentKeyRow).where(IncidentKeyRow.incident == number))

    def find_by_guid(self, id_: str) -> Incident | None:
        """The incident of a GUID."""
        with self._database.read() as session:
            row = session.scalar(select(IncidentRow).where(IncidentRow.id == id_))
            return None if row is None else _build_incident(row)

    def get(self, number: int) -> Incident | None:
        """The incident of a number."""
        with self._database.read() as session:
            row = session.get(IncidentRow, number)
            return None if row is None else _build_incident(row)

    def verdicts(self, workspace: str) -> dict[int, Incident]:
        """Every incident by its number, those that were merged too."""
        query = select(IncidentRow).where(IncidentRow.workspace == workspace)
        with self._database.read() as session:
            return {row.number: _build_incident(row) for row in session.scalars(query)}

    def list_newest(
        self,
        workspace: str,
        *,
        statuses: Iterable[IncidentStatus] = (),
        severities: Iterable[str] = (),
        most: int = 100,
    ) -> list[Incident]:
        """The newest incidents (of some statuses, some severities), those that were merged into another left out."""
        wanted = IncidentFilter(frozenset(one.value for one in statuses), frozenset(severities))
        return self.list_matching_incidents(workspace, wanted, most=most)

    def list_matching_incidents(
        self, workspace: str, sought: IncidentFilter, *, start: int = 0, most: int = 100
    ) -> list[Incident]:
        """Some of the incidents that are sought, those of the latest activity first."""
        query = select(IncidentRow).where(*sought.conditions(workspace))
        query = query.order_by(*order_incidents(sought.order))
        with self._database.read() as session:
            return [_build_incident(row) for row in session.scalars(query.offset(start).limit(most))]

    def count_by_column(self, workspace: str, sought: IncidentFilter, by: str) -> dict[str, int]:
        """Count how many are sought by what a column says of them: status, severity or owner ('' = nobody)."""
        column = INCIDENT_COLUMNS[by]
        query = select(column, func.count()).where(*sought.conditions(workspace)).group_by(column)
        with self._database.read() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def total(self, workspace: str, sought: IncidentFilter) -> int:
        """Count how many are sought."""
        query = select(func.count()).select_from(IncidentRow).where(*sought.conditions(workspace))
        with self._database.read() as session:
            return session.scalar(query) or 0

    def list_created_incidents(self, workspace: str, since: datetime, until: datetime) -> list[Incident]:
        """The incidents that were made in [since, until), those that were merged into another left out."""
        query = select(IncidentRow).where(
            IncidentRow.workspace == workspace,
            IncidentRow.merged_into.is_(None),
            IncidentRow.created >= since,
            IncidentRow.created < until,
        )
        with self._database.read() as session:
            return [_build_incident(row) for row in session.scalars(query.order_by(IncidentRow.number))]

    def act(self, session: Session, number: int, action: IncidentAction) -> None:
        """Keep what a person did."""
        session.add(
            IncidentActionRow(incident=number, moment=action.moment, author=action.author, text=action.text)
        )
        session.flush()

    def actions(self, session: Session, number: int) -> list[IncidentAction]:
        """Return what people did to an incident, in the order in which they did."""
        query = (
            select(IncidentActionRow)
            .where(IncidentActionRow.incident == number)
            .order_by(IncidentActionRow.moment, IncidentActionRow.id)
        )
        return [IncidentAction(row.moment, row.author, row.text) for row in session.scalars(query)]

    def add_note(self, session: Session, number: int, note: IncidentNote) -> None:
        """Add a comment or a task."""
        session.add(
            IncidentNoteRow(
                incident=number, kind=note.kind, author=note.author, text=note.text, done=note.done, written=note.written,
                name=note.name,
            )
        )  # fmt: skip
        session.flush()

    def complete_task(self, session: Session, number: int, task: int) -> None:
        """Tick a task; StateError where the incident has no such task."""
        row = session.get(IncidentNoteRow, task)
        if row is None or row.incident != number or row.kind != NoteKind.TASK:
            raise StateError(f"incident {number} has no task {task}")
        row.done = True

    def renote(self, session: Session, number: int, note: IncidentNote) -> None:
        """Keep a comment or task in the place of the one of its id; StateError where the incident has none of it."""
        row = session.get(IncidentNoteRow, note.id)
        if row is None or row.incident != number or row.kind != note.kind:
            raise StateError(f"incident {number} has no {note.kind.value} {note.id}")
        row.text, row.done, row.changed = note.text, note.done, note.changed

    def delete_note(self, session: Session, number: int, note: int) -> None:
        """Forget a comment or task."""
        session.execute(
            delete(IncidentNoteRow).where(IncidentNoteRow.incident == number, IncidentNoteRow.id == note)
        )

    def move_notes(self, session: Session, number: int, into: int) -> None:
        """Put the comments and tasks of an incident into another; what was said when it was classified is a comment there."""
        self.unremark(session, number)
        own = IncidentNoteRow.incident == number
        session.execute(update(IncidentNoteRow).where(own).values(incident=into))

    def unremark(self, session: Session, number: int) -> None:
        """Let what was said when an incident was classified be a comment as any other."""
        said = IncidentNoteRow.incident == number, IncidentNoteRow.name == REMARK
        session.execute(update(IncidentNoteRow).where(*said).values(name=""))

    def drop(self, session: Session, number: int) -> None:
        """Forget an incident with its notes, keys, and what was done to it; no alert may be in it any more."""
        for table in (IncidentNoteRow, IncidentKeyRow, IncidentActionRow):
            session.execute(delete(table).where(table.incident == number))
        session.execute(delete(IncidentRow).where(IncidentRow.number == number))

    def count(self, statuses: Iterable[IncidentStatus], workspace: str = "") -> int:
        """Return how many incidents of a workspace ('' = all) have one of some statuses, those that were merged into
        another left out."""
        wanted = [one.value for one in statuses]
        query = select(func.count()).where(IncidentRow.status.in_(wanted), IncidentRow.merged_into.is_(None))
        if workspace:
            query = query.where(IncidentRow.workspace == workspace)
        with self._database.read() as session:
            return int(session.scalar(query) or 0)

    def notes(self, session: Session, number: int) -> list[IncidentNote]:
        """The comments and tasks of an incident, in the order in which they were written."""
        query = select(IncidentNoteRow).where(IncidentNoteRow.incident == number).order_by(IncidentNoteRow.id)
        return [
            IncidentNote(
                row.id, NoteKind(row.kind), row.author, row.text, row.done, row.written, row.name, row.changed
            )
            for row in session.scalars(query)
        ]


def _build_incident(row: IncidentRow) -> Incident:
    values = {name: getattr(row, name) for name in _NAMES}
    values["status"] = IncidentStatus(row.status)
    return Incident(**values, labels=tuple(row.labels))
