"""Queue of events that no automation rule was evaluated for yet, and the runs of actions with their results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Index,
    Integer,
    Select,
    Text,
    and_,
    delete,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.tables.columns import COUNTED, AuditedRow, Base, Json, UtcDateTime

_FIRST = 50
_TOGETHER = 200


class RunStatus(StrEnum):
    """Status of a run. `approve` waits for a person; `dead` has used all its tries."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    APPROVE = "approve"
    DENIED = "denied"
    EXPIRED = "expired"
    UNDONE = "undone"


class RuleLanguage(StrEnum):
    """Language of a run's rule: a file of response, an automation of Azure, or a document of Sentinel."""

    RESPONSE = "response"
    AUTOMATION = "automation"
    SENTINEL = "sentinel"


class RunStep(StrEnum):
    """Step at which a run is or ended: the action (or its plan), the approved change, the reversal."""

    DO = "do"
    APPLY = "apply"
    UNDO = "undo"


class AutomationEventRow(Base):
    """Something that happened to an alert or an incident and that no rule was asked about yet."""

    __tablename__ = "automation_events"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    workspace: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    document: Mapped[dict[str, object]] = mapped_column(Json)
    happened: Mapped[datetime] = mapped_column(UtcDateTime)


class AutomationFactRow(Base):
    """Facts of a subject as its last event stated them, so that the next event tells what changed."""

    __tablename__ = "automation_facts"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    facts: Mapped[dict[str, object]] = mapped_column(Json)


class AutomationRunRow(AuditedRow):
    """A run of an action."""

    __tablename__ = "automation_runs"
    __table_args__ = (Index("ix_automation_runs_due", "workspace", "status", "due"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, object]] = mapped_column(Json)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    urgent: Mapped[bool] = mapped_column(Boolean)
    status: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    begun: Mapped[int] = mapped_column(Integer)
    cut_off: Mapped[int] = mapped_column(Integer)
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    # what is long comes last: what is before it is read without it
    plan: Mapped[dict[str, object] | None] = mapped_column(Json)
    document: Mapped[dict[str, object]] = mapped_column(Json)
    requesters: Mapped[list[str]] = mapped_column(Json)


@dataclass(frozen=True, slots=True)
class AutomationEvent:
    """An event: `kind` as in incident.created, `subject` the alert's id or the incident's number, `document` how it stands."""

    id: int
    workspace: str
    kind: str
    subject: str
    document: dict[str, Any]
    happened: datetime


@dataclass(frozen=True, slots=True)
class AutomationRun:
    """A run: `id` is the same however often it is tried.

    `due` is when it is tried next; `until` when what it did is over; `plan` what a person approves, `by` who decided last. `attempts`
    counts the tries since somebody asked for them; of its step, `begun` counts all and `cut_off` those whose process ended meanwhile,
    so that nobody knows what they did. `urgent` are those of alerts, of incidents and of people who try something: they go first.
    `requesters` asked for it: who wrote its rule, or the change; nobody of them approves its plan.
    """

    id: str
    workspace: str
    rule: str
    action: str
    settings: dict[str, Any]
    kind: str
    subject: str
    document: dict[str, Any]
    status: RunStatus
    due: datetime
    created: datetime
    changed: datetime
    attempts: int = 0
    until: datetime | None = None
    detail: str = ""
    plan: dict[str, Any] | None = None
    by: str = ""
    step: RunStep = RunStep.DO
    begun: int = 0
    cut_off: int = 0
    language: RuleLanguage = RuleLanguage.RESPONSE
    urgent: bool = True
    requesters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that may be begun now."""

    id: str
    rule: str
    action: str
    settings: dict[str, Any]
    step: RunStep
    urgent: bool
    due: datetime


_EVENT, _RUN = tuple(AutomationEvent.__dataclass_fields__), tuple(AutomationRun.__dataclass_fields__)


class AutomationRuns:
    """Events and runs; what changes takes the session of the transaction that it belongs to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_event(
        self,
        session: Session,
        workspace: str,
        kind: str,
        subject: str,
        document: Mapping[str, object],
        now: datetime,
    ) -> None:
        """Note an event, in the transaction of the change that it tells of."""
        session.add(
            AutomationEventRow(
                workspace=workspace, kind=kind, subject=subject, document=dict(document), happened=now
            )
        )

    def lock_next_event(self, session: Session, workspace: str) -> AutomationEvent | None:
        """The oldest event, locked to the end of the transaction; None where there is none."""
        query = select(AutomationEventRow).where(AutomationEventRow.workspace == workspace)
        row = session.scalar(query.order_by(AutomationEventRow.id).limit(1).with_for_update())
        return None if row is None else AutomationEvent(**{name: getattr(row, name) for name in _EVENT})

    def forget(self, session: Session, event: AutomationEvent, facts: Mapping[str, object]) -> None:
        """The event was looked at; its facts are what the next one is compared with."""
        session.delete(session.get_one(AutomationEventRow, event.id))
        session.merge(
            AutomationFactRow(workspace=event.workspace, subject=_format_key(event), facts=dict(facts))
        )
        session.flush()

    def read_previous_facts(self, session: Session, event: AutomationEvent) -> dict[str, object]:
        """Return what the event before said of the same subject."""
        row = session.get(AutomationFactRow, (event.workspace, _format_key(event)))
        return {} if row is None else dict(row.facts)

    def put(self, session: Session, run: AutomationRun) -> None:
        """Keep a run, in place of the one of its id."""
        session.merge(AutomationRunRow(**_build_column_values(run)))
        session.flush()

    def read(self, session: Session, id_: str) -> AutomationRun:
        """The run whose id begins so; NotFoundError where there is none, StateError where there are several."""
        query = select(AutomationRunRow).where(AutomationRunRow.id.startswith(id_, autoescape=True))
        rows = session.scalars(query.limit(2).with_for_update()).all()
        if not rows:
            raise NotFoundError(f"run {id_!r} not found")
        if len(rows) > 1:
            raise StateError(f"several runs have IDs that start with {id_}")
        return _build_automation_run(rows[0])

    def has_run(self, session: Session, id_: str) -> bool:
        """Return whether there is a run of an id."""
        return session.get(AutomationRunRow, id_) is not None

    def list_plans(self, ids: Collection[str]) -> dict[str, Mapping[str, object]]:
        """Return the plans of runs by their whole ids, of those that have one."""
        query = select(AutomationRunRow.id, AutomationRunRow.plan).where(AutomationRunRow.id.in_(ids))
        with self._database.read() as session:
            return {id_: plan for id_, plan in session.execute(query) if plan}

    def plan(self, session: Session, runs: Iterable[AutomationRun]) -> None:
        """Keep runs that are new; those whose id is known stay as they are."""
        rows = [_build_column_values(run) for run in runs]
        for at in range(0, len(rows), _TOGETHER):
            new = self._database.insert(AutomationRunRow, rows[at : at + _TOGETHER])
            session.execute(new.on_conflict_do_nothing(index_elements=["id"]))

    def due(self, workspace: str, now: datetime, lasting: Collection[str]) -> list[DueRun]:
        """The runs to be tried now: of each rule and action the first ones, and of each urgency; those whose time is over.

        `lasting` are the actions whose runs have such a time: what they did, or the time to approve it, is over.
        """
        with self._database.read() as session:
            rows = list(session.execute(_select_oldest(workspace, now)).mappings())
            if lasting:
                rows += session.execute(_select_expired_runs(workspace, now, lasting)).mappings()
        return [
            DueRun(**{**row, "step": RunStep(row["step"]), "urgent": bool(row["urgent"])}) for row in rows
        ]

    def claim_due(self, session: Session, ids: Collection[str], now: datetime) -> list[AutomationRun]:
        """Lock those of several runs that are still due to the end of the transaction, and return them in their order."""
        mine = AutomationRunRow
        wanted = (
            select(mine).where(mine.id.in_(ids), or_(_select_pending(now), _is_over(now))).with_for_update()
        )
        found = {row.id: _build_automation_run(row) for row in session.scalars(wanted)}
        return [found[id_] for id_ in ids if id_ in found]

    def list_newest(
        self, workspace: str, *, statuses: Sequence[RunStatus] = (), most: int = 100
    ) -> list[AutomationRun]:
        """The newest runs."""
        query = select(AutomationRunRow).where(AutomationRunRow.workspace == workspace)
        if statuses:
            query = query.where(AutomationRunRow.status.in_([one.value for one in statuses]))
        query = query.order_by(AutomationRunRow.created.desc(), AutomationRunRow.id).limit(most)
        with self._database.read() as session:
            return [_build_automation_run(row) for row in session.scalars(query)]

    def open_plans(self, action: str) -> list[AutomationRun]:
        """The runs of an action in every workspace whose plans hold, or may yet: of those that wait, too."""
        over = [one.value for one in (RunStatus.DENIED, RunStatus.EXPIRED, RunStatus.UNDONE)]
        mine = AutomationRunRow
        query = select(mine).where(mine.action == action, mine.status.not_in(over), mine.plan.is_not(None))
        with self._database.read() as session:
            return [
                _build_automation_run(row) for row in session.scalars(query.order_by(mine.created, mine.id))
            ]

    def list_runs_in_language(
        self, language: RuleLanguage, rule: str = "", most: int = 100
    ) -> list[AutomationRun]:
        """Return the newest runs of the rules of a language, or of one of them."""
        mine = AutomationRunRow
        query = select(mine).where(mine.language == language.value, *([mine.rule == rule] if rule else []))
        with self._database.read() as session:
            return [
                _build_automation_run(row)
                for row in session.scalars(query.order_by(mine.created.desc(), mine.id).limit(most))
            ]

    def prune(self, session: Session, workspace: str, before: datetime) -> int:
        """Forget runs that were done before a time and left nothing to undo; how many. Dead ones stay until somebody retries them."""
        mine = AutomationRunRow
        done = (mine.status == RunStatus.DONE.value, mine.changed < before, mine.plan.is_(None))
        gone = delete(mine).where(mine.workspace == workspace, *done).returning(mine.id)
        return len(session.scalars(gone).all())

    def waiting(self, workspace: str) -> int:
        """Count how many events nobody looked at yet."""
        query = select(func.count()).select_from(AutomationEventRow)
        with self._database.read() as session:
            return session.scalar(query.where(AutomationEventRow.workspace == workspace)) or 0


def _select_pending(now: datetime) -> ColumnElement[bool]:
    return and_(AutomationRunRow.status == RunStatus.PENDING.value, AutomationRunRow.due <= now)


def _is_over(now: datetime) -> ColumnElement[bool]:
    waits = (RunStatus.DONE.value, RunStatus.APPROVE.value)
    return and_(AutomationRunRow.status.in_(waits), AutomationRunRow.until <= now)


def _select_oldest(workspace: str, now: datetime) -> Select[object]:
    """The columns of a DueRun of the oldest runs of each rule, action and urgency."""
    mine = AutomationRunRow
    place = (
        func.row_number()
        .over(partition_by=(mine.rule, mine.action, mine.settings, mine.urgent), order_by=(mine.due, mine.id))
        .label("place")
    )
    several = (
        select(mine.id, mine.rule, mine.action, mine.settings, mine.step, mine.urgent, mine.due, place)
        .where(mine.workspace == workspace, _select_pending(now))
        .subquery()
    )
    columns = [one for one in several.c if one.name != "place"]
    return select(*columns).where(several.c.place <= _FIRST).order_by(several.c.due, several.c.id)


def _select_expired_runs(
    workspace: str, now: datetime, lasting: Collection[str]
) -> Select[str, str, str, dict[str, object], str, bool, datetime | None]:
    mine = AutomationRunRow
    columns = (
        mine.id,
        mine.rule,
        mine.action,
        mine.settings,
        mine.step,
        true().label("urgent"),
        mine.until.label("due"),
    )
    asked = (mine.workspace == workspace, mine.action.in_(lasting), _is_over(now))
    return select(*columns).where(*asked).order_by(mine.until, mine.id).limit(_FIRST)


def _format_key(event: AutomationEvent) -> str:
    return f"{event.kind.partition('.')[0]}/{event.subject}"


def _build_column_values(run: AutomationRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _RUN} | {"requesters": list(run.requesters)}


def _build_automation_run(row: AutomationRunRow) -> AutomationRun:
    values = {name: getattr(row, name) for name in _RUN}
    values |= {
        "status": RunStatus(row.status),
        "step": RunStep(row.step),
        "language": RuleLanguage(row.language),
        "requesters": tuple(row.requesters),
    }
    return AutomationRun(**values)
