"""Run detection rules over the lake: once, or on their schedule; their alerts make incidents."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.listing import listed
from nephoscope.cli.session.options import Instant

if TYPE_CHECKING:
    from nephoscope.alerts.rule import Rule
    from nephoscope.alerts.schedule import Ran, Schedule
    from nephoscope.lake.state.rule_switches import Switched

COLUMNS = ("rule", "until", "rows", "alerts", "incidents", "seconds", "error")
FAULT = 3
BEHAVIOR_EVERY = 5
"""Minutes between looks at behaviour where the command stays."""


@click.command("detect")
@click.option(
    "--rules", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
    help="Rules in Sentinel's format: a file or a folder (default: the shipped ones, and imported ones that are on).",
)  # fmt: skip
@click.option("--rule", "wanted", multiple=True, metavar="ID|NAME", help="Run only this rule.")
@click.option("--at", "end", type=Instant(), metavar="TIME", help="Run once, in the window that ends then.")
@click.option("--schedule", is_flag=True, help="Stay, and run each rule when it is due.")
@click.option(
    "--every", type=click.IntRange(1, 3600), default=30, show_default=True, help="Seconds between looks at the schedule."
)  # fmt: skip
@click.option(
    "--behavior/--no-behavior",
    default=True,
    show_default=True,
    help="Analyse behaviour before the rules run.",
)
@click.option(
    "--workspace", "-w", default="default", show_default=True, metavar="NAME", help="The workspace."
)
@listed
@click.pass_obj
def command(data: Path, /, **options: Any) -> None:
    """Run every rule whose window is over; with --at in the window that ends then.

    Exits 3 where a rule could not be run or read. A window is run once: what it found is not found again, and windows that were
    missed are made up for. What --at runs is run again when its time comes.
    """
    from nephoscope.alerts.schedule import Schedule
    from nephoscope.cli.session.behaving import learned
    from nephoscope.cli.session.checks import usage_error
    from nephoscope.cli.session.lakes import lake_of, take_in
    from nephoscope.cli.session.stored import workspace_of

    with lake_of(data) as (lake, state):
        take_in(data, lake, state)
        workspace = workspace_of(state, options["workspace"]).name
        switched = state.rule_switches.of(workspace)
        rules, refused = _rules(data, options["folders"], options["wanted"], switched)
        schedule = Schedule(lake, state, rules, workspace)
        _prepare(schedule)
        if options["schedule"]:
            _stay(schedule, options["every"], behaves=options["behavior"])
        now = datetime.now(UTC)
        if options["end"] and options["end"] > now:
            usage_error("--at lies ahead: what has not happened cannot be looked at")
        behaved = not options["behavior"] or learned(lake, state, schedule.workspace, datetime.now(UTC))
        now = datetime.now(UTC)
        found = schedule.once(options["end"], now) if options["end"] else schedule.tick(now)
        rows = [_row(one) for one in found]
        lake.flush()
    _show(rows, options["output"])
    if refused or not behaved or any(row["error"] for row in rows):
        sys.exit(FAULT)


def _rules(
    data: Path, folders: tuple[Path, ...], wanted: tuple[str, ...], switched: Switched
) -> tuple[list[Rule], int]:
    """The rules, and how many files could not be used; each of those is told."""
    from nephoscope.alerts.library.active import active_rules
    from nephoscope.alerts.library.packs import PackError
    from nephoscope.alerts.rules import found, shipped
    from nephoscope.cli.session.checks import tell, usage_error

    try:
        several = [found(folder) for folder in folders] or [active_rules(data, shipped(), switched)]
    except PackError as error:
        usage_error(str(error))
    refused = [one for each in several for one in each.refused]
    for one in refused:
        tell(f"{one.place}: {'; '.join(one.reasons)}")
    rules = list({rule.id: rule for each in several for rule in each.rules}.values())
    chosen = {one.casefold() for one in wanted}
    if chosen:
        rules = [one for one in rules if {one.id.casefold(), one.name.casefold()} & chosen]
    if not rules:
        usage_error("no rule to run: a rule is a YAML file with id, name and query")
    return rules, len(refused)


def _row(ran: Ran) -> dict[str, Any]:
    outcome = ran.outcome
    return {
        "rule": outcome.rule.name,
        "id": outcome.rule.id,
        "until": outcome.window.end,
        "rows": outcome.rows,
        "alerts": len(ran.taken.alerts),
        "suppressed": ran.taken.suppressed,
        "incidents": list(ran.taken.incidents),
        "seconds": round(outcome.seconds, 3),
        "tuning": list(outcome.rule.tuning.shown),
        "error": outcome.error,
    }


def _show(rows: list[dict[str, Any]], form: str) -> None:
    from nephoscope.cli.session.checks import tell
    from nephoscope.cli.session.listing import show_list

    shown = rows
    if form == "table":
        shown = [row for row in rows if row["rows"] or row["error"]]
        alerts = sum(row["alerts"] for row in rows)
        tell(
            f"{len(rows):,} windows run, {alerts:,} new alerts, {sum(bool(row['error']) for row in rows):,} errors"
        )
    show_list(shown, COLUMNS, form)


def _stay(schedule: Schedule, every: int, *, behaves: bool) -> None:
    """Look at the schedule for as long as the process lives."""
    import time

    from nephoscope.cli.session.behaving import learned
    from nephoscope.cli.session.checks import tell

    while True:
        _prepare(schedule)
        if behaves:
            learned(
                schedule.lake, schedule.state, schedule.workspace, datetime.now(UTC), every=BEHAVIOR_EVERY
            )
        for ran in schedule.tick():
            row = _row(ran)
            if row["alerts"] or row["error"]:
                tell(
                    f"{row['rule']}: {row['alerts']} alerts in incidents {row['incidents']} {row['error']}".rstrip()
                )
        time.sleep(every)


def _prepare(schedule: Schedule) -> None:
    """What rules read besides logs, as it is now: threat intelligence and watchlists without what is over."""
    from nephoscope.lake.listing import Keeping
    from nephoscope.sources.intel.keeping import refresh

    now = datetime.now(UTC)
    refresh(schedule.state, schedule.workspace, now)
    Keeping(schedule.state, schedule.lake, schedule.workspace, "nephoscope").publish_due(now)
