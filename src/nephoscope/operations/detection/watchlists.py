"""Watchlists: small tables that queries read with _GetWatchlist, as they are listed, filled and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import (
    FirstRows,
    OperationForm,
    PageColumn,
    Row,
    RowTable,
    SectionList,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

if TYPE_CHECKING:
    from nephoscope.service.watchlists import WatchlistStore

OPERATIONS = OperationGroup("watchlists", "Watchlists", "A watchlist")
MOST_SHOWN = 10_000
READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/watchlists/{one}" for one in ("read", "write", "delete"))


class NewList(InWorkspace, frozen=True, kw_only=True):
    """A watchlist to create; without columns it is that of the template of its alias."""

    alias: Annotated[Text, describe("Alias that queries use: _GetWatchlist('ALIAS').", min_length=1)]
    columns: Annotated[
        tuple[Text, ...], describe("Columns, one per line; leave empty to use a template.")
    ] = ()
    key: Annotated[Text, describe("Column that identifies an item.", label="Search key")] = ""
    description: Annotated[Text, describe("Description.")] = ""
    days: Annotated[
        int, describe("Lifetime of an item in days; 0 = unlimited.", label="Lifetime in days", ge=0, le=3650)
    ] = 0


class NewItem(InWorkspace, frozen=True, kw_only=True):
    """An item: its cells and when it expires."""

    cells: Annotated[
        tuple[Text, ...], describe("COLUMN=VALUE, one per line.", metavar="COLUMN=VALUE...", argument=True)
    ]
    expires: Annotated[datetime, describe("Expiry of the item (UTC).")] | None = None


class ItemKeys(InWorkspace, frozen=True, kw_only=True):
    """Search keys of items."""

    keys: Annotated[
        tuple[Text, ...],
        describe("Search keys, one per line.", label="Search keys", metavar="KEY...", argument=True),
    ]


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "list", columns=("alias", "name", "searchKey", "items", "provider", "changed", "changedBy"),
        nothing="no watchlists: create one with nephoscope watchlists create ALIAS FILE --key COLUMN",
    ),
    page=SectionList(
        "Watchlists", "Detection", "watchlist", "Small tables that rules and queries read with `_GetWatchlist('ALIAS')`.",
        key="alias", guide="watchlists.md",
        columns=(
            PageColumn("alias", "Alias"), PageColumn("description", "Description", optional=True), PageColumn("items", "Items"),
            PageColumn("searchKey", "Search key", optional=True), PageColumn("changed", "Changed", optional=True),
            PageColumn("changedBy", "Changed by", optional=True),
        ),
    ),
)  # fmt: skip
def lists(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List the watchlists of a workspace."""
    return [
        {
            "alias": one.alias, "name": one.name, "searchKey": one.search_key, "items": count, "provider": one.provider,
            "changed": one.changed, "changedBy": one.changed_by, "columns": list(one.columns), "description": one.description,
        }
        for one, count in call.state.watchlists.all(call.workspace(query.workspace))
    ]  # fmt: skip


@OPERATIONS.operation(READ, page=RowTable("Items"))
def items(call: OperationCall, alias: Text, query: InWorkspace) -> FirstRows:
    """List the items of a watchlist, at most ten thousand."""
    store = call.state.watchlists
    head = store.get(call.workspace(query.workspace), alias)
    found = ({**one.cells, "(expires)": one.expires} for one in store.read(head, MOST_SHOWN))
    return FirstRows(found, store.count(head))


@OPERATIONS.operation(WRITE, needs_lake=True, page=OperationForm("Create a watchlist"))
def create(call: OperationCall, body: NewList) -> None:
    """Create an empty watchlist, with your columns or the columns of the template of its alias."""
    from nephoscope.lake.watchlists.watchlist_templates import template
    from nephoscope.service.watchlists import create_watchlist

    known: Mapping[str, Text] = template(body.alias) or {}
    columns, key = body.columns or tuple(known.get("columns", ())), body.key or known.get("key", "")
    if not columns:
        raise RefusedRequestError(f"columns are required: '{body.alias}' is not a template", "columns")
    if key not in columns:
        raise RefusedRequestError(f"search key must be one of {', '.join(columns)}", "key")
    with _open_store(call, body.workspace) as store:
        create_watchlist(
            store, body.alias, key, columns, (), name=known.get("name", body.alias), days=body.days,
            description=body.description or known.get("description", ""), provider="", source="template" if known else "",
        )  # fmt: skip


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("add", lambda changed: changed),
    needs_lake=True,
    page=OperationForm("Add an item"),
)
def add(call: OperationCall, alias: Text, body: NewItem) -> str:
    """Add an item to the watchlist ALIAS, or replace the item with its search key. A list with a template is
    created if necessary.
    """
    from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem
    from nephoscope.service.watchlists import add_item

    given = NewWatchlistItem(dict(map(_split_cell, body.cells)), body.expires)
    with _open_store(call, body.workspace) as store:
        return str(add_item(store, alias, given))


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("drop", "{result:,} removed"),
    needs_lake=True,
    page=OperationForm("Remove items"),
)
def drop(call: OperationCall, alias: Text, body: ItemKeys) -> int:
    """Remove the items with the search keys KEY from the watchlist ALIAS."""
    from nephoscope.service.watchlists import drop_items

    with _open_store(call, body.workspace) as store:
        return drop_items(store, alias, body.keys)


@OPERATIONS.operation(
    DELETE,
    command=CommandLine("delete", "watchlist {alias} deleted"),
    needs_lake=True,
    page=OperationForm("Delete", closes=True, danger=True),
)
def delete(call: OperationCall, alias: Text, query: InWorkspace) -> None:
    """Delete the watchlist ALIAS with its items."""
    from nephoscope.service.watchlists import delete_watchlist

    with _open_store(call, query.workspace) as store:
        delete_watchlist(store, alias)


@contextmanager
def _open_store(call: OperationCall, workspace: str) -> Iterator[WatchlistStore]:
    """The watchlists of a workspace; what is left to publish is published first."""
    from nephoscope.service.watchlists import WatchlistStore

    store = WatchlistStore(call.service, call.lake, call.workspace(workspace))
    store.keeper.publish_due(call.service.now)
    yield store


def _split_cell(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise RefusedRequestError(f"{text}: must be NAME=VALUE", "cells")
    return name.strip(), value
