"""Segments of the spool whose arrivals are counted and whose files may still be there: an interrupted flush counts them once."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base

_AT_ONCE = 500


class CountedSegmentRow(Base):
    """A segment, as `writer/number`."""

    __tablename__ = "counted_segments"
    segment: Mapped[str] = mapped_column(Text, primary_key=True)


class CountedSegments:
    """All of them; they are noted by the one who flushes, in the transaction of the counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_segments(self, session: Session, segments: Collection[str], there: Collection[str]) -> list[str]:
        """Note segments, and forget those whose files are not `there`; which of them were not counted yet, sorted."""
        known = set(session.scalars(select(CountedSegmentRow.segment)))
        gone = sorted(known - set(there))
        for begin in range(0, len(gone), _AT_ONCE):
            some = gone[begin : begin + _AT_ONCE]
            session.execute(delete(CountedSegmentRow).where(CountedSegmentRow.segment.in_(some)))
        new = sorted(set(segments) - known)
        session.add_all(CountedSegmentRow(segment=one) for one in new)
        session.flush()
        return new

    def all(self) -> frozenset[str]:
        """Return those that are noted."""
        with self._database.read() as session:
            return frozenset(session.scalars(select(CountedSegmentRow.segment)))
