"""Show the secure score of the estate, of each control and of each subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.list_output import add_format_option, to_file
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options

if TYPE_CHECKING:
    from pathlib import Path


class _ScoreOptions(ViewOptions):
    controls: bool


@click.command("score")
@add_evaluation_options
@add_resource_options
@click.option(
    "--controls",
    is_flag=True,
    help="List the recommendations of each control, with the source of their placement.",
)
@add_format_option("table", "json", help="Output format.")
@to_file
@click.pass_obj
def command(data: Path, /, **options: Unpack[_ScoreOptions]) -> None:
    """Show the secure score of TARGET, or of the last scan, with the formula and points of Defender for
    Cloud. A control scores max / (healthy + unhealthy) x healthy; a resource is healthy if it passes
    every recommendation of the control. Several subscriptions are weighted by their number of resources.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_report
    from nephoscope.cli.views import score

    asked: _ScoreOptions = {**options, "delta": True}
    report = build_report(data, asked)
    target = Path(options["output_file"]) if options["output_file"] else None
    with open_output(target, styled=options["output"] == "table") as out:
        if options["output"] == "json":
            score.render_json(report, out)
        else:
            score.render(report, out, controls=options["controls"])
