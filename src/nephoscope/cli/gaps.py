"""List data gaps: why assessments are Unknown, and what resolves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.list_output import FORMATS, add_format_option, to_file
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.cli.session.estate_options import ViewOptions


@click.command("gaps")
@add_evaluation_options
@add_resource_options
@add_format_option(*FORMATS, help="Output format.")
@to_file
@click.pass_obj
def command(data: Path, /, **options: Unpack[ViewOptions]) -> None:
    """List the data gaps of TARGET, or of the last scan, with the export, permission or command that closes
    each. Gaps that affect the most assessments come first. An assessment reports its first missing input;
    closing a gap can reveal another. To scan later exports together: `nephoscope scan ESTATE MORE`.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_combined_report
    from nephoscope.cli.views import data_gaps as view
    from nephoscope.posture.data_gaps.gap_groups import list_data_gaps, list_unsettled_assessments

    report = build_combined_report(data, options)
    found = list_data_gaps(list_unsettled_assessments(report))
    target = Path(options["output_file"]) if options["output_file"] else None
    with open_output(target, styled=options["output"] == "table") as out:
        view.RENDERERS[options["output"]](found, sum(report.group_sizes.values()), out)
