"""Runs of rules: which window was run, what came of it, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.lake.state.columns import Base, Moment
from nephoscope.lake.state.database import Database


class RuleRunRow(Base):
    """A window of a rule that was run; a second run of it takes the place of the first."""

    __tablename__ = "rule_runs"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    finished: Mapped[datetime] = mapped_column(Moment)
    rows: Mapped[int] = mapped_column(BigInteger)
    alerts: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    error: Mapped[str] = mapped_column(Text)
    fault: Mapped[bool] = mapped_column(Boolean)


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One run: its window's end, when it was finished, the rows and alerts it gave, or its error; `fault`: it is run again."""

    workspace: str
    rule: str
    until: datetime
    finished: datetime
    rows: int
    alerts: int
    seconds: float
    error: str
    fault: bool


class RuleRuns:
    """All runs that are remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, session: Session, run: RuleRun) -> None:
        """Note a run, in the transaction of the alerts that it gave."""
        insert = self._database.insert(RuleRunRow, asdict(run))
        changes = {
            name: insert.excluded[name]
            for name in ("finished", "rows", "alerts", "seconds", "error", "fault")
        }
        session.execute(
            insert.on_conflict_do_update(index_elements=["workspace", "rule", "until"], set_=changes)
        )

    def last(self, workspace: str, rules: Iterable[str] = ()) -> dict[str, RuleRun]:
        """The run with the last window of each rule (of some or all)."""
        newest = (
            select(RuleRunRow.rule, func.max(RuleRunRow.until).label("until"))
            .where(RuleRunRow.workspace == workspace)
            .group_by(RuleRunRow.rule)
            .subquery()
        )
        query = (
            select(RuleRunRow)
            .join(newest, (RuleRunRow.rule == newest.c.rule) & (RuleRunRow.until == newest.c.until))
            .where(RuleRunRow.workspace == workspace)
        )
        wanted = set(rules)
        with self._database.read() as session:
            found = (_run(row) for row in session.scalars(query))
            return {one.rule: one for one in found if not wanted or one.rule in wanted}

    def between(self, workspace: str, since: datetime, until: datetime) -> list[RuleRun]:
        """The runs of windows that ended in [since, until)."""
        query = select(RuleRunRow).where(
            RuleRunRow.workspace == workspace, RuleRunRow.until >= since, RuleRunRow.until < until
        )
        with self._database.read() as session:
            return [_run(row) for row in session.scalars(query)]


def _run(row: RuleRunRow) -> RuleRun:
    return RuleRun(
        row.workspace,
        row.rule,
        row.until,
        row.finished,
        row.rows,
        row.alerts,
        row.seconds,
        row.error,
        row.fault,
    )
