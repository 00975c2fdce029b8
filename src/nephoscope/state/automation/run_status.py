"""Run status in all workspaces: counts by status and rule, failures, newest runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from nephoscope.state.automation.automation_runs import AutomationRunRow, RunStatus
from nephoscope.state.database.database import Database

#: What runs are sorted by, and the order of a list that names none; what they are counted by.
ORDERS, NEWEST = ("changed", "status", "kind", "attempts", "action"), "-changed"
GROUPS = ("status", "rule", "kind")
_OPEN = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)


@dataclass(frozen=True, slots=True)
class RunTally:
    """The runs of one rule: all, those that are `open` yet, and the `dead`; when one changed `last`, and why the newest dead one died.

    `died` is when that was (None = none did), `workspace` and `example` where it is kept under which id, `language` that of the rule.
    """

    runs: int = 0
    open: int = 0
    dead: int = 0
    last: datetime | None = None
    died: datetime | None = None
    reason: str = ""
    workspace: str = ""
    example: str = ""
    language: str = ""

    @property
    def failure(self) -> str:
        """Count how many runs were given up and why the newest was, '' where none was."""
        if not self.dead:
            return ""
        return f"{self.dead:,} {'runs are' if self.dead > 1 else 'run is'} dead, the last one: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run without what it sends: `kind` and `subject` say what it is about, `detail` what came of it."""

    id: str
    workspace: str
    rule: str
    action: str
    kind: str
    subject: str
    status: RunStatus
    attempts: int
    changed: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Filter of runs: rules, statuses, kinds of events (none = any), and text that a run contains.

    Only those of the rules `within` are meant where that is not None.
    """

    within: Collection[str] | None = None
    rules: Collection[str] = ()
    statuses: Collection[str] = ()
    kinds: Collection[str] = ()
    text: str = ""


class RunStandings:
    """Counts and lists runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_by_status(self, within: Collection[str] | None = None) -> dict[RunStatus, int]:
        """Every status -> how many runs stand so, in every workspace; of some rules alone, or of all."""
        mine = AutomationRunRow
        counted = (
            select(mine.status, func.count())
            .where(*_make_conditions(RunFilter(within=within)))
            .group_by(mine.status)
        )
        with self._database.read() as session:
            found = {RunStatus(status): count for status, count in session.execute(counted)}
        return {one: found.get(one, 0) for one in RunStatus}

    def tally_by_rule(self) -> dict[str, RunTally]:
        """Rule (of an automation: its id) -> how its runs of every workspace stand."""
        with self._database.read() as session:
            last = {row.rule: row for row in session.execute(_select_newest_dead())}
            found = {}
            for row in session.execute(_build_counts()):
                tally = RunTally(row.runs, row.open, row.dead, row.last, language=row.language)
                if died := last.get(row.rule):
                    newest = {"died": died.changed, "reason": died.detail}
                    tally = replace(tally, **newest, workspace=died.workspace, example=died.id)
                found[row.rule] = tally
        return found

    def page(
        self, which: RunFilter = RunFilter(), *, start: int = 0, most: int = 100, order: str = NEWEST
    ) -> list[RunLine]:
        """Runs from place `start` on, in an order of ORDERS (`-` before it = turned round), or those that changed last first."""
        mine, name = AutomationRunRow, order if order.removeprefix("-") in ORDERS else NEWEST
        column = getattr(mine, name.removeprefix("-"))
        query = select(*(getattr(mine, one) for one in _LINE)).where(*_make_conditions(which))
        query = query.order_by(
            column.desc() if name.startswith("-") else column, mine.changed.desc(), mine.id
        )
        with self._database.read() as session:
            return [_build_line(*row) for row in session.execute(query.offset(start).limit(most))]

    def count_by_column(self, which: RunFilter, by: str) -> dict[str, int]:
        """Count the runs of each value of a column of GROUPS."""
        if by not in GROUPS:
            raise ValueError(f"runs are not counted by {by}")
        column = getattr(AutomationRunRow, by)
        query = select(column, func.count()).where(*_make_conditions(which)).group_by(column)
        with self._database.read() as session:
            return {str(value): count for value, count in session.execute(query)}

    def list_runs_about(
        self,
        workspace: str,
        subjects: Collection[str],
        within: Collection[str] | None = None,
        *,
        most: int = 20,
    ) -> list[RunLine]:
        """Runs of a workspace about incidents (by number) and alerts (by id), those that changed last first."""
        mine = AutomationRunRow
        query = select(*(getattr(mine, name) for name in _LINE)).where(
            mine.workspace == workspace,
            mine.subject.in_(subjects),
            *_make_conditions(RunFilter(within=within)),
        )
        with self._database.read() as session:
            found = session.execute(query.order_by(mine.changed.desc(), mine.id).limit(most))
            return [_build_line(*row) for row in found]


_LINE = tuple(RunLine.__dataclass_fields__)


def _build_line(*values: Any) -> RunLine:
    found = dict(zip(_LINE, values, strict=True))
    return RunLine(**{**found, "status": RunStatus(found["status"])})


def _make_conditions(which: RunFilter) -> list[ColumnElement[bool]]:
    mine, found = AutomationRunRow, list[ColumnElement[bool]]()
    if which.rules:
        found.append(mine.rule.in_(which.rules))
    if which.within is not None:
        found.append(mine.rule.in_(which.within))
    if which.statuses:
        found.append(mine.status.in_(which.statuses))
    if which.kinds:
        found.append(mine.kind.in_(which.kinds))
    if which.text:
        columns = (mine.subject, mine.detail, mine.id)
        found.append(or_(*(one.icontains(which.text, autoescape=True) for one in columns)))
    return found


def _build_counts() -> Select[tuple[str, int, int, int, datetime, str]]:
    mine = AutomationRunRow
    waits = mine.status.in_([one.value for one in _OPEN])
    return select(
        mine.rule,
        func.count().label("runs"),
        func.coalesce(func.sum(case((waits, 1), else_=0)), 0).label("open"),
        func.coalesce(func.sum(case((mine.status == RunStatus.DEAD.value, 1), else_=0)), 0).label("dead"),
        func.max(mine.changed).label("last"),
        func.max(mine.language).label("language"),
    ).group_by(mine.rule)


def _select_newest_dead() -> Select[tuple[str, datetime, str, str, str]]:
    """Of each rule the run that died last."""
    mine = AutomationRunRow
    place = func.row_number().over(partition_by=mine.rule, order_by=(mine.changed.desc(), mine.id))
    several = (
        select(mine.rule, mine.changed, mine.detail, mine.workspace, mine.id, place.label("place"))
        .where(mine.status == RunStatus.DEAD.value)
        .subquery()
    )
    columns = several.c
    return select(columns.rule, columns.changed, columns.detail, columns.workspace, columns.id).where(
        columns.place == 1
    )
