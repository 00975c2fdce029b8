"""Bookmarks: rows that somebody found while hunting and keeps, with what they think of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.tables.incident_rows  # noqa: F401 - the table of a foreign key
from nephoscope.state.database.database import Database, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class BookmarkRow(AuditedRow):
    """A bookmark."""

    __tablename__ = "bookmarks"
    __table_args__ = (
        Index("ix_bookmarks_workspace", "workspace", "created"),
        Index("ix_bookmarks_incident", "incident"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    query_name: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    event_time: Mapped[datetime] = mapped_column(UtcDateTime)
    row: Mapped[dict[str, object]] = mapped_column(Json)
    entities: Mapped[list[dict[str, object]]] = mapped_column(Json)
    keys: Mapped[list[str]] = mapped_column(Json)
    tactics: Mapped[list[str]] = mapped_column(Json)
    techniques: Mapped[list[str]] = mapped_column(Json)
    tags: Mapped[list[str]] = mapped_column(Json)
    notes: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted: Mapped[bool] = mapped_column(Boolean)
    incident: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("incidents.number", name="fk_bookmarks_incident")
    )


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A row of a query's result that is kept.

    `entities` as SecurityAlert.Entities holds them, `keys` what they are found by; `incident`: the number of the one it is in.
    """

    id: str
    workspace: str
    name: str
    query: str
    query_name: str
    since: datetime
    until: datetime
    event_time: datetime
    row: dict[str, Any]
    author: str
    created: datetime
    changed_by: str
    changed: datetime
    entities: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    tactics: list[str] = field(default_factory=list)
    techniques: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    notes: str = ""
    deleted: bool = False
    incident: int | None = None


_NAMES = tuple(Bookmark.__dataclass_fields__)


class Bookmarks:
    """All bookmarks. What changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, bookmark: Bookmark) -> None:
        """Keep a bookmark, in place of the one of its id where there is one."""
        session.merge(BookmarkRow(**{name: getattr(bookmark, name) for name in _NAMES}))
        session.flush()

    def read(self, session: Session, workspace: str, id_: str) -> Bookmark:
        """The bookmark whose id begins so; StateError where there is none, or several."""
        query = select(BookmarkRow).where(
            BookmarkRow.workspace == workspace,
            BookmarkRow.id.startswith(id_.lower(), autoescape=True),
            BookmarkRow.deleted.is_(False),
        )
        rows = list(session.scalars(query.limit(2)))
        if len(rows) != 1 or not id_:
            raise StateError(f"several bookmarks start with {id_}" if rows else f"bookmark {id_!r} not found")
        return _build_bookmark(rows[0])

    def is_id_taken(self, id_: str) -> bool:
        """Return whether any workspace has, or had, a bookmark of an id."""
        with self._database.read() as session:
            return session.get(BookmarkRow, id_) is not None

    def list_of_incident(self, session: Session, incident: int) -> list[Bookmark]:
        """The bookmarks of an incident, in the order of their events."""
        query = select(BookmarkRow).where(BookmarkRow.incident == incident, BookmarkRow.deleted.is_(False))
        return [
            _build_bookmark(row)
            for row in session.scalars(query.order_by(BookmarkRow.event_time, BookmarkRow.id))
        ]

    def move(self, session: Session, incident: int, into: int | None) -> None:
        """Put the bookmarks of an incident into another, or into none; those that were taken off the shelf too."""
        session.execute(update(BookmarkRow).where(BookmarkRow.incident == incident).values(incident=into))

    def list_newest(self, workspace: str, most: int = 100) -> list[Bookmark]:
        """The newest bookmarks."""
        query = select(BookmarkRow).where(BookmarkRow.workspace == workspace, BookmarkRow.deleted.is_(False))
        with self._database.read() as session:
            rows = session.scalars(query.order_by(BookmarkRow.created.desc(), BookmarkRow.id).limit(most))
            return [_build_bookmark(row) for row in rows]


def _build_bookmark(row: BookmarkRow) -> Bookmark:
    return Bookmark(**{name: getattr(row, name) for name in _NAMES})
