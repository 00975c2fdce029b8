"""Checkpoints: how far a source has been read, a JSON value a key (a blob, a partition, a query)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, Json, UtcDateTime


class CheckpointRow(Base):
    """The value of a key of a source."""

    __tablename__ = "checkpoints"
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class Checkpoints:
    """The checkpoints of all sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, source: str, key: str, default: Any = None) -> Any:
        """The value, or the default where none was put."""
        with self._database.read() as session:
            row = session.get(CheckpointRow, (source, key))
            return default if row is None else row.value

    def all(self, source: str) -> dict[str, Any]:
        """Every key of a source with its value, sorted by key."""
        with self._database.read() as session:
            return self.load_in_transaction(session, source)

    def load_in_transaction(self, session: Session, source: str) -> dict[str, Any]:
        """Return what `all` gives, within a transaction."""
        query = select(CheckpointRow).where(CheckpointRow.source == source).order_by(CheckpointRow.key)
        return {row.key: row.value for row in session.scalars(query)}

    def put(self, source: str, key: str, value: object) -> None:
        """Record a value."""
        self.put_values(source, {key: value})

    def put_values(self, source: str, values: Mapping[str, object]) -> None:
        """Record several values in one transaction."""
        if not values:
            return
        with self._database.write() as session:
            self.keep(session, source, values)

    def keep(self, session: Session, source: str, values: Mapping[str, object]) -> None:
        """Record values within the transaction of what they tell of."""
        now = self._database.now(session)
        for key in sorted(values):
            insert = self._database.insert(
                CheckpointRow, {"source": source, "key": key, "value": values[key], "changed": now}
            )
            changes = {"value": insert.excluded.value, "changed": insert.excluded.changed}
            session.execute(insert.on_conflict_do_update(index_elements=["source", "key"], set_=changes))

    def remove(self, source: str, key: str | None = None) -> int:
        """Forget one key or all of a source: it is read from its beginning; returns how many there were."""
        gone = delete(CheckpointRow).where(CheckpointRow.source == source)
        if key is not None:
            gone = gone.where(CheckpointRow.key == key)
        with self._database.write() as session:
            return len(session.scalars(gone.returning(CheckpointRow.key)).all())

    def drop(self, session: Session, source: str, key: str) -> None:
        """Forget one key within the transaction of what it told of."""
        session.execute(delete(CheckpointRow).where(CheckpointRow.source == source, CheckpointRow.key == key))
