"""Watchlists: small tables that people keep, an item a row; what _GetWatchlist reads is made from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, Text, case, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class WatchlistRow(AuditedRow):
    """A watchlist."""

    __tablename__ = "watchlists"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    folded: Mapped[str] = mapped_column(Text, primary_key=True)
    alias: Mapped[str] = mapped_column(Text)
    id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    search_key: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[str]] = mapped_column(Json)
    days: Mapped[int] = mapped_column(Integer)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    published: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[datetime] = mapped_column(UtcDateTime)
    holding: Mapped[str] = mapped_column(Text, server_default="")


class WatchlistItemRow(AuditedRow):
    """An item of a watchlist; `list` is the shelf that the list reads, or another of it that is being filled or emptied."""

    __tablename__ = "watchlist_items"
    __table_args__ = (
        Index("ix_watchlist_items_key", "list", "key"),
        Index("ix_watchlist_items_expires", "expires"),
    )
    list: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    cells: Mapped[dict[str, str]] = mapped_column(Json)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class WatchlistHead:
    """Properties of a watchlist without its items. `days` is how long an item stays that says nothing of it (0 = for ever).

    `version` rises with every change, `published` is the one that _GetWatchlist reads, `told` when the lake last heard of all items,
    `holding` names the shelf of its items where that is not the first.
    """

    workspace: str
    alias: str
    id: str
    name: str
    search_key: str
    columns: tuple[str, ...]
    created: datetime
    changed: datetime
    told: datetime
    description: str = ""
    provider: str = ""
    source: str = ""
    days: int = 0
    created_by: str = ""
    changed_by: str = ""
    version: int = 0
    published: int = -1
    holding: str = ""

    @property
    def shelf(self) -> str:
        """Under which name its items are kept."""
        return self.holding or self.id

    @property
    def shelves(self) -> tuple[str, str]:
        """The names of both shelves: one is read, and the other is filled where much changes."""
        return self.id, f"{self.id}/2"

    @property
    def spare_shelf(self) -> str:
        """The shelf that is not read."""
        return next(one for one in self.shelves if one != self.shelf)


@dataclass(frozen=True, slots=True)
class WatchlistItem:
    """An item: its cells by column, `key` the cell of the search key."""

    id: str
    key: str
    cells: dict[str, str]
    created: datetime
    changed: datetime
    expires: datetime | None = None


#: The shelf that a list reads, as SQL.
_SHELF = func.coalesce(func.nullif(WatchlistRow.holding, ""), WatchlistRow.id)
_HEAD, _ITEM = tuple(WatchlistHead.__dataclass_fields__), tuple(WatchlistItem.__dataclass_fields__)


class StoredWatchlists:
    """All watchlists; what changes takes the session of the transaction in which its rows go to the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, session: Session, workspace: str, alias: str) -> WatchlistHead | None:
        """The watchlist of an alias in any case, within a transaction, its row locked; None where there is none."""
        row = session.get(WatchlistRow, (workspace, alias.lower()), with_for_update=True)
        return None if row is None else _to_watchlist_head(row)

    def get(self, workspace: str, alias: str) -> WatchlistHead:
        """The watchlist of an alias; StateError where there is none."""
        with self._database.read() as session:
            row = session.get(WatchlistRow, (workspace, alias.lower()))
            if row is None:
                raise StateError(f"watchlist {alias!r} not found in the workspace {workspace}")
            return _to_watchlist_head(row)

    def all(self, workspace: str) -> list[tuple[WatchlistHead, int]]:
        """The watchlists of a workspace with how many items they have, by alias."""
        count = (
            select(func.count()).where(WatchlistItemRow.list == _SHELF).correlate(WatchlistRow).scalar_subquery()
        )  # fmt: skip
        query = (
            select(WatchlistRow, count)
            .where(WatchlistRow.workspace == workspace)
            .order_by(WatchlistRow.folded)
        )
        with self._database.read() as session:
            return [(_to_watchlist_head(row), number) for row, number in session.execute(query)]

    def due(self, workspace: str, now: datetime, told_before: datetime) -> list[str]:
        """The aliases of lists that are not published as they are, have items that are over, or were told of long ago."""
        # by the index of what is over: most lists have nothing of the kind, and may be long
        over = _SHELF.in_(select(WatchlistItemRow.list).where(WatchlistItemRow.expires <= now))
        query = select(WatchlistRow.alias).where(
            WatchlistRow.workspace == workspace,
            or_(WatchlistRow.published < WatchlistRow.version, over, WatchlistRow.told < told_before),
        )
        with self._database.read() as session:
            return list(session.scalars(query))

    def put(self, session: Session, head: WatchlistHead) -> None:
        """Keep a list, in place of the one of its alias."""
        values = {name: getattr(head, name) for name in _HEAD} | {"columns": list(head.columns)}
        session.merge(WatchlistRow(folded=head.alias.lower(), **values))
        session.flush()

    def items(
        self, session: Session, head: WatchlistHead, *, keys: Sequence[str] | None = None
    ) -> list[WatchlistItem]:
        """The items, all or those of some search keys, in the order of their keys."""
        query = select(WatchlistItemRow).where(WatchlistItemRow.list == head.shelf)
        if keys is not None:
            query = query.where(WatchlistItemRow.key.in_(keys))
        query = query.order_by(WatchlistItemRow.key, WatchlistItemRow.id)
        return [_build_item(row) for row in session.scalars(query)]

    def item(self, session: Session, head: WatchlistHead, id_: str) -> WatchlistItem | None:
        """The item of an id, None where there is none."""
        row = session.get(WatchlistItemRow, (head.shelf, id_))
        return None if row is None else _build_item(row)

    def put_items(self, session: Session, head: WatchlistHead, items: Iterable[WatchlistItem]) -> None:
        """Keep items, in place of those of their ids."""
        values = [{"list": head.shelf} | {name: getattr(one, name) for name in _ITEM} for one in items]
        self._database.upsert(session, WatchlistItemRow, values, ("list", "id"), kept=("created",))

    def drop_items(self, session: Session, head: WatchlistHead, ids: Sequence[str]) -> None:
        """Forget items."""
        for start in range(0, len(ids), 500):
            several = ids[start : start + 500]
            session.execute(
                delete(WatchlistItemRow).where(
                    WatchlistItemRow.list == head.shelf, WatchlistItemRow.id.in_(several)
                )
            )

    def drop(self, session: Session, head: WatchlistHead) -> None:
        """Forget a list with its items."""
        session.execute(delete(WatchlistItemRow).where(WatchlistItemRow.list.in_(head.shelves)))
        session.execute(delete(WatchlistRow).where(WatchlistRow.id == head.id))

    def read(self, head: WatchlistHead, most: int | None = None) -> list[WatchlistItem]:
        """The first items, or all of them, in the order of their keys."""
        columns = [getattr(WatchlistItemRow, name) for name in _ITEM]
        query = select(*columns).where(WatchlistItemRow.list == head.shelf)
        query = query.order_by(WatchlistItemRow.key, WatchlistItemRow.id).limit(most)
        with self._database.read() as session:
            return [WatchlistItem(*row) for row in session.execute(query)]

    def count(self, head: WatchlistHead) -> int:
        """Count how many items a list has."""
        query = select(func.count()).where(WatchlistItemRow.list == head.shelf)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def find_item(self, head: WatchlistHead, id_: str) -> WatchlistItem | None:
        """The item of an id, to look at; None where there is none."""
        with self._database.read() as session:
            return self.item(session, head, id_)

    def remove_from_shelf(self, session: Session, shelf: str, most: int) -> int:
        """Forget some of the items of a shelf that no list reads; how many."""
        several = select(WatchlistItemRow.id).where(WatchlistItemRow.list == shelf).limit(most)
        gone = session.connection().execute(
            delete(WatchlistItemRow).where(WatchlistItemRow.list == shelf, WatchlistItemRow.id.in_(several))
        )
        return gone.rowcount

    def list_watchlists_with_orphans(self, workspace: str) -> list[WatchlistHead]:
        """The lists that have items on the shelf that they do not read."""
        spare = case((WatchlistRow.holding == "", WatchlistRow.id + "/2"), else_=WatchlistRow.id)
        there = select(WatchlistItemRow.id).where(WatchlistItemRow.list == spare).exists()
        with self._database.read() as session:
            query = select(WatchlistRow).where(WatchlistRow.workspace == workspace, there)
            return [_to_watchlist_head(row) for row in session.scalars(query)]


def _to_watchlist_head(row: WatchlistRow) -> WatchlistHead:
    found = WatchlistHead(**{name: getattr(row, name) for name in _HEAD})
    return replace(found, columns=tuple(found.columns))


def _build_item(row: WatchlistItemRow) -> WatchlistItem:
    return WatchlistItem(**{name: getattr(row, name) for name in _ITEM})
