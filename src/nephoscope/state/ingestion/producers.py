"""Producers: the last sequence of each that the lake has acknowledged, so that what is sent again is taken once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Select, Text, delete, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.ingestion.checkpoints import CheckpointRow
from nephoscope.state.ingestion.ingested_files import IngestedFileRow
from nephoscope.state.tables.columns import Base, UtcDateTime

FILE = "file-"
"""What the name of a file's producer begins with; the workspace and the content follow."""
UNUSED_AFTER = timedelta(days=2)
"""How long a producer that is done with is kept: longer than its rows may wait in a spool."""


class ProducerRow(Base):
    """A producer and its last sequence."""

    __tablename__ = "producers"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class Producers:
    """The sequences of all producers; they only rise."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, producer: str) -> int:
        """The last acknowledged sequence, -1 where there is none."""
        with self._database.read() as session:
            found = session.scalar(select(ProducerRow.sequence).where(ProducerRow.id == producer))
        return -1 if found is None else found

    def all(self) -> dict[str, int]:
        """The last sequence of every producer."""
        with self._database.read() as session:
            found = session.execute(select(ProducerRow.id, ProducerRow.sequence))
            return {row.id: row.sequence for row in found}

    def advance(self, sequences: Mapping[str, int]) -> None:
        """Record sequences; one that is lower than what is known changes nothing. All in one transaction."""
        if not sequences:
            return
        with self._database.write() as session:
            self.record(session, sequences)

    def record(self, session: Session, sequences: Mapping[str, int]) -> None:
        """Record sequences within the transaction of what belongs to them."""
        now = self._database.now(session)
        # in one order everywhere, so that two of these wait for each other and do not lock each other out
        rows = [{"id": id_, "sequence": sequences[id_], "changed": now} for id_ in sorted(sequences)]
        for begin in range(0, len(rows), 500):
            insert = self._database.insert(ProducerRow, rows[begin : begin + 500])
            session.execute(
                insert.on_conflict_do_update(
                    index_elements=["id"],
                    set_={"sequence": insert.excluded.sequence, "changed": insert.excluded.changed},
                    where=ProducerRow.sequence < insert.excluded.sequence,
                )
            )

    def prune(self, older_than: timedelta = UNUSED_AFTER) -> int:
        """Drop the producers that have long been silent and of which nothing can come any more; returns how many.

        Those are the files that were taken in whole, and the feeds of a source whose checkpoints name its feeds (storage, folders)
        where none names them: a blob or a file that is read anew gets a feed of its own.
        """
        with self._database.write() as session:
            before = self._database.now(session) - older_than
            named = literal(FILE) + IngestedFileRow.workspace + "-" + IngestedFileRow.identity
            done = select(named).where(IngestedFileRow.finished < before)
            gone = set(session.scalars(_select_silent(before).where(ProducerRow.id.in_(done))))
            gone |= _find_unnamed_producers(session, before)
            ids = sorted(gone)
            for begin in range(0, len(ids), 500):
                session.execute(delete(ProducerRow).where(ProducerRow.id.in_(ids[begin : begin + 500])))
            return len(ids)

    def forget(self, prefix: str) -> int:
        """Drop the producers whose id begins so, of which nothing will be sent again; returns how many."""
        with self._database.write() as session:
            rows = session.scalars(
                select(ProducerRow).where(ProducerRow.id.startswith(prefix, autoescape=True))
            ).all()
            for row in rows:
                session.delete(row)
            return len(rows)


def _select_silent(before: datetime) -> Select[str]:
    return select(ProducerRow.id).where(ProducerRow.changed < before)


def _find_unnamed_producers(session: Session, before: datetime) -> set[str]:
    """The producers of sources whose checkpoints name feeds, of feeds that none of them names."""
    feeds: dict[str, set[str]] = defaultdict(set)
    for source, value in session.execute(select(CheckpointRow.source, CheckpointRow.value)):
        if isinstance(value, dict) and isinstance(value.get("feed"), str):
            feeds[source].add(f"{source}/{value['feed']}")
    found: set[str] = set()
    for source, named in feeds.items():
        prefix = ProducerRow.id.startswith(f"{source}/", autoescape=True)
        found.update(one for one in session.scalars(_select_silent(before).where(prefix)) if one not in named)
    return found
