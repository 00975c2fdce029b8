"""Assess an estate, or templates before their deployment, by policies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.options import (
    add_code_output_options,
    add_evaluation_options,
    add_exit_code_options,
    add_filter_options,
    add_parts_options,
    add_template_options,
    add_wait_option,
)
from nephoscope.cli.terminal.exit_code import check_gate, choose_exit_code, require_written_rows

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from nephoscope.cli.outputs import Renderer
    from nephoscope.cli.session.estate_options import ScanOptions
    from nephoscope.posture.code.template.verdict_explanation import VerdictExplanation
    from nephoscope.posture.reports.report_interface import ReportView
    from nephoscope.posture.reports.row_selection import RowSelection


@click.command("scan")
@add_evaluation_options
@click.option(
    "--explain", metavar="RESOURCE", help="Explain every result for this resource (an ID, or its last part)."
)
@add_filter_options
@add_code_output_options
@add_parts_options
@add_wait_option
@add_exit_code_options
@add_template_options
@click.pass_obj
def command(data: Path, /, **options: Unpack[ScanOptions]) -> None:
    """Assess the resources of TARGET: findings, severity and remediation. TARGET is a snapshot: Resource
    Graph exports, `az` lists, ARM bodies, a folder of these, or a folder that `nephoscope collect`
    wrote. `-` reads standard input, and `sample:` is the bundled sample estate. `azure:` (or
    `azure:<subscription id>`) collects the live estate first, and `facts:` is all reported facts
    (`nephoscope facts`). Facts about the subscriptions of TARGET are always included. Without TARGET, the
    last scan is repeated. TARGET can also be an ARM template, a Bicep file, a Terraform plan (terraform
    show -json), a what-if result, or a folder with these: the planned resources are assessed by the same
    policies, and each finding names its file, line and column.
    """
    from nephoscope.cli.session.code_targets import is_code

    if is_code(options["targets"], since=options["since"]):
        from nephoscope.cli.session.code_scan import scan_code

        sys.exit(scan_code(data, options, _plan_explanation(options["explain"])))
    from nephoscope.cli.outputs import check_states
    from nephoscope.cli.session.output_stream import open_output
    from nephoscope.cli.session.session import open_report
    from nephoscope.cli.terminal.messages import exit_with_usage_error

    if options["allowed_openings"] is not None:
        exit_with_usage_error(
            "--allowed-openings is for templates: for an estate use nephoscope exposure --allowed-openings FILE"
        )
    wanted = options["explain"]
    output = "table" if wanted else options["output"]
    check_states(options["output"], options["states"])
    extract, write = _parse_explanation_view(wanted) if wanted else _choose_view_rows(options)
    with open_report(data, options, extract) as report:
        check_gate(report, options["fail_on"])
        code = choose_exit_code(report, options["fail_on"], options["fail_on_unknown"])
        if not require_written_rows(report, output):
            sys.exit(code)
        with open_output(options["output_file"], styled=output == "table") as out:
            write(report, out)
    sys.exit(code)


def _parse_explanation_view(wanted: str) -> tuple[RowSelection, Renderer]:
    """Return what an explanation reads of a report, and what writes it."""
    from nephoscope.cli.views import explanation

    return explanation.select_rows(wanted), lambda report, out: explanation.render(report, wanted, out)


def _choose_view_rows(options: ScanOptions) -> tuple[RowSelection, Renderer]:
    """Return what the output that is asked for reads of a report, and what writes it."""
    from nephoscope.cli.outputs import list_formats, load_renderer, select_rows
    from nephoscope.cli.terminal.messages import exit_with_usage_error

    output, group_by = options["output"], options["group_by"]
    if output not in list_formats():
        exit_with_usage_error(
            f"-o {output} lists findings in templates and pipeline files, and no target has any that can be read:"
            f" use one of {', '.join(list_formats())}"
        )

    def write(report: ReportView, out: TextIO) -> None:
        load_renderer(output)(report, out)
        if group_by and output == "table":
            from nephoscope.cli.views import grouping

            grouping.render(report, group_by, out)

    return select_rows(output, options["states"]), write


def _plan_explanation(wanted: str | None) -> VerdictExplanation | None:
    if wanted is None:
        return None
    from nephoscope.cli.views.explanation import explain_planned_resource

    return explain_planned_resource(wanted)
