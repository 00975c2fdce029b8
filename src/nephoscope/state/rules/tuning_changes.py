"""History of suppressions and rule settings: author, time, values before and after; entries are never removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import COUNTED, AuditedRow, Json, UtcDateTime


class TuningChangeRow(AuditedRow):
    """A change."""

    __tablename__ = "tuning_changes"
    __table_args__ = (Index("ix_tuning_changes_advice", "workspace", "advice"),)
    number: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    workspace: Mapped[str] = mapped_column(Text)
    moment: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, object] | None] = mapped_column(Json, nullable=True)
    after: Mapped[dict[str, object] | None] = mapped_column(Json, nullable=True)
    advice: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class TuningChange:
    """A change of a `suppression` (subject: its id) or a `setting` (its name), as JSON objects; None: it was, or is, not there."""

    workspace: str
    moment: datetime
    author: str
    kind: str
    subject: str
    rule: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    advice: str = ""
    number: int = 0


_NAMES = tuple(name for name in TuningChange.__dataclass_fields__ if name != "number")


class TuningChanges:
    """All changes, in their order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: Session, change: TuningChange) -> None:
        """Note a change, in the transaction that makes it."""
        session.add(TuningChangeRow(**{name: getattr(change, name) for name in _NAMES}))
        session.flush()

    def all(self, workspace: str) -> list[TuningChange]:
        """Return those of a workspace, the first first."""
        query = (
            select(TuningChangeRow)
            .where(TuningChangeRow.workspace == workspace)
            .order_by(TuningChangeRow.number)
        )
        with self._database.read() as session:
            return [
                TuningChange(**{name: getattr(row, name) for name in _NAMES}, number=row.number)
                for row in session.scalars(query)
            ]
