"""List what to do, the gravest and most rewarding first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.options import filter_options, judged_by, output_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command("recommendations")
@judged_by
@click.option(
    "--show",
    metavar="POLICY",
    help="Show one recommendation in full: why, how to fix it, and on which resources; of several that fit the list.",
)
@click.option(
    "--preview",
    "preview",
    metavar="POLICY",
    help="Show what the remediation of a policy would change, without doing it.",
)
@filter_options
@output_options
@click.pass_obj
def command(data: Path, /, **options: Any) -> None:
    """List the recommendations for TARGET, or for the last scan, ranked by severity and by the score that fixing them gains."""
    from nephoscope.cli.outputs import check_shown, renderer
    from nephoscope.cli.session.session import report_of
    from nephoscope.cli.session.writing import open_output
    from nephoscope.cli.terminal.exit_code import NOTHING_ASSESSED, is_written
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.cli.views import grouping, recommendation, remediation

    output = options["output"]
    if options["show"] and options["preview"]:
        usage_error("--show and --preview cannot be had together")
    if options["show"] and output != "table":
        usage_error(f"--show is for reading: leave out -o {output}, or leave out --show for all of them")
    if options["preview"] and output not in remediation.RENDERERS:
        usage_error(f"--preview is printed as {', '.join(remediation.RENDERERS)}, not as {output}")
    check_shown(output, options["states"])
    report = report_of(data, options)
    if not is_written(report, output):
        sys.exit(NOTHING_ASSESSED)
    with open_output(options["output_file"], styled=output == "table") as out:
        if options["preview"]:
            remediation.RENDERERS[output](report, options["preview"], out)
        elif options["show"]:
            recommendation.render(report, options["show"], out)
        elif output != "table":
            renderer(output)(report, out)
        else:
            recommendation.render_list(report, out)
            if options["group_by"]:
                grouping.render(report, options["group_by"], out)
