"""The outbox: rows of the lake that belong to a change of the state, written with it, appended to the lake exactly once.

A change adds its rows in its own transaction, a large one before it, held back until its transaction releases them. A reader puts what
waits into numbered batches, appends a batch under its number, and only then drops it: a reader that dies in between appends the same
batch under the same number again, which the lake takes once. Entries get their batch when they are read and not when they are written,
so that a transaction that commits late is not passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, count, groupby
from typing import TYPE_CHECKING, Protocol, cast

from sqlalchemy import BigInteger, Text, delete, func, insert, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.leases.leases import Lease
from nephoscope.state.tables.columns import COUNTED, Base, Json, UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy import Table

BATCH = 1000
#: Rows of a change that are kept as one: a statement a row would hold the database for as long as it takes to write them all.
PACK = 200
#: Characters of rows that are a batch, whatever their number.
_BATCH_TEXT = 2 << 20
PRODUCER = "outbox"


class OutboxRow(Base):
    """A row that waits for the lake, or an array of several; a negative batch is that of rows that are held back."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    batch: Mapped[int | None] = mapped_column(BigInteger, index=True)
    workspace: Mapped[str] = mapped_column(Text)
    table_name: Mapped[str] = mapped_column(Text)
    row: Mapped[dict[str, object] | list[dict[str, object]]] = mapped_column(Json)
    added: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxBatchRow(Base):
    """The number of the last batch: one row."""

    __tablename__ = "outbox_batch"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A row of a table of a workspace; its values are JSON values (times in ISO 8601)."""

    workspace: str
    table: str
    row: Mapping[str, object]
    added: datetime


class Append(Protocol):
    """Function that appends rows to the lake and returns when they are durable; the same sequence a second time must do nothing."""

    def __call__(self, entries: tuple[OutboxEntry, ...], *, producer: str, sequence: int) -> None:
        """Append all of them."""


class Outbox:
    """Entries that wait to be appended to the lake."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: Session, workspace: str, table: str, row: Mapping[str, object]) -> None:
        """Add a row within the transaction (State.transaction) of the change that it tells of."""
        now = self._database.now(session)
        session.add(OutboxRow(workspace=workspace, table_name=table, row=dict(row), added=now))

    def add_many(
        self,
        session: Session,
        workspace: str,
        rows: Sequence[tuple[str, Mapping[str, object]]],
        held: int = 0,
    ) -> None:
        """Add many rows (table, row) as `add` does; those that are held under a number come to the lake once it is released."""
        now = self._database.now(session)
        values = [
            {
                "workspace": workspace,
                "table_name": table,
                "row": several,
                "added": now,
                "batch": -held or None,
            }
            for table, several in _read_packs(rows)
        ]
        if values:
            session.connection().execute(insert(cast("Table", OutboxRow.__table__)), values)

    def release(self, session: Session, held: int) -> None:
        """Let the rows that are held under a number come to the lake."""
        session.execute(update(OutboxRow).where(OutboxRow.batch == -held).values(batch=None))

    def forget(self, session: Session, held: int) -> None:
        """Drop the rows that are held under a number."""
        session.execute(delete(OutboxRow).where(OutboxRow.batch == -held))

    def list_held(self) -> set[int]:
        """The numbers under which rows are held."""
        with self._database.read() as session:
            found = session.scalars(select(OutboxRow.batch).where(OutboxRow.batch < 0).distinct())
            return {-number for number in found if number is not None}

    def waiting(self) -> int:
        """Count how many rows wait, several that were added as one counted once."""
        query = select(func.count()).select_from(OutboxRow)
        with self._database.read() as session:
            return session.scalar(query.where(or_(OutboxRow.batch.is_(None), OutboxRow.batch >= 0))) or 0

    def drain(self, append: Append, lease: Lease, batches: int | None = None) -> int:
        """Append what waits, batch by batch, all or so many; returns how many rows. LeaseLostError where another reader took over."""
        drained = 0
        for _ in count() if batches is None else range(batches):
            found = self._claim_next_batch(lease)
            if found is None:
                break
            number, entries = found
            append(entries, producer=PRODUCER, sequence=number)
            with self._database.write() as session:
                session.execute(delete(OutboxRow).where(OutboxRow.batch == number))
            drained += len(entries)
        return drained

    def _claim_next_batch(self, lease: Lease) -> tuple[int, tuple[OutboxEntry, ...]] | None:
        """The batch that was begun, or a new one; None where nothing waits."""
        with self._database.write() as session:
            lease.check(session)
            number = session.scalar(select(func.min(OutboxRow.batch)).where(OutboxRow.batch >= 0))
            if number is None:
                number = self._begin_batch(session)
            if number is None:
                return None
            rows = session.scalars(select(OutboxRow).where(OutboxRow.batch == number).order_by(OutboxRow.id))
            return number, tuple(
                OutboxEntry(row.workspace, row.table_name, one, row.added)
                for row in rows
                for one in (row.row if isinstance(row.row, list) else [row.row])
            )

    def _begin_batch(self, session: Session) -> int | None:
        """Give the oldest rows the next number."""
        query = select(OutboxRow.id, func.length(OutboxRow.row)).where(OutboxRow.batch.is_(None))
        found = session.execute(query.order_by(OutboxRow.id).limit(BATCH)).all()
        if not found:
            return None
        before = accumulate((length for _, length in found), initial=0)
        ids = [id_ for (id_, _), text in zip(found, before, strict=False) if text <= _BATCH_TEXT]
        made = self._database.insert(OutboxBatchRow, {"id": 1, "last": 0})
        number: int = session.scalars(
            made.on_conflict_do_update(
                index_elements=["id"], set_={"last": OutboxBatchRow.last + 1}
            ).returning(OutboxBatchRow.last)
        ).one()
        session.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(batch=number))
        return number


def _read_packs(
    rows: Sequence[tuple[str, Mapping[str, object]]],
) -> Iterator[tuple[str, dict[str, object] | list[dict[str, object]]]]:
    """The rows of each table in packs, one alone as it is."""
    for table, several in groupby(rows, key=lambda one: one[0]):
        of_table = [dict(row) for _, row in several]
        for start in range(0, len(of_table), PACK):
            pack = of_table[start : start + PACK]
            yield table, pack[0] if len(pack) == 1 else pack
