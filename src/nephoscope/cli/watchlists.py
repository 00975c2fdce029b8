"""Manage watchlists: small tables that queries read with _GetWatchlist."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.filter_options import workspace_option
from nephoscope.cli.session.lake_access import flush_pending, open_lake
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import print_message, usage_error
from nephoscope.operations.detection import watchlists

if TYPE_CHECKING:
    from nephoscope.files.tables.delimited import DelimitedFile
    from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem
    from nephoscope.service.watchlists import WatchlistStore

TEMPLATES = ("alias", "name", "key", "columns", "description")
_BAD, _SHOWN = 3, 20
_WORKSPACE = workspace_option()
_DELIMITER = click.option(
    "--delimiter", default="", metavar="CHARACTER", help="Delimiter (default: detected and reported)."
)
_ENCODING = click.option(
    "--encoding",
    default="",
    metavar="NAME",
    help="Encoding of the file (default: UTF-8, or its byte order mark).",
)
_EXPIRES = click.option("--expires", default="", metavar="COLUMN", help="Column with the expiry of an item.")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("watchlists")
def command() -> None:
    """Manage watchlists: small tables that queries read with _GetWatchlist('ALIAS')."""


class _TableOptions(TypedDict):
    expires: str
    delimiter: str
    encoding: str


class _ListOptions(_TableOptions):
    key: str
    name: str
    description: str
    provider: str
    days: int


@command.command("create")
@_WORKSPACE
@click.argument("alias")
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--key",
    default="",
    metavar="COLUMN",
    help="Search key column (default: the search key of the template ALIAS, if there is one).",
)
@click.option("--name", default="", metavar="TEXT", help="Display name (default: the alias).")
@click.option("--description", default="", metavar="TEXT", help="Description.")
@click.option("--provider", default="", metavar="TEXT", help="Provider of the list.")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=0,
    show_default=True,
    help="Lifetime of an item in days; 0 = unlimited.",
)
@_EXPIRES
@_DELIMITER
@_ENCODING
@click.pass_obj
def create(
    data: Path, /, alias: str, file: Path | None, workspace: str, **options: Unpack[_ListOptions]
) -> None:
    """Create the watchlist ALIAS from FILE (CSV, TSV, semicolons or bars; the first row names the columns).
    Without FILE, an empty list is created from the template ALIAS: see `watchlists templates`.
    """
    from nephoscope.lake.watchlists.watchlist_templates import template as template_of
    from nephoscope.service.watchlists import create_watchlist

    template = template_of(alias)
    table = _table(file, options) if file else None
    if table is None and template is None:
        usage_error(f"FILE is required: '{alias}' is not a template (see nephoscope watchlists templates)")
    columns = table.columns if table else tuple(template["columns"] if template else ())
    key = options["key"] or (template["key"] if template else "")
    if not key:
        usage_error(f"--key is required: one of {', '.join(columns)}")
    known = template or {}
    name, description = (
        options["name"] or known.get("name", ""),
        options["description"] or known.get("description", ""),
    )
    source = file.name if file else "template"
    refused: list[str] = []
    with _store(data, workspace) as store:
        given = (
            _drop_refused(_read_items(table, key, options["expires"]), {*columns}, refused) if table else ()
        )
        head = create_watchlist(
            store, alias, key, columns, given,
            name=name, description=description, provider=options["provider"], days=options["days"], source=source,
        )  # fmt: skip
        count = store.context.state.watchlists.count(head)
    click.echo(f"watchlist {alias} created: search key {key}" + (f", {table}" if table else ""))
    if table:
        click.echo(f"{table.path}: {count:,} added")
        _tell_refused(table, refused)
    sys.exit(_BAD if refused else 0)


@command.command("update")
@_WORKSPACE
@click.argument("alias")
@click.argument("file", type=_FILE)
@click.option("--replace", "whole", is_flag=True, help="Remove items that are not in the file.")
@_EXPIRES
@_DELIMITER
@_ENCODING
@click.pass_obj
def update(
    data: Path, /, alias: str, file: Path, workspace: str, whole: bool, **options: Unpack[_TableOptions]
) -> None:
    """Add the rows of FILE to the watchlist ALIAS; items with the same search key are replaced. A list with
    a template (`watchlists templates`) is created if necessary.
    """
    table = _table(file, options)
    with _store(data, workspace) as store:
        code = _fill(store, alias, table, options["expires"], whole=whole)
    sys.exit(code)


@command.command("show")
@_WORKSPACE
@click.argument("alias")
@click.option(
    "--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Maximum number of items."
)
@list_options
@click.pass_obj
def show(data: Path, /, alias: str, workspace: str, most: int, output: str) -> None:
    """Show the items of the watchlist ALIAS."""
    with open_state(data) as state:
        head = state.watchlists.get(find_workspace(state, workspace).name, alias)
        items = state.watchlists.read(head, most)
    rows = [{**one.cells, "(expires)": one.expires} for one in items]
    show_list(rows, (*head.columns, "(expires)"), output, "no items")


@command.command("templates")
@list_options
def templates(output: str) -> None:
    """List watchlist templates: the aliases that detections use, with their columns."""
    from nephoscope.lake.watchlists.watchlist_templates import templates as known

    show_list(known(), TEMPLATES, output)


@contextmanager
def _store(data: Path, workspace: str) -> Iterator[WatchlistStore]:
    """The watchlists of a workspace; what is left to publish is published first, and what was changed posted to the lake."""
    from nephoscope.files.tables.delimited import DelimitedError
    from nephoscope.service.watchlists import WatchlistStore

    with open_lake(data) as (lake, state):
        store = WatchlistStore(build_context(data, state), lake, find_workspace(state, workspace).name)
        store.keeper.publish_due(datetime.now(UTC))
        try:
            yield store
        except DelimitedError as error:
            usage_error(str(error))
        flush_pending(data, lake, state)


def _table(file: Path, options: _TableOptions) -> DelimitedFile:
    from nephoscope.files.tables.delimited import DelimitedError, DelimitedFile

    try:
        return DelimitedFile.of(
            file, delimiter=options["delimiter"].replace("\\t", "\t"), encoding=options["encoding"]
        )
    except DelimitedError as error:
        usage_error(str(error))


def _fill(store: WatchlistStore, alias: str, table: DelimitedFile, expires: str, *, whole: bool) -> int:
    """Add the rows of a table; the exit code. Where a row could not be read, nothing is removed."""
    from nephoscope.service.watchlists import update_watchlist

    if expires and expires not in table.columns:
        usage_error(f"--expires must be one of {', '.join(table.columns)} (got {expires})")
    key, columns = _columns(store, alias)
    if unknown := sorted(set(table.columns) - columns - {expires}):
        usage_error(f"watchlist {alias} has no column {unknown[0]}: expected {', '.join(sorted(columns))}")
    wrong = whole and any(isinstance(one, str) for one in _read_items(table, key, expires))
    refused: list[str] = []
    given = _drop_refused(_read_items(table, key, expires), columns, refused)
    changed = update_watchlist(store, alias, given, whole=whole and not wrong, source=table.path.name)
    click.echo(f"{table.path}: {changed}")
    if wrong:
        print_message("nothing was removed, because some rows could not be read")
    _tell_refused(table, refused)
    return _BAD if refused else 0


def _columns(store: WatchlistStore, alias: str) -> tuple[str, set[str]]:
    """The search key and the columns of a list, of its template where it is not there yet; StateError where there is neither."""
    from nephoscope.lake.watchlists.watchlist_templates import template

    state, known = store.context.state, template(alias)
    with state.reading() as session:
        head = state.watchlists.find(session, store.workspace, alias)
    if head is None and known is not None:
        return known["key"], set(known["columns"])
    head = state.watchlists.get(store.workspace, alias)
    return head.search_key, set(head.columns)


def _tell_refused(table: DelimitedFile, refused: list[str]) -> None:
    for one in refused[:_SHOWN]:
        print_message(f"{table.path}, {one}")
    if len(refused) > _SHOWN:
        print_message(f"{table.path}: {len(refused) - _SHOWN:,} more")


def _drop_refused(
    found: Iterator[NewWatchlistItem | str], columns: set[str], refused: list[str]
) -> Iterator[NewWatchlistItem]:
    from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem

    for one in found:
        if isinstance(one, str):
            refused.append(one)
        else:
            yield NewWatchlistItem(
                {name: value for name, value in one.cells.items() if name in columns}, one.expires
            )


def _read_items(table: DelimitedFile, key: str, expires: str) -> Iterator[NewWatchlistItem | str]:
    """Each row as an item, or what is wrong with it and where."""
    from nephoscope.ingest.logs.timestamps import moment
    from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem

    for line in table.rows():
        text = line.cells.get(expires, "").strip() if expires else ""
        over = moment(text) if text else None
        if line.wrong:
            yield f"line {line.number}: {line.wrong}"
        elif not line.cells[key].strip():
            yield f"line {line.number}: the search key {key} is empty"
        elif text and over is None:
            yield f"line {line.number}: {expires}: {text[:60]!r} is not a time"
        else:
            yield NewWatchlistItem({name: value.strip() for name, value in line.cells.items()}, over)


add_operations(command, watchlists.OPERATIONS)
