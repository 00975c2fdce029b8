"""Scanner result import command."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.vulnerability.errors import ScannerResultsError

if TYPE_CHECKING:
    from nephoscope.service.scanner_results import ImportedResults
    from nephoscope.vulnerability.scanner_results.scanner_report import ScannerReport

_UNREAD, _SHOWN = 3, 20
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])


@click.command("import-results")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE...",
)
@click.option(
    "--format",
    "format_",
    default="auto",
    show_default=True,
    metavar="FORMAT",
    help="Format of the results (default: detected): docs/reference/scanner-results.md.",
)
@click.option(
    "--resource",
    default="",
    metavar="ID",
    help="ARM ID of the scanned machine, or of the registry that holds the image.",
)
@click.option("--host", default="", metavar="NAME", help="Name of a machine without an ARM ID.")
@click.option("--image", default="", metavar="IMAGE", help="Scanned image, by its digest or stored name.")
@click.option("--tenant", default="", metavar="ID", help="Tenant of the machine or image.")
@click.option("--scanned-at", type=_TIME, help="Time of the scan, if the results do not contain it.")
@click.pass_obj
def import_results(data: Path, /, files: tuple[Path, ...], format_: str, **options: Any) -> None:
    """Import scanner results from FILES: Trivy, Grype, Qualys, Tenable, Rapid7, Defender, OpenSCAP, or any
    SARIF. Hosts are matched by the ARM ID in the results, else by name or address in the estate. Findings
    that the same scanner no longer reports are closed; findings of other scanners are preserved. Rejected
    records and hosts are listed, and the command exits 3.
    """
    from nephoscope.lake.writing.outbox import deliver_outbox
    from nephoscope.service import scanner_results
    from nephoscope.service.reported_targets import ResultsOrigin
    from nephoscope.vulnerability.scanner_results.result_formats import read_results_files

    scanned_at: datetime | None = options.pop("scanned_at")
    origin = ResultsOrigin(**options, scanned_at=scanned_at.replace(tzinfo=UTC) if scanned_at else None)
    try:
        report = read_results_files(files, format_)
        with open_lake(data) as (lake, state):
            done = scanner_results.import_results(build_context(data, state), report, origin)
            deliver_outbox(lake, state)
    except (ScannerResultsError, OSError) as error:
        exit_with_usage_error(str(error))
    _print_summary(report, done)
    if done.refused_count:
        sys.exit(_UNREAD)


def _print_summary(report: ScannerReport, done: ImportedResults) -> None:
    """Say what was kept, what was left out, and what was refused."""
    from nephoscope.cli.session.vulnerability_rows import count_subjects

    changes = done.changes
    kept = count_subjects(one.subject for one in done.kept) if done.kept else "nothing was kept"
    click.echo(
        f"{report.scanner}: {kept}; findings: {changes.opened:,} "
        f"opened, {changes.closed:,} closed, {changes.reopened:,} reopened"
    )
    for reason, count in report.left_out.items():
        if count:
            print_message(f"left out: {reason} ({count:,})")
    for one in done.refused[:_SHOWN]:
        print_message(f"refused: {one.place}: {one.reason}")
    if more := done.refused_count - len(done.refused[:_SHOWN]):
        print_message(f"refused: {more:,} more")
