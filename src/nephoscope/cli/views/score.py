"""The secure score: controls, subscriptions, trend, and why it moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from nephoscope.cli.outputs.json import build_score_object
from nephoscope.cli.outputs.table import explain_weighting, format_score, print_controls
from nephoscope.cli.terminal.console import create_console
from nephoscope.estate.scope_hierarchy import get_subscription_name

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.posture.reports.report import Report


def render(report: Report, out: TextIO, *, controls: bool) -> None:
    """Print the score for a person."""
    console = create_console(out)
    console.print(
        f"\n[bold]Secure score {format_score(report.score)}[/bold]  [dim]{escape(report.scope)}[/dim]\n"
    )
    print_controls(report.score, console)
    if explain_weighting(report.score):
        console.print(Text(explain_weighting(report.score), style="dim"))
    console.print(_build_subscriptions(report))
    if report.delta:
        _print_delta(report, console)
    if len(report.trend) > 1:
        _print_trend(report, console)
    if controls:
        _print_placements(report, console)


def render_json(report: Report, out: TextIO) -> None:
    """Write the score with trend and causes as JSON."""
    body: dict[str, object] = {
        "scope": report.scope,
        "evaluated": report.now,
        "score": build_score_object(report.score),
        "trend": [{"evaluated": point.when, "percentage": point.percentage} for point in report.trend],
        "delta": [{"cause": part.cause, "points": round(part.points, 4)} for part in report.delta],
    }
    out.write(msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n")


def _build_subscriptions(report: Report) -> Table:
    table = Table(title="\nSubscriptions", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("subscription", header_style="dim", no_wrap=True)
    for name in ("score", "points", "of", "resources", "part", "adds"):
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    weights = sum(scope.weight for scope in report.score.subscriptions if scope.is_scored)
    for scope in report.score.subscriptions:
        if not scope.subscription:
            continue
        resource = report.run.estate.resources.get(f"/subscriptions/{scope.subscription}")
        part = scope.weight / weights if scope.is_scored else 0.0
        table.add_row(
            Text((get_subscription_name(resource) if resource else "") or scope.subscription),
            f"{scope.percentage:.1%}" if scope.is_scored else "not scored",
            f"{scope.current:.2f}",
            str(scope.max),
            f"{scope.weight:,}",
            f"{part:.1%}" if scope.is_scored else "",
            f"{scope.current / scope.max * part:.2%}" if scope.is_scored else "",
        )
    if weights:
        table.add_row(
            "all, weighted",
            f"{report.score.percentage:.1%}",
            "",
            "",
            f"{weights:,}",
            "100.0%",
            f"{report.score.share:.2%}",
        )
    return table


def _print_delta(report: Report, console: Console) -> None:
    console.print("\n[bold]Changes since the previous evaluation[/bold]")
    for part in report.delta:
        console.print(f"  {part.points:+.1%}  {part.cause}")


def _print_trend(report: Report, console: Console) -> None:
    """The last evaluations as a line of blocks, the newest at the right."""
    points = report.trend[-40:]
    blocks = "▁▂▃▄▅▆▇█"
    line = "".join(blocks[min(7, int(point.percentage * 8))] for point in points)
    console.print(
        f"\n[bold]Trend[/bold]  {line}  {points[0].percentage:.1%} to {points[-1].percentage:.1%} in {len(points)} evaluations"
    )


def _print_placements(report: Report, console: Console) -> None:
    keys = sorted({group.key for group in report.groups})
    for control in report.controls.controls:
        names = [key for key in keys if report.controls.find_scoring_control(report.metadata(key)) == control]
        if not names:
            continue
        console.print(f"\n[bold]{control.name}[/bold] [dim]({control.max_score} points)[/dim]")
        for key in names:
            placement = report.controls.placements.get(key)
            source = placement.source if placement else "metadata of the definition"
            line = Text(f"  {report.metadata(key).name}")
            line.append(f"  {source}", style="yellow" if placement and placement.is_inferred else "dim")
            console.print(line)
