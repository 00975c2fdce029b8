"""Backfill options of a command, and the message about unprocessed rows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.scheduling.run_batch import RuleRunResult
    from nephoscope.alerts.scheduling.schedule import Schedule
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

DATA = Path(".nephoscope")


def check_range(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the range that is asked for, up to now where no end is given; the command ends where it is none."""
    if since is None:
        exit_with_usage_error("--to requires --from: the start of the backfill")
    if since >= now:
        exit_with_usage_error(f"--from is in the future: {_format_moment(since)}")
    end = min(until or now, now)
    if until is not None and until <= since:
        exit_with_usage_error(
            f"--to must be after --from: {_format_moment(until)} is not after {_format_moment(since)}"
        )
    return since, end


def run_backfill(
    schedule: Schedule, since: datetime, until: datetime, now: datetime, *, again: bool
) -> Iterator[RuleRunResult]:
    """Run the windows between two times, and say how many had surely no row."""
    from nephoscope.alerts.scheduling.backfill import LookBack

    first = find_oldest_row_time(schedule.lake, schedule.workspace)
    if first is None or first >= until:
        exit_with_usage_error(
            f"the workspace {schedule.workspace} has no rows before {_format_moment(until)}"
            + ("" if first is None else f": its first row is at {_format_moment(first)}")
        )
    if first > since:
        print_message(f"no row is older than {_format_moment(first)}: earlier windows are skipped")
        since = first.replace(minute=0, second=0, microsecond=0)
    looking = LookBack(schedule, again=again)
    yield from looking.run(since, until, now)
    span = f"from {_format_moment(since)} to {_format_moment(until)}"
    if looking.windows:
        print_message(
            f"{format_count(looking.windows, 'window')} {span}, {looking.empty:,} of them certainly empty"
        )
    else:
        print_message(
            f"no window of a rule ends {span}: later rows are read when their windows end, or now with --at"
        )


def find_oldest_row_time(lake: Lake, workspace: str) -> datetime | None:
    """Return when the oldest row of a workspace happened; None where it has none."""
    from nephoscope.lake.storage.table_store import list_tables

    with lake.catalog(workspace=workspace) as catalog:
        found = [catalog.begin(name) for _, name in list_tables(lake.data, workspace)]
    return min((one for one in found if one is not None), default=None)


def report_unevaluated_rows(
    data: Path,
    lake: Lake,
    state: State,
    rules: Sequence[AnalyticRule],
    workspace: str,
    folders: Sequence[Path] = (),
) -> None:
    """Say how many rows rules have not looked at, and the command that looks at them; nothing where there are none."""
    from nephoscope.alerts.scheduling.unprocessed_rows import find_unevaluated_rows
    from nephoscope.alerts.tuning.effective_rules import EffectiveTuning

    now = datetime.now(UTC)
    tuned = EffectiveTuning.load(state, lake, workspace, now)
    enabled = [one for one in map(tuned.apply_to_rule, rules) if one.enabled]
    found = find_unevaluated_rows(lake, state, enabled, workspace, now)
    if not found.rows:
        return
    words = ["nephoscope", *([] if data == DATA else ["--data", str(data)]), "detect"]
    words += [text for folder in folders for text in ("--rules", str(folder))]
    words += [] if workspace == "default" else ["--workspace", workspace]
    words += ["--from", _format_moment(found.since), "--to", _format_moment(min(found.until, now))]
    tables = found.tables[0] if len(found.tables) == 1 else f"{len(found.tables)} tables"
    rows, have, them = ("1 row", "has", "it") if found.rows == 1 else (f"{found.rows:,} rows", "have", "them")
    summary = f"{rows} of {tables} {have} not been evaluated by every rule that reads {them}"
    print_message(f"{summary}; to evaluate {them}:\n  {shlex.join(words)}")


def _format_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
