"""Watchlists: small tables that people keep and queries read by _GetWatchlist."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.listing import listed
from nephoscope.cli.session.narrowing import workspace_option
from nephoscope.cli.session.who import user

if TYPE_CHECKING:
    from nephoscope.lake.listing import Given, Keeping
    from nephoscope.sources.tables.delimited import Delimited

WRITE, DELETE = "Microsoft.SecurityInsights/watchlists/write", "Microsoft.SecurityInsights/watchlists/delete"
COLUMNS = ("alias", "name", "searchKey", "items", "provider", "changed", "changedBy")
TEMPLATES = ("alias", "name", "key", "columns", "description")
_BAD, _SHOWN = 3, 20
_WORKSPACE = workspace_option()
_DELIMITER = click.option(
    "--delimiter", default="", metavar="CHARACTER", help="Between cells (default: found, and told)."
)
_ENCODING = click.option(
    "--encoding", default="", metavar="NAME", help="Of the file (default: UTF-8, or as its first bytes say)."
)
_EXPIRES = click.option(
    "--expires", default="", metavar="COLUMN", help="The column that says when an item is over."
)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("watchlists")
def command() -> None:
    """Work with watchlists: small tables that queries read by _GetWatchlist('ALIAS')."""


@command.command("create")
@_WORKSPACE
@click.argument("alias")
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--key",
    default="",
    metavar="COLUMN",
    help="The search key (default: of the template ALIAS, if it is one).",
)
@click.option("--name", default="", metavar="TEXT", help="What people call it (default: the alias).")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option("--provider", default="", metavar="TEXT", help="Who keeps it.")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=0,
    show_default=True,
    help="How long an item stays; 0 = for ever.",
)
@_EXPIRES
@_DELIMITER
@_ENCODING
@click.pass_obj
def create(data: Path, /, alias: str, file: Path | None, workspace: str, **options: Any) -> None:
    """Make the watchlist ALIAS from FILE (CSV, TSV, semicolons or bars; the first row names the columns).

    Without FILE it is made empty as the template ALIAS has it: `watchlists templates` lists those.
    """
    from nephoscope.cli.session.messages import usage_error
    from nephoscope.lake.watchlist_templates import template as template_of

    template = template_of(alias)
    table = _table(file, options) if file else None
    if table is None and template is None:
        usage_error(f"give a file: '{alias}' is no template (nephoscope watchlists templates)")
    columns = table.columns if table else tuple(template["columns"] if template else ())
    key = options["key"] or (template["key"] if template else "")
    if not key:
        usage_error(f"which column is the search key? --key with one of {', '.join(columns)}")
    about = {name: options[name] or (template or {}).get(name, "") for name in ("name", "description")}
    source = file.name if file else "template"
    with (
        _keeping(data, workspace) as keeping,
        _audited(keeping, alias, "create", key=key, columns=columns, source=source),
    ):
        keeping.create(
            alias, key, columns, datetime.now(UTC), provider=options["provider"], days=options["days"],
            source=source, **about,
        )  # fmt: skip
        click.echo(f"watchlist {alias} made: search key {key}" + (f", {table}" if table else ""))
        code = _fill(keeping, alias, table, options["expires"]) if table else 0
    sys.exit(code)


@command.command("update")
@_WORKSPACE
@click.argument("alias")
@click.argument("file", type=_FILE)
@click.option("--replace", "whole", is_flag=True, help="Remove items that the file does not have.")
@_EXPIRES
@_DELIMITER
@_ENCODING
@click.pass_obj
def update(data: Path, /, alias: str, file: Path, workspace: str, whole: bool, **options: Any) -> None:
    """Add the rows of FILE to the watchlist ALIAS; an item with the same search key is replaced.

    The list of a template (`watchlists templates`) is made where it is not there yet.
    """
    table = _table(file, options)
    with (
        _keeping(data, workspace) as keeping,
        _audited(keeping, alias, "update", source=file.name, replaced=whole or None),
    ):
        _start(keeping, alias)
        code = _fill(keeping, alias, table, options["expires"], whole=whole)
    sys.exit(code)


@command.command("add")
@_WORKSPACE
@click.argument("alias")
@click.argument("cells", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@click.option("--expires", type=click.DateTime(), help="When the item is over (UTC).")
@click.pass_obj
def add(data: Path, /, alias: str, cells: tuple[str, ...], workspace: str, expires: datetime | None) -> None:
    """Add an item to the watchlist ALIAS, or replace the one with its search key.

    The list of a template is made where it is not there yet.
    """
    from nephoscope.cli.session.secrets import pair
    from nephoscope.lake.listing import Given

    given = Given(dict(pair(one) for one in cells), expires.replace(tzinfo=UTC) if expires else None)
    with (
        _keeping(data, workspace) as keeping,
        _audited(keeping, alias, "add", item=dict(given.cells), expires=given.expires),
    ):
        _start(keeping, alias)
        click.echo(str(keeping.update(alias, [given], datetime.now(UTC))))


@command.command("drop")
@_WORKSPACE
@click.argument("alias")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.pass_obj
def drop(data: Path, /, alias: str, keys: tuple[str, ...], workspace: str) -> None:
    """Remove the items with the search keys KEY from the watchlist ALIAS."""
    with (
        _keeping(data, workspace) as keeping,
        _audited(keeping, alias, "drop", keys=keys[:_SHOWN], of=len(keys)),
    ):
        click.echo(f"{keeping.drop(alias, keys, datetime.now(UTC)):,} removed")


@command.command("delete")
@_WORKSPACE
@click.argument("alias")
@click.pass_obj
def delete(data: Path, /, alias: str, workspace: str) -> None:
    """Delete the watchlist ALIAS with its items."""
    with _keeping(data, workspace) as keeping, _audited(keeping, alias, "delete"):
        keeping.delete(alias, datetime.now(UTC))
        click.echo(f"watchlist {alias} deleted")


@command.command("list")
@_WORKSPACE
@listed
@click.pass_obj
def list_(data: Path, /, workspace: str, output: str) -> None:
    """List the watchlists of a workspace."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.cli.session.stored import state_of, workspace_of

    with state_of(data) as state:
        found = state.watchlists.all(workspace_of(state, workspace).name)
    rows = [
        {
            "alias": one.alias, "name": one.name, "searchKey": one.search_key, "items": count, "provider": one.provider,
            "changed": one.changed, "changedBy": one.changed_by, "columns": list(one.columns), "description": one.description,
        }
        for one, count in found
    ]  # fmt: skip
    show_list(rows, COLUMNS, output, "no watchlist: nephoscope watchlists create ALIAS FILE --key COLUMN")


@command.command("show")
@_WORKSPACE
@click.argument("alias")
@click.option(
    "--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many items."
)
@listed
@click.pass_obj
def show(data: Path, /, alias: str, workspace: str, most: int, output: str) -> None:
    """Show the items of the watchlist ALIAS."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.cli.session.stored import state_of, workspace_of

    with state_of(data) as state:
        head = state.watchlists.get(workspace_of(state, workspace).name, alias)
        items = state.watchlists.read(head, most)
    rows = [{**one.cells, "(expires)": one.expires} for one in items]
    show_list(rows, (*head.columns, "(expires)"), output, "no item")


@command.command("templates")
@listed
def templates(output: str) -> None:
    """List the templates: aliases that detections ask for, with their columns."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.lake.watchlist_templates import templates as known

    show_list(known(), TEMPLATES, output)


@contextmanager
def _keeping(data: Path, workspace: str) -> Iterator[Keeping]:
    from nephoscope.cli.session.lakes import lake_of, take_in
    from nephoscope.cli.session.messages import usage_error
    from nephoscope.cli.session.stored import workspace_of
    from nephoscope.lake.listing import Keeping
    from nephoscope.sources.tables.delimited import DelimitedError

    with lake_of(data) as (lake, state):
        keeping = Keeping(state, lake, workspace_of(state, workspace).name, user())
        keeping.publish_due(datetime.now(UTC))
        try:
            yield keeping
        except DelimitedError as error:
            usage_error(str(error))
        take_in(data, lake, state)


def _audited(keeping: Keeping, alias: str, act: str, **told: Any) -> AbstractContextManager[None]:
    from nephoscope.cli.session.auditing import audited

    operation = DELETE if act == "delete" else WRITE
    return audited(
        keeping.state, operation, f"watchlist {alias}", act=act, workspace=keeping.workspace, **told
    )


def _start(keeping: Keeping, alias: str) -> None:
    if keeping.start(alias, datetime.now(UTC)):
        click.echo(f"watchlist {alias} made from its template")


def _table(file: Path, options: dict[str, Any]) -> Delimited:
    from nephoscope.cli.session.messages import usage_error
    from nephoscope.sources.tables.delimited import Delimited, DelimitedError

    try:
        return Delimited.of(
            file, delimiter=options["delimiter"].replace("\\t", "\t"), encoding=options["encoding"]
        )
    except DelimitedError as error:
        usage_error(str(error))


def _fill(keeping: Keeping, alias: str, table: Delimited, expires: str, *, whole: bool = False) -> int:
    """Add the rows of a table; the exit code. Where a row could not be read, nothing is removed."""
    from nephoscope.cli.session.messages import tell, usage_error

    if expires and expires not in table.columns:
        usage_error(f"--expires: no column is named {expires}; there are {', '.join(table.columns)}")
    head = keeping.state.watchlists.get(keeping.workspace, alias)
    if unknown := sorted(set(table.columns) - set(head.columns) - {expires}):
        usage_error(f"watchlist {alias} has no column {unknown[0]}; it has {', '.join(head.columns)}")
    wrong = (
        [why for one in _given(table, head.search_key, expires) if isinstance(why := one, str)]
        if whole
        else []
    )
    refused: list[str] = []
    now = datetime.now(UTC)
    given = _good(_given(table, head.search_key, expires), set(head.columns), refused)
    click.echo(f"{table.path}: {keeping.update(alias, given, now, whole=whole and not wrong)}")
    if wrong:
        tell("nothing was removed, since not every row could be read")
    for one in refused[:_SHOWN]:
        tell(f"{table.path}, {one}")
    if len(refused) > _SHOWN:
        tell(f"{table.path}: {len(refused) - _SHOWN:,} more")
    return _BAD if refused else 0


def _good(found: Iterator[Given | str], columns: set[str], refused: list[str]) -> Iterator[Given]:
    from nephoscope.lake.listing import Given

    for one in found:
        if isinstance(one, str):
            refused.append(one)
        else:
            yield Given({name: value for name, value in one.cells.items() if name in columns}, one.expires)


def _given(table: Delimited, key: str, expires: str) -> Iterator[Given | str]:
    """Each row as an item, or what is wrong with it and where."""
    from nephoscope.lake.listing import Given
    from nephoscope.sources.logs.moments import moment

    for line in table.rows():
        text = line.cells.get(expires, "").strip() if expires else ""
        over = moment(text) if text else None
        if line.wrong:
            yield f"line {line.number}: {line.wrong}"
        elif not line.cells[key].strip():
            yield f"line {line.number}: nothing in {key}, the search key"
        elif text and over is None:
            yield f"line {line.number}: {expires}: {text[:60]!r} is no time"
        else:
            yield Given({name: value.strip() for name, value in line.cells.items()}, over)
