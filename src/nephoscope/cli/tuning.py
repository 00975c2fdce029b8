"""Review rule quality and reduce false positives."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.list_output import add_format_option, show_list
from nephoscope.cli.session.operation_commands import build_command, open_call
from nephoscope.cli.session.options import Instant
from nephoscope.operations.detection import tuning

if TYPE_CHECKING:
    from nephoscope.alerts.tuning.replay import ReplayResult

command = build_command(tuning.OPERATIONS)


@command.command("replay")
@click.argument("rule")
@add_workspace_option()
@click.option(
    "--rules", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
    help="Folder of the rules (default: the shipped rules).",
)  # fmt: skip
@click.option(
    "--from", "since", type=Instant(), metavar="TIME", help="Start of the period (default: 7 days before)."
)
@click.option("--to", "until", type=Instant(), metavar="TIME", help="End of the period (default: now).")
@add_format_option("table", "json")
@click.pass_obj
def replay(
    data: Path,
    /,
    rule: str,
    workspace: str,
    folders: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    output: str,
) -> None:
    """Run RULE (its ID or name) with its current settings over past windows, without writing anything. Exits
    3 if a window could not run.
    """
    from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
    from nephoscope.alerts.tuning.replay import replay_rule as over

    now = datetime.now(UTC)
    end = until or now
    asked = tuning.OfPeriod(
        workspace=workspace, folders=folders, since=since or end - timedelta(days=7), until=end
    )
    with open_call(data, needs_lake=True, fresh=True) as call:
        begin, end = asked.get_bounds(now)
        own, found = call.workspace(workspace), tuning.find_rule(call, asked, rule)
        tuned = EffectiveTuning.load(call.state, call.lake, own, now).apply_to_rule(found)
        done = over(call.lake, tuned, own, begin, min(end, now), now)
    _print_replay(done, begin, end, output)
    if done.errors:
        sys.exit(3)


def _print_replay(done: ReplayResult, begin: datetime, end: datetime, output: str) -> None:
    found = done.document()
    document = {"rule": found.pop("rule"), "from": begin.isoformat(), "to": end.isoformat(), **found}
    if output == "json":
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{done.rule.name}: {done.windows:,} windows, {done.rows:,} rows, {len(done.raised_alerts):,} "
        f"alerts in {done.incidents:,} incidents, {document['held']:,} suppressed, "
        f"{done.seconds:.1f} s"
    )
    for text in done.rule.tuning.shown:
        click.echo(f"tuned: {text}")
    show_list(
        [{"day": day, "alerts": count} for day, count in done.days().items()], ("day", "alerts"), output
    )
    show_list(
        [{"entity": name, "alerts": count} for name, count in done.list_entities()],
        ("entity", "alerts"),
        output,
    )
    for moment, text in done.errors[:3]:
        click.echo(f"window until {moment.isoformat()}: {text}", err=True)
