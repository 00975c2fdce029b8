"""Saved queries: what somebody wants to ask again; kept for that one alone, or shared with all who read the workspace."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Index, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime

LONGEST_NAME, LONGEST_QUERY, MOST = 120, 60_000, 500


class SavedQueryRow(AuditedRow):
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
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


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
        name, query = _check_query(name, query)
        now = self._database.now(session)  # asking a server flushes: no row may be half made then
        rows = self._load_rows(session, workspace, owner)
        row = next((one for one in rows if one.name == name), None)
        if row is None:
            row = _add_row(session, rows, str(uuid.uuid4()), workspace, owner)
        row.name, row.query, row.author, row.shared = name, query, author, shared
        row.changed = now
        session.flush()
        return _make_query(row)

    def share(
        self, session: Session, workspace: str, id_: str, name: str, query: str, owner: str, author: str
    ) -> SavedQuery:
        """Keep a query that is shared under an id, whoever had it before; StateError as `put`."""
        name, query = _check_query(name, query)
        now = self._database.now(session)  # asking a server flushes: no row may be half made then
        row = session.get(SavedQueryRow, id_)
        if row is None:
            row = _add_row(session, self._load_rows(session, workspace, owner), id_, workspace, owner)
        row.name, row.query, row.author, row.shared = name, query, author, True
        row.changed = now
        session.flush()
        return _make_query(row)

    def _load_rows(self, session: Session, workspace: str, owner: str) -> list[SavedQueryRow]:
        mine = select(SavedQueryRow).where(SavedQueryRow.workspace == workspace, SavedQueryRow.owner == owner)
        return list(session.scalars(mine))

    def remove(self, session: Session, id_: str) -> bool:
        """Forget a query; whether it was there."""
        row = session.get(SavedQueryRow, id_)
        if row is not None:
            session.delete(row)
            session.flush()
        return row is not None

    def get(self, workspace: str, id_: str, owner: str) -> SavedQuery:
        """The query of an id as its owner, or anybody where it is shared, sees it; StateError where there is none."""
        for one in self.list_visible(workspace, owner):
            if one.id == id_:
                return one
        raise NotFoundError(f"saved query {id_!r} not found in the workspace {workspace}")

    def list_shared(self, workspace: str) -> list[SavedQuery]:
        """The queries of a workspace that all who read it share, by name."""
        return [one for one in self.list_visible(workspace, "") if one.shared]

    def list_visible(self, workspace: str, owner: str) -> list[SavedQuery]:
        """The queries of a workspace that are shared or of one principal, by name."""
        query = select(SavedQueryRow).where(
            SavedQueryRow.workspace == workspace,
            or_(SavedQueryRow.shared.is_(True), SavedQueryRow.owner == owner),
        )
        with self._database.read() as session:
            return [
                _make_query(row)
                for row in session.scalars(query.order_by(SavedQueryRow.name, SavedQueryRow.id))
            ]


def build_companion_key(workspace: str, id_: str) -> str:
    """The key of the document that is kept beside a query which came by the API."""
    return f"/workspaces/{workspace}/providers/microsoft.operationalinsights/savedsearches/{id_}"


def _check_query(name: str, query: str) -> tuple[str, str]:
    """A name and a query without blanks around them; StateError where one is empty or too long."""
    name, query = name.strip(), query.strip()
    if not name or len(name) > LONGEST_NAME:
        raise StateError(f"the name of a saved query has 1 to {LONGEST_NAME} characters")
    if not query or len(query) > LONGEST_QUERY:
        raise StateError(f"a saved query has 1 to {LONGEST_QUERY} characters")
    return name, query


def _add_row(
    session: Session, rows: Sequence[SavedQueryRow], id_: str, workspace: str, owner: str
) -> SavedQueryRow:
    if len(rows) >= MOST:
        raise StateError(f"there are {MOST} saved queries already: remove some")
    row = SavedQueryRow(id=id_, workspace=workspace, owner=owner)
    session.add(row)
    return row


def _make_query(row: SavedQueryRow) -> SavedQuery:
    return SavedQuery(**{name: getattr(row, name) for name in _NAMES})
