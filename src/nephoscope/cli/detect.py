"""Run detection rules over the lake, once or on their schedule, and create incidents from their alerts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.progress_lines import ProgressLines
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.scheduling.run_batch import RuleRunResult
    from nephoscope.alerts.scheduling.schedule import Schedule
    from nephoscope.state import State

STANDINGS = (
    "rule", "status", "lastRun", "nextRun", "rows", "alerts", "seconds", "behind", "retrying", "skipped", "error",
)  # fmt: skip
COLUMNS = ("rule", "until", "rows", "alerts", "incidents", "seconds", "error")
FAULT, TERMINATED = 3, 143
BEHAVIOR_EVERY = 5
"""Minutes between looks at behavior where the command stays."""
BUDGET = 60.0
"""Seconds after which urgent rules are run again, regardless of other due rules."""


class _DetectOptions(TypedDict):
    folders: tuple[Path, ...]
    wanted: tuple[str, ...]
    end: datetime | None
    since: datetime | None
    until: datetime | None
    again: bool
    schedule: bool
    every: int
    workers: int
    behavior: bool
    respond: bool
    share: str | None
    listing: bool
    enable: bool
    workspace: str
    output: str


@click.command("detect")
@click.option(
    "--rules", "folders", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
    help=("File or folder of rules in Sentinel's format (default: shipped rules and enabled " "imported rules)."),
)  # fmt: skip
@click.option("--rule", "wanted", multiple=True, metavar="ID|NAME", help="Run only this rule.")
@click.option(
    "--at", "end", type=Instant(), metavar="TIME", help="Run once, for the window that ends at this time."
)
@click.option(
    "--from", "since", type=Instant(), metavar="TIME",
    help=("Backfill: run all windows of every rule from this time on, in order. A date means " "midnight UTC."),
)  # fmt: skip
@click.option("--to", "until", type=Instant(), metavar="TIME", help="End of the backfill (default: now).")
@click.option(
    "--again",
    is_flag=True,
    help="With --from: repeat windows that an earlier backfill has run over the same rows.",
)
@click.option(
    "--schedule/--once", default=False, help="Keep running and start each rule when it is due (default: run due rules and exit)."
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(1, 3600), default=30, show_default=True, help="Seconds between checks of the schedule."
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="With --schedule: number of worker processes."
)  # fmt: skip
@click.option(
    "--behavior/--no-behavior",
    default=True,
    show_default=True,
    help="Update behavior analytics before the rules run.",
)
@click.option(
    "--respond/--no-respond",
    default=True,
    show_default=True,
    help="Run response rules and automations afterward.",
)
@click.option("--share", hidden=True, metavar="NUMBER/OF", help="Name of this worker, if several run.")
@click.option(
    "--list", "listing", is_flag=True, help="List rules with their last and next run, errors and backlog."
)
@click.option("--enable", is_flag=True, help="Re-enable rules that were disabled after repeated failures.")
@add_workspace_option()
@add_list_format_option
@click.pass_obj
def command(data: Path, /, **options: Unpack[_DetectOptions]) -> None:
    """Run every rule that is due; with --at, the window that ends at that time; with --from, all windows
    since then. Each window runs once: its alerts are not raised again, and missed windows are caught up.
    The schedule includes windows that ran with --at and --from. SIGTERM and Ctrl-C stop --schedule after
    the current window. Exits 3 if a rule could not be loaded or run.
    """
    if options["listing"] or options["enable"]:
        _show_standings(data, options)
    elif options["workers"] > 1 and not options["share"]:
        from nephoscope.cli.session.state_access import find_state_url
        from nephoscope.cli.session.worker_processes import run_worker_processes

        if not options["schedule"]:
            raise click.UsageError("--workers requires --schedule")
        sys.exit(run_worker_processes(_build_arguments(data, options), options["workers"], find_state_url()))
    elif _run_detection(data, options):
        sys.exit(FAULT)


def _run_detection(data: Path, options: _DetectOptions) -> bool:
    """Run what is asked for; whether a rule could not be run or read."""
    from nephoscope.alerts.scheduling.schedule import Schedule
    from nephoscope.cli.session.backfill_options import report_unevaluated_rows, run_backfill
    from nephoscope.cli.session.behavior_run import learn_and_detect
    from nephoscope.serve.parent_watch import end_with_parent

    end_with_parent()
    asked = _read_asked_range(options)
    with open_lake(data, keeps=True) as (lake, state):
        flush_pending_rows(data, lake, state)
        workspace = find_workspace(state, options["workspace"]).name
        rules, refused = _load_rules(data, state, workspace, options["folders"], options["wanted"])
        schedule = Schedule(lake, state, rules, workspace, share=_parse_share(options["share"]))
        _prepare_rule_inputs(schedule)
        if options["schedule"]:
            # one of several workers learns for all of them
            behaves = options["behavior"] and schedule.share[0] == 0
            _run_schedule(schedule, options["every"], behaves=behaves, responds=options["respond"])
            return False
        now = datetime.now(UTC)
        if options["end"] and options["end"] > now:
            exit_with_usage_error("--at is in the future")
        behaved = not options["behavior"] or learn_and_detect(
            lake, state, schedule.workspace, datetime.now(UTC)
        )
        now = datetime.now(UTC)
        if asked:
            found = run_backfill(schedule, *asked, now, again=options["again"])
        else:
            found = schedule.run_all_rules_once(options["end"], now) if options["end"] else schedule.tick(now)
        rows = [_build_row(one) for one in _count_runs(found)]
        behaved = _detect_risk(schedule, options) and behaved
        failed = _run_automation_rules(schedule) if options["respond"] else 0
        lake.flush()
        if not options["wanted"]:
            report_unevaluated_rows(data, lake, state, rules, workspace, options["folders"])
    _print_window_rows(rows, options["output"])
    return bool(refused or failed) or not behaved or any(row["error"] for row in rows)


def _detect_risk(schedule: Schedule, options: _DetectOptions) -> bool:
    """Make risk detections of what the rules raised; whether that could be done."""
    from nephoscope.cli.session.behavior_run import detect_identity_risk

    now = options["end"] or datetime.now(UTC)
    return not options["behavior"] or detect_identity_risk(
        schedule.lake, schedule.state, schedule.workspace, now
    )


def _read_asked_range(options: _DetectOptions) -> tuple[datetime, datetime] | None:
    """The range of a look back; None where none is asked for. The command ends where options do not go together."""
    from nephoscope.cli.session.backfill_options import check_range

    since, until = options["since"], options["until"]
    if since is None and until is None:
        if options["again"]:
            exit_with_usage_error("--again requires --from")
        return None
    if options["end"] or options["schedule"]:
        exit_with_usage_error("--from and --to go with neither --at nor --schedule")
    return check_range(since, until, datetime.now(UTC))


def _show_standings(data: Path, options: _DetectOptions) -> None:
    """List how the rules stand, or let those run again that were switched off."""
    from nephoscope.alerts.scheduling.rule_overview import build_overview
    from nephoscope.service.rules import resume_rules

    with open_state(data) as state:
        workspace = find_workspace(state, options["workspace"]).name
        rules, _ = _load_rules(data, state, workspace, options["folders"], options["wanted"])
        if options["enable"]:
            named = [one.name for one in rules] if options["wanted"] else "all rules"
            count = resume_rules(build_context(data, state), workspace, rules, named)
            print_message(f"{count} rules re-enabled")
        rows = build_overview(state, workspace, rules, datetime.now(UTC))
    if options["listing"]:
        show_list(rows, STANDINGS, options["output"])


def _parse_share(text: str | None) -> tuple[int, int]:
    number, _, of = (text or "0/1").partition("/")
    return int(number), int(of)


def _build_arguments(data: Path, options: _DetectOptions) -> list[str]:
    """The command of one worker, without its share."""
    several = [text for folder in options["folders"] for text in ("--rules", str(folder))]
    several += [text for name in options["wanted"] for text in ("--rule", name)]
    several += [] if options["behavior"] else ["--no-behavior"]
    several += [] if options["respond"] else ["--no-respond"]
    own = ["--schedule", "--every", str(options["every"]), "--workspace", options["workspace"]]
    return ["--data", str(data), "detect", *own, *several]


def _load_rules(
    data: Path, state: State, workspace: str, folders: tuple[Path, ...], wanted: tuple[str, ...]
) -> tuple[list[AnalyticRule], int]:
    """The rules, and how many files could not be used; each of those is told."""
    from nephoscope.alerts.library.content_packs import PackError
    from nephoscope.alerts.library.rule_selection import load_rules
    from nephoscope.alerts.rules.renamed_rules import choose_rules

    try:
        found = load_rules(data, state, workspace, folders)
    except PackError as error:
        exit_with_usage_error(str(error))
    for one in found.refused:
        print_message(f"{one.place}: {'; '.join(one.reasons)}")
    rules, refused = list(found.rules), found.refused
    if wanted:
        chosen = {word: choose_rules(rules, word) for word in wanted}
        if unknown := [word for word, found in chosen.items() if not found]:
            exit_with_usage_error(
                f"no enabled rule has the ID or name {unknown[0]!r}: `nephoscope detect --list` shows the rules"
            )
        rules = list({one.id: one for found in chosen.values() for one in found}.values())
    if not rules:
        exit_with_usage_error("no rule to run: a rule is a YAML file with id, name and query")
    return rules, len(refused)


class _WindowRow(TypedDict):
    rule: str
    id: str
    until: datetime
    rows: int
    alerts: int
    suppressed: int
    incidents: list[int]
    seconds: float
    tuning: list[str]
    lacking: list[str]
    gaps: list[str]
    error: str


def _build_row(ran: RuleRunResult) -> _WindowRow:
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
        "lacking": list(outcome.lacking),
        "gaps": list(outcome.gaps),
        "error": outcome.error,
    }


def _print_window_rows(rows: list[_WindowRow], form: str) -> None:
    shown = rows
    for line in dict.fromkeys(
        f"{row['rule']}: {one}" for row in rows for one in (*row["lacking"], *row["gaps"])
    ):
        print_message(line)
    if form == "table":
        shown = [row for row in rows if row["rows"] or row["alerts"] or row["suppressed"] or row["error"]]
        ran = format_count(len(rows), "window")
        alerts = format_count(sum(row["alerts"] for row in rows), "new alert")
        errors = format_count(sum(bool(row["error"]) for row in rows), "error")
        print_message(f"{ran} run, {alerts}, {errors}")
    show_list(shown, COLUMNS, form)


def _count_runs(found: Iterator[RuleRunResult]) -> Iterator[RuleRunResult]:
    """The runs as they come; of many it is told now and then how many there were."""
    tell = ProgressLines()
    for count, ran in enumerate(found, 1):
        yield ran
        tell(f"windows run, most recently {ran.outcome.rule.name}", count, 0)


def _run_schedule(schedule: Schedule, every: int, *, behaves: bool, responds: bool) -> None:
    """Look at the schedule until it is to end."""
    import signal

    from nephoscope.cli.session.behavior_run import detect_identity_risk, learn_and_detect
    from nephoscope.lake.errors import LakeError

    def stop(*_: object) -> None:
        if schedule.is_stopping:
            raise SystemExit(TERMINATED)
        print_message("stopping after the current window")
        schedule.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print_message(f"{len(schedule.rules):,} scheduled rules")
    while not schedule.is_stopping:
        try:
            _prepare_rule_inputs(schedule)
            if behaves:
                now = datetime.now(UTC)
                learn_and_detect(schedule.lake, schedule.state, schedule.workspace, now, every=BEHAVIOR_EVERY)
            for ran in schedule.tick(budget=BUDGET):
                _print_result(ran)
            if behaves:
                detect_identity_risk(schedule.lake, schedule.state, schedule.workspace, datetime.now(UTC))
            if responds:
                _run_automation_rules(schedule)
        except (StateError, LakeError, OSError) as error:
            print_message(f"the schedule will be checked again in {every} s: {error}")
            schedule.more = False
        if not schedule.more:
            schedule.wait(every)
    print_message("ended")


def _prepare_rule_inputs(schedule: Schedule) -> None:
    """What rules read besides logs, as it is now: threat intelligence and watchlists without what is over."""
    from nephoscope.ingest.threat_intelligence.indicator_store import refresh_indicators
    from nephoscope.lake.watchlists.watchlist_service import WatchlistService

    now = datetime.now(UTC)
    refresh_indicators(schedule.state, schedule.workspace, now)
    WatchlistService(schedule.state, schedule.lake, schedule.workspace, "nephoscope").publish_due(now)


def _run_automation_rules(schedule: Schedule) -> int:
    """Do what automation rules ask for; how many runs were given up. What is wrong with a rule is told, and stops no other."""
    from nephoscope.automation.engine import AutomationEngine
    from nephoscope.automation.rule_catalog import load_rules

    loaded = load_rules(schedule.lake.data, schedule.state)
    for error in loaded.faults:
        print_message(error)
    dead = len(loaded.faults)
    for one in AutomationEngine(schedule.lake, schedule.state, schedule.workspace, loaded.rules).tick():
        dead += one.status.value == "dead"
        print_message(f"response: {one.rule}: {one.action}: {one.status.value}: {one.detail}")
    return dead


def _print_result(ran: RuleRunResult) -> None:
    """A line where something happened."""
    outcome, words = ran.outcome, list(ran.notes)
    if ran.taken.alerts:
        into = ", ".join(map(str, ran.taken.incidents)) or "none"
        words.insert(0, f"{len(ran.taken.alerts)} alerts, incidents {into}")
    words += [one for one in (*outcome.lacking, outcome.error) if one and one not in words]
    if words:
        print_message(f"{outcome.rule.name}, until {outcome.window.end:%Y-%m-%dT%H:%MZ}: {'; '.join(words)}")
