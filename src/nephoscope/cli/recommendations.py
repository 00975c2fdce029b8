"""List recommendations by severity and score gain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import EstateOptions
from nephoscope.cli.session.options import add_evaluation_options, add_filter_options, add_output_options
from nephoscope.cli.terminal.exit_code import NOTHING_ASSESSED, require_written_rows
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from pathlib import Path


class _RecommendationOptions(EstateOptions):
    show: str | None
    preview: str | None
    output: str
    output_file: Path | None


@click.command("recommendations")
@add_evaluation_options
@click.option(
    "--show",
    metavar="POLICY",
    help="Show one recommendation in full: reason, remediation and affected resources.",
)
@click.option(
    "--preview",
    "preview",
    metavar="POLICY",
    help="Preview the changes of a policy's remediation without applying them.",
)
@add_filter_options
@add_output_options
@click.pass_obj
def command(data: Path, /, **options: Unpack[_RecommendationOptions]) -> None:
    """List recommendations for TARGET, or for the last scan, by severity and score gain."""
    from nephoscope.cli.outputs import check_states, load_renderer
    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_report
    from nephoscope.cli.views import grouping, recommendation, remediation

    output = options["output"]
    if options["show"] and options["preview"]:
        exit_with_usage_error("--show and --preview are mutually exclusive")
    if options["show"] and output != "table":
        exit_with_usage_error(f"--show prints text: remove -o {output}, or remove --show to list all")
    if options["preview"] and output not in remediation.RENDERERS:
        exit_with_usage_error(f"--preview supports {', '.join(remediation.RENDERERS)} (got {output})")
    check_states(output, options["states"])
    report = build_report(data, options)
    if not require_written_rows(report, output):
        sys.exit(NOTHING_ASSESSED)
    with open_output(options["output_file"], styled=output == "table") as out:
        if options["preview"]:
            remediation.RENDERERS[output](report, options["preview"], out)
        elif options["show"]:
            recommendation.render(report, options["show"], out)
        elif output != "table":
            load_renderer(output)(report, out)
        else:
            recommendation.render_list(report, out)
            if options["group_by"]:
                grouping.render(report, options["group_by"], out)
