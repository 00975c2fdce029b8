"""Recommendations: all of them in order, or one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from nephoscope.cli.outputs.table import SEVERITY_STYLE, print_ranking
from nephoscope.cli.terminal.console import create_console
from nephoscope.posture.policies.policy_names import find_shipped_policy
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.posture.recommendations.ranking import RankedRecommendation
    from nephoscope.posture.reports.report import Report


def render_list(report: Report, out: TextIO) -> None:
    """Print the recommendations in rank order."""
    console = create_console(out)
    print_ranking(report, console)


def render(report: Report, wanted: str, out: TextIO) -> None:
    """Print one recommendation, chosen by its policy's name or by part of its title; several a line each. UsageError for none."""
    found, console = find_matching_recommendations(report, wanted), create_console(out)
    if len(found) > 1:
        _print_several_recommendations(found, wanted, console)
    else:
        _print_recommendation(report, found[0], console)


def _print_recommendation(report: Report, ranked: RankedRecommendation, console: Console) -> None:
    item = ranked.recommendation
    title = Text(f"\n{item.severity.value} ", style=SEVERITY_STYLE[item.severity])
    console.print(title + Text(ranked.title, style="bold"))
    facts = [
        item.key,
        item.category,
        ranked.control.name if ranked.control else "",
        *item.controls,
        *item.tactics,
        *item.techniques,
    ]
    console.print(Text("  ".join(fact for fact in facts if fact), style="dim"))
    console.print(Text(f"severity: {item.severity_source}", style="dim"))
    if item.description:
        console.print("\n" + item.description, markup=False)
    _print_remediation(ranked, console)
    _print_resources(report, ranked, console)


def _print_several_recommendations(found: list[RankedRecommendation], wanted: str, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("severity", "recommendation", "key"):
        table.add_column(name, header_style="dim", overflow="fold", no_wrap=name != "recommendation")
    for one in found:
        item = one.recommendation
        table.add_row(
            Text(item.severity.value, style=SEVERITY_STYLE[item.severity]), Text(one.title), Text(item.key)
        )
    console.print(
        f"{len(found)} recommendations match {wanted!r}; select one with --show and its key\n", markup=False
    )
    console.print(table)


def find_matching_recommendations(report: Report, wanted: str) -> list[RankedRecommendation]:
    """The recommendations that a person may mean; UsageError where there is none."""
    text = (find_shipped_policy(wanted) or wanted).casefold()
    exact = [one for one in report.ranked_recommendations if one.recommendation.key == text]
    found = exact or [
        one for one in report.ranked_recommendations if text in one.recommendation.name.casefold()
    ]
    if not found:
        raise click.UsageError(
            f"recommendation {wanted!r} not found: use a policy's ID, the name of a shipped policy, "
            "or part of its title"
        )
    return found


def choose_recommendation(report: Report, wanted: str) -> RankedRecommendation:
    """The one recommendation that a person named; UsageError where there is none, or several fit."""
    found = find_matching_recommendations(report, wanted)
    if len(found) == 1:
        return found[0]
    titles = "; ".join(f"{one.recommendation.key} {one.recommendation.name}" for one in found[:8])
    raise click.UsageError(f"{len(found)} recommendations match {wanted!r}: {titles}")


def _print_remediation(ranked: RankedRecommendation, console: Console) -> None:
    guide = ranked.recommendation.remediation
    if guide.steps:
        console.print("\n[bold]Remediation[/bold]")
        for number, step in enumerate(guide.steps, 1):
            console.print(f"  {number}. {step}", markup=False)
    if guide.az:
        console.print("\n[bold]Azure CLI[/bold]")
        console.print(Syntax(guide.az, "sh", background_color="default", word_wrap=True))
    if guide.bicep:
        console.print("\n[bold]Bicep[/bold]")
        console.print(Syntax(guide.bicep, "bicep", background_color="default", word_wrap=True))


def _print_resources(report: Report, ranked: RankedRecommendation, console: Console) -> None:
    rows = [row for row in report.rows if row.assessment.key == ranked.recommendation.key]
    for state in (
        ComplianceState.NON_COMPLIANT,
        ComplianceState.ERROR,
        ComplianceState.UNKNOWN,
        ComplianceState.EXEMPT,
    ):
        mine = [row for row in rows if row.assessment.state is state]
        if mine:
            console.print(f"\n[bold]{state.value}[/bold] [dim]({len(mine)})[/dim]")
        for row in mine:
            note = (row.assessment.description and row.explanation) or report.reason_of(row)
            console.print(f"  {row.assessment.resource}", markup=False, soft_wrap=True)
            if note:
                console.print(Text(f"      {note}", style="dim"))
