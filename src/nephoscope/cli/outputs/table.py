"""The terminal: score, controls, what to do first, and what could not be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.terminal.exit_code import has_applicable_assessment
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.model.tenant_name import describe_tenant, is_tenant_stated
from nephoscope.posture.reports.report import (
    RecommendationSummary,
    choose_listed_groups,
    list_failing_recommendations,
)
from nephoscope.posture.reports.resource_label import label_change
from nephoscope.posture.reports.row_selection import NOTHING, RowSelection
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from nephoscope.posture.recommendations.ranking import RankedRecommendation
    from nephoscope.posture.recommendations.score import SecureScore
    from nephoscope.posture.recommendations.state_counts import StateCounts
    from nephoscope.posture.reports.report_interface import ReportView

READS = RowSelection(NOTHING)
_STATE_EACH = "add the output of `az account show -o json` to each folder: it has the tenant ID"
STATE_ALL = f"If all are one tenant's, scan with --tenant ID; else {_STATE_EACH}."
STATE_SOME = f"To state it, {_STATE_EACH}; or move the files to the folder of their tenant."
#: A longer list is in the JSON output.
MAX_CHANGES = 40
#: Narrower, the table of controls has no bars.
WIDE = 100
NO_CONTROL = "No control of the secure score was assessed."

SEVERITY_STYLE = {
    Severity.CRITICAL: "bold magenta",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "dim",
}


def render(report: ReportView, out: TextIO) -> None:
    """Print the report for a person; without a terminal it is plain text of 120 columns."""
    console = create_console(out)
    scored = report.score
    _print_headline(report, console)
    _print_unstated_tenants(report, console)
    print_controls(scored, console)
    if explain_weighting(scored):
        console.print(Text(f"{explain_weighting(scored)} `nephoscope score` shows them.", style="dim"))
    print_ranking(report, console)
    _print_changes(report, console)
    _print_unjudged_recommendations(report, console)


def format_score(score: SecureScore) -> str:
    """The score as a person reads it, `not scored` where nothing could be judged."""
    if not score.is_scored:
        return "not scored"
    return f"{score.percentage:.1%} ({score.current:.2f} of {score.max} points)"


def explain_weighting(score: SecureScore) -> str:
    """Explain why the controls do not add up to the score, '' where there is one subscription and they do."""
    if len([scope for scope in score.subscriptions if scope.is_scored]) < 2:
        return ""
    points = sum(control.current for control in score.controls)
    return (
        f"The controls add up to {points:.2f} of {score.max} points ({points / score.max:.1%}), "
        f"with every resource of the estate weighted equally. The score, {score.percentage:.1%}, "
        "is the mean of the subscription scores, each weighted by its assessed resources."
    )


def _print_headline(report: ReportView, console: Console) -> None:
    counts = report.states
    size = (
        f"{format_count(report.resources, 'resource')}, {format_count(report.subscriptions, 'subscription')}"
    )
    console.print(
        f"\n[bold]nephoscope[/bold]  {escape(report.scope)}  "
        f"[dim]{size}, {report.now:%Y-%m-%d %H:%M} UTC[/dim]"
    )
    console.print(f"[bold]Secure score {format_score(report.score)}[/bold]")
    parts = [f"{counts[state]:,} {state.value}" for state in ComplianceState if counts[state]]
    console.print("[dim]assessments: " + (", ".join(parts) or "none") + "[/dim]")
    if report.filter.hides_rows:
        shown = f"{sum(report.groups.values()):,} of {counts.total():,}"
        console.print(f"[dim]shown: {shown} assessments; totals include all of them[/dim]")
    console.print()


def _print_unstated_tenants(report: ReportView, console: Console) -> None:
    """Tell which of several tenants are not stated, and what states them."""
    tenants = [one.tenant for one in report.coverages]
    unstated = [describe_tenant(one) for one in tenants if not is_tenant_stated(one)]
    if len(tenants) > 1 and unstated:
        stated = STATE_ALL if len(unstated) == len(tenants) else STATE_SOME
        found = "; ".join(f"tenant {one}" for one in unstated)
        console.print(Text(f"{found}. Evaluated separately. {stated}\n", style="yellow"))


def print_controls(score: SecureScore, console: Console) -> None:
    """Print the controls that were assessed; say so where there is none."""
    console.print(_build_score_table(score, console.width) if score.assessed_controls else NO_CONTROL)


def _build_score_table(score: SecureScore, width: int) -> Table:
    """The controls that were assessed, the one with most to gain first; bars where the width has room for them."""
    bars = width >= WIDE
    table = Table(
        title="Controls", title_justify="left", title_style="bold", expand=False, box=None, pad_edge=False
    )
    table.add_column("control", header_style="dim", overflow="fold")
    for name in ("score", "max", *(("",) if bars else ()), "to gain", "healthy", "unhealthy", "not assessed"):
        table.add_column(name, justify="right" if name else "left", header_style="dim", no_wrap=True)
    for item in sorted(
        score.assessed_controls, key=lambda control: (-control.potential, -control.control.max_score)
    ):
        table.add_row(
            item.control.name,
            f"{item.current:.2f}" if item.weight else "-",
            str(item.control.max_score),
            *((_draw_bar(item.percentage) if item.max else "",) if bars else ()),
            f"+{item.potential:.2f}" if item.potential else "",
            str(item.healthy),
            Text(str(item.unhealthy), style="bold red" if item.unhealthy else "dim"),
            Text(str(item.unknown), style="" if item.unknown else "dim"),
        )
    return table


def _draw_bar(share: float, width: int = 16) -> Text:
    full = round(share * width)
    style = "green" if share >= 0.8 else "yellow" if share >= 0.5 else "red"
    return Text("█" * full, style=style) + Text("░" * (width - full), style="dim")


def print_ranking(report: ReportView, console: Console) -> None:
    """Print the recommendations to work on, and those of other states that were asked for; say so where there is none."""
    if not has_applicable_assessment(report.group_sizes):
        console.print("\nNothing was assessed.")
        return
    found, listed = list_failing_recommendations(report), choose_listed_groups(report)
    asked = report.filter.states
    if not asked or ComplianceState.NON_COMPLIANT in asked:
        console.print(build_ranking_table(found[: report.top]))
        _print_remainder(len(found), report.top, console)
        if not found:
            console.print("No failing recommendation" + (" is shown." if report.filter.hides_rows else "."))
    if listed:
        console.print(build_listed_table(listed[: report.top]))
        _print_remainder(len(listed), report.top, console)
    elif asked and asked != (ComplianceState.NON_COMPLIANT,):
        console.print(f"No assessment has the status {' or '.join(asked)}.")


def _print_remainder(count: int, top: int, console: Console) -> None:
    if count > top:
        console.print(f"[dim]... and {count - top} more: --top {count}[/dim]")


def build_listed_table(listed: Iterable[RecommendationSummary]) -> Table:
    """Lay out the recommendations whose assessments ended in other states than NonCompliant, with the reason."""
    table = Table(
        title="\nAssessments",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        expand=False,
    )
    for name in ("severity", "state"):
        table.add_column(name, header_style="dim", no_wrap=True)
    table.add_column("recommendation", header_style="dim", overflow="fold", min_width=30)
    table.add_column("assessments", justify="right", header_style="dim", no_wrap=True)
    table.add_column("reason", header_style="dim", overflow="fold")
    for item in listed:
        severity = item.recommendation.severity
        table.add_row(
            Text(severity.value, style=SEVERITY_STYLE[severity]),
            Text(item.state.value),
            Text(item.recommendation.name),
            f"{item.count:,}",
            Text(item.reason, style="dim"),
        )
    return table


def build_ranking_table(ranking: Iterable[RankedRecommendation]) -> Table:
    """Recommendations in the order to work on them."""
    table = Table(
        title="\nRecommendations",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        expand=False,
    )
    table.add_column("severity", header_style="dim", no_wrap=True)
    table.add_column("recommendation", header_style="dim", overflow="fold", min_width=30)
    table.add_column("failing", justify="right", header_style="dim", no_wrap=True)
    table.add_column("gain", justify="right", header_style="dim", no_wrap=True)
    table.add_column("control", header_style="dim", overflow="fold")
    for item in ranking:
        severity = item.recommendation.severity
        table.add_row(
            Text(severity.value, style=SEVERITY_STYLE[severity]),
            _build_ranked_title(item),
            _format_failing_count(item.counts),
            f"+{item.gain:.2f}" if item.gain else "",
            Text(item.control.name if item.control else "", style="dim"),
        )
    return table


def _build_ranked_title(item: RankedRecommendation) -> Text:
    """Return the recommendation, and below it what was found."""
    title = Text(item.title)
    return title.append(f"\n{item.finding}", style="dim") if item.finding else title


def _format_failing_count(counts: StateCounts) -> Text:
    """Return how many of the assessed fail, and below it how many were not assessed."""
    figure = Text(counts.failing_share)
    return figure.append(f"\n{counts.not_assessed:,} not assessed", "dim") if counts.not_assessed else figure


def _print_changes(report: ReportView, console: Console) -> None:
    """What moved since the evaluation before; a first evaluation is all new, so only its number is told."""
    if not report.changes:
        return
    kinds = report.changes.kinds.items()
    console.print("\n[bold]Changes[/bold]  " + ", ".join(f"{count} {kind.value}" for kind, count in kinds))
    if len(report.changes) > MAX_CHANGES:
        return
    for change in sorted(report.changes, key=lambda one: (one.kind, one.resource)):
        name = report.metadata(change.key).title(change.after or ComplianceState.COMPLIANT)
        console.print(
            f"  {change.kind.value:<9} {name}  {label_change(report, change)}", markup=False, soft_wrap=True
        )


def _print_unjudged_recommendations(report: ReportView, console: Console) -> None:
    """Nothing is silently empty: what could not be judged is listed with its reason."""
    unjudged = [
        (count, state, cause)
        for (state, cause), count in report.causes.items()
        if state in (ComplianceState.UNKNOWN, ComplianceState.ERROR)
    ]
    if unjudged:
        console.print("\n[bold]Not assessed[/bold]")
        for count, state, cause in sorted(unjudged, key=lambda item: -item[0]):
            console.print(f"  {count:>7,}  {state.value:<8} {cause}", markup=False)
        total = sum(count for count, _, _ in unjudged)
        console.print(
            f"  {format_count(total, 'assessment')} could not be evaluated: see `nephoscope gaps` for fixes"
        )
    if report.quarantine:
        console.print(
            f"\n[bold]Quarantined input[/bold] [dim]({format_count(len(report.quarantine), 'record')})[/dim]"
        )
        for record in report.quarantine[:10]:
            console.print(f"  {record.place}: {record.reason}", markup=False)
