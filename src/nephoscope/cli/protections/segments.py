"""Compare the network with a plan of segments: which flows between them are open and not allowed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.protect.segments.segment_block import SegmentBlock
    from nephoscope.protect.segments.segment_plan import SegmentPlan
    from nephoscope.protect.segments.segment_violations import SegmentAnalysis, SegmentViolation


class _SegmentOptions(ViewOptions):
    plan: Path | None
    days: int
    block: bool
    request: bool


@click.command("segments")
@add_evaluation_options
@add_resource_options
@click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of segments and allowed flows; without it the plan in force.",
)
@click.option(
    "--flows",
    "days",
    type=click.IntRange(1, 365),
    default=None,
    metavar="DAYS",
    help="List observed flows of so many days instead of openings.",
)
@click.option(
    "--block",
    is_flag=True,
    help="Show deny rules that close the listed openings, checked by the network model.",
)
@click.option(
    "--request",
    is_flag=True,
    help="Request these rules; `response approve` applies them, `response undo` removes them.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, **options: Unpack[_SegmentOptions]) -> None:
    """List the flows between the segments of a plan that TARGET, or the last scan, lets through and the plan does
    not allow, with the security rules that let them. What was not collected is listed by name. Deny rules for the open flows can be
    shown and requested.
    """
    from nephoscope.cli.session.session import build_report
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.protect.segments.segment_violations import analyze_segments

    plan = _read_plan(data, options["plan"])
    report = build_report(data, options)
    view = EstateView(report.run.estate, report.now)
    found = analyze_segments(plan, view)
    if options["days"]:
        _write_flows(data, plan, found, options["days"], as_json=options["output"] == "json")
    elif options["block"] or options["request"]:
        _print_or_request_block(data, _build_segment_block(plan, view, found), request=options["request"])
    elif options["output"] == "json":
        _write_json(found)
    else:
        _write_table(found)


def _read_plan(data: Path, given: Path | None) -> SegmentPlan:
    from nephoscope.protect.segments.segment_plan import SegmentPlanError, parse_segment_plan
    from nephoscope.service.segment_plans import FILE

    file = given or data / FILE
    try:
        return parse_segment_plan(file.read_bytes())
    except FileNotFoundError:
        exit_with_usage_error(
            "no segment plan is in force: name a file by --plan, or use `protect segment-plan set`"
        )
    except SegmentPlanError as error:
        exit_with_usage_error(f"{file}: {error}")


def _build_row(one: SegmentViolation) -> dict[str, object]:
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
        "violations": [_build_row(one) for one in found.violations],
        "notCollected": list(found.missing),
    }
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _write_table(found: SegmentAnalysis) -> None:
    for one in found.violations:
        row = _build_row(one)
        names = ", ".join("/".join(rule.split("/")[-3::2]) for rule in one.rules)
        click.echo(
            f"{row['from']} > {row['to']}: {row['source']} reaches {row['target']} on"
            f" {one.protocol.upper()} {row['ports']} ({names or 'no network security group'})"
        )
    click.echo(f"{len(found.violations)} flows are not allowed by the plan")
    for what in found.missing:
        click.echo(f"Unknown: {what} was not collected")


def _build_segment_block(plan: SegmentPlan, view: EstateView, found: SegmentAnalysis) -> SegmentBlock:
    from nephoscope.estate.data_gap import DataNotCollectedError
    from nephoscope.estate.rule_changes import NoPriorityError
    from nephoscope.protect.segments.segment_block import SegmentBlockError, build_block

    try:
        return build_block(plan, view, found)
    except (SegmentBlockError, NoPriorityError) as error:
        exit_with_usage_error(f"no block: {error}")
    except DataNotCollectedError as gap:
        exit_with_usage_error(f"no block: {gap.what} was not collected")


def _print_or_request_block(data: Path, block: SegmentBlock, *, request: bool) -> None:
    """Print the rules of a block, or request them."""
    import msgspec

    from nephoscope.automation.rule_change_plan import GroupChange
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.service.network_rules import WRITE, request_rule_change

    changes = [GroupChange(group, tuple(rules)) for group, rules in block.rules.items()]
    for one in block.left:
        why = (
            "reached through a gateway or firewall, which has to deny it"
            if one.translated
            else "it has no security group"
        )
        click.echo(f"not closed: {one.target.name}: {why}", err=True)
    if not request:
        document = {"schemaVersion": 1, "changes": msgspec.to_builtins(changes)}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    if not changes:
        exit_with_usage_error("no rule is needed or possible")
    scope = changes[0].group.split("/providers/")[0]
    with open_context(data) as context:
        run = request_rule_change(context, WRITE, scope, "Segment block", changes)
    click.echo(
        f"{run.id}: requested; `nephoscope response run` plans it, another user applies it by `nephoscope response approve {run.id}`"
    )


def _write_flows(data: Path, plan: SegmentPlan, found: SegmentAnalysis, days: int, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    import msgspec

    from nephoscope.cli.session.lake_access import open_lake
    from nephoscope.protect.segments.segment_flows import (
        find_flow_violations,
        list_missing_flows,
        read_flows,
        read_span,
    )

    with open_lake(data) as (lake, _):
        flows = read_flows(lake, days)
        first, last = read_span(lake, days)
    missing = (*found.missing, *list_missing_flows(datetime.now(UTC), days, first, last, len(flows)))
    several = sorted(find_flow_violations(plan, found.members, flows), key=lambda one: -one.flow.flows)
    if as_json:
        document = {
            "schemaVersion": 1,
            "violations": msgspec.to_builtins(several),
            "notCollected": list(missing),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    for one in several:
        click.echo(
            f"{one.source_segment} > {one.target_segment}: {one.text}, {one.flow.flows} flows,"
            f" last {one.flow.last:%Y-%m-%d %H:%M}"
        )
    click.echo(f"{len(several)} observed flows are not allowed by the plan")
    for what in missing:
        click.echo(f"Unknown: {what} was not collected")
