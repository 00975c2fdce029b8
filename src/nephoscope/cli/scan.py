"""Check an estate: a snapshot of resources, judged by policies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.options import divided, filtered, gated, judged_by, printed

if TYPE_CHECKING:
    from pathlib import Path


@click.command("scan")
@judged_by
@click.option(
    "--explain", metavar="RESOURCE", help="Explain every verdict on this resource (an id, or the end of one)."
)
@filtered
@printed
@divided
@gated
@click.pass_obj
def command(data: Path, /, **options: Any) -> None:
    """Judge the resources of TARGET and say what is wrong, how bad it is and what to do.

    TARGET is a snapshot: Resource Graph exports, `az resource list` output, ARM bodies, a folder of these, or a folder that
    `nephoscope collect` wrote; `sample:` is the bundled sample estate, `azure:` (or
    `azure:<subscription id>`) the live estate that you may read, collected first. Without TARGET the last scan is repeated.
    """
    from nephoscope.cli.outputs import reads, renderer
    from nephoscope.cli.session.exit_code import exit_code
    from nephoscope.cli.session.session import reported
    from nephoscope.cli.session.writing import writing
    from nephoscope.cli.views import explanation, grouping

    wanted = options["explain"]
    extract = explanation.reads(wanted) if wanted else reads(options["output"])
    styled = wanted or options["output"] == "table"
    with reported(data, options, extract) as report, writing(options["output_file"], styled=styled) as out:
        if wanted:
            explanation.render(report, wanted, out)
        else:
            renderer(options["output"])(report, out)
            if options["group_by"] and options["output"] == "table":
                grouping.render(report, options["group_by"], out)
        code = exit_code(report, options["fail_on"], options["fail_on_unknown"])
    sys.exit(code)
