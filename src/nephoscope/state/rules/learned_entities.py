"""Learned entities: entities of findings during a rule's learning period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime


class LearnedRow(AuditedRow):
    """A finding's entities, by what names them; `first` and `last` are the ends of the windows that they were found in."""

    __tablename__ = "learned"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    first: Mapped[datetime] = mapped_column(UtcDateTime)
    last: Mapped[datetime] = mapped_column(UtcDateTime)


class LearnedEntities:
    """All that was learned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: Session, workspace: str, rule: str, keys: Iterable[str], moment: datetime) -> None:
        """Keep entities that a rule found at a time."""
        for key in dict.fromkeys(keys):
            row = session.get(LearnedRow, (workspace, rule, key))
            if row is None:
                session.add(LearnedRow(workspace=workspace, rule=rule, key=key, first=moment, last=moment))
            else:
                row.first, row.last = min(row.first, moment), max(row.last, moment)
        session.flush()

    def load_for_rule(self, workspace: str, rule: str) -> frozenset[str]:
        """Return what a rule has learned."""
        query = select(LearnedRow.key).where(LearnedRow.workspace == workspace, LearnedRow.rule == rule)
        with self._database.read() as session:
            return frozenset(session.scalars(query))

    def forget(self, session: Session, workspace: str, rule: str) -> None:
        """A rule knows nothing again."""
        session.execute(delete(LearnedRow).where(LearnedRow.workspace == workspace, LearnedRow.rule == rule))

    def drop(self, session: Session, workspace: str, rule: str, keys: Iterable[str]) -> int:
        """Forget some of what a rule has learned; how much."""
        gone = 0
        for key in dict.fromkeys(keys):
            row = session.get(LearnedRow, (workspace, rule, key))
            if row is not None:
                session.delete(row)
                gone += 1
        session.flush()
        return gone
