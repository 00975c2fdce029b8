"""Manage workspaces: named sets of tables with retention and scope."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import list_options

if TYPE_CHECKING:
    from nephoscope.state.workspaces.workspace import Workspace

COLUMNS = ("name", "id", "retention", "tables", "subscriptions", "description")


@click.group("workspaces")
def command() -> None:
    """Manage workspaces: each has its own tables, retention and row-level scope."""


def _settings_options(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--retention", type=click.IntRange(1), metavar="DAYS", help="Retention in days (default: 90)."),
        click.option("--table", "tables", multiple=True, metavar="NAME", help="Accept only this table (default: all)."),
        click.option(
            "--subscription", "subscriptions", multiple=True, metavar="ID",
            help="Show only rows of this subscription; by default, all rows.",
        ),
        click.option("--description", metavar="TEXT", help="Description."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List workspaces; `default` always exists."""
    from nephoscope.cli.session.list_output import show_list
    from nephoscope.cli.session.state_access import state_of

    with state_of(data) as state:
        rows = [_row(one) for one in state.workspaces.all()]
    if output != "json":
        rows = [
            row | {"tables": row["tables"] or "every", "subscriptions": row["subscriptions"] or "all"}
            for row in rows
        ]
    show_list(rows, COLUMNS, output)


@command.command("add")
@click.argument("name")
@_settings_options
@click.pass_obj
def add(data: Path, /, name: str, **options: object) -> None:
    """Add the workspace NAME: lowercase letters, digits and dashes."""
    from nephoscope.cli.session.service_context import acting
    from nephoscope.service.workspaces import add_workspace

    with acting(data) as service:
        made = add_workspace(service, name, _changes(options))
        click.echo(f"workspace {made.name} added: {made.id}, {_describe_retention(made)}")


@command.command("set")
@click.argument("name")
@_settings_options
@click.option("--every-table", is_flag=True, help="Accept rows of every table again.")
@click.option("--every-subscription", is_flag=True, help="Show all rows again.")
@click.pass_obj
def set_(data: Path, /, name: str, every_table: bool, every_subscription: bool, **options: object) -> None:
    """Change the workspace NAME; other settings are preserved. A list of tables or subscriptions replaces
    the present one. A shorter retention permanently deletes rows at the next clean-up.
    """
    from nephoscope.cli.session.service_context import acting
    from nephoscope.service.workspaces import change_workspace

    changes = _changes(options)
    for wanted, key, option in (
        (every_table, "members", "--table"),
        (every_subscription, "subscriptions", "--subscription"),
    ):
        if wanted and key in changes:
            raise click.UsageError(f"{option} and its option for all are mutually exclusive")
        if wanted:
            changes[key] = None
    if not changes:
        raise click.UsageError("nothing to change: use --retention, --table, --subscription or --description")
    with acting(data) as service:
        changed = change_workspace(service, name, changes)
        click.echo(f"workspace {changed.name}: {_describe_retention(changed)}")


@command.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Delete the empty workspace NAME, which no source writes to. A workspace with rows is refused: rows
    expire only by retention, so that none is deleted by mistake.
    """
    from nephoscope.cli.session.lake_access import lake_of
    from nephoscope.cli.session.service_context import service_of
    from nephoscope.service.workspaces import remove_workspace

    with lake_of(data) as (lake, state):
        remove_workspace(service_of(data, state), name, lake)
        click.echo(f"workspace {name} removed")


def _describe_retention(one: Workspace) -> str:
    """What holds for its rows now, in a sentence."""
    tables = "every table" if one.members is None else ", ".join(sorted(one.members))
    shown = "all" if one.subscriptions is None else ", ".join(sorted(one.subscriptions))
    return f"retention {one.days} days; tables: {tables}; subscriptions: {shown}"


def _changes(options: dict[str, object]) -> dict[str, object]:
    """What was given, by the state's names."""
    given = {
        "days": options["retention"],
        "members": options["tables"] or None,
        "subscriptions": options["subscriptions"] or None,
        "description": options["description"],
    }
    return {key: value for key, value in given.items() if value is not None}


def _row(one: Workspace) -> dict[str, object]:
    return {
        "name": one.name,
        "id": one.id,
        "retention": one.days,
        "tables": None if one.members is None else sorted(one.members),
        "subscriptions": None if one.subscriptions is None else sorted(one.subscriptions),
        "tableRetention": dict(one.table_days),
        "description": one.description,
        "created": one.created,
    }
