"""Table usage per hour that the Usage table does not have yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Float, Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals
from nephoscope.state.tables.columns import Base, UtcDateTime

_KEYS = ("workspace", "table_name", "hour")


class UsageRow(Base):
    """An hour of a table that is to be told, or what came to it after it was told; `delay` is the sum in seconds."""

    __tablename__ = "usage_untold"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    table_name: Mapped[str] = mapped_column(Text, primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    timed: Mapped[int] = mapped_column(BigInteger)
    delay: Mapped[float] = mapped_column(Float)


@dataclass(frozen=True, slots=True)
class TableUsage:
    """Ingestion of a table within an hour: rows, bytes, rows that say when they were, and the sum of their seconds to arrival."""

    workspace: str
    table: str
    hour: datetime
    rows: int
    size: int
    timed: int
    delay: float


class Usages:
    """Table usage that was not yet written to the table Usage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, session: Session, several: Iterable[Arrivals]) -> None:
        """Count arrivals within the transaction that notes them."""
        used = [_make_usage(one, table) for one in several for table in one.tables if table.rows]
        # in one order everywhere, so that two of these wait for each other and do not lock each other out
        for each in sorted(used, key=lambda one: (one.workspace, one.table, one.hour)):
            self._add_usage(session, each)

    def _add_usage(self, session: Session, one: TableUsage) -> None:
        counts: dict[str, float] = {
            "rows": one.rows,
            "size": one.size,
            "timed": one.timed,
            "delay": one.delay,
        }
        key = dict(zip(_KEYS, (one.workspace, one.table, one.hour), strict=True))
        insert = self._database.insert(UsageRow, key | counts)
        changes = {name: getattr(UsageRow, name) + getattr(insert.excluded, name) for name in counts}
        session.execute(insert.on_conflict_do_update(index_elements=list(_KEYS), set_=changes))

    def pop_hours(self, session: Session, before: datetime) -> list[TableUsage]:
        """Take the hours that began before a time, within the transaction that tells them."""
        gone = delete(UsageRow).where(UsageRow.hour < before).returning(UsageRow)
        found = [
            TableUsage(row.workspace, row.table_name, row.hour, row.rows, row.size, row.timed, row.delay)
            for row in session.scalars(gone)
        ]
        return sorted(found, key=lambda one: (one.workspace, one.hour, one.table))


def _make_usage(one: Arrivals, table: Arrival) -> TableUsage:
    hour = one.at.replace(minute=0, second=0, microsecond=0)
    delay = table.delay * table.timed_rows
    return TableUsage(one.workspace, table.table, hour, table.rows, table.size, table.timed_rows, delay)
