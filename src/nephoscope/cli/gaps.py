"""List data gaps: why assessments are Unknown, and what resolves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.list_output import FORMATS, shown_as, to_file
from nephoscope.cli.session.options import judged_by, resource_options

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.cli.session.estate_options import ViewOptions


@click.command("gaps")
@judged_by
@resource_options
@shown_as(*FORMATS, help="Output format.")
@to_file
@click.pass_obj
def command(data: Path, /, **options: Unpack[ViewOptions]) -> None:
    """List the data gaps of TARGET, or of the last scan, with the export, permission or command that closes
    each. Gaps that affect the most assessments come first. An assessment reports its first missing input;
    closing a gap can reveal another. To scan later exports together: `nephoscope scan ESTATE MORE`.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import all_reports_of
    from nephoscope.cli.views import data_gaps as view
    from nephoscope.posture.data_gaps.gap_groups import data_gaps, unsettled_of

    report = all_reports_of(data, options)
    found = data_gaps(unsettled_of(report))
    target = Path(options["output_file"]) if options["output_file"] else None
    with open_output(target, styled=options["output"] == "table") as out:
        view.RENDERERS[options["output"]](found, sum(report.judged.values()), out)
