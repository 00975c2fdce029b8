"""ARM documents that people put: policies, assignments, exemptions, attestations and settings, kept as they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

#: Checkpoints: when a document was removed, by its key, until an assessment has been made without it.
REMOVED = "removed"


class ArmDocumentRow(AuditedRow):
    """A document; `key` is its lower-cased id."""

    __tablename__ = "arm_documents"
    __table_args__ = (Index("ix_arm_documents_type", "type", "key"),)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, object]] = mapped_column(Json)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ArmDocument:
    """A document as it was sent, with its id, name and type."""

    key: str
    type: str
    body: dict[str, object]
    author: str
    created: datetime
    changed: datetime


class ArmDocuments:
    """All documents. What changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, key: str, type_: str, body: Mapping[str, object], author: str) -> bool:
        """Keep a document in place of the one of the same id; whether it is new."""
        now = self._database.now(session)
        row = session.get(ArmDocumentRow, key)
        if row is None:
            session.add(
                ArmDocumentRow(key=key, type=type_, body=dict(body), author=author, created=now, changed=now)
            )
            return True
        row.type, row.body, row.author, row.changed = type_, dict(body), author, now
        return False

    def remove(self, session: Session, key: str) -> bool:
        """Forget a document; whether it was there."""
        found = delete(ArmDocumentRow).where(ArmDocumentRow.key == key).returning(ArmDocumentRow.key)
        return session.scalar(found) is not None

    def get(self, key: str) -> ArmDocument | None:
        """The document of a lower-cased id."""
        with self._database.read() as session:
            row = session.get(ArmDocumentRow, key)
            return None if row is None else _document(row)

    def any_below(self, scope: str) -> bool:
        """Return whether a document is kept at a lower-cased scope or below it."""
        below = ArmDocumentRow.key.startswith(f"{scope}/", autoescape=True)
        query = select(ArmDocumentRow.key).where((ArmDocumentRow.key == scope) | below).limit(1)
        with self._database.read() as session:
            return session.scalar(query) is not None

    def all(self, types: Iterable[str] | None, below: str = "") -> list[ArmDocument]:
        """The documents of lower-cased types (None = of every type) below a lower-cased scope ('' = everywhere), by id."""
        query = select(ArmDocumentRow).order_by(ArmDocumentRow.key)
        if types is not None:
            query = query.where(ArmDocumentRow.type.in_(sorted(types)))
        if below:
            query = query.where(ArmDocumentRow.key.startswith(f"{below}/", autoescape=True))
        with self._database.read() as session:
            return [_document(row) for row in session.scalars(query)]


def _document(row: ArmDocumentRow) -> ArmDocument:
    return ArmDocument(row.key, row.type, row.body, row.author, row.created, row.changed)
