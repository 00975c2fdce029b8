"""Attack paths for a person, as JSON and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.table import Table
from rich.text import Text

from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.outputs.table import SEVERITY_STYLE
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.files.json_tree import get_text, list_trees
from nephoscope.posture.attack_paths.arm_document import build_arm_id, build_entity_body, build_properties
from nephoscope.posture.attack_paths.choke_points import find_choke_points
from nephoscope.posture.attack_paths.entity import INTERNET
from nephoscope.posture.attack_paths.path_type import load_path_types
from nephoscope.posture.attack_paths.type_names import name_resource_type
from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.posture.recommendations.report_row import ReportRow
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.posture.attack_paths.attack_path import AttackPath
    from nephoscope.posture.attack_paths.entity import GraphEntity
    from nephoscope.posture.reports.report import Report

#: Choke points and gaps that the table shows; the JSON output has all.
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class AttackPathView:
    """The paths that were asked for, of `every` path in the scope; `one` says that a single one is to be shown in full."""

    every: Sequence[AttackPath]
    paths: Sequence[AttackPath]
    gaps: Sequence[tuple[str, str]]
    scope: str
    one: bool = False

    @property
    def chokes(self) -> list[tuple[GraphEntity, int]]:
        """Their choke points."""
        return find_choke_points(
            [one for one in path.chain.entities if one != INTERNET] for path in self.paths
        )


def choose_paths(
    report: Report, levels: Iterable[str], types: Iterable[str], begin: str | None
) -> AttackPathView:
    """The paths of a report that the options ask for; ends the process where they name a type or a path that there is not."""
    kinds = frozenset(types)
    if unknown := sorted(kinds - {one.name for one in load_path_types()}):
        exit_with_usage_error(f"--path {unknown[0]}: unknown type; --types lists all types")
    wanted = frozenset(Severity(one) for one in levels)
    every = [one for one in report.attack_paths.paths if _is_within_filter(report, one)]
    found = [
        one
        for one in every
        if (not wanted or one.level in wanted) and (not kinds or one.chain.type.name in kinds)
    ]
    if begin is None:
        return AttackPathView(every, found, report.attack_paths.gaps, report.scope)
    found = [one for one in found if one.id.startswith(begin.lower())]
    if len(found) != 1:
        exit_with_usage_error(f"--show {begin}: {format_count(len(found), 'path')} with this ID")
    return AttackPathView(every, found, (), report.scope, one=True)


def _is_within_filter(report: Report, path: AttackPath) -> bool:
    """Return whether one of the resources of a path is looked at."""
    wanted = report.filter.with_named_subscriptions(report.run.estate.subscription_names)
    if not wanted.chooses_resources:
        return True
    rows = (
        ReportRow(
            Assessment(one.resource, "", ComplianceState.UNKNOWN),
            report.metadata(""),
            report.run.estate.resources.get(one.resource.lower()),
        )
        for one in path.chain.entities
        if one.resource
    )  # fmt: skip
    return any(wanted.places(row) for row in rows)


def render(shown: AttackPathView, out: TextIO) -> None:
    """Print the paths, or one in full."""
    console = create_console(out)
    if shown.one:
        _print_path(shown.paths[0], console)
        return
    if not shown.paths:
        console.print("no attack paths")
    else:
        console.print(_make_table(shown))
    _print_choke_points(shown, console)
    for place, reason in shown.gaps[:MOST_SHOWN]:
        console.print(Text(f"unknown{f' in {place}' if place else ''}: {reason}", style="dim"))
    if len(shown.gaps) > MOST_SHOWN:
        console.print(f"[dim]... and {len(shown.gaps) - MOST_SHOWN} more in the JSON output[/dim]")


def _make_table(shown: AttackPathView) -> Table:
    table = Table(title="\nAttack paths", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("id", "risk", "path", "way"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name in ("id", "risk"))
    for one in shown.paths:
        way = " > ".join(entity.name for entity in one.chain.entities)
        level = Text(one.level.value, style=SEVERITY_STYLE[one.level])
        table.add_row(one.id[:8], level, Text(one.chain.type.title), Text(way))
    return table


def _print_choke_points(shown: AttackPathView, console: Console) -> None:
    for entity, count in shown.chokes[:MOST_SHOWN]:
        console.print(
            Text(
                f"choke point: {entity.name} ({name_resource_type(entity.type)}) is on {format_count(count, 'path')}"
            )
        )


def _print_path(path: AttackPath, console: Console) -> None:
    properties = build_properties(path)
    console.print(Text(f"{properties['displayName']}\n", style="bold"))
    console.print(Text(f"{path.level.value}: {'; '.join(path.reasons)}\n"))
    console.print(Text(f"{properties['description']} {properties['potentialImpact']}\n"))
    for number, step in enumerate(list_trees(properties, "attackPathSteps"), 1):
        console.print(Text(f"{number}. {step['from']} > {step['to']}: {step['description']}"))
        if step["remediation"]:
            console.print(Text(f"   {step['remediation']}", style="dim"))
        for one in list_trees(step, "assessments"):
            console.print(
                Text(
                    f"   {one['severity']}: {describe_failure(get_text(one, 'displayName'))} ({one['key']})",
                    style="dim",
                )
            )


def render_json(shown: AttackPathView, out: TextIO) -> None:
    """Write the paths as the documents that are published, with choke points and gaps."""
    body = {
        "schemaVersion": 1,
        "scope": shown.scope,
        "paths": [
            {"id": build_arm_id(one), "name": one.id, "properties": build_properties(one)}
            for one in shown.paths
        ],
        "chokePoints": [{**build_entity_body(entity), "paths": count} for entity, count in shown.chokes],
        "gaps": [{"subscription": place, "reason": reason} for place, reason in shown.gaps],
    }
    out.write(msgspec.json.format(msgspec.json.encode(body), indent=1).decode() + "\n")


def render_csv(shown: AttackPathView, out: TextIO) -> None:
    """Write one row a path."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("id", "risk", "type", "title", "entry", "target", "way"))
    for one in shown.paths:
        chain = one.chain
        way = " > ".join(entity.name for entity in chain.entities)
        row = (
            one.id,
            one.level.value,
            chain.type.name,
            chain.type.title,
            chain.entry.name,
            chain.target.name,
            way,
        )
        writer.writerow([escape_cell(value) for value in row])


def render_types(output: str, out: TextIO) -> None:
    """Write the types of paths, a name and a title each."""
    documents = [{"name": one.name, "title": one.title} for one in load_path_types()]
    if output == "json":
        out.write(msgspec.json.format(msgspec.json.encode(documents), indent=1).decode() + "\n")
    elif output == "csv":
        writer = csv.DictWriter(out, ("name", "title"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(documents)
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for one in documents:
            table.add_row(*map(Text, one.values()))
        create_console(out).print(table)


RENDERERS: dict[str, Callable[[AttackPathView, TextIO], None]] = {
    "table": render,
    "json": render_json,
    "csv": render_csv,
}
