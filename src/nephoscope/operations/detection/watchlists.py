"""Watchlists: small tables that queries read with _GetWatchlist, as they are listed, filled and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
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
    from nephoscope.files.tables.delimited import DelimitedFile
    from nephoscope.service.watchlists import WatchlistStore

OPERATIONS = OperationGroup(
    "watchlists", "Watchlists", "A watchlist",
    "Manage watchlists: small tables that queries read with _GetWatchlist('ALIAS').",
)  # fmt: skip
MOST_SHOWN = 10_000
#: Rows that could not be read, of which so many are told.
_TOLD = 20
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


class ListFileOptions(InWorkspace, frozen=True, kw_only=True):
    """Options for reading the file of a watchlist."""

    expires: Annotated[Text, describe("Column with the expiry of an item.", metavar="COLUMN")] = ""
    delimiter: Annotated[
        Text, describe("Delimiter (default: detected and reported).", metavar="CHARACTER")
    ] = ""
    encoding: Annotated[
        Text, describe("Encoding of the file (default: UTF-8, or its byte order mark).", metavar="NAME")
    ] = ""


class NewListFile(ListFileOptions, frozen=True, kw_only=True):
    """A watchlist to create from a file, or empty from the template of its alias."""

    file: Annotated[Path, describe("File.", argument=True, path="file")] | None = None
    key: Annotated[
        Text,
        describe(
            "Search key column (default: the search key of the template ALIAS, if there is one).", metavar="COLUMN"
        ),
    ] = ""  # fmt: skip
    name: Annotated[Text, describe("Display name (default: the alias).", metavar="TEXT")] = ""
    description: Annotated[Text, describe("Description.", metavar="TEXT")] = ""
    provider: Annotated[Text, describe("Provider of the list.", metavar="TEXT")] = ""
    days: Annotated[int, describe("Lifetime of an item in days; 0 = unlimited.", ge=0, le=3650)] = 0


class ListFile(ListFileOptions, frozen=True, kw_only=True):
    """A file whose rows are added."""

    file: Annotated[Path, describe("File.", argument=True, path="file")]
    whole: Annotated[bool, describe("Remove items that are not in the file.", option="--replace")] = False


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
def list_watchlists(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List the watchlists of a workspace."""
    return [
        {
            "alias": one.alias, "name": one.name, "searchKey": one.search_key, "items": count, "provider": one.provider,
            "changed": one.changed, "changedBy": one.changed_by, "columns": list(one.columns), "description": one.description,
        }
        for one, count in call.state.watchlists.all(call.workspace(query.workspace))
    ]  # fmt: skip


@OPERATIONS.operation(READ, page=RowTable("Items"))
def list_items(call: OperationCall, alias: Text, query: InWorkspace) -> FirstRows:
    """List the items of a watchlist, at most ten thousand."""
    store = call.state.watchlists
    head = store.get(call.workspace(query.workspace), alias)
    found = ({**one.cells, "(expires)": one.expires} for one in store.read(head, MOST_SHOWN))
    return FirstRows(found, store.count(head))


@OPERATIONS.operation(WRITE, needs_lake=True, page=OperationForm("Create a watchlist"))
def create_watchlist(call: OperationCall, body: NewList) -> None:
    """Create an empty watchlist, with your columns or the columns of the template of its alias."""
    from nephoscope.lake.watchlists.watchlist_templates import find_template
    from nephoscope.service.watchlists import create_watchlist

    known: Mapping[str, Text] = find_template(body.alias) or {}
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


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """Lines about a file whose rows were taken, and how many rows could not be read."""

    told: str
    refused: int = 0

    def exit_code(self) -> int:
        """Return the exit code of the command."""
        return 3 if self.refused else 0


def _declare_file_command(word: str) -> CommandLine:
    return CommandLine(word, lambda done: done.told, failed=FileOutcome.exit_code)


@OPERATIONS.operation(WRITE, command=_declare_file_command("create"), needs_lake=True)
def create_watchlist_from_file(call: OperationCall, alias: Text, body: NewListFile) -> FileOutcome:
    """Create the watchlist ALIAS from FILE (CSV, TSV, semicolons or bars; the first row names the columns).
    Without FILE, an empty list is created from the template ALIAS: see `watchlists templates`.
    """
    from nephoscope.lake.watchlists.watchlist_templates import find_template
    from nephoscope.service.watchlist_files import read_list_items
    from nephoscope.service.watchlists import create_watchlist

    known: Mapping[str, Text] = find_template(alias) or {}
    table = _open_table(body.file, body) if body.file else None
    if table is None and not known:
        raise RefusedRequestError(
            f"FILE is required: '{alias}' is not a template (see nephoscope watchlists templates)", "file"
        )
    columns, key = table.columns if table else tuple(known["columns"]), body.key or known.get("key", "")
    if not key:
        raise RefusedRequestError(f"--key is required: one of {', '.join(columns)}", "key")
    refused: list[str] = []
    with _open_store(call, body.workspace) as store, _refuse_tables():
        given = read_list_items(table, key, body.expires, {*columns}, refused) if table else ()
        head = create_watchlist(
            store, alias, key, columns, given, name=body.name or known.get("name", ""), provider=body.provider, days=body.days,
            description=body.description or known.get("description", ""), source=body.file.name if body.file else "template",
        )  # fmt: skip
    created = f"watchlist {alias} created: search key {key}"
    if table is None:
        return FileOutcome(created)
    _report_refused_items(call, table, refused)
    count = call.state.watchlists.count(head)
    return FileOutcome(f"{created}, {table}\n{table.path}: {count:,} added", len(refused))


@OPERATIONS.operation(WRITE, command=_declare_file_command("update"), needs_lake=True)
def update_watchlist_from_file(call: OperationCall, alias: Text, body: ListFile) -> FileOutcome:
    """Add the rows of FILE to the watchlist ALIAS; items with the same search key are replaced. A list with
    a template (`watchlists templates`) is created if necessary.
    """
    from nephoscope.service.watchlist_files import read_items, read_list_items
    from nephoscope.service.watchlists import find_columns, update_watchlist

    table = _open_table(body.file, body)
    if body.expires and body.expires not in table.columns:
        raise RefusedRequestError(
            f"--expires must be one of {', '.join(table.columns)} (got {body.expires})", "expires"
        )
    refused: list[str] = []
    with _open_store(call, body.workspace) as store, _refuse_tables():
        key, columns = find_columns(store, alias)
        if unknown := sorted(set(table.columns) - columns - {body.expires}):
            raise RefusedRequestError(
                f"watchlist {alias} has no column {unknown[0]}: expected {', '.join(sorted(columns))}", "file"
            )
        # where a row cannot be read, nothing is removed
        wrong = body.whole and any(isinstance(one, str) for one in read_items(table, key, body.expires))
        given = read_list_items(table, key, body.expires, columns, refused)
        changed = update_watchlist(
            store, alias, given, whole=body.whole and not wrong, source=table.path.name
        )
    if wrong:
        call.tell("nothing was removed, because some rows could not be read")
    _report_refused_items(call, table, refused)
    return FileOutcome(f"{table.path}: {changed}", len(refused))


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("add", lambda changed: changed),
    needs_lake=True,
    page=OperationForm("Add an item"),
)
def put_item(call: OperationCall, alias: Text, body: NewItem) -> str:
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
def remove_items(call: OperationCall, alias: Text, body: ItemKeys) -> int:
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
def delete_watchlist(call: OperationCall, alias: Text, query: InWorkspace) -> None:
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


@contextmanager
def _refuse_tables() -> Iterator[None]:
    from nephoscope.files.tables.delimited import DelimitedError

    with translate_errors("file", DelimitedError):
        yield


def _open_table(path: Path, asked: ListFileOptions) -> DelimitedFile:
    from nephoscope.files.tables.delimited import DelimitedFile

    with _refuse_tables():
        return DelimitedFile.open(
            path, delimiter=asked.delimiter.replace("\\t", "\t"), encoding=asked.encoding
        )


def _report_refused_items(call: OperationCall, table: DelimitedFile, refused: list[str]) -> None:
    for one in refused[:_TOLD]:
        call.tell(f"{table.path}, {one}")
    if len(refused) > _TOLD:
        call.tell(f"{table.path}: {len(refused) - _TOLD:,} more")


def _split_cell(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise RefusedRequestError(f"{text}: must be NAME=VALUE", "cells")
    return name.strip(), value
