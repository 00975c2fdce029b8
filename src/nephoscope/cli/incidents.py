"""List, update and close incidents."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from nephoscope.cli.session.filter_options import limit_option, severity_option, workspace_option
from nephoscope.cli.session.list_output import format_option, list_options, show_list
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.service_context import call_in_workspace
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import usage_error
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS

COLUMNS = ("number", "severity", "status", "title", "owner", "lastActivity")
_Command = TypeVar("_Command", bound=Callable[..., object])
_STATUSES = ("New", "Active", "Closed")
_GROUPS = ("severity", "owner", "classification")
_MONTH = timedelta(days=30)


_workspace = workspace_option()
#: What is changed has rows for the lake.
_change = partial(call_in_workspace, delivers=True)


@click.group("incidents")
def command() -> None:
    """List, update and close incidents."""


@command.command("list")
@_workspace
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES, case_sensitive=False),
    help="Show only incidents with this status.",
)
@severity_option()
@limit_option()
@list_options
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
@format_option("table", "json")
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


def _now() -> datetime:
    return datetime.now(UTC)


@command.command("set")
@_workspace
@click.argument("numbers", type=int, nargs=-1, required=True)
@click.option(
    "--status",
    type=click.Choice(("New", "Active"), case_sensitive=False),
    help="New status; use `close` to close the incident.",
)
@click.option("--owner", metavar="NAME", help="New owner ('' = unassigned).")
@click.option(
    "--severity",
    type=click.Choice([one.value for one in SEVERITIES_OF_INCIDENTS], case_sensitive=False),
    help="New severity.",
)
@click.option("--title", metavar="TEXT", help="New title, kept when more alerts join.")
@click.option(
    "--label", "labels", multiple=True, metavar="TEXT", help="Labels that replace the present ones."
)
@click.pass_obj
def set_(data: Path, /, workspace: str, numbers: tuple[int, ...], **options: object) -> None:
    """Set status, owner, severity, title or labels of incidents. If one cannot be changed, none is changed."""
    from nephoscope.service.incidents import change_incidents
    from nephoscope.state.incidents.incidents import IncidentStatus

    changes: dict[str, object] = {name: value for name, value in options.items() if value not in (None, ())}
    if "status" in changes:
        changes["status"] = IncidentStatus(str(changes["status"]).capitalize())
    if not changes:
        usage_error("nothing to change: use --status, --owner, --severity, --title or --label")
    _change(data, workspace, lambda context, own: change_incidents(context, own, numbers, "set", changes))


@command.command("close")
@_workspace
@click.argument("numbers", type=int, nargs=-1, required=True)
@click.option(
    "--as", "classification", required=True, help="Classification.",
    type=click.Choice(("TruePositive", "BenignPositive", "FalsePositive", "Undetermined"), case_sensitive=False),
)  # fmt: skip
@click.option(
    "--reason",
    default="",
    metavar="WORD",
    help="Reason for a false positive: IncorrectAlertLogic or InaccurateData.",
)
@click.option("--comment", default="", metavar="TEXT", help="Comment, also stored as ClassificationComment.")
@click.pass_obj
def close(
    data: Path, /, workspace: str, numbers: tuple[int, ...], classification: str, reason: str, comment: str
) -> None:
    """Close incidents. If one cannot be closed, none is closed."""
    from nephoscope.service.incidents import change_incidents
    from nephoscope.state.incidents.incidents import CLASSIFICATIONS, IncidentStatus

    word = {one.lower(): one for one in CLASSIFICATIONS}[classification.lower()]
    changes = {"status": IncidentStatus.CLOSED, "classification": word, "reason": reason}
    _change(
        data,
        workspace,
        lambda context, own: change_incidents(context, own, numbers, "close", changes, comment),
    )


@command.command("comment")
@_workspace
@click.argument("number", type=int)
@click.argument("text")
@click.pass_obj
def comment(data: Path, /, workspace: str, number: int, text: str) -> None:
    """Add the comment TEXT to the incident NUMBER."""
    from nephoscope.service.incidents import add_note
    from nephoscope.state.incidents.incidents import NoteKind

    _change(data, workspace, lambda context, own: add_note(context, own, number, NoteKind.COMMENT, text))


@command.command("task")
@_workspace
@click.argument("number", type=int)
@click.argument("text", default="")
@click.option("--done", type=int, metavar="ID", help="Complete this task instead of adding one.")
@click.pass_obj
def task(data: Path, /, workspace: str, number: int, text: str, done: int | None) -> None:
    """Add the task TEXT to the incident NUMBER, or complete a task."""
    from nephoscope.service.incidents import add_note, complete_task
    from nephoscope.state.incidents.incidents import NoteKind

    if bool(text) == (done is not None):
        usage_error("the text of a task is required, or --done with a task ID")
    if done is not None:
        task_id = done
        _change(data, workspace, lambda context, own: complete_task(context, own, number, task_id))
    else:
        _change(data, workspace, lambda context, own: add_note(context, own, number, NoteKind.TASK, text))


@command.command("merge")
@_workspace
@click.argument("number", type=int)
@click.argument("others", type=int, nargs=-1, required=True)
@click.pass_obj
def merge(data: Path, /, workspace: str, number: int, others: tuple[int, ...]) -> None:
    """Merge the incidents OTHERS into the incident NUMBER: their alerts move, and they are closed."""
    from nephoscope.service.incidents import merge_incidents

    _change(data, workspace, lambda context, own: merge_incidents(context, own, number, others))


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
@list_options
@click.pass_obj
def metrics(
    data: Path, /, workspace: str, since: datetime | None, until: datetime | None, by: str | None, output: str
) -> None:
    """Show the mean time to acknowledge (MTTA) and to resolve (MTTR) incidents."""
    from nephoscope.alerts.incidents.response_times import response_times

    end = until or _now()
    with open_state(data) as state:
        found = state.incidents.list_created(
            find_workspace(state, workspace).name, since or end - _MONTH, end
        )
    rows = [
        {
            "group": one.group,
            "incidents": one.incidents,
            "acknowledged": one.acknowledged,
            "MTTA": _span(one.mean_to_acknowledge, output),
            "medianTTA": _span(one.median_to_acknowledge, output),
            "closed": one.closed,
            "MTTR": _span(one.mean_to_resolve, output),
            "medianTTR": _span(one.median_to_resolve, output),
        }
        for one in response_times(found, by or "")
    ]
    show_list(rows, tuple(rows[0]), output)


def _span(span: timedelta | None, output: str) -> float | str | None:
    """A duration: seconds for a program, `1d 02:03:04` for a person."""
    if span is None:
        return None if output == "json" else ""
    if output != "table":
        return round(span.total_seconds(), 3)
    days, seconds = divmod(int(span.total_seconds()), 86400)
    clock = f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{days}d {clock}" if days else clock
