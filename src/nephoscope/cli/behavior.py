"""Baseline users, applications and machines (UEBA) and list anomalies."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.detection import behavior

FAULT = 3
COLUMNS = ("time", "who", "activity", "action", "priority", "blast", "why", "id")
PROFILE = ("kind", "dimension", "value", "days", "first", "last")


@click.group("behavior")
def command() -> None:
    """Baseline users, apps and machines (UEBA) and list anomalies. `nephoscope detect` updates the baselines
    before it runs the rules; the rows are in BehaviorAnalytics, Anomalies, IdentityInfo and
    UserPeerAnalytics.
    """


@command.command("run")
@click.option("--anew", is_flag=True, help="Delete all profiles and rebuild them from the lake.")
@add_workspace_option()
@click.pass_obj
def run(data: Path, /, anew: bool, workspace: str) -> None:
    """Update profiles and score the activity since the last run."""
    from nephoscope.behavior.behavior_run import BehaviorAnalysis
    from nephoscope.behavior.profiles import ProfilesError
    from nephoscope.estate.estate_store import StoreError
    from nephoscope.geolocation.address_databases import GeolocationError
    from nephoscope.service.behavior import relearn_profiles

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        name = find_workspace(state, workspace).name
        try:
            if anew:
                report = relearn_profiles(build_context(data, state), lake, name)
            else:
                report = BehaviorAnalysis(lake, state, name).run(datetime.now(UTC))
        except (ProfilesError, GeolocationError, StoreError) as error:
            print_message(str(error))
            sys.exit(FAULT)
        lake.flush()
    if report is None:
        print_message("another process is running behavior analytics")
        return
    made = ", ".join(f"{count:,} of {name}" for name, count in sorted(report.rows.items())) or "none"
    click.echo(f"{report.observations:,} observations in {report.seconds:.1f} s; rows: {made}")


@command.command("list")
@click.option(
    "--priority",
    type=click.IntRange(0, 10),
    default=1,
    show_default=True,
    help="Minimum priority.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 180),
    default=14,
    show_default=True,
    help="Time range to search, back from now.",
)
@click.option(
    "--most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Maximum number of rows."
)
@add_workspace_option()
@add_list_format_option
@click.pass_obj
def list_(data: Path, /, priority: int, days: int, most: int, workspace: str, output: str) -> None:
    """List anomalies, highest priority first."""
    text = (
        f"BehaviorAnalytics | where TimeGenerated > ago({days}d) and InvestigationPriority >= {priority}"
        f" | sort by InvestigationPriority desc, TimeGenerated desc | take {most}"
    )

    rows = [_make_row(row) for row in _fetch_rows(data, workspace, text)]
    show_list(rows, COLUMNS, output, _explain_empty(data, workspace) if not rows else "")


@command.command("show")
@click.argument("entity")
@add_workspace_option()
@add_list_format_option
@click.pass_obj
def show(data: Path, /, entity: str, workspace: str, output: str) -> None:
    """Show the profile of ENTITY: an object ID, a user name, or a machine."""
    from nephoscope.behavior.profile import read_profile

    with open_state(data) as state:
        name = find_workspace(state, workspace).name
    rows = read_profile(data, name, entity)
    if not rows:
        exit_with_usage_error(
            f"no profile or activity for {entity}: `nephoscope behavior run` learns from the logs in the lake"
        )
    show_list(rows, PROFILE, output)


@command.command("explain")
@click.argument("id_", metavar="ID")
@add_workspace_option()
@click.pass_obj
def explain(data: Path, /, id_: str, workspace: str) -> None:
    """Explain the priority of the row whose ID starts with ID (see `behavior list`): the weight and reason
    of each part.
    """
    if not all(letter in "0123456789abcdef-" for letter in id_):
        exit_with_usage_error(f"invalid ID {id_}: use the _ItemId of a row in BehaviorAnalytics")
    rows = _fetch_rows(data, workspace, f"BehaviorAnalytics | where _ItemId startswith_cs '{id_}' | take 2")
    if len(rows) != 1:
        exit_with_usage_error(
            f"{'more than one row' if rows else 'no row'} of BehaviorAnalytics has an ID that starts "
            f"with {id_}"
        )
    row, score = rows[0], rows[0]["ActivityInsights"]["Score"]
    click.echo(f"{row['TimeGenerated']} {row['ActorPrincipalName'] or row['UserName']}: {row['ActionType']}")
    for why in row["ActivityInsights"]["Why"]:
        click.echo(f"  {why}")
    click.echo("  part        bits  weight")
    for part in score["Parts"]:
        click.echo(f"  {part['Dimension']:<10}{part['Bits']:>6.1f}{part['Counts']:>12.3f}")
    click.echo(
        f"  together 1 - product(1 - part), times {score['Factor']} (blast radius {row['UsersInsights']['BlastRadius']}),"
        f" times 10: priority {row['InvestigationPriority']}"
    )


def _explain_empty(data: Path, workspace: str) -> str:
    """Return what is told where nothing stood out: it may be too early."""
    from nephoscope.behavior.settings import load_settings

    with open_state(data) as state:
        found = load_settings(state, find_workspace(state, workspace).name)
    return (
        "no anomalies; a first occurrence is only reported for entities active on "
        f"{found.active_days} days, the first of them at least {found.learning_days} days earlier "
        "(behavior settings)"
    )


def _fetch_rows(data: Path, workspace: str, text: str) -> list[dict[str, Any]]:
    """The rows of a query as JSON values."""
    import msgspec

    from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
    from nephoscope_kql.types import KqlType

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        table = lake.rows(text, workspace=find_workspace(state, workspace).name, now=datetime.now(UTC))
        columns = list_typed_columns(table)
        return [
            {
                name: msgspec.json.decode(value)
                if kind is KqlType.DYNAMIC and value
                else to_json_value(value, kind)
                for (name, kind), value in zip(columns, row, strict=True)
            }
            for row in iterate_rows(table)
        ]


def _make_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": row["TimeGenerated"],
        "who": row["UserPrincipalName"] or row["UserName"] or row["Device"],
        "activity": row["ActivityType"],
        "action": row["ActionType"],
        "priority": row["InvestigationPriority"],
        "blast": row["UsersInsights"].get("BlastRadius", ""),
        "why": row["ActivityInsights"]["Why"][0],
        "id": row["_ItemId"],
        "insights": row["ActivityInsights"],
    }


add_operations(command, behavior.OPERATIONS)
