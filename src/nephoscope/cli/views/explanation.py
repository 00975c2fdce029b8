"""Explain the verdicts on a resource by the conditions that decided them."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, TextIO

import click
from rich.text import Text

from nephoscope.cli.outputs.table import SEVERITY_STYLE
from nephoscope.cli.terminal.console import create_console
from nephoscope.posture.code.template.verdict_explanation import ExplainedVerdict, VerdictExplanation
from nephoscope.posture.reports.reason_text import format_members
from nephoscope.posture.reports.resource_label import label_resource
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.arm.unknown import Unknown, describe_unknown
from nephoscope_policy.data_gap import describe_gap
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report_interface import ReportView
    from nephoscope_policy.model.assessment import Reason

MAX_VALUE = 120

_STYLE = {
    ComplianceState.COMPLIANT: "green",
    ComplianceState.NON_COMPLIANT: "bold red",
    ComplianceState.UNKNOWN: "yellow",
    ComplianceState.ERROR: "bold magenta",
}


def select_rows(wanted: str) -> RowSelection:
    """The rows that are read."""
    judged = frozenset(ComplianceState) - {ComplianceState.NOT_APPLICABLE}
    return RowSelection(reasons=judged, takes=make_row_test(wanted))


def make_row_test(wanted: str) -> Callable[[ReportRow], bool]:
    """Return whether a row's resource has this id, or an id that ends so."""
    fits = make_id_test(wanted)
    return lambda row: fits(row.assessment.resource)


def make_id_test(wanted: str) -> Callable[[str], bool]:
    """Return whether an id is this one, or ends so."""
    suffix = wanted.rstrip("/").casefold()

    def fits(id_: str) -> bool:
        key = id_.casefold()
        return key == suffix or key.endswith("/" + suffix.lstrip("/"))

    return fits


def explain_planned_resource(wanted: str) -> VerdictExplanation:
    """The explanation of planned resources with this id, or an id that ends so."""
    return VerdictExplanation(
        make_id_test(wanted), lambda verdicts, out: render_planned_verdicts(verdicts, wanted, out)
    )


def render_planned_verdicts(verdicts: Iterable[ExplainedVerdict], wanted: str, out: TextIO) -> None:
    """Print the verdicts on planned resources with the places that the conditions read; UsageError when there is none."""
    found: dict[str, list[ExplainedVerdict]] = defaultdict(list)
    for one in verdicts:
        found[one.resource].append(one)
    if not found:
        raise click.UsageError(f"no planned resource with an assessment has an ID that ends in {wanted!r}")
    console = create_console(out)
    for resource, each in sorted(found.items()):
        console.print(Text(f"\n{resource}", style="bold"))
        for one in sorted(
            each, key=lambda verdict: (-verdict.rule.severity.rank, verdict.rule.title, verdict.rule.id)
        ):
            console.print(_format_headline(one.state, one.rule.severity, one.rule.title, one.rule.id))
            if said := describe_gap(one.cause, one.description):
                console.print(Text(f"    {said}", style="dim"))
            for reason, region in one.reasons:
                line = _format_reason(reason)
                console.print(line.append(f"  at {region}", style="green") if region is not None else line)


def render(report: ReportView, wanted: str, out: TextIO) -> None:
    """Print the verdicts on the resource with this id, or on those whose id ends so; UsageError when there is none."""
    fits = make_row_test(wanted)
    found: dict[str, list[ReportRow]] = defaultdict(list)
    for row in report.rows:
        if fits(row):
            found[label_resource(report, row)].append(row)
    if not found:
        raise click.UsageError(f"no assessed resource has an ID that ends in {wanted!r}")
    console = create_console(out)
    for resource, rows in sorted(found.items()):
        console.print(Text(f"\n{resource}", style="bold"))
        for row in rows:
            if row.assessment.state is not ComplianceState.NOT_APPLICABLE:
                _print_verdict(report, row, console)


def _print_verdict(report: ReportView, row: ReportRow, console: Console) -> None:
    item = row.assessment
    console.print(_format_headline(item.state, row.recommendation.severity, row.title, item.key))
    if item.description:
        console.print(Text(f"    {row.explanation}", style="dim"))
    for reason in report.reasons(row):
        console.print(_format_reason(reason))


def _format_headline(state: ComplianceState, severity: Severity, title: str, key: str) -> Text:
    line = Text("\n")
    line.append(f"{state.value:<13}", style=_STYLE.get(state, ""))
    line.append(f"{severity.value:<14}", style=SEVERITY_STYLE[severity])
    line.append(title)
    line.append(f"  {key}", style="dim")
    return line


def _format_reason(reason: Reason) -> Text:
    text = Text("    ")
    text.append(f"{reason.subject or reason.path} ", style="bold")
    text.append(f"{reason.operator} {_shorten_value(reason.expected)}")
    text.append(f"  is {_shorten_value(reason.actual)}{format_members(reason)}", style="cyan")
    if reason.resource:
        text.append(f"  in {reason.resource}", style="dim")
    text.append(f"  ({reason.path})", style="dim")
    return text


def _shorten_value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_format_open_value)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "..."


def _format_open_value(value: object) -> str:
    return describe_unknown(value) if isinstance(value, Unknown) else str(value)
