"""An incident for a person: who takes part, what is known of them, what happened in order, what was like it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from nephoscope.alerts.investigation.entity_context import choose_context
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.views.process_tree import show_prevalence, show_process_trees
from nephoscope.state.incidents.incidents import NoteKind

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.alerts.investigation.entity_context import EntityContext
    from nephoscope.alerts.investigation.incident_details import CaseFile, TimelineEntry
    from nephoscope.cli.session.incident_details import IncidentCase
    from nephoscope.state.incidents.incidents import Incident

MOST_MOMENTS, MOST_WEAKNESSES, MOST_ENTITIES = 60, 5, 25


def render(case: IncidentCase) -> None:
    """Print it."""
    console = create_console(sys.stdout)
    _print_head(console, case.file)
    _print_entities(console, case)
    _print_timeline(console, case)
    show_process_trees(console, case)
    show_prevalence(console, case.prevalence)
    _print_tasks(console, case.file)
    _print_similar(console, case.file)


def _print_head(console: Console, file: CaseFile) -> None:
    incident = file.incident
    console.print(f"\n[bold]Incident {incident.number}[/bold]  {escape(incident.title)}")
    console.print("  " + escape(", ".join(_list_state_words(incident))))
    first, last = incident.first_activity, incident.last_activity
    several = f"{len(file.alerts)} alerts" if len(file.alerts) != 1 else "1 alert"
    more = f", {len(file.bookmarks)} bookmarks" if file.bookmarks else ""
    console.print(f"  {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, {several}{more}")
    if file.tactics:
        console.print("  " + escape(" > ".join(file.tactics)))
    if file.techniques:
        console.print("  " + escape(", ".join(file.techniques)))
    if incident.merged_into is not None:
        console.print(f"  merged into incident {incident.merged_into}")


def _list_state_words(incident: Incident) -> Iterator[str]:
    yield incident.severity
    yield incident.status.value
    if incident.classification:
        yield " ".join(one for one in (incident.classification, incident.reason) if one)
    yield f"owner {incident.owner}" if incident.owner else "no owner"
    yield from incident.labels


def _print_entities(console: Console, case: IncidentCase) -> None:
    several, involved = case.file.parties, case.file.participants
    if not several:
        return
    console.print("\n[bold]Entities[/bold]")
    contexts = dict(zip((one.entity for one in involved), case.contexts, strict=False))
    printed: set[str] = set()
    for one in several[:MOST_ENTITIES]:
        times = f"{len(one.sources)} alert{'s' if len(one.sources) != 1 else ''}"
        name = f"{one.title} {one.id}" if one.id else one.title
        console.print(f"  {escape(one.kinds)} [bold]{escape(name)}[/bold]  ({times})")
        if (context := choose_context(contexts.get(entity) for entity in one.entities)) is not None:
            _print_context(console, context, again=context.resource in printed)
            printed.add(context.resource or context.entity.key)
    if len(several) > MOST_ENTITIES:
        console.print(f"  ... and {len(several) - MOST_ENTITIES} more: -o json has all")
    if case.estate:
        console.print(escape(f"  posture of its entities is unknown: {case.estate}"))


def _print_context(console: Console, context: EntityContext, *, again: bool) -> None:
    if again:
        console.print(escape(f"      is {context.resource} (see above)"))
        return
    if context.resource and context.resource != context.entity.get("ResourceId").lower():
        console.print(escape(f"      is {context.resource}"))
    for fact in context.facts:
        console.print(escape(f"      {fact.name}: {fact.value}"))
    weaknesses, paths = context.weaknesses or (), context.paths or ()
    for weakness in weaknesses[:MOST_WEAKNESSES]:
        control = f" (score control: {weakness.control})" if weakness.control else ""
        console.print(escape(f"      unhealthy, {weakness.severity}: {weakness.title}{control}"))
    if len(weaknesses) > MOST_WEAKNESSES:
        console.print(f"      and {len(weaknesses) - MOST_WEAKNESSES} more unhealthy assessments")
    for path in paths[:MOST_WEAKNESSES]:
        console.print(escape(f"      on an attack path, {path.level}: {path.title}"))
    if len(paths) > MOST_WEAKNESSES:
        console.print(f"      and on {len(paths) - MOST_WEAKNESSES} more attack paths")


def _print_timeline(console: Console, case: IncidentCase) -> None:
    console.print("\n[bold]Timeline[/bold] (UTC)")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    about = {one.id: one for one in case.file.alerts}
    moments = case.timeline
    for one in moments[:MOST_MOMENTS]:
        alert = about.get(one.source) if one.kind == "alert" else None
        detail = (
            ", ".join(filter(None, (alert.severity, alert.document["Tactics"]))) if alert is not None else ""
        )
        table.add_row(f"{one.at:%m-%d %H:%M:%S}", one.kind, escape(_describe_moment(one, detail)))
    console.print(table)
    if len(moments) > MOST_MOMENTS:
        console.print(f"  ... and {len(moments) - MOST_MOMENTS} more: -o json has all")
    for events in case.events:
        if events.error:
            console.print(
                escape(f"  the events of {events.alert.document['AlertName']} cannot be read: {events.error}")
            )


def _describe_moment(one: TimelineEntry, detail: str) -> str:
    text = f"{one.who} {one.text}" if one.kind == "action" else one.text
    return f"{text} ({detail})" if detail else text


def _print_tasks(console: Console, file: CaseFile) -> None:
    tasks = [one for one in file.notes if one.kind is NoteKind.TASK]
    if tasks:
        console.print("\n[bold]Tasks[/bold]")
    for one in tasks:
        console.print(escape(f"  {'[x]' if one.done else '[ ]'} {one.id}  {one.text}  ({one.author})"))
    comments = [one for one in file.notes if one.kind is NoteKind.COMMENT]
    if comments:
        console.print("\n[bold]Comments[/bold]")
    for one in comments:
        console.print(escape(f"  {one.written:%Y-%m-%d %H:%M} {one.author}: {one.text}"))


def _print_similar(console: Console, file: CaseFile) -> None:
    if not file.similar:
        return
    console.print("\n[bold]Similar incidents[/bold]")
    for one in file.similar:
        incident = one.incident
        closed = " ".join(
            part for part in (incident.status.value, incident.classification, incident.reason) if part
        )
        shared = "; ".join([*one.entities, *(f"rule {name}" for name in one.rules)])
        console.print(escape(f"  {incident.number}  {incident.title}: {closed}  (shared: {shared})"))
