"""Watchlists: create, fill and delete them; named locations and known egress are two of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem, WatchlistService
from nephoscope.lake.watchlists.watchlist_templates import find_template
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.watchlists.watchlist_diff import WatchlistChanges
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.workspaces.watchlists import WatchlistHead, WatchlistItem

READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/watchlists/{one}" for one in ("read", "write", "delete"))
#: How many keys or addresses an entry names.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class WatchlistStore:
    """Watchlists of a workspace: the context, the lake that publishes them, and the workspace."""

    context: ServiceContext
    lake: Lake
    workspace: str

    @property
    def keeper(self) -> WatchlistService:
        """Return what changes the lists, in the name of the actor."""
        return WatchlistService(self.context.state, self.lake, self.workspace, self.context.author)

    @contextmanager
    def change(
        self, alias: str, act: str, operation: str = WRITE, **detail: object
    ) -> Iterator[WatchlistService]:
        """Check the permission, and audit what is changed within the block."""
        with self.context.change(
            operation, get_workspace_scope(self.workspace), f"watchlist {alias}", act=act, workspace=self.workspace, **detail
        ):  # fmt: skip
            yield self.keeper


def create_watchlist(
    store: WatchlistStore, alias: str, search_key: str, columns: Sequence[str], items: Iterable[NewWatchlistItem] = (), **about: object
) -> WatchlistHead:  # fmt: skip
    """Create a watchlist with items; `about` has its name, description, provider, source and days.

    StateError for an alias that is taken or cannot be one, ItemError for an item that it cannot have.
    """
    store.context.require(WRITE, get_workspace_scope(store.workspace))
    given = list(items)
    keys, source = _list_keys(given, search_key), about.get("source")
    with store.change(
        alias, "create", key=search_key, columns=columns, source=source, keys=keys, of=len(given) or None
    ) as keeping:
        return keeping.create(alias, search_key, columns, store.context.now, given, **about)


def update_watchlist(
    store: WatchlistStore,
    alias: str,
    items: Iterable[NewWatchlistItem],
    *,
    whole: bool = False,
    source: str = "",
) -> WatchlistChanges:
    """Add items, and replace those of their search keys; `whole` removes all others. The list of a template is created first."""
    store.context.require(WRITE, get_workspace_scope(store.workspace))
    given = list(items)
    keys = _list_keys(given, find_columns(store, alias)[0])
    with store.change(
        alias, "update", source=source or None, replaced=whole or None, keys=keys, of=len(given) or None
    ) as keeping:
        keeping.start(alias, store.context.now)
        return keeping.update(alias, given, store.context.now, whole=whole)


def _list_keys(items: Sequence[NewWatchlistItem], search_key: str) -> list[str] | None:
    """The search keys of the first items, for an entry; all are rows of the table Watchlist with who put them."""
    return [one.cells.get(search_key, "") for one in items[:_NAMED]] or None


def find_columns(store: WatchlistStore, alias: str) -> tuple[str, set[str]]:
    """Return the search key and columns of a list, of its template where it is not there yet; NotFoundError where there is neither."""
    state, known = store.context.state, find_template(alias)
    with state.reading() as session:
        head = state.watchlists.find(session, store.workspace, alias)
    if head is None and known is not None:
        return known["key"], set(known["columns"])
    head = state.watchlists.get(store.workspace, alias)
    return head.search_key, set(head.columns)


def add_item(store: WatchlistStore, alias: str, item: NewWatchlistItem) -> WatchlistChanges:
    """Add an item, or replace the one of its search key. The list of a template is created first."""
    with store.change(alias, "add", item=dict(item.cells), expires=item.expires) as keeping:
        keeping.start(alias, store.context.now)
        return keeping.update(alias, [item], store.context.now)


def put_item(
    store: WatchlistStore, alias: str, id_: str, cells: Mapping[str, str]
) -> tuple[WatchlistItem, bool]:
    """Keep an item under an id, whatever other items have its search key; the item, and whether it is new."""
    with store.change(alias, "put", id=id_, item=cells) as keeping:
        return keeping.put_item(alias, id_, cells, store.context.now)


def delete_item(store: WatchlistStore, alias: str, id_: str) -> bool:
    """Delete the item of an id; whether there was one."""
    store.context.require(DELETE, get_workspace_scope(store.workspace))
    lists = store.context.state.watchlists
    if lists.find_item(lists.get(store.workspace, alias), id_) is None:
        return False
    with store.change(alias, "drop", DELETE, id=id_) as keeping:
        return keeping.drop_item(alias, id_, store.context.now)


def drop_items(store: WatchlistStore, alias: str, keys: Sequence[str]) -> int:
    """Delete the items of search keys; how many. StateError for a key that no item has."""
    with store.change(alias, "drop", keys=list(keys[:_NAMED]), of=len(keys)) as keeping:
        return keeping.drop(alias, keys, store.context.now)


def delete_watchlist(store: WatchlistStore, alias: str) -> None:
    """Delete a watchlist with its items."""
    store.context.require(DELETE, get_workspace_scope(store.workspace))
    lists = store.context.state.watchlists
    head = lists.get(store.workspace, alias)
    before = {"key": head.search_key, "columns": head.columns, "items": lists.count(head)}
    with store.change(alias, "delete", DELETE, before=before) as keeping:
        keeping.delete(alias, store.context.now)


def put_locations(
    store: WatchlistStore, alias: str, items: Sequence[Mapping[str, str]], act: str
) -> WatchlistChanges:
    """Put addresses into NamedLocations or KnownEgress, which is created where it is not there."""
    with _locate_errors(store, alias, items, act) as keeping:
        return _put_items(store, keeping, alias, items)


def sync_locations(
    store: WatchlistStore, alias: str, found: Sequence[Mapping[str, str]], tag: str
) -> tuple[WatchlistChanges, int]:
    """Put what the estate holds into a list of locations, and drop what carries the same tag and is gone; how many of these.

    What a person put there, without the tag, stays as it is.
    """
    known = _map_tags(store, alias)
    own = [one for one in found if known.get(one["Address"], tag) == tag]
    addresses = {one["Address"] for one in own}
    gone = [one for one, held in known.items() if held == tag and one not in addresses]
    with _locate_errors(store, alias, own, "take") as keeping:
        changed = _put_items(store, keeping, alias, own)
        return changed, keeping.drop(alias, gone, store.context.now) if gone else 0


def _put_items(
    store: WatchlistStore, keeping: WatchlistService, alias: str, items: Sequence[Mapping[str, str]]
) -> WatchlistChanges:
    keeping.start(alias, store.context.now)
    return keeping.update(alias, [NewWatchlistItem(one) for one in items], store.context.now)


def _map_tags(store: WatchlistStore, alias: str) -> dict[str, str]:
    """Address -> tags of a list of locations; {} where there is no such list."""
    with store.context.state.reading() as session:
        head = store.context.state.watchlists.find(session, store.workspace, alias)
    if head is None:
        return {}
    return {one.key: one.cells.get("Tags", "") for one in store.context.state.watchlists.read(head)}


@contextmanager
def _locate_errors(
    store: WatchlistStore, alias: str, items: Sequence[Mapping[str, str]], act: str
) -> Iterator[WatchlistService]:
    addresses = [one["Address"] for one in items[:_NAMED]]
    with store.change(alias, act, addresses=addresses, of=len(items)) as keeping:
        yield keeping
