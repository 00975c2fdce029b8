"""List the tables of the lake, import their columns, and set their retention."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.maintenance.table_inventory import TableInventory
    from nephoscope.state.workspaces.workspace import Workspace

COLUMNS = ("workspace", "table", "rows", "days", "size", "retention", "lastEvent")
CLEANED = ("workspace", "table", "days", "firstDay", "rows", "size")
NOT_TAKEN = 3

_workspace = click.option("--workspace", "-w", metavar="NAME", help="Workspace (default: default).")


@click.group("tables")
def command() -> None:
    """Manage lake tables: contents, columns, retention."""


@command.command("list")
@click.argument("text", default="")
@click.option("--workspace", "-w", metavar="NAME", help="Show only tables of this workspace.")
@click.option("--known", is_flag=True, help="Include known tables without rows.")
@add_list_format_option
@click.pass_obj
def list_(data: Path, /, text: str, workspace: str | None, known: bool, output: str) -> None:
    """List tables whose name contains TEXT: rows, days with rows, size, retention in days, newest event
    (UTC).
    """
    from nephoscope.lake.maintenance.table_inventory import list_table_inventory

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        chosen = find_workspace(state, workspace).name if workspace else None
        by_name = {one.name: one for one in state.workspaces.all()}
        found = list(list_table_inventory(data, chosen))
    rows = [_build_row(one, by_name.get(one.workspace)) for one in found]
    if known:
        rows += _list_empty_tables(lake, found)
    rows = [row for row in rows if text.lower() in str(row["table"]).lower()]
    if output != "json":
        rows = [{name: row[name] for name in COLUMNS} for row in rows]
    nothing = "no table has rows" if not text else f"no table with rows matches {text!r}"
    show_list(rows, COLUMNS, output, f"{nothing}: use --known to list all known tables")


def _build_row(one: TableInventory, workspace: Workspace | None) -> dict[str, object]:
    return {
        "workspace": one.workspace,
        "table": one.table,
        "rows": one.rows,
        "days": one.days,
        "firstDay": one.first_day,
        "lastDay": one.last_day,
        "files": one.files,
        "size": one.size,
        "retention": workspace.get_retention_days(one.table) if workspace else None,
        "lastEvent": one.last_event,
        "version": one.version,
    }


def _list_empty_tables(lake: Lake, found: list[TableInventory]) -> Iterator[dict[str, object]]:
    held = {one.table for one in found}
    empty: dict[str, object] = dict.fromkeys(("firstDay", "lastDay", "retention", "lastEvent", "version"))
    for table in sorted(lake.tables.by_name):
        if table not in held:
            yield empty | {"workspace": "", "table": table, "rows": 0, "days": 0, "files": 0, "size": 0}


@command.command("show")
@click.argument("name")
@add_list_format_option
@click.pass_obj
def show(data: Path, /, name: str, output: str) -> None:
    """Show the columns of the table NAME; the JSON output is the input of `tables import`."""
    from nephoscope.lake.errors import LakeError
    from nephoscope.lake.schema.column_types import STANDARD
    from nephoscope.lake.schema.tables import Tables

    try:
        table = Tables.of(data)[name]
    except LakeError as error:
        exit_with_usage_error(str(error))
    if output == "json":
        import json

        click.echo(json.dumps(table.document(), indent=2, ensure_ascii=False))
        return
    if output == "table" and table.description:
        click.echo(f"{table.name}: {table.description}\n")
    notes = dict.fromkeys(STANDARD, "in every table") | {table.bag: "values without a column"}
    rows = [
        {"column": column, "type": kind.value, "note": notes.get(column, "")}
        for column, kind in table.columns
    ]
    show_list(rows, ("column", "type", "note"), output)


_OUT_OF_REACH = (
    "their stored values stay on disk, but queries cannot read them until a definition with "
    "these columns is imported"
)


@command.command("import")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--name",
    default="",
    help="Table name for an output of getschema (default: the file's name).",
)
@click.pass_obj
def import_(data: Path, /, paths: tuple[Path, ...], name: str) -> None:
    """Import the table definitions in the files PATH; an existing definition of the same name is replaced.
    Formats: JSON in nephoscope's format (see `tables show -o json`), a table of the Log Analytics API, a
    list of either, or the output of `T | getschema` (CSV or JSON). Exits 3 if a file was rejected; the
    others are imported.
    """
    from nephoscope.files.tables.table_definitions import load_definitions
    from nephoscope.files.tables.table_files import TableFileError
    from nephoscope.lake.errors import LakeError
    from nephoscope.service.workspaces import import_table

    refused = 0
    with open_lake(data) as (lake, state):
        for path in paths:
            try:
                for table in load_definitions(path, name):
                    lost = import_table(build_context(data, state), lake, table, path.name)
                    click.echo(f"table {table.name} imported: {len(table.columns)} columns")
                    if lost:
                        print_message(f"{table.name} had {', '.join(lost)} before: {_OUT_OF_REACH}")
            except (TableFileError, LakeError) as error:
                refused += 1
                print_message(f"rejected: {error}")
    if refused:
        sys.exit(NOT_TAKEN)


@command.command("set")
@click.argument("name")
@_workspace
@click.option(
    "--retention",
    required=True,
    metavar="DAYS|default",
    help="Retention in days; `default` applies the workspace's retention.",
)
@click.pass_obj
def set_(data: Path, /, name: str, workspace: str | None, retention: str) -> None:
    """Set the retention of the table NAME. A shorter retention permanently deletes rows at the next daily
    clean-up; `tables clean` runs it now.
    """
    from nephoscope.service.workspaces import set_table_retention

    if retention != "default" and not retention.isdecimal():
        raise click.UsageError("--retention must be a number of days, or `default`")
    with open_lake(data) as (lake, state):
        table = lake.tables[name]
        where = find_workspace(state, workspace or "default").name
        days = None if retention == "default" else int(retention)
        changed = set_table_retention(build_context(data, state), where, table.name, days)
        click.echo(f"{where}/{table.name}: retention is {changed.get_retention_days(table.name)} days")


@command.command("clean")
@click.option("--dry-run", is_flag=True, help="Only show the days that would be deleted.")
@add_list_format_option
@click.pass_obj
def clean(data: Path, /, dry_run: bool, output: str) -> None:
    """Permanently delete the days older than the retention of their tables, and list their days and rows.
    Whole days are deleted. Files remain for 24 hours, so that running queries can finish.
    """
    from datetime import UTC, datetime

    from nephoscope.lake.maintenance.table_inventory import list_expired_days
    from nephoscope.service.workspaces import remove_expired_rows

    with open_lake(data) as (lake, state):
        now = datetime.now(UTC)

        places = {one.name: one for one in state.workspaces.all()}

        def find_retention(workspace: str, table: str) -> int | None:
            return places[workspace].get_retention_days(table) if workspace in places else None

        found = list(list_expired_days(data, find_retention, now))
        if found and not dry_run:
            remove_expired_rows(build_context(data, state), lake, found)
            if left := [
                f"{one.workspace}/{one.table}" for one in list_expired_days(data, find_retention, now)
            ]:
                exit_with_usage_error(f"not removed: {', '.join(left)}: see `doctor`")
    rows = [
        dict(
            zip(CLEANED, (one.workspace, one.table, one.days, one.first_day, one.rows, one.size), strict=True)
        )
        for one in found
    ]
    show_list(rows, CLEANED, output, "no table has days older than its retention")
    if rows and output == "table":
        done = "would be removed" if dry_run else "removed"
        print_message(f"{sum(one.rows for one in found):,} rows of {len(found)} table(s) {done}")
