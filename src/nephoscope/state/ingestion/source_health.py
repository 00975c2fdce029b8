"""Source health: per source and table the last event, what came hour by hour, how late, how much of it was bad, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Float, Text, case, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals
from nephoscope.state.ingestion.source_errors import SourceErrors, SourceErrorSummary
from nephoscope.state.tables.columns import Base, UtcDateTime

#: Errors that a sentence tells.
_TOLD = 3
_NONE = SourceErrorSummary()


class SourceHealthRow(Base):
    """The state of a source's table; of the source itself where `table_name` is ''."""

    __tablename__ = "source_health"
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    table_name: Mapped[str] = mapped_column(Text, primary_key=True)
    first_seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_event: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    bad: Mapped[int] = mapped_column(BigInteger, default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    lag: Mapped[int | None] = mapped_column(BigInteger)
    columns: Mapped[str] = mapped_column(Text, default="")
    untimed: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    left_out: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class SourceRateRow(Base):
    """Rows and delays of a source's table within an hour."""

    __tablename__ = "source_rates"
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    table_name: Mapped[str] = mapped_column(Text, primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    delay: Mapped[float] = mapped_column(Float)
    untimed: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The health of a source's table (`table` is '' for the source itself: its errors and its lag).

    `rows`, `bad`, `size` (bytes), `untimed` count since the first arrival; `lag` is what the source says it still has to read (None:
    it does not say); `columns` is what was last said of the schema by `schema`. `standing` are its errors that are not over.
    `left_out`, of the source itself, are its rows of tables that its workspace does not take.
    """

    source: str
    table: str
    workspace: str = "default"
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    last_event: datetime | None = None
    rows: int = 0
    bad: int = 0
    size: int = 0
    lag: int | None = None
    columns: str = ""
    standing: SourceErrorSummary = _NONE
    untimed: int = 0
    left_out: int = 0

    @property
    def error(self) -> str:
        """Return what is wrong, in a sentence: the last errors and how many more there are; '' where nothing is."""
        return format_last_errors(self.standing)

    @property
    def error_at(self) -> datetime | None:
        """Return when an error was told last that is not over."""
        return self.standing.errors[0].at if self.standing.errors else None


def format_last_errors(standing: SourceErrorSummary) -> str:
    """The last errors and how many more there are."""
    messages = list(dict.fromkeys(one.error for one in standing.errors))[:_TOLD]
    more = standing.count - sum(one.error in messages for one in standing.errors)
    return "; ".join([*messages, f"and {more} more"] if more else messages)


@dataclass(frozen=True, slots=True)
class SourceRate:
    """An hour of a source's table; `delay` is the mean in seconds over its rows but for the `untimed` ones."""

    source: str
    table: str
    hour: datetime
    rows: int
    bad: int
    size: int
    delay: float
    workspace: str = "default"
    untimed: int = 0

    @property
    def timed_rows(self) -> int:
        """The rows that say when they were."""
        return self.rows - self.untimed


class SourceHealths:
    """The health of all sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_arrivals(
        self, source: str, arrivals: list[Arrival], at: datetime, workspace: str = "default"
    ) -> None:
        """Count what was acknowledged at a time; all tables in one transaction."""
        with self._database.write() as session:
            self.count(session, [Arrivals(source, workspace, at, tuple(arrivals))])

    def count(self, session: Session, several: Iterable[Arrivals]) -> None:
        """Count what was acknowledged, within the transaction that notes it."""
        for one in several:
            for arrival in sorted(one.tables, key=lambda arrival: arrival.table):
                key = {"source": one.source, "workspace": one.workspace, "table_name": arrival.table}
                self._count_arrival(session, key, arrival, one.at)
                self._count_hour(session, key, arrival, one.at)
            self._mark_tables_seen(session, _build_source_key(one.source, one.workspace), one.at)
            if one.left_out:
                self._record_left_out_columns(session, one)

    def _record_left_out_columns(self, session: Session, one: Arrivals) -> None:
        mine = SourceHealthRow
        here = (mine.source == one.source, mine.workspace == one.workspace, mine.table_name == "")
        session.execute(update(mine).where(*here).values(left_out=mine.left_out + one.left_out))

    def record_lag(self, source: str, lag: int | None, workspace: str = "default") -> None:
        """Record what a source still has to read: bytes, messages, files, as its kind counts."""
        with self._database.write() as session:
            self._upsert_row(session, SourceHealthRow, _build_source_key(source, workspace), {"lag": lag})

    def record_arrival(
        self, session: Session, source: str, tables: Iterable[str], at: datetime, workspace: str = "default"
    ) -> dict[str, str]:
        """Record that something of tables arrived, which is counted once it lies in them.

        Returns what was last said of the schema of each of them, and of the source itself (''), for `schema` in the same transaction.
        """
        names = sorted({"", *tables})
        for table in names:
            self._mark_tables_seen(
                session, {"source": source, "workspace": workspace, "table_name": table}, at
            )
        mine = SourceHealthRow
        query = select(mine.table_name, mine.columns).where(
            mine.source == source, mine.workspace == workspace, mine.table_name.in_(names)
        )
        return {row.table_name: row.columns for row in session.execute(query)}

    def schema(
        self, session: Session, source: str, columns: Mapping[str, str], workspace: str = "default"
    ) -> None:
        """Record what is usual in the columns of tables that were `seen`: a text each."""
        mine = SourceHealthRow
        for table, text in sorted(columns.items()):
            here = (mine.source == source, mine.workspace == workspace, mine.table_name == table)
            session.execute(update(mine).where(*here).values(columns=text))

    def all(self, source: str | None = None) -> tuple[SourceHealth, ...]:
        """The health of every table of every source, or of one source; the source itself (table '') comes first."""
        query = select(SourceHealthRow).order_by(
            SourceHealthRow.source, SourceHealthRow.workspace, SourceHealthRow.table_name
        )
        if source is not None:
            query = query.where(SourceHealthRow.source == source)
        standing = SourceErrors(self._database).all(source)
        with self._database.read() as session:
            found = [_build_health(row, standing) for row in session.scalars(query)]
        known = {(one.source, one.workspace) for one in found if not one.table}
        found += [
            SourceHealth(place[0], "", place[1], standing=one)
            for place, one in standing.items()
            if place not in known
        ]
        return tuple(sorted(found, key=lambda one: (one.source, one.workspace, one.table)))

    def rates(
        self, source: str | None = None, table: str | None = None, since: datetime | None = None
    ) -> tuple[SourceRate, ...]:
        """The hours in which something came, the oldest first; an hour that is missing brought nothing."""
        query = select(SourceRateRow).order_by(
            SourceRateRow.hour, SourceRateRow.source, SourceRateRow.table_name
        )
        if source is not None:
            query = query.where(SourceRateRow.source == source)
        if table is not None:
            query = query.where(SourceRateRow.table_name == table)
        if since is not None:
            query = query.where(SourceRateRow.hour >= since)
        with self._database.read() as session:
            return tuple(_build_rate(row) for row in session.scalars(query))

    def prune(self, before: datetime) -> int:
        """Forget hours that began before a time; returns how many."""
        gone = delete(SourceRateRow).where(SourceRateRow.hour < before).returning(SourceRateRow.source)
        with self._database.write() as session:
            return len(session.scalars(gone).all())

    def _count_arrival(self, session: Session, key: dict[str, Any], one: Arrival, at: datetime) -> None:
        first = {
            "rows": one.rows,
            "bad": one.bad,
            "size": one.size,
            "last_event": one.last_event,
            "untimed": one.untimed,
        }
        row = key | first | {"first_seen": at, "last_seen": at, "columns": ""}
        insert = self._database.insert(SourceHealthRow, row)
        mine, new = SourceHealthRow, insert.excluded
        changes = {
            "rows": mine.rows + new.rows,
            "bad": mine.bad + new.bad,
            "size": mine.size + new.size,
            "untimed": mine.untimed + new.untimed,
            "first_seen": func.coalesce(mine.first_seen, new.first_seen),
            "last_seen": _choose_latest(mine.last_seen, new.last_seen),
            "last_event": _choose_latest(mine.last_event, new.last_event),
        }
        session.execute(
            insert.on_conflict_do_update(index_elements=["source", "workspace", "table_name"], set_=changes)
        )

    def _count_hour(self, session: Session, key: dict[str, Any], one: Arrival, at: datetime) -> None:
        hour = at.replace(minute=0, second=0, microsecond=0)
        counts: dict[str, float] = {
            "rows": one.rows,
            "bad": one.bad,
            "size": one.size,
            "untimed": one.untimed,
        }
        counts |= {"delay": one.delay * one.timed_rows}
        insert = self._database.insert(SourceRateRow, key | {"hour": hour} | counts)
        changes = {name: getattr(SourceRateRow, name) + getattr(insert.excluded, name) for name in counts}
        keys = ["source", "workspace", "table_name", "hour"]
        session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changes))

    def _mark_tables_seen(self, session: Session, key: dict[str, object], at: datetime) -> None:
        empty = {"rows": 0, "bad": 0, "size": 0, "columns": "", "untimed": 0, "last_seen": at}
        insert = self._database.insert(SourceHealthRow, empty | key)
        later = _choose_latest(SourceHealthRow.last_seen, insert.excluded.last_seen)
        session.execute(insert.on_conflict_do_update(index_elements=list(key), set_={"last_seen": later}))

    def _upsert_row(
        self, session: Session, table: type[Base], key: dict[str, object], changes: dict[str, object]
    ) -> None:
        empty = {"rows": 0, "bad": 0, "size": 0, "columns": "", "untimed": 0}
        insert = self._database.insert(table, empty | key | changes)
        session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=changes))


#: How long the hours of a baseline are of use.
RATES_KEPT = timedelta(days=35)


def _build_source_key(source: str, workspace: str) -> dict[str, object]:
    return {"source": source, "workspace": workspace, "table_name": ""}


def _choose_latest(one: Any, other: Any) -> object:
    """The later of two times of which either may be null (the databases' own functions differ on null)."""
    return case((one.is_(None), other), (other.is_(None), one), (one > other, one), else_=other)


def _build_health(
    row: SourceHealthRow, standing: Mapping[tuple[str, str], SourceErrorSummary]
) -> SourceHealth:
    return SourceHealth(
        row.source,
        row.table_name,
        row.workspace,
        row.first_seen,
        row.last_seen,
        row.last_event,
        row.rows,
        row.bad,
        row.size,
        row.lag,
        row.columns,
        _NONE if row.table_name else standing.get((row.source, row.workspace), _NONE),
        row.untimed,
        row.left_out,
    )


def _build_rate(row: SourceRateRow) -> SourceRate:
    timed = row.rows - row.untimed
    mean = row.delay / timed if timed else 0.0
    return SourceRate(
        row.source, row.table_name, row.hour, row.rows, row.bad, row.size, mean, row.workspace, row.untimed
    )
