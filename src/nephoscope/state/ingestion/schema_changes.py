"""Changes of the schemas of sources that were seen and are not told yet: whoever judges tells them, not whoever saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.tables.columns import COUNTED, Base, Json


class SchemaChangeRow(Base):
    """A change that waits to be told."""

    __tablename__ = "schema_changes"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    table_name: Mapped[str] = mapped_column(Text)
    new: Mapped[list[str]] = mapped_column(Json)
    gone: Mapped[list[str]] = mapped_column(Json)


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Names that have come to a source's table to stay, and those that have left it."""

    source: str
    workspace: str
    table: str
    new: tuple[str, ...]
    gone: tuple[str, ...]


class SchemaChanges:
    """All changes that wait. Both methods work within the transaction of what the change goes with."""

    def add(self, session: Session, change: SchemaChange) -> None:
        """Keep a change, with the profile that takes it for usual from now on."""
        row = SchemaChangeRow(
            source=change.source,
            workspace=change.workspace,
            table_name=change.table,
            new=list(change.new),
            gone=list(change.gone),
        )
        session.add(row)

    def pop_changes(self, session: Session) -> Sequence[SchemaChange]:
        """Every change, the oldest first, which waits no longer once the transaction that tells it is kept."""
        rows = session.scalars(delete(SchemaChangeRow).returning(SchemaChangeRow)).all()
        return [
            SchemaChange(row.source, row.workspace, row.table_name, tuple(row.new), tuple(row.gone))
            for row in sorted(rows, key=lambda row: row.id)
        ]
