"""The process trees of an incident and the prevalence of its hashes, domains and users, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from nephoscope.alerts.investigation.prevalence import Prevalence
    from nephoscope.alerts.investigation.process_tree import ProcessNode
    from nephoscope.cli.session.incident_details import IncidentCase

MOST_DONE = 10


def show_process_trees(console: Console, case: IncidentCase) -> None:
    """Print the tree of each alert that names a process, or why there is none."""
    names = {one.id: str(one.document["AlertName"]) for one in case.file.alerts}
    for id_, tree in case.trees.items():
        console.print(f"\n[bold]Process tree[/bold]  {escape(names[id_])}")
        if tree.error:
            console.print(escape(f"  unknown: {tree.error}"))
        for depth, node in tree.nodes():
            _show_node(console, depth, node)
        if tree.left:
            console.print(f"  ... and {tree.left} more processes")


def _show_node(console: Console, depth: int, node: ProcessNode) -> None:
    margin = "  " * (depth + 1)
    number = f" ({node.pid})" if node.pid >= 0 else ""
    name = escape(f"{node.image or 'unknown'}{number}")
    if node.at is None:
        console.print(f"{margin}{name}  unknown: its start is in no log", soft_wrap=True)
        return
    user = f"  {node.user}" if node.user else ""
    mark = "[bold]" if node.alerted else ""
    console.print(f"{margin}{mark}{node.at:%m-%d %H:%M:%S} {name}{escape(user)}", soft_wrap=True)
    if node.command:
        console.print(escape(f"{margin}  {node.command}"), soft_wrap=True)
    for one in node.activities[:MOST_DONE]:
        console.print(escape(f"{margin}  {one.at:%H:%M:%S} {one.kind}: {one.text}"), soft_wrap=True)
    if (left := len(node.activities) - MOST_DONE + node.left) > 0:
        console.print(f"{margin}  ... and {left} more: -o json has {len(node.activities)}")


def show_prevalence(console: Console, several: Sequence[Prevalence]) -> None:
    """Print since when and on how many machines values are seen."""
    if several:
        console.print("\n[bold]Prevalence[/bold] (last 30 days)")
    for one in several:
        console.print(escape(f"  {one.kind} {one.value}: {describe(one)}"))


def describe(one: Prevalence) -> str:
    """Return a prevalence in words."""
    if one.error:
        return f"unknown: {one.error}"
    if one.first is None:
        return "not seen"
    machines = f"{one.machines} machine{'s' if one.machines != 1 else ''}"
    events = f"{one.events} event{'s' if one.events != 1 else ''}"
    return f"first seen {one.first:%Y-%m-%d %H:%M}, {machines}, {events}"
