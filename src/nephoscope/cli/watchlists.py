"""Manage watchlists: small tables that queries read with _GetWatchlist."""

from __future__ import annotations

from pathlib import Path

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import build_command
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.operations.detection.watchlists import OPERATIONS

TEMPLATES = ("alias", "name", "key", "columns", "description")
command = build_command(OPERATIONS)


@command.command("show")
@add_workspace_option()
@click.argument("alias")
@click.option(
    "--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Maximum number of items."
)
@add_list_format_option
@click.pass_obj
def show(data: Path, /, alias: str, workspace: str, most: int, output: str) -> None:
    """Show the items of the watchlist ALIAS."""
    with open_state(data) as state:
        head = state.watchlists.get(find_workspace(state, workspace).name, alias)
        items = state.watchlists.read(head, most)
    rows = [{**one.cells, "(expires)": one.expires} for one in items]
    show_list(rows, (*head.columns, "(expires)"), output, "no items")


@command.command("templates")
@add_list_format_option
def templates(output: str) -> None:
    """List watchlist templates: the aliases that detections use, with their columns."""
    from nephoscope.lake.watchlists.watchlist_templates import load_templates as known

    show_list(known(), TEMPLATES, output)
