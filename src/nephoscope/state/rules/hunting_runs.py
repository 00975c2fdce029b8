"""Runs of hunting queries: how much each found, so that the next run can say what is new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Float, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, UtcDateTime


class HuntingRunRow(Base):
    """The last run of a hunting query in a workspace."""

    __tablename__ = "hunting_runs"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    query: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    finished: Mapped[datetime] = mapped_column(UtcDateTime)
    hits: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
    error: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class HuntingRun:
    """A run of a query over [since, until): how many rows it gave, or the error that it ended in ('' = none)."""

    workspace: str
    query: str
    since: datetime
    until: datetime
    finished: datetime
    hits: int
    seconds: float
    error: str = ""

    @property
    def length(self) -> timedelta:
        """Return how much time it looked at."""
        return self.until - self.since


_NAMES = tuple(HuntingRun.__dataclass_fields__)


class HuntingRuns:
    """The last run of each query."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, workspace: str) -> dict[str, HuntingRun]:
        """Query id -> its last run."""
        with self._database.read() as session:
            rows = session.scalars(select(HuntingRunRow).where(HuntingRunRow.workspace == workspace))
            return {row.query: HuntingRun(**{name: getattr(row, name) for name in _NAMES}) for row in rows}

    def put(self, runs: Iterable[HuntingRun]) -> None:
        """Keep runs, each in the place of the one of its query."""
        with self._database.write() as session:
            for run in runs:
                session.merge(HuntingRunRow(**{name: getattr(run, name) for name in _NAMES}))
