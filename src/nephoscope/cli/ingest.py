"""Ingest logs from files, folders, globs or standard input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.list_output import add_format_option, show_list
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import print_message
from nephoscope.cli.terminal.messages import print_message as say
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from nephoscope.ingest.logs.address_lookup import AddressLookup
    from nephoscope.ingest.logs.discovery import Formats
    from nephoscope.ingest.logs.ingestion import FileIngestion
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State


class _IngestOptions(TypedDict):
    table: str
    workspace: str
    again: bool
    destination: str
    analytics: bool
    zone: str
    encoding: str
    output: str


@click.command("ingest")
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option(
    "--table",
    "-t",
    default="",
    metavar="NAME",
    help="Destination table of rows that do not name one.",
)
@click.option(
    "--format", "-f", "form", default="auto", show_default=True, metavar="auto|NAME",
    help=("Input format; `auto` detects the format of each record. `--format list` prints all " "formats."),
)  # fmt: skip
@click.option(
    "--workspace",
    "-w",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Destination workspace.",
)
@click.option(
    "--again",
    is_flag=True,
    help=(
        "Ingest files again that were ingested before, which duplicates their rows. Resumes if interrupted."
    ),
)
@click.option(
    "--destination", type=click.Choice(("both", "dedicated", "azure-diagnostics")), default="both", show_default=True,
    help=("Destination of resource logs that Azure can write either to dedicated tables or to " "AzureDiagnostics."),
)  # fmt: skip
@click.option(
    "--analytics/--no-analytics",
    default=True,
    show_default=True,
    help="Enrich flow logs with a collected estate into traffic analytics (NTANetAnalytics).",
)
@click.option(
    "--zone",
    default="UTC",
    show_default=True,
    metavar="NAME",
    help="Time zone of syslog timestamps without one.",
)
@click.option(
    "--encoding",
    default="cp1252",
    show_default=True,
    metavar="NAME",
    help="Encoding of text that is not UTF-8; with `utf-8`, such text is quarantined.",
)
@add_format_option("table", "json", help="Output format of the summary.")
@click.pass_obj
def command(data: Path, /, paths: tuple[str, ...], form: str, **options: Unpack[_IngestOptions]) -> None:
    """Ingest PATHs into the lake: files, folders, globs, or - for standard input; .gz, .bz2, .xz, .zst, .zip
    and .tar are decompressed.

    `sample:` generates the sample company's logs of the last 30 days from a seed: `sample:days=7,seed=2,users=500,start=2026-11-01`;
    `attack=NAME` adds a staged attack on the last day.

    Ingesting the same content twice adds no rows, even under another name; an interrupted ingestion resumes where it stopped.
    Records that cannot be parsed go to the table _Quarantine with their location and the reason, and ingestion continues. Exits 3 if
    any record was quarantined.

    \b
    nephoscope ingest insights-logs-flowlogflowevent/
    nephoscope ingest 'exports/*.json.gz' --table SigninLogs
    nephoscope ingest sample:

    """
    from nephoscope.ingest.logs.discovery import FormatError, load_formats

    try:
        chosen = load_formats() if form in ("auto", "list") else load_formats().select_format(form)
    except FormatError as error:
        raise click.UsageError(str(error)) from error
    if form == "list":
        _print_formats(chosen)
        return
    if not paths:
        raise click.UsageError("Missing argument 'PATH...'.")
    raise SystemExit(_ingest_paths(data, paths, chosen, form, options))


def _print_formats(known: Formats) -> None:
    every = {one.name: one for group in known[:3] for one in group}
    rows = [{"name": name, "what": every[name].title} for name in sorted(every)]
    show_list(rows, ("name", "what"), "table")


def _ingest_paths(
    data: Path, paths: tuple[str, ...], chosen: Formats, form: str, options: _IngestOptions
) -> int:
    """Take everything in, print the summary; the exit code."""
    from dataclasses import replace

    from nephoscope.cli.session.ingest_inputs import (
        open_locked_folder,
        remove_abandoned_folders,
        replace_samples,
        spool_stdin,
    )
    from nephoscope.cli.session.load_summary import show_load_summary
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.files.snapshot_files import ArchiveLimits
    from nephoscope.ingest.logs.load_files import find_files, measure_packed_size
    from nephoscope.lake.errors import SpoolFullError
    from nephoscope.lake.writing.memory_release import release_arrow_memory

    release_arrow_memory()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned_folders(data)
    with (
        spool_stdin(data, paths) as given,
        replace_samples(data, given) as named,
        open_locked_folder(data, "ingest-") as scratch,
        open_lake(data, keeps=True) as (lake, state),
        show_progress_line() as tell,
    ):
        try:
            files = find_files(named, ArchiveLimits())
        except FileNotFoundError as error:
            raise click.UsageError(f"{error.filename}: {error.strerror}") from error
        total = sum(measure_packed_size(path) for path in {one.path for one in files.sources})
        load = replace(
            _open_file_ingestion(
                data, lake, state, chosen, form, paths, options, _make_progress_meter(tell, total), say
            ),
            scratch=Path(scratch),
        )
        load.tally.failed.update(files.failed)
        try:
            load.run(files.sources)
        except (SpoolFullError, StateError) as error:
            click.echo(f"nephoscope: {error}; run the command again to resume", err=True)
            return 3
        finally:
            show_load_summary(load.tally, files.passed_over + load.tally.passed_over, options["output"])
        lake.flush(timeout=600)
        _print_unevaluated_rows(data, lake, state, options["workspace"])
    return 3 if load.tally.bad or load.tally.failed else 0


def _print_unevaluated_rows(data: Path, lake: Lake, state: State, workspace: str) -> None:
    """Say which rows no rule has looked at yet, by the rules that `detect` runs."""
    from nephoscope.alerts.library.content_packs import PackError
    from nephoscope.alerts.library.rule_selection import load_rules
    from nephoscope.cli.session.backfill_options import report_unevaluated_rows

    try:
        rules = load_rules(data, state, workspace).rules
    except PackError as error:
        print_message(f"rules could not be loaded: {error}")
        return
    report_unevaluated_rows(data, lake, state, rules, workspace)


def _open_file_ingestion(
    data: Path,
    lake: Lake,
    state: State,
    chosen: Formats,
    form: str,
    paths: tuple[str, ...],
    options: _IngestOptions,
    advance: Callable[[int], None],
    waits: Callable[[str], None],
) -> FileIngestion:
    """The load that the options ask for."""
    from datetime import UTC, datetime

    from nephoscope.ingest.logs.ingestion import FileIngestion
    from nephoscope.ingest.logs.log_format import Destination, StreamContext

    table, destination = options["table"], Destination(options["destination"])
    whereabouts = _load_address_lookup(data) if options["analytics"] else None
    workspace = find_workspace(state, options["workspace"])
    if table:
        lake.tables[table]
        if not workspace.accepts_table(table):
            raise click.UsageError(f"{workspace.refusal(table)}: see `nephoscope workspaces list`")
    encoding = _parse_code_page(options["encoding"])
    decisive = {
        "table": table,
        "format": form,
        "destination": destination.value,
        "zone": options["zone"],
        "encoding": encoding,
    }
    usual = {"table": "", "format": "auto", "destination": "both", "zone": "UTC", "encoding": "cp1252"}
    settings = " ".join(f"{name}={value}" for name, value in decisive.items() if value != usual[name])
    return FileIngestion(
        lake,
        state,
        workspace,
        chosen,
        StreamContext(
            "",
            datetime.now(UTC),
            _parse_time_zone(options["zone"]),
            table,
            destination,
            whereabouts,
            encoding,
        ),
        again=_describe_request(paths, settings) if options["again"] else "",
        options=settings,
        advance=advance,
        waits=waits,
    )


def _describe_request(paths: tuple[str, ...], options: str) -> str:
    """Return what names a load with --again: the same paths with the same options go on where that was interrupted."""
    from hashlib import blake2b

    from nephoscope.cli.session.ingest_inputs import STDIN
    from nephoscope.sample.sample_address import is_sample

    places = [one if one == STDIN or is_sample(one) else os.path.abspath(one) for one in paths]  # noqa: PTH100 - globs stay as they are
    return blake2b("\0".join([*sorted(places), options]).encode(), digest_size=12).hexdigest()


def _load_address_lookup(data: Path) -> AddressLookup | None:
    """Return where addresses are in the newest estate of the data folder; None where none was collected."""
    from nephoscope.estate.tenant_stores import build_version_mark, load_subscription_estate
    from nephoscope.geolocation.provider import Geolocator
    from nephoscope.ingest.logs.address_lookup import AddressLookup

    return (
        AddressLookup(load_subscription_estate(data), places=Geolocator.open(data))
        if build_version_mark(data)
        else None
    )


def _parse_time_zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise click.UsageError(f"unknown time zone {name!r}: use a name such as Europe/Berlin") from error


def _parse_code_page(name: str) -> str:
    from nephoscope.ingest.logs.text_decoding import find_code_page

    try:
        return find_code_page(name)
    except LookupError as error:
        raise click.UsageError(
            f"unknown encoding {name!r}: use a name such as cp1252, latin-1, utf-8"
        ) from error


def _make_progress_meter(tell: Callable[[str, int, int], None], total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell("reading", min(done, total), total)

    return advance
