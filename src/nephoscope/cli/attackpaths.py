"""List attack paths, the most severe first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.list_output import FORMATS, add_format_option, to_file
from nephoscope.cli.session.options import WordChoice, add_evaluation_options, add_resource_options
from nephoscope.cli.terminal.exit_code import (
    FINDINGS,
    NOTHING_ASSESSED,
    has_applicable_assessment,
    warn_nothing_assessed,
)
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from pathlib import Path


class _AttackPathOptions(ViewOptions):
    levels: tuple[str, ...]
    kinds: tuple[str, ...]
    show: str | None
    listed: bool
    fail_on: str | None


@click.command("attackpaths")
@add_evaluation_options
@add_resource_options
@click.option(
    "--level", "levels", multiple=True, type=WordChoice(Severity), help="Show only this risk level."
)
@click.option("--path", "kinds", multiple=True, metavar="TYPE", help="Show only this type of path.")
@click.option("--show", metavar="ID", help="Show one path in full, by the prefix of its ID.")
@click.option("--types", "listed", is_flag=True, help="List the types of attack paths.")
@click.option(
    "--fail-on",
    type=WordChoice(Severity),
    help="Exit 1 if a path in the scope has this risk level or a higher one, shown or not.",
)
@add_format_option(*FORMATS, help="Output format.")
@to_file
@click.pass_context
def command(context: click.Context, /, **options: Unpack[_AttackPathOptions]) -> None:
    """List attack paths through TARGET, or through the last scan: from the Internet or a weak account to a
    subscription, secrets or data. Also lists choke points, where one fix closes several paths, and data
    gaps.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_report
    from nephoscope.cli.views import attack_paths

    target = Path(options["output_file"]) if options["output_file"] else None
    styled = options["output"] == "table"
    if options["listed"]:
        with open_output(target, styled=styled) as out:
            attack_paths.render_types(options["output"], out)
        return
    data: Path = context.obj
    report = build_report(data, options)
    shown = attack_paths.choose_paths(report, options["levels"], options["kinds"], options["show"])
    with open_output(target, styled=styled) as out:
        attack_paths.RENDERERS[options["output"]](shown, out)
    least = options["fail_on"]
    if least and any(one.level.rank >= Severity(least).rank for one in shown.every):
        context.exit(FINDINGS)
    if least and not shown.every and not has_applicable_assessment(report.group_sizes):
        warn_nothing_assessed()
        context.exit(NOTHING_ASSESSED)
