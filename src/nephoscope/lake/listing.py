"""Keeping watchlists: their items in the state, what _GetWatchlist reads made from them, rows of Watchlist as Sentinel writes them.

A change, its rows and the number of the new version are one transaction; the file of the version follows, and where a process died in
between, the next one makes it (`publish_due`). Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/watchlist
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.lake.state.database import StateError
from nephoscope.lake.state.watchlists import WatchlistHead, WatchlistItem
from nephoscope.lake.watchlist_templates import template

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State

TABLE = "Watchlist"
AGAIN = timedelta(days=10)
"""How old the rows of items become before they are written again: tables forget days, lists do not."""
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,127}")
_BATCH = 500
MOST_ITEMS = 2_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """An item as it is given: its cells, and when it is over (None = as its list says)."""

    cells: Mapping[str, str]
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change came to."""

    added: int = 0
    updated: int = 0
    same: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} added, {self.updated:,} updated, {self.removed:,} removed, {self.same:,} as they were"


@dataclass(frozen=True)
class Keeping:
    """Changes the watchlists of one workspace in the name of somebody."""

    state: State
    lake: Lake
    workspace: str
    by: str

    def create(
        self, alias: str, search_key: str, columns: Sequence[str], now: datetime, **about: Any
    ) -> WatchlistHead:
        """A new list without items; StateError for a name that is taken or cannot be one, or a key that is no column."""
        if not _ALIAS.fullmatch(alias):
            raise StateError(
                f"{alias!r} is no alias of a watchlist: letters, digits, space, . _ and -, at most 128"
            )
        if search_key not in columns:
            raise StateError(
                f"watchlist {alias}: no column is named {search_key}; there are {', '.join(columns)}"
            )
        head = WatchlistHead(
            self.workspace, alias, str(uuid.uuid4()), about.pop("name", "") or alias, search_key, tuple(columns), now, now, now,
            created_by=self.by, changed_by=self.by, **about,
        )  # fmt: skip
        with self.state.transaction() as session:
            if self.state.watchlists.find(session, self.workspace, alias) is not None:
                raise StateError(
                    f"there is a watchlist {alias} already: `watchlists update` changes its items"
                )
            self.state.watchlists.put(session, head)
            self._tell(session, head, "Create", now)
        self.publish(alias, now)
        return head

    def start(self, alias: str, now: datetime) -> bool:
        """Make the list of a template where it is not there yet; whether it was made now. An alias of no template is left as it is."""
        given = template(alias)
        with self.state.transaction() as session:
            known = self.state.watchlists.find(session, self.workspace, alias)
        if given is None or known is not None:
            return False
        about = {"name": given["name"], "description": given["description"], "source": "template"}
        self.create(given["alias"], given["key"], given["columns"], now, **about)
        return True

    def update(self, alias: str, given: Iterable[Given], now: datetime, *, whole: bool = False) -> Changed:
        """Add items, and replace those of their search keys; `whole` removes all others."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            changed, seen = Changed(), set[str]()
            counted: Counter[str] = Counter()
            batch: list[WatchlistItem] = []
            for one in given:
                batch.append(self._made(head, one, counted, now))
                if len(batch) == _BATCH:
                    changed = _sum(changed, self._batch(session, head, batch, seen, now))
                    batch = []
                if len(seen) > MOST_ITEMS:
                    raise StateError(f"watchlist {alias}: over {MOST_ITEMS:,} items")
            changed = _sum(changed, self._batch(session, head, batch, seen, now))
            gone = (
                [one for one in self.state.watchlists.items(session, head) if one.id not in seen]
                if whole
                else []
            )
            self._drop(session, head, gone, now)
            changed = _sum(changed, Changed(removed=len(gone)))
            if changed.added or changed.updated or changed.removed:
                self._touch(session, head, now)
        self.publish(alias, now)
        return changed

    def hold(
        self, alias: str, search_key: str, items: Sequence[Mapping[str, object]], now: datetime
    ) -> Changed:
        """The list has these items and no others; it is made where it is not there. StateError for a column that it does not have."""
        with self.state.transaction() as session:
            known = self.state.watchlists.find(session, self.workspace, alias)
        if known is None:
            columns = list(dict.fromkeys([search_key, *(name for one in items for name in one)]))
            self.create(alias, search_key, columns, now)
        given = (Given({name: str(value) for name, value in one.items()}) for one in items)
        return self.update(alias, given, now, whole=True)

    def drop(self, alias: str, keys: Sequence[str], now: datetime) -> int:
        """Remove the items of search keys; how many. StateError for a key that no item has."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            gone = self.state.watchlists.items(session, head, keys=keys)
            if unknown := sorted(set(keys) - {one.key for one in gone}):
                raise StateError(f"watchlist {alias}: no item has the search key {unknown[0]}")
            self._drop(session, head, gone, now)
            self._touch(session, head, now)
        self.publish(alias, now)
        return len(gone)

    def put_item(
        self, alias: str, id_: str, cells: Mapping[str, str], now: datetime
    ) -> tuple[WatchlistItem, bool]:
        """Keep an item under an id, whatever other items have its search key; the item, and whether it is new."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            made = replace(self._made(head, Given(cells), Counter(), now), id=id_)
            known = self.state.watchlists.item(session, head, id_)
            kept = made if known is None else replace(made, created=known.created)
            self.state.watchlists.put_items(session, head, [kept])
            self._tell_items(session, head, [kept], "Create" if known is None else "Update", now)
            self._touch(session, head, now)
        self.publish(alias, now)
        return kept, known is None

    def drop_item(self, alias: str, id_: str, now: datetime) -> bool:
        """Remove the item of an id, and no other of its search key; whether there was one."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            known = self.state.watchlists.item(session, head, id_)
            if known is None:
                return False
            self._drop(session, head, [known], now)
            self._touch(session, head, now)
        self.publish(alias, now)
        return True

    def delete(self, alias: str, now: datetime) -> None:
        """Forget a list with its items."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            self._drop(session, head, self.state.watchlists.items(session, head), now)
            self._tell(session, head, "Delete", now)
            self.state.watchlists.drop(session, head)
            if self.lake.watchlists.get(self.workspace, alias) is not None:
                self.lake.watchlists.remove(self.workspace, alias)

    def publish_due(self, now: datetime) -> int:
        """Publish the lists that a process left behind, drop items that are over, tell the lake again of what it may forget."""
        due = self.state.watchlists.due(self.workspace, now, now - AGAIN)
        for alias in due:
            self.publish(alias, now)
        return len(due)

    def publish(self, alias: str, now: datetime) -> None:
        """Make what _GetWatchlist reads; items that are over go."""
        with self.state.transaction() as session:
            head = self._found(session, alias)
            items = self.state.watchlists.items(session, head)
            over = [one for one in items if one.expires is not None and one.expires <= now]
            if over:
                self._drop(session, head, over, now)
                items = [one for one in items if one.expires is None or one.expires > now]
            elif head.published == head.version and head.told >= now - AGAIN:
                return
            if head.told < now - AGAIN:
                self._tell_items(session, head, items, "Update", now)
                head = replace(head, told=now)
            self.lake.watchlists.save(
                self.workspace, head.alias, head.search_key, [one.cells for one in items], columns=head.columns,
                ids=[one.id for one in items], changed=[one.changed for one in items],
            )  # fmt: skip
            version = head.version + bool(over)
            self.state.watchlists.put(session, replace(head, version=version, published=version))

    def _found(self, session: Session, alias: str) -> WatchlistHead:
        head = self.state.watchlists.find(session, self.workspace, alias)
        if head is None:
            raise StateError(f"the workspace {self.workspace} has no watchlist {alias}")
        return head

    def _made(self, head: WatchlistHead, one: Given, counted: Counter[str], now: datetime) -> WatchlistItem:
        """The item: its id is made of its search key, and of how many of that key came before it."""
        if unknown := next((name for name in one.cells if name not in head.columns), None):
            raise StateError(
                f"watchlist {head.alias}: no column is named {unknown}; there are {', '.join(head.columns)}"
            )
        key = one.cells.get(head.search_key, "")
        if not key:
            raise StateError(
                f"watchlist {head.alias}: an item has nothing in {head.search_key}, its search key"
            )
        counted[key] += 1
        id_ = str(uuid.uuid5(uuid.UUID(head.id), f"{key}\0{counted[key]}"))
        expires = one.expires or (now + timedelta(days=head.days) if head.days else None)
        return WatchlistItem(
            id_, key, {name: one.cells.get(name, "") for name in head.columns}, now, now, expires
        )

    def _batch(
        self, session: Session, head: WatchlistHead, batch: list[WatchlistItem], seen: set[str], now: datetime
    ) -> Changed:
        known = {
            one.id: one for one in self.state.watchlists.items(session, head, keys=[one.key for one in batch])
        }
        seen.update(one.id for one in batch)
        new = [one for one in batch if one.id not in known]
        other = [
            replace(one, created=known[one.id].created)
            for one in batch
            if one.id in known and (known[one.id].cells != one.cells or _moved(known[one.id], one))
        ]
        self.state.watchlists.put_items(session, head, [*new, *other])
        self._tell_items(session, head, new, "Create", now)
        self._tell_items(session, head, other, "Update", now)
        return Changed(len(new), len(other), len(batch) - len(new) - len(other))

    def _drop(
        self, session: Session, head: WatchlistHead, gone: Sequence[WatchlistItem], now: datetime
    ) -> None:
        self.state.watchlists.drop_items(session, head, [one.id for one in gone])
        self._tell_items(session, head, gone, "Delete", now)

    def _touch(self, session: Session, head: WatchlistHead, now: datetime) -> None:
        changed = replace(head, version=head.version + 1, changed=now, changed_by=self.by)
        self.state.watchlists.put(session, changed)
        self._tell(session, changed, "Update", now)

    def _tell(self, session: Session, head: WatchlistHead, status: str, now: datetime) -> None:
        row = _row(head, status, "watchlist", now, self.by) | {
            "_DTItemId": head.id,
            "_DTTimestamp": now.isoformat(),
        }
        self.state.outbox.add(session, self.workspace, TABLE, row)

    def _tell_items(
        self,
        session: Session,
        head: WatchlistHead,
        items: Sequence[WatchlistItem],
        status: str,
        now: datetime,
    ) -> None:
        common = _row(head, status, "watchlist-item", now, self.by)
        rows = [
            common
            | {
                "_DTItemId": one.id,
                "_DTTimestamp": one.changed.isoformat(),
                "WatchlistItemId": one.id,
                "WatchlistItem": one.cells,
                "SearchKey": one.key,
                "CreatedTimeUTC": one.created.isoformat(),
                "TimeToLive": one.expires.isoformat() if one.expires else None,
            }
            for one in items
        ]
        self.state.outbox.add_all(session, self.workspace, [(TABLE, row) for row in rows])


def _moved(before: WatchlistItem, after: WatchlistItem) -> bool:
    """Whether an item is over at another time: a day more or less counts, an hour does not."""
    if before.expires is None or after.expires is None:
        return before.expires != after.expires
    return abs(after.expires - before.expires) >= timedelta(days=1)


def _sum(one: Changed, other: Changed) -> Changed:
    return Changed(
        one.added + other.added,
        one.updated + other.updated,
        one.same + other.same,
        one.removed + other.removed,
    )


def _row(head: WatchlistHead, status: str, kind: str, now: datetime, by: str) -> dict[str, Any]:
    return {
        "TimeGenerated": now.isoformat(),
        "_DTItemType": kind,
        "_DTItemStatus": status,
        "WatchlistId": head.id,
        "WatchlistName": head.name,
        "WatchlistAlias": head.alias,
        "Provider": head.provider,
        "Source": head.source,
        "Notes": head.description,
        "DefaultDuration": f"P{head.days}D" if head.days else "",
        "CreatedTimeUTC": head.created.isoformat(),
        "CreatedBy": {"name": head.created_by},
        "LastUpdatedTimeUTC": now.isoformat(),
        "UpdatedBy": {"name": by},
        "SourceSystem": "Watchlist",
    }
