"""An incident for a person: what happened, in order, and to whom."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from nephoscope.alerts.storyline import ordered
from nephoscope.cli.outputs.table import console_of

if TYPE_CHECKING:
    from nephoscope.lake.state.alerts import StoredAlert
    from nephoscope.lake.state.incidents import Incident, Note


def render(incident: Incident, alerts: Sequence[StoredAlert], notes: Sequence[Note]) -> None:
    """Print it."""
    console = console_of(sys.stdout)
    console.print(f"\n[bold]Incident {incident.number}[/bold]  {escape(incident.title)}")
    state = [
        incident.severity,
        incident.status.value,
        incident.classification,
        incident.owner and f"owner {incident.owner}",
    ]
    console.print("  " + escape(", ".join(one for one in state if one)))
    console.print(
        f"  {incident.first_activity:%Y-%m-%d %H:%M} to {incident.last_activity:%Y-%m-%d %H:%M} UTC\n"
    )
    tactics = ordered([name for one in alerts for name in str(one.document["Tactics"]).split(", ") if name])
    if tactics:
        console.print("  " + escape(" > ".join(tactics)) + "\n")
    console.print(_alerts(alerts))
    console.print(_entities(alerts))
    for note in notes:
        mark = "" if note.kind == "comment" else "[x] " if note.done else "[ ] "
        console.print(
            escape(
                f"  {note.written:%Y-%m-%d %H:%M} {note.author}: {mark}{note.text} ({note.kind} {note.id})"
            )
        )


def _alerts(alerts: Sequence[StoredAlert]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("when (UTC)", "severity", "alert", "tactics"):
        table.add_column(name, overflow="fold")
    for one in alerts:
        row = one.document
        table.add_row(
            f"{one.started:%m-%d %H:%M:%S}", one.severity, escape(row["AlertName"]), escape(row["Tactics"])
        )
    return table


def _entities(alerts: Sequence[StoredAlert]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nentity")
    table.add_column("\nwho or what", overflow="fold")
    table.add_column("\nalerts", justify="right")
    seen: dict[tuple[str, str], int] = {}
    for one in alerts:
        for entity in json.loads(one.document["Entities"]):
            words = [str(value) for name, value in entity.items() if name not in ("$id", "Type")]
            key = (entity["Type"], ", ".join(words))
            seen[key] = seen.get(key, 0) + 1
    for (kind, told), count in sorted(seen.items(), key=lambda item: -item[1]):
        table.add_row(escape(kind), escape(told), str(count))
    return table
