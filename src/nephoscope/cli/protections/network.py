"""Answer the questions of network protection: exposure, permissive rules, secure transport, and the logs that prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.posture.exposure.network_queries import JudgedResource, NetworkAnswer
    from nephoscope.posture.reports.report import Report


class _NetworkOptions(ViewOptions):
    most: int


@click.command("network")
@add_evaluation_options
@add_resource_options
@click.option(
    "--most",
    default=5,
    show_default=True,
    metavar="N",
    help="Lines of evidence of each answer; -o json has all.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, **options: Unpack[_NetworkOptions]) -> None:
    """Answer the questions of network protection for TARGET, or for the last scan: are machines exposed, are rules tight, is transport
    secure. Each answer has the rules or the log rows behind it.
    """
    from nephoscope.cli.exposure import list_rows
    from nephoscope.cli.session.session import build_report
    from nephoscope.posture.exposure.network_queries import answer_questions

    report = build_report(data, options)
    answers = answer_questions(list_rows(report, closed=True), tuple(_list_judged_resources(report)))
    if options["output"] == "json":
        import msgspec

        document = {"schemaVersion": 1, "answers": msgspec.to_builtins(answers)}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    for one in answers:
        _write_answer(one, options["most"])


def _list_judged_resources(report: Report) -> Iterator[JudgedResource]:
    from nephoscope.posture.exposure.network_queries import JudgedResource, list_keys

    keys = list_keys()
    for row in report.rows:
        key = row.assessment.key.rpartition("/")[2].lower()
        if key in keys:
            why = report.reason_of(row) or row.assessment.description
            yield JudgedResource(
                row.assessment.resource, row.name, key, row.recommendation.name, row.assessment.state, why
            )


def _write_answer(one: NetworkAnswer, most: int) -> None:
    click.secho(one.question, bold=True)
    click.echo(
        f"  {one.word.value}: {one.problems} with a problem, {one.good} without, {one.unknown} not fully assessed"
    )
    for line in one.evidence[:most]:
        click.echo(f"    {line.name}: {line.finding} ({line.why})")
    if len(one.evidence) > most:
        click.echo(f"    and {len(one.evidence) - most} more (-o json has all)")
    if not one.evidence and one.gaps:
        click.echo(f"    Not assessed: {one.gaps[0].name}: {one.gaps[0].why}")
