"""Runs of rules: which window was run, what came of it, and how long it took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, Index, Text, delete, func, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.rules.rule_state import RuleStandingRow
from nephoscope.state.tables.columns import Base, UtcDateTime


class RuleRunRow(Base):
    """A window of a rule that was run; a second run of it takes the place of the first."""

    __tablename__ = "rule_runs"
    __table_args__ = (Index("ix_rule_runs_fault", "workspace", "fault", "rule"),)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    finished: Mapped[datetime] = mapped_column(UtcDateTime)
    rows: Mapped[int] = mapped_column(BigInteger)
    alerts: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    error: Mapped[str] = mapped_column(Text)
    fault: Mapped[bool] = mapped_column(Boolean)
    tries: Mapped[int] = mapped_column(BigInteger, server_default="1")


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One run: its window's end, when it was finished, the rows and alerts it gave, or its error.

    `fault`: it is run again; `tries` is how often it was run.
    """

    workspace: str
    rule: str
    until: datetime
    finished: datetime
    rows: int
    alerts: int
    seconds: float
    error: str
    fault: bool
    tries: int = 1


class RuleRuns:
    """All runs that are remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, session: Session, runs: Sequence[RuleRun]) -> None:
        """Note runs, in the transaction of the alerts that they gave; one of a window that was run before counts as one try more."""
        self._database.upsert(
            session,
            RuleRunRow,
            [asdict(run) for run in runs],
            ["workspace", "rule", "until"],
            changes={"tries": RuleRunRow.tries + 1},
        )

    def last(
        self, workspace: str, rules: Iterable[str] = (), before: datetime | None = None
    ) -> dict[str, RuleRun]:
        """The run with the last window of each rule (of some or all), of those that ended by a time."""
        other = aliased(RuleRunRow)
        newest = select(func.max(other.until)).where(
            other.workspace == RuleStandingRow.workspace, other.rule == RuleStandingRow.rule
        )
        if before is not None:
            newest = newest.where(other.until <= before)
        query = (
            select(RuleRunRow)
            .join(
                RuleStandingRow,
                (RuleRunRow.workspace == RuleStandingRow.workspace)
                & (RuleRunRow.rule == RuleStandingRow.rule)
                & (RuleRunRow.until == newest.scalar_subquery()),
            )
            .where(RuleStandingRow.workspace == workspace)
        )
        wanted = list(rules)
        if wanted:
            query = query.where(RuleStandingRow.rule.in_(wanted))
        with self._database.read() as session:
            return {row.rule: _build_rule_run(row) for row in session.scalars(query)}

    def first(self, workspace: str, rule: str) -> datetime | None:
        """The end of the first window of a rule whose run is remembered."""
        query = select(func.min(RuleRunRow.until)).where(
            RuleRunRow.workspace == workspace, RuleRunRow.rule == rule
        )
        with self._database.read() as session:
            return session.scalar(query)

    def map_extents(self, workspace: str) -> dict[str, tuple[datetime, datetime, int]]:
        """Rule -> the ends of the first and the last window whose runs are remembered without an error, and how many there are."""
        query = (
            select(RuleRunRow.rule, func.min(RuleRunRow.until), func.max(RuleRunRow.until), func.count())
            .where(RuleRunRow.workspace == workspace, RuleRunRow.error == "")
            .group_by(RuleRunRow.rule)
        )
        with self._database.read() as session:
            return {rule: (first, last, count) for rule, first, last, count in session.execute(query)}

    def list_window_ends(self, workspace: str, rule: str) -> list[datetime]:
        """The ends of a rule's windows whose runs are remembered without an error, in order."""
        query = select(RuleRunRow.until).where(
            RuleRunRow.workspace == workspace, RuleRunRow.rule == rule, RuleRunRow.error == ""
        )
        with self._database.read() as session:
            return list(session.scalars(query.order_by(RuleRunRow.until)))

    def faults(self, workspace: str, rules: Iterable[str] = ()) -> dict[str, list[RuleRun]]:
        """The runs that ended in a fault and are to be run again, by rule (of some or all)."""
        query = select(RuleRunRow).where(RuleRunRow.workspace == workspace, RuleRunRow.fault.is_(True))
        wanted = list(rules)
        if wanted:
            query = query.where(RuleRunRow.rule.in_(wanted))
        found: dict[str, list[RuleRun]] = defaultdict(list)
        with self._database.read() as session:
            for row in session.scalars(query.order_by(RuleRunRow.until)):
                found[row.rule].append(_build_rule_run(row))
        return found

    def prune(self, workspace: str, before: datetime) -> int:
        """Forget the runs of windows that ended before a time, but for the last of each rule; how many there were."""
        other = aliased(RuleRunRow)
        later = select(other.until).where(
            other.workspace == RuleRunRow.workspace,
            other.rule == RuleRunRow.rule,
            other.until > RuleRunRow.until,
        )
        old = (
            delete(RuleRunRow)
            .where(RuleRunRow.workspace == workspace, RuleRunRow.until < before, later.exists())
            .returning(RuleRunRow.until)
        )
        with self._database.write() as session:
            return len(session.scalars(old).all())

    def list_runs_between(self, workspace: str, since: datetime, until: datetime) -> list[RuleRun]:
        """The runs of windows that ended in [since, until)."""
        query = select(RuleRunRow).where(
            RuleRunRow.workspace == workspace, RuleRunRow.until >= since, RuleRunRow.until < until
        )
        with self._database.read() as session:
            return [_build_rule_run(row) for row in session.scalars(query)]


def _build_rule_run(row: RuleRunRow) -> RuleRun:
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
        row.tries,
    )
