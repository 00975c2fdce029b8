"""Suppressions: what people have decided is not to be raised, until when, why, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.database.etag import to_etag
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

ANY_RULE = "*"


class SuppressionRow(AuditedRow):
    """A suppression."""

    __tablename__ = "suppressions"
    __table_args__ = (UniqueConstraint("workspace", "name", name="uq_suppressions_name"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    conditions: Mapped[list[dict[str, object]]] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column()
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    advice: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class StoredSuppression:
    """A suppression as it is kept: of a rule's id or ANY_RULE; `conditions` as Azure writes `allOf`.

    `advice` is the id of what proposed it ('' = nobody but its author).
    """

    id: str
    workspace: str
    name: str
    rule: str
    conditions: list[dict[str, object]]
    reason: str
    comment: str
    enabled: bool
    expires: datetime | None
    author: str
    created: datetime
    changed: datetime
    advice: str = ""

    @property
    def etag(self) -> str:
        """Return what names its state: another after each change."""
        return to_etag(self.changed)

    def status(self, now: datetime) -> str:
        """Enabled, Disabled or Expired, as Azure calls it."""
        if not self.enabled:
            return "Disabled"
        return "Expired" if self.expires is not None and self.expires <= now else "Enabled"


_NAMES = tuple(StoredSuppression.__dataclass_fields__)


class Suppressions:
    """All suppressions. What changes takes the session of the transaction that also notes who changed it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, one: StoredSuppression) -> None:
        """Keep it, in place of the one of its id; StateError where another of the workspace has its name."""
        query = select(SuppressionRow.id).where(
            SuppressionRow.workspace == one.workspace, SuppressionRow.name == one.name
        )
        if session.scalar(query) not in (None, one.id):
            raise StateError(f"suppression {one.name!r} already exists")
        session.merge(SuppressionRow(**{name: getattr(one, name) for name in _NAMES}))
        session.flush()

    def remove(self, session: Session, id_: str) -> None:
        """Forget one; what it held back stays as it is."""
        row = session.get(SuppressionRow, id_)
        if row is not None:
            session.delete(row)
            session.flush()

    def all(self, workspace: str) -> list[StoredSuppression]:
        """Return those of a workspace, the first that was made first."""
        query = (
            select(SuppressionRow)
            .where(SuppressionRow.workspace == workspace)
            .order_by(SuppressionRow.created, SuppressionRow.id)
        )
        with self._database.read() as session:
            return [_build_suppression(row) for row in session.scalars(query)]

    def find(self, workspace: str, wanted: str) -> StoredSuppression:
        """The one of an id or a name; StateError where there is none."""
        for one in self.all(workspace):
            if wanted in (one.id, one.name):
                return one
        raise NotFoundError(f"suppression {wanted!r} not found")


def _build_suppression(row: SuppressionRow) -> StoredSuppression:
    return StoredSuppression(**{name: getattr(row, name) for name in _NAMES})
