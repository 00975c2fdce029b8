"""Saved queries: what somebody wants to ask again; kept for that one alone, or shared with all who read the workspace."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Index, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.lake.state.columns import Base, Moment
from nephoscope.lake.state.database import Database, MissingError, StateError

LONGEST_NAME, LONGEST_QUERY, MOST = 120, 60_000, 500


class SavedQueryRow(Base):
    """A saved query."""

    __tablename__ = "saved_queries"
    __table_args__ = (Index("ix_saved_queries_workspace", "workspace", "shared", "owner"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(Boolean)
    changed: Mapped[datetime] = mapped_column(Moment)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query with its name; `owner` is the id of the principal who saved it, `author` the name, `workspace` where it is asked."""

    id: str
    workspace: str
    name: str
    query: str
    owner: str
    author: str
    shared: bool
    changed: datetime


_NAMES = tuple(SavedQuery.__dataclass_fields__)


class SavedQueries:
    """All saved queries. What changes takes the session of the transaction that also notes who changed it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        session: Session,
        workspace: str,
        name: str,
        query: str,
        owner: str,
        author: str,
        *,
        shared: bool,
    ) -> SavedQuery:
        """Keep a query, in place of the owner's of that name; StateError for what is empty, too long, or one too many."""
        name, query = name.strip(), query.strip()
        if not name or len(name) > LONGEST_NAME:
            raise StateError(f"the name of a saved query has 1 to {LONGEST_NAME} characters")
        if not query or len(query) > LONGEST_QUERY:
            raise StateError(f"a saved query has 1 to {LONGEST_QUERY} characters")
        mine = select(SavedQueryRow).where(SavedQueryRow.workspace == workspace, SavedQueryRow.owner == owner)
        rows = list(session.scalars(mine))
        row = next((one for one in rows if one.name == name), None)
        if row is None:
            if len(rows) >= MOST:
                raise StateError(f"there are {MOST} saved queries already: remove some")
            row = SavedQueryRow(id=str(uuid.uuid4()), workspace=workspace, name=name, owner=owner)
            session.add(row)
        row.query, row.author, row.shared, row.changed = query, author, shared, self._database.now(session)
        session.flush()
        return _saved(row)

    def remove(self, session: Session, id_: str) -> bool:
        """Forget a query; whether it was there."""
        row = session.get(SavedQueryRow, id_)
        if row is not None:
            session.delete(row)
            session.flush()
        return row is not None

    def get(self, workspace: str, id_: str, owner: str) -> SavedQuery:
        """The query of an id as its owner, or anybody where it is shared, sees it; StateError where there is none."""
        for one in self.seen(workspace, owner):
            if one.id == id_:
                return one
        raise MissingError(f"there is no saved query {id_} in the workspace {workspace}")

    def seen(self, workspace: str, owner: str) -> list[SavedQuery]:
        """The queries of a workspace that are shared or of one principal, by name."""
        query = select(SavedQueryRow).where(
            SavedQueryRow.workspace == workspace,
            or_(SavedQueryRow.shared.is_(True), SavedQueryRow.owner == owner),
        )
        with self._database.read() as session:
            return [
                _saved(row) for row in session.scalars(query.order_by(SavedQueryRow.name, SavedQueryRow.id))
            ]


def _saved(row: SavedQueryRow) -> SavedQuery:
    return SavedQuery(**{name: getattr(row, name) for name in _NAMES})
