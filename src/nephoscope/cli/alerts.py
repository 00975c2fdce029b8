"""List alerts and set their status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from nephoscope.cli.session.filter_options import add_limit_option, add_severity_option, add_workspace_option
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import build_command
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.model.resource_names import shorten_ids
from nephoscope.operations.detection.alerts import OPERATIONS

COLUMNS = ("ended", "severity", "name", "entities", "incident", "id")
#: The columns of a table in which an alert is suppressed.
HELD_COLUMNS = ("ended", "severity", "name", "entities", "incident", "suppressedBy", "id")


command = build_command(OPERATIONS)


@command.command("list")
@add_workspace_option()
@click.option("--incident", type=int, metavar="NUMBER", help="Show only alerts of this incident.")
@add_severity_option()
@click.option(
    "--held/--no-held", default=True, help="Include suppressed alerts, which belong to no incident."
)
@add_limit_option()
@add_list_format_option
@click.pass_obj
def list_(
    data: Path,
    /,
    workspace: str,
    incident: int | None,
    severities: list[str],
    held: bool,
    most: int,
    output: str,
) -> None:
    """List alerts, newest first."""
    with open_state(data) as state:
        found = state.alerts.list_newest(
            find_workspace(state, workspace).name,
            incident=incident,
            severities=severities,
            held=held,
            most=most,
        )
    rows = [
        {
            "ended": one.ended,
            "severity": one.severity,
            "name": one.document["AlertName"],
            "entities": _read_entities(one.document),
            "incident": one.incident,
            "id": one.id,
            "rule": one.rule,
            "status": one.status,
            "heldBy": one.held_by,
            "suppressedBy": _read_suppressor(one.document),
        }
        for one in found
    ]
    if output == "table":
        short = [_shorten_ids(row, one.document) for row, one in zip(rows, found, strict=True)]
        show_list(short, HELD_COLUMNS if any(one.held_by for one in found) else COLUMNS, output, "no alerts")
    else:
        show_list(rows, COLUMNS, output)


def _shorten_ids(row: Mapping[str, object], document: dict[str, object]) -> Mapping[str, object]:
    """Return a row as a terminal has room for: with names of resources for their IDs."""
    entities = [shorten_ids(one) for one in _read_entities(document)]
    return {**row, "name": shorten_ids(str(document["AlertName"])), "entities": entities}


def _read_suppressor(document: Mapping[str, object]) -> str:
    """Return the suppression or the setting that held an alert back, '' for one that was raised."""
    return str(json.loads(str(document["ExtendedProperties"])).get("Suppressed By", ""))


def _read_entities(document: dict[str, object]) -> list[str]:
    from nephoscope.model.entity import Entity

    found = [Entity.read(one).title for one in json.loads(str(document["Entities"]))]
    return found if len(found) <= 4 else [*found[:3], f"{len(found) - 3} more"]


@command.command("show")
@click.argument("id_", metavar="ID")
@click.pass_obj
def show(data: Path, /, id_: str) -> None:
    """Print the alert ID as JSON, with its entities and its query."""
    with open_state(data) as state:
        found = state.alerts.get(id_.lower())
    if found is None:
        exit_with_usage_error(f"alert {id_!r} not found")
    document = {
        **found.document,
        "Entities": json.loads(found.document["Entities"]),
        "ExtendedProperties": json.loads(found.document["ExtendedProperties"]),
        "incident": found.incident,
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
