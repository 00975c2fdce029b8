"""Configure, run and monitor log sources."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.state_access import open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.ingest.source_failures import SourceError
from nephoscope.operations import sources

HEALTH = (
    "source", "table", "status", "lastEvent", "rows", "lastHour", "expected", "delay", "quarantine", "untimed", "detail",
)  # fmt: skip
ERRORS = ("part", "error", "since", "last")
MISSING = ("resource", "type", "reason", "setting", "last")
FINDINGS = 1


@click.group("sources")
def command() -> None:
    """Configure, run and monitor log sources: storage containers, event hubs, Graph, the activity log,
    syslog, folders, and applications that send logs.
    """


@command.command("show")
@click.argument("name")
@add_list_format_option
@click.pass_obj
def show(data: Path, /, name: str, output: str) -> None:
    """Show the errors of the source NAME: the last error of each part, and its start."""
    from nephoscope.cli.session.source_health import list_open_errors

    with open_state(data) as state:
        rows = list_open_errors(state, state.sources.get(name))
    show_list(rows, ERRORS, output, f"{name} has no errors")


@command.command("run")
@click.argument("names", nargs=-1)
@click.pass_obj
def run(data: Path, /, names: tuple[str, ...]) -> None:
    """Run the sources NAMES, or all enabled sources, until SIGTERM or Ctrl-C; rows read by then are stored."""
    import signal

    from nephoscope.ingest.live.supervisor import SourceSupervisor
    from nephoscope.lake.writing.memory_release import release_arrow_memory

    release_arrow_memory()
    with open_lake(data, keeps=True) as (lake, state):
        chosen = [state.sources.get(name) for name in dict.fromkeys(names)]
        chosen = chosen or [one for one in state.sources.all() if one.enabled]
        if not chosen:
            exit_with_usage_error("no sources: add one with nephoscope sources add NAME --kind KIND")
        supervisor = SourceSupervisor(lake, state, data, say=print_message)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop.set())
        print_message(f"running {', '.join(one.name for one in chosen)}")
        try:
            supervisor.run(chosen)
        except SourceError as error:
            exit_with_usage_error(str(error))
        print_message("stopped")


@command.command("health")
@click.option(
    "--missing", is_flag=True, help="List resources in the estate whose diagnostic or flow logs never arrive."
)
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=1,
    show_default=True,
    help="With --missing: days without logs after which they count as missing.",
)
@add_list_format_option
@click.pass_obj
def health(data: Path, /, missing: bool, days: int, output: str) -> None:
    """Show ingestion health by source and table: last event, rate compared with the baseline, delay, and
    quarantined rows. Exits 1 if something is unusual, or with --missing if logs are missing.
    """
    from nephoscope.cli.session.source_health import build_health_rows, build_missing_rows, shorten_rows

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        rows = build_missing_rows(lake, state, data, days) if missing else build_health_rows(state)
    if missing and output == "table":
        show_list(*shorten_rows(rows), output, "no resource is missing logs")
        sys.exit(FINDINGS if rows else 0)
    nothing = "no resource is missing logs" if missing else "no source has ingested anything yet"
    show_list(rows, MISSING if missing else HEALTH, output, nothing)
    if (missing and rows) or any(row.get("status") not in (None, "ok") for row in rows):
        sys.exit(FINDINGS)


add_operations(command, sources.OPERATIONS)
