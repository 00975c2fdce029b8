"""Producers: the last sequence of each that the lake has acknowledged, so that what is sent again is taken once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import BigInteger, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.lake.state.columns import Base, Moment
from nephoscope.lake.state.database import Database


class ProducerRow(Base):
    """A producer and its last sequence."""

    __tablename__ = "producers"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[datetime] = mapped_column(Moment)


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

    def forget(self, prefix: str) -> int:
        """Drop the producers whose id begins so, of which nothing will be sent again; returns how many."""
        with self._database.write() as session:
            rows = session.scalars(
                select(ProducerRow).where(ProducerRow.id.startswith(prefix, autoescape=True))
            ).all()
            for row in rows:
                session.delete(row)
            return len(rows)
