"""Adaptive network hardening: security rules that are wider than the traffic, and narrower ones that were learned from flow logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.estate_options import ViewOptions
from nephoscope.cli.session.options import add_evaluation_options, add_resource_options
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.posture.published.kinds.adaptive_network_hardenings import HardeningProposal
    from nephoscope.posture.reports.report import Report


class _HardeningOptions(ViewOptions):
    enforce: str


@click.command("hardening")
@add_evaluation_options
@add_resource_options
@click.option(
    "--enforce",
    default="",
    metavar="MACHINE",
    help="Request the proposed rules of the machine (name or resource ID); `response approve` applies them.",
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, **options: Unpack[_HardeningOptions]) -> None:
    """List the allow rules before Internet-facing machines that are wider than 30 days of their traffic, with narrower rules and the
    flows that these would have blocked. Machines that cannot be judged are listed with the reason.
    """
    from nephoscope.cli.session.session import build_report

    report = build_report(data, options)
    if options["enforce"]:
        _enforce_proposals(data, report, options["enforce"])
    elif options["output"] == "json":
        _write_json(report)
    else:
        _write_table(report)


def _list_proposals(report: Report) -> Iterator[tuple[str, HardeningProposal, list[dict[str, object]]]]:
    """Each machine's id with a proposal and the flows that it would have blocked."""
    import msgspec

    from nephoscope.analyze.adaptive_network_hardening import HARDENED
    from nephoscope.posture.published.kinds.adaptive_network_hardenings import HardeningProposal

    for item in report.run.analysis.assessments:
        if item.key == HARDENED.id:
            for one in item.sub_assessments:
                cut = msgspec.convert(one.details["cutFlows"], list[dict[str, object]])
                yield item.resource, msgspec.convert(one.details, HardeningProposal), cut


def _list_unknown_recommendations(report: Report) -> list[tuple[str, str]]:
    from nephoscope.analyze.adaptive_network_hardening import HARDENED
    from nephoscope_policy.model.state import ComplianceState

    return [
        (one.resource, one.description)
        for one in report.run.analysis.assessments
        if one.key == HARDENED.id and one.state is ComplianceState.UNKNOWN
    ]


def _write_json(report: Report) -> None:
    import msgspec

    document = {
        "schemaVersion": 1,
        "proposals": [
            {"machine": machine, **msgspec.to_builtins(one), "cutFlows": cut}
            for machine, one, cut in _list_proposals(report)
        ],
        "unknown": [
            {"machine": machine, "reason": reason}
            for machine, reason in _list_unknown_recommendations(report)
        ],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _write_table(report: Report) -> None:
    from nephoscope.estate.rule_text import format_ranges

    for machine, one, cut in _list_proposals(report):
        share = 100 * (1 - one.open_after / one.open_before) if one.open_before else 0
        group, rule = one.rule.split("/")[-3::2]
        click.echo(
            f"{machine.rsplit('/', 1)[-1]} {one.address}: {group}/{rule} can be narrowed (-{share:.0f} % open)"
        )
        for allowed in one.allowed:
            ports = ", ".join(format_ranges(allowed.ports))
            click.echo(f"  allow {allowed.protocol.upper()} {ports} from {', '.join(allowed.sources)}")
        click.echo(f"  deny the rest; {one.cut_flow_count} observed flows would have been blocked")
        for flow in cut[:3]:
            click.echo(f"    {flow['source']} > {flow['port']}, {flow['flows']} flows: {flow['reason']}")
        if one.obstacle:
            click.echo(f"  cannot be enforced: {one.obstacle}")
    for machine, reason in _list_unknown_recommendations(report):
        click.echo(f"Unknown: {machine.rsplit('/', 1)[-1]}: {reason}")


def _enforce_proposals(data: Path, report: Report, machine: str) -> None:
    from nephoscope.automation.rule_change_plan import GroupChange
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.service.network_rules import ENFORCE, request_rule_change

    found = [
        (id_, one)
        for id_, one, _ in _list_proposals(report)
        if machine.lower() in (id_.lower(), id_.lower().rsplit("/", 1)[-1])
    ]
    rules: dict[str, list[dict[str, object]]] = {}
    for _, one in found:
        if one.security_rules:
            rules.setdefault(one.group, []).extend(one.security_rules)
    if not rules or len({id_.lower() for id_, _ in found}) != 1:
        exit_with_usage_error(f"--enforce: no rules were learned for exactly one machine {machine!r}")
    changes = [GroupChange(group, tuple(several)) for group, several in rules.items()]
    with open_context(data) as context:
        run = request_rule_change(
            context,
            ENFORCE,
            found[0][0].lower(),
            "Adaptive network hardening",
            changes,
        )
    click.echo(
        f"{run.id}: requested; `nephoscope response run` plans it, another user applies it by `nephoscope response approve {run.id}`"
    )
