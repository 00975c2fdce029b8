"""Microsoft.Security/adaptiveNetworkHardenings: the narrower rules that were learned from the traffic of a machine.

Beside Azure's properties, `proposals` has the ARM rules to add to each group and the wide rule that they stand before.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/adaptive-network-hardenings (2020-01-01)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.adaptive_network_hardening import HARDENED
from nephoscope.analyze.hardening.narrowed_rules import CutFlow, HardenedRule
from nephoscope.estate.security_rules import parse_rule
from nephoscope.posture.published.document import PublishedDocument, build_arm_body

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.assessment import SubAssessment

TYPE = "Microsoft.Security/adaptiveNetworkHardenings"
#: Azure's rules are of one port; a range is listed by its first and last one.
_WIDE = 16


class HardeningProposal(msgspec.Struct, frozen=True, rename="camel"):
    """Proposal of a finding, as the document has it."""

    group: str
    rule: str
    address: str
    interface: str
    allowed: tuple[HardenedRule, ...]
    security_rules: tuple[dict[str, object], ...]
    open_before: int
    open_after: int
    cut_flow_count: int
    obstacle: str
    cut_flows: tuple[CutFlow, ...] = ()

    @property
    def rule_name(self) -> str:
        """The rule as `group/rule`."""
        return "/".join(self.rule.split("/")[-3::2])

    @property
    def reduced_percent(self) -> float:
        """Return the share of the openings that it closes."""
        return 100 * (1 - self.open_after / self.open_before) if self.open_before else 0.0


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One document a machine with a proposal."""
    for item in report.run.analysis.assessments:
        if item.key == HARDENED.id and item.sub_assessments:
            id_ = f"{item.resource.rstrip('/')}/providers/{TYPE}/default"
            yield PublishedDocument.of(
                build_arm_body(id_, TYPE, _build_properties(item.sub_assessments, report))
            )


def _build_properties(findings: Iterable[SubAssessment], report: Report) -> dict[str, object]:
    proposals = [msgspec.convert(one.details, HardeningProposal) for one in findings]
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for one in proposals:
        if one.group not in groups[one.interface]:
            groups[one.interface].append(one.group)
    return {
        "rules": [rule for one in proposals for rule in list_rules(one)],
        "rulesCalculationTime": report.now.isoformat(),
        "effectiveNetworkSecurityGroups": [
            {"networkInterface": interface, "networkSecurityGroups": several}
            for interface, several in groups.items()
        ],
        "proposals": msgspec.to_builtins(proposals),
    }


def list_rules(one: HardeningProposal) -> Iterator[dict[str, object]]:
    """Yield the rules of a proposal as Azure lists them: a port each; a port without sources is one that nobody needs."""
    for rule in one.allowed:
        for low, high in rule.ports:
            for port in range(low, high + 1) if high - low < _WIDE else (low, high):
                yield _build_azure_rule(f"{rule.name}-{port}", port, rule.protocol, rule.sources)
    if not one.allowed:
        for raw in one.security_rules:
            denied = parse_rule(raw, one.group)
            for low, high in () if denied.allow else denied.destination_ports:
                yield _build_azure_rule(f"{denied.name}-{low}", low, denied.protocol, ())
                if high > low:
                    yield _build_azure_rule(f"{denied.name}-{high}", high, denied.protocol, ())


def _build_azure_rule(name: str, port: int, protocol: str, sources: Iterable[str]) -> dict[str, object]:
    return {
        "name": name,
        "direction": "Inbound",
        "destinationPort": port,
        "protocols": [protocol.upper()],
        "ipAddresses": list(sources),
    }
