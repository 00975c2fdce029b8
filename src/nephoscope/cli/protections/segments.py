"""Compare the network with a plan of segments: which flows between them are open and not allowed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.options import evaluation_options, resource_options
from nephoscope.cli.terminal.messages import usage_error

if TYPE_CHECKING:
    from nephoscope.protect.segments.segment_violations import SegmentAnalysis, SegmentViolation


class _SegmentOptions(ViewOptions):
    plan: Path


@click.command("segments")
@evaluation_options
@resource_options
@click.option(
    "--plan",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of segments and allowed flows.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, **options: Unpack[_SegmentOptions]) -> None:
    """List the flows between the segments of a plan that TARGET, or the last scan, lets through and the plan does
    not allow, with the security rules that let them. What was not collected is listed by name.
    """
    from nephoscope.cli.session.session import build_report
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.protect.segments.segment_plan import SegmentPlanError, parse_segment_plan
    from nephoscope.protect.segments.segment_violations import analyze_segments

    try:
        plan = parse_segment_plan(options["plan"].read_bytes())
    except SegmentPlanError as error:
        usage_error(f"{options['plan']}: {error}")
    report = build_report(data, options)
    found = analyze_segments(plan, EstateView(report.run.estate, report.now))
    if options["output"] == "json":
        _write_json(found)
    else:
        _write_table(found)


def _row(one: SegmentViolation) -> dict[str, object]:
    from nephoscope.posture.exposure.address_text import format_addresses, format_ports

    return {
        "from": one.source_segment,
        "to": one.target_segment,
        "source": one.source.name or format_addresses(one.source.addresses),
        "target": one.target.name,
        "protocol": one.protocol,
        "ports": format_ports(one.ports),
        "rules": list(one.rules),
    }


def _write_json(found: SegmentAnalysis) -> None:
    import msgspec

    document = {
        "schemaVersion": 1,
        "members": {name: sorted({one.name for one in several}) for name, several in found.members.items()},
        "violations": [_row(one) for one in found.violations],
        "notCollected": list(found.missing),
    }
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _write_table(found: SegmentAnalysis) -> None:
    for one in found.violations:
        row = _row(one)
        names = ", ".join("/".join(rule.split("/")[-3::2]) for rule in one.rules)
        click.echo(
            f"{row['from']} > {row['to']}: {row['source']} reaches {row['target']} on"
            f" {one.protocol.upper()} {row['ports']} ({names or 'no network security group'})"
        )
    click.echo(f"{len(found.violations)} flows are not allowed by the plan")
    for what in found.missing:
        click.echo(f"Unknown: {what} was not collected")
