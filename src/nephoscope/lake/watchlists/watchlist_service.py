"""Watchlist service: items in the state, the file that _GetWatchlist reads, and Watchlist rows.

A change, its rows and the number of the new version are one transaction, a large one is made ready in portions before it (`exchange`);
the file of the version follows, and where a process died in between, the next one makes it (`publish_due`).
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.lake.watchlists.bulk_replace import PORTION, compute_held_number, hold_bulk_replace
from nephoscope.lake.watchlists.watchlist_diff import (
    WatchlistChanges,
    WatchlistPlan,
    plan_change,
    plan_expiry,
)
from nephoscope.lake.watchlists.watchlist_rows import TABLE, build_item_rows, list_row
from nephoscope.lake.watchlists.watchlist_templates import find_template
from nephoscope.state.database.database import StateError
from nephoscope.state.workspaces.watchlists import WatchlistHead, WatchlistItem

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

AGAIN = timedelta(days=10)
"""How old the rows of items become before they are written again: tables forget days, lists do not."""
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,127}")
MOST_ITEMS = 2_000_000
#: How often a large change is made ready anew where others changed the list meanwhile.
_TRIES = 5


class ItemError(StateError):
    """An item that a watchlist cannot have."""


@dataclass(frozen=True, slots=True)
class NewWatchlistItem:
    """An item as it is given: its cells, and when it is over (None = as its list says)."""

    cells: Mapping[str, str]
    expires: datetime | None = None


@dataclass(frozen=True)
class WatchlistService:
    """Changes the watchlists of one workspace in the name of somebody."""

    state: State
    lake: Lake
    workspace: str
    by: str

    def create(
        self,
        alias: str,
        search_key: str,
        columns: Sequence[str],
        now: datetime,
        given: Iterable[NewWatchlistItem] = (),
        **about: Any,
    ) -> WatchlistHead:
        """A new list with items; StateError for a name that is taken or cannot be one, a key that is no column, an odd item.

        More items than a portion follow the list that is there already.
        """
        if not _ALIAS.fullmatch(alias):
            raise StateError(
                f"{alias!r} is not a watchlist alias: use letters, digits, spaces, '.', '_' and '-', at most 128 characters"
            )
        if search_key not in columns:
            raise StateError(
                f"watchlist {alias}: column {search_key!r} not found; available are {', '.join(columns)}"
            )
        head = WatchlistHead(
            self.workspace, alias, str(uuid.uuid4()), about.pop("name", "") or alias, search_key, tuple(columns), now, now, now,
            created_by=self.by, changed_by=self.by, **about,
        )  # fmt: skip
        made = self._build_items(head, given, now)
        large = len(made) > PORTION
        with self.state.transaction() as session:
            if self.state.watchlists.find(session, self.workspace, alias) is not None:
                raise StateError(f"watchlist {alias!r} already exists: `watchlists update` changes its items")
            self.state.watchlists.put(session, head)
            self._queue_list_row(session, head, "Create", now)
            self._fill_watchlist(session, head, () if large else made, now, whole=False)
        if large:
            self._build_exchange(head, lambda before: plan_change(before, made, whole=False), now)
        self.publish(alias, now)
        return head

    def start(self, alias: str, now: datetime) -> bool:
        """Make the list of a template where it is not there yet; whether it was made now. An alias of no template is left as it is."""
        given = find_template(alias)
        with self.state.reading() as session:
            known = self.state.watchlists.find(session, self.workspace, alias)
        if given is None or known is not None:
            return False
        about = {"name": given["name"], "description": given["description"], "source": "template"}
        self.create(given["alias"], given["key"], given["columns"], now, **about)
        return True

    def update(
        self, alias: str, given: Iterable[NewWatchlistItem], now: datetime, *, whole: bool = False
    ) -> WatchlistChanges:
        """Add items, and replace those of their search keys; `whole` removes all others."""
        head = self.state.watchlists.get(self.workspace, alias)
        made = self._build_items(head, given, now)
        if len(made) > PORTION or (whole and self.state.watchlists.count(head) > PORTION):
            changed = self._build_exchange(head, lambda before: plan_change(before, made, whole=whole), now)
        else:
            changed = self._update_watchlist(alias, made, now, whole=whole)
        self.publish(alias, now)
        return changed

    def _update_watchlist(
        self, alias: str, made: Sequence[WatchlistItem], now: datetime, *, whole: bool
    ) -> WatchlistChanges:
        """A change that is small enough for one transaction."""
        with self.state.transaction() as session:
            return self._fill_watchlist(session, self._require_list(session, alias), made, now, whole=whole)

    def _fill_watchlist(
        self,
        session: Session,
        head: WatchlistHead,
        made: Sequence[WatchlistItem],
        now: datetime,
        *,
        whole: bool,
    ) -> WatchlistChanges:
        """Return the same in a transaction that is open."""
        keys = None if whole else [one.key for one in made]
        plan = plan_change(self.state.watchlists.items(session, head, keys=keys), made, whole=whole)
        if plan.is_unchanged:
            return plan.change_counts
        self.state.watchlists.put_items(session, head, [*plan.new, *plan.other])
        self.state.watchlists.drop_items(session, head, [one.id for one in plan.gone])
        for status, items in plan.items_by_status:
            self._report_items(session, head, items, status, now)
        self._touch_watchlist(session, head, now)
        return plan.change_counts

    def _build_exchange(
        self, head: WatchlistHead, plan: Callable[[Sequence[WatchlistItem]], WatchlistPlan], now: datetime
    ) -> WatchlistChanges:
        """A change in portions; StateError where others change the list again and again meanwhile."""
        with hold_bulk_replace(self.state, head) as one:
            for _ in range(_TRIES):
                head = self.state.watchlists.get(self.workspace, head.alias)
                found = plan(self.state.watchlists.read(head))
                if found.is_unchanged:
                    return found.change_counts
                one.fill(head, found.after)
                for status, items in found.items_by_status:
                    one.queue_rows(TABLE, build_item_rows(head, items, status, now, self.by))
                with one.settle(head) as session:
                    if session is not None:
                        self._touch_watchlist(session, replace(head, holding=head.spare_shelf), now)
                        return found.change_counts
                one.clear()
        raise StateError(f"watchlist {head.alias}: it was changed repeatedly by others: try again")

    def _build_items(
        self, head: WatchlistHead, given: Iterable[NewWatchlistItem], now: datetime
    ) -> list[WatchlistItem]:
        counted: Counter[str] = Counter()
        made: list[WatchlistItem] = []
        for one in given:
            made.append(self._make_item(head, one, counted, now))
            if len(made) > MOST_ITEMS:
                raise ItemError(f"watchlist {head.alias}: over {MOST_ITEMS:,} items")
        return made

    def hold(
        self, alias: str, search_key: str, items: Sequence[Mapping[str, object]], now: datetime
    ) -> WatchlistChanges:
        """The list has these items and no others; it is made where it is not there. StateError for a column that it does not have."""
        with self.state.reading() as session:
            known = self.state.watchlists.find(session, self.workspace, alias)
        if known is None:
            columns = list(dict.fromkeys([search_key, *(name for one in items for name in one)]))
            self.create(alias, search_key, columns, now)
        given = (NewWatchlistItem({name: str(value) for name, value in one.items()}) for one in items)
        return self.update(alias, given, now, whole=True)

    def drop(self, alias: str, keys: Sequence[str], now: datetime) -> int:
        """Remove the items of search keys; how many. StateError for a key that no item has."""
        with self.state.transaction() as session:
            head = self._require_list(session, alias)
            gone = self.state.watchlists.items(session, head, keys=keys)
            if unknown := sorted(set(keys) - {one.key for one in gone}):
                raise StateError(f"watchlist {alias}: no item has the search key {unknown[0]}")
            self._drop_items(session, head, gone, now)
            self._touch_watchlist(session, head, now)
        self.publish(alias, now)
        return len(gone)

    def put_item(
        self, alias: str, id_: str, cells: Mapping[str, str], now: datetime
    ) -> tuple[WatchlistItem, bool]:
        """Keep an item under an id, whatever other items have its search key; the item, and whether it is new."""
        with self.state.transaction() as session:
            head = self._require_list(session, alias)
            made = replace(self._make_item(head, NewWatchlistItem(cells), Counter(), now), id=id_)
            known = self.state.watchlists.item(session, head, id_)
            kept = made if known is None else replace(made, created=known.created)
            self.state.watchlists.put_items(session, head, [kept])
            self._report_items(session, head, [kept], "Create" if known is None else "Update", now)
            self._touch_watchlist(session, head, now)
        self.publish(alias, now)
        return kept, known is None

    def drop_item(self, alias: str, id_: str, now: datetime) -> bool:
        """Remove the item of an id, and no other of its search key; whether there was one."""
        with self.state.transaction() as session:
            head = self._require_list(session, alias)
            known = self.state.watchlists.item(session, head, id_)
            if known is None:
                return False
            self._drop_items(session, head, [known], now)
            self._touch_watchlist(session, head, now)
        self.publish(alias, now)
        return True

    def delete(self, alias: str, now: datetime) -> None:
        """Forget a list with its items."""
        head = self.state.watchlists.get(self.workspace, alias)
        if self.state.watchlists.count(head) > PORTION:
            self._build_exchange(head, lambda before: plan_change(before, (), whole=True), now)
        with self.state.transaction() as session:
            head = self._require_list(session, alias)
            self._drop_items(session, head, self.state.watchlists.items(session, head), now)
            self._queue_list_row(session, head, "Delete", now)
            self.state.watchlists.drop(session, head)
            if self.lake.watchlists.get(self.workspace, alias) is not None:
                self.lake.watchlists.remove(self.workspace, alias)

    def publish_due(self, now: datetime) -> int:
        """Publish the lists that a process left behind, drop items that are over, tell the lake again of what it may forget."""
        self._clear_leftovers()
        due = self.state.watchlists.due(self.workspace, now, now - AGAIN)
        for alias in due:
            self.publish(alias, now)
        return len(due)

    def _clear_leftovers(self) -> None:
        """Clear what large changes left behind whose process died."""
        holds = self.state.outbox.list_held()
        left = {one.id: one for one in self.state.watchlists.list_watchlists_with_orphans(self.workspace)}
        if holds:
            left |= {
                one.id: one
                for one, _ in self.state.watchlists.all(self.workspace)
                if compute_held_number(one) in holds
            }
        for head in left.values():
            with (
                suppress(StateError),
                hold_bulk_replace(self.state, head),
            ):  # one that is under way clears it itself
                pass

    def publish(self, alias: str, now: datetime) -> None:
        """Make what _GetWatchlist reads; items that are over go."""
        with self.state.as_product("publication of watchlists"):
            while not self._publish_watchlist(self.state.watchlists.get(self.workspace, alias), now):
                pass

    def _publish_watchlist(self, head: WatchlistHead, now: datetime) -> bool:
        """Return whether it was published as it is; False where it has changed, so that it must be looked at again."""
        if head.alias not in self.state.watchlists.due(self.workspace, now, now - AGAIN):
            return True
        items = self.state.watchlists.read(head)
        over = [one for one in items if one.expires is not None and one.expires <= now]
        if over:
            self._expire_items(head, over, now)
            return False
        if head.told < now - AGAIN:
            self._requeue_items(head, items, now)
            return False
        # the file is written while others may change what they like: it is shown only where nobody has
        file = self.lake.watchlists.write(
            self.workspace, head.alias, head.search_key, [one.cells for one in items], columns=head.columns,
            ids=[one.id for one in items], changed=[one.changed for one in items],
        )  # fmt: skip
        with self.state.transaction() as session:
            known = self._require_list(session, head.alias)
            if (known.id, known.version) != (head.id, head.version):
                return False
            self.lake.watchlists.show(self.workspace, head.alias, file)
            self.state.watchlists.put(session, replace(known, published=head.version))
        return True

    def _expire_items(self, head: WatchlistHead, over: Sequence[WatchlistItem], now: datetime) -> None:
        """Drop items that are over."""
        if len(over) > PORTION:
            self._build_exchange(head, lambda before: plan_expiry(before, now), now)
            return
        with self.state.transaction() as session:
            known = self._require_list(session, head.alias)
            if (known.id, known.version) == (head.id, head.version):
                self._drop_items(session, known, over, now)
                self.state.watchlists.put(session, replace(known, version=known.version + 1))

    def _requeue_items(self, head: WatchlistHead, items: Sequence[WatchlistItem], now: datetime) -> None:
        """Tell the lake of all items."""
        rows = build_item_rows(head, items, "Update", now, self.by)
        with hold_bulk_replace(self.state, head) as one:
            one.queue_rows(TABLE, rows)
            with one.settle(head) as session:
                if session is not None:
                    self.state.watchlists.put(session, replace(head, told=now))

    def _require_list(self, session: Session, alias: str) -> WatchlistHead:
        head = self.state.watchlists.find(session, self.workspace, alias)
        if head is None:
            raise StateError(f"watchlist {alias!r} not found in the workspace {self.workspace}")
        return head

    def _make_item(
        self, head: WatchlistHead, one: NewWatchlistItem, counted: Counter[str], now: datetime
    ) -> WatchlistItem:
        """The item: its id is made of its search key, and of how many of that key came before it."""
        if unknown := next((name for name in one.cells if name not in head.columns), None):
            raise ItemError(
                f"watchlist {head.alias}: column {unknown!r} not found; available are {', '.join(head.columns)}"
            )
        key = one.cells.get(head.search_key, "")
        if not key:
            raise ItemError(
                f"watchlist {head.alias}: an item has no value in its search key {head.search_key}"
            )
        counted[key] += 1
        id_ = str(uuid.uuid5(uuid.UUID(head.id), f"{key}\0{counted[key]}"))
        expires = one.expires or (now + timedelta(days=head.days) if head.days else None)
        return WatchlistItem(
            id_, key, {name: one.cells.get(name, "") for name in head.columns}, now, now, expires
        )

    def _drop_items(
        self, session: Session, head: WatchlistHead, gone: Sequence[WatchlistItem], now: datetime
    ) -> None:
        self.state.watchlists.drop_items(session, head, [one.id for one in gone])
        self._report_items(session, head, gone, "Delete", now)

    def _touch_watchlist(self, session: Session, head: WatchlistHead, now: datetime) -> None:
        changed = replace(head, version=head.version + 1, changed=now, changed_by=self.by)
        self.state.watchlists.put(session, changed)
        self._queue_list_row(session, changed, "Update", now)

    def _queue_list_row(self, session: Session, head: WatchlistHead, status: str, now: datetime) -> None:
        self.state.outbox.add(session, self.workspace, TABLE, list_row(head, status, now, self.by))

    def _report_items(
        self,
        session: Session,
        head: WatchlistHead,
        items: Sequence[WatchlistItem],
        status: str,
        now: datetime,
    ) -> None:
        rows = build_item_rows(head, items, status, now, self.by)
        self.state.outbox.add_many(session, self.workspace, [(TABLE, row) for row in rows])
