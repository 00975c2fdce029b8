"""List what the Internet reaches: from where, by which path and rule."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.list_output import FORMATS, add_format_option, to_file
from nephoscope.cli.session.options import (
    add_allowed_openings_option,
    add_evaluation_options,
    add_resource_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.posture.exposure.allowed_openings import AllowedOpenings
    from nephoscope.posture.exposure.exposure_rows import ExposureRow
    from nephoscope.posture.reports.report import Report


class _ExposureOptions(ViewOptions):
    closed: bool
    allowed_openings: Path | None


@click.command("exposure")
@add_evaluation_options
@add_resource_options
@click.option(
    "--closed", is_flag=True, help="Include closed resources, with the rule or setting that closes them."
)
@add_allowed_openings_option(
    "List of the openings that may face the internet: leave them out, and exit 1 if another is open to everybody."
)
@add_format_option(*FORMATS, help="Output format.")
@to_file
@click.pass_obj
def command(data: Path, /, **options: Unpack[_ExposureOptions]) -> None:
    """List the openings from the Internet in TARGET, or in the last scan: ports, sources, path and security
    rules, open to everybody first. What was not collected is listed as Unknown.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_report
    from nephoscope.cli.terminal.exit_code import FINDINGS
    from nephoscope.cli.views import exposure
    from nephoscope.posture.exposure.exposure_rows import OPEN

    report = build_report(data, options)
    target = Path(options["output_file"]) if options["output_file"] else None
    rows = sorted(list_rows(report, closed=options["closed"]), key=exposure.rank_exposure_row)
    allowed = _read_list(options["allowed_openings"], report)
    if allowed is not None:
        rows = [row for row in rows if row.state != OPEN or allowed.forbids(row)]
    with open_output(target, styled=options["output"] == "table") as out:
        exposure.RENDERERS[options["output"]](rows, out)
    if allowed is not None and any(row.state == OPEN for row in rows):
        sys.exit(FINDINGS)


def _read_list(file: Path | None, report: Report) -> AllowedOpenings | None:
    from nephoscope.cli.session.allowed_openings_file import read_allowed_openings

    return None if file is None else read_allowed_openings([file], report.now)


def list_rows(report: Report, *, closed: bool) -> Iterator[ExposureRow]:
    """Yield the rows of every resource of a report; closed ones where they are asked for."""
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.exposure.exposure_rows import CLOSED, build_exposure_rows
    from nephoscope.posture.exposure.internet_exposure import find_exposure

    view = EstateView(report.run.estate, report.now)
    for one in report.run.estate.resources.values():
        found = find_exposure(one, view)
        if found is not None:
            listed = build_exposure_rows(str(one.body.get("id") or one.key), one.name, one.type, found)
            yield from (row for row in listed if closed or row.state != CLOSED)
