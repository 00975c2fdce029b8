"""List, update and close incidents."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from nephoscope.cli.session.filter_options import add_limit_option, add_severity_option, add_workspace_option
from nephoscope.cli.session.list_output import add_format_option, add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import build_command
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.operations.detection.incidents import OPERATIONS

COLUMNS = ("number", "severity", "status", "title", "owner", "lastActivity")
_STATUSES = ("New", "Active", "Closed")
_GROUPS = ("severity", "owner", "classification")
_MONTH = timedelta(days=30)


_workspace = add_workspace_option()
command = build_command(OPERATIONS)


@command.command("list")
@_workspace
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES, case_sensitive=False),
    help="Show only incidents with this status.",
)
@add_severity_option()
@add_limit_option()
@add_list_format_option
@click.pass_obj
def list_(
    data: Path,
    /,
    workspace: str,
    statuses: tuple[str, ...],
    severities: list[str],
    most: int,
    output: str,
) -> None:
    """List incidents, newest first."""
    from nephoscope.state.incidents.incidents import IncidentStatus

    with open_state(data) as state:
        wanted = [IncidentStatus(one.capitalize()) for one in statuses]
        found = state.incidents.list_newest(
            find_workspace(state, workspace).name, statuses=wanted, severities=severities, most=most
        )
    rows = [
        {
            "number": one.number,
            "severity": one.severity,
            "status": one.status.value,
            "title": one.title,
            "owner": one.owner,
            "firstActivity": one.first_activity,
            "lastActivity": one.last_activity,
            "created": one.created,
            "classification": one.classification,
            "labels": list(one.labels),
        }
        for one in found
    ]
    show_list(rows, COLUMNS, output, "no incidents")


@command.command("show")
@_workspace
@click.argument("number", type=int)
@click.option(
    "--events/--no-events",
    default=True,
    show_default=True,
    help="Include raw events: run the queries of its alerts again.",
)
@click.option(
    "--estate/--no-estate",
    default=True,
    show_default=True,
    help="Include what the last scan found about its entities.",
)
@add_format_option("table", "json")
@click.pass_obj
def show(data: Path, /, workspace: str, number: int, events: bool, estate: bool, output: str) -> None:
    """Show the incident NUMBER: entities and their posture, timeline, and similar incidents."""
    from nephoscope.cli.session.incident_details import load_case, to_document
    from nephoscope.cli.views.incident import render

    case = load_case(data, workspace, number, events=events, estate=estate)
    if output == "json":
        click.echo(json.dumps(to_document(case), indent=2, ensure_ascii=False))
        return
    render(case)


@command.command("metrics")
@_workspace
@click.option(
    "--since",
    type=Instant(),
    metavar="TIME",
    help="Include incidents created since then (default: 30 days ago).",
)
@click.option(
    "--until", type=Instant(), metavar="TIME", help="Include incidents created before then (default: now)."
)
@click.option("--by", type=click.Choice(sorted(_GROUPS)), help="Include figures for each group.")
@add_list_format_option
@click.pass_obj
def metrics(
    data: Path, /, workspace: str, since: datetime | None, until: datetime | None, by: str | None, output: str
) -> None:
    """Show the mean time to acknowledge (MTTA) and to resolve (MTTR) incidents."""
    from nephoscope.alerts.incidents.response_times import measure_response_times

    end = until or datetime.now(UTC)
    with open_state(data) as state:
        found = state.incidents.list_created_incidents(
            find_workspace(state, workspace).name, since or end - _MONTH, end
        )
    rows = [
        {
            "group": one.group,
            "incidents": one.incidents,
            "acknowledged": one.acknowledged,
            "MTTA": _format_span(one.mean_to_acknowledge, output),
            "medianTTA": _format_span(one.median_to_acknowledge, output),
            "closed": one.closed,
            "MTTR": _format_span(one.mean_to_resolve, output),
            "medianTTR": _format_span(one.median_to_resolve, output),
        }
        for one in measure_response_times(found, by or "")
    ]
    show_list(rows, tuple(rows[0]), output)


def _format_span(span: timedelta | None, output: str) -> float | str | None:
    """A duration: seconds for a program, `1d 02:03:04` for a person."""
    if span is None:
        return None if output == "json" else ""
    if output != "table":
        return round(span.total_seconds(), 3)
    days, seconds = divmod(int(span.total_seconds()), 86400)
    clock = f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{days}d {clock}" if days else clock
