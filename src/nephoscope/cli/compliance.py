"""Show the compliance of an estate with a standard, by control and owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.list_output import FORMATS, add_format_option, to_file
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.posture.reports.report import Report

#: Initiatives that an error names.
_NAMED = 5


class _ComplianceOptions(ViewOptions):
    standard: str | None


@click.command("compliance")
@add_evaluation_options
@add_resource_options
@click.option(
    "--standard",
    metavar="NAME",
    help="Show the controls of one evaluated initiative (ID, name or part of its title).",
)
@add_format_option(*FORMATS, help="Output format.")
@to_file
@click.pass_obj
def command(data: Path, /, **options: Unpack[_ComplianceOptions]) -> None:
    """Show the regulatory compliance of TARGET, or of the last scan, for every evaluated initiative. A
    control passes if none of its policies failed or ended Unknown. Policies that require an attestation
    are manual; policies that cannot be evaluated offline (platform documents, disabled policies) are
    unavailable.
    """
    from pathlib import Path

    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import build_report
    from nephoscope.cli.views import compliance
    from nephoscope.posture.reports import standards
    from nephoscope_policy.catalog import NotHeldError

    report = build_report(data, options)
    seen = list(report.list_assessments_in_filter())
    try:
        wanted = options["standard"]
        found = (
            [
                standards.build_assigned_standard(
                    report.run, standards.find_judged_initiative(report.run, wanted), seen
                )
            ]
            if wanted
            else standards.build_standards(report.run, seen)
        )
    except NotHeldError as error:
        exit_with_usage_error(error.message)
    if not found:
        exit_with_usage_error(_explain_missing_standard(report))
    target = Path(options["output_file"]) if options["output_file"] else None
    with open_output(target, styled=options["output"] == "table") as out:
        compliance.RENDERERS[options["output"]](found, out)


def _explain_missing_standard(report: Report) -> str:
    """Say why there is nothing to show, and which initiatives there are to judge by."""
    names = sorted(entry.name for entry in report.run.catalog.initiatives())
    if not names:
        return (
            "no initiative was evaluated: the loaded policies have no initiative (policySetDefinition); add one to "
            "--policies, or run `nephoscope content import`"
        )
    loaded = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return f"no initiative was evaluated: select one with --initiative NAME_OR_ID (loaded: {loaded})"
