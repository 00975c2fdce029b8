"""Analyzers on what a deployment plans: those of the network, which need nothing but what a template says.

What stands outside of the deployment (a load balancer before a machine, a report of another tool) is not read, so that it leaves what
depends on it Unknown; so do the security admin rules of a network manager, which go before those of groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from nephoscope import analyze
from nephoscope.analyze.discovery import Analyzer, analyzers
from nephoscope.analyze.overlay import assessment_id
from nephoscope.analyze.verdict import not_collected
from nephoscope.estate.estate import Estate
from nephoscope.estate.gap import NotCollected
from nephoscope.estate.subnets import NETWORK_TYPE, SUBNET_TYPE
from nephoscope.estate.view import View
from nephoscope.posture.code.template.guarded import guarded_body
from nephoscope.posture.evaluation.analysis import Analysis, Before
from nephoscope_policy.gap import Gap
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

ANALYZERS = (
    "abused_ports",
    "ip_forwarding",
    "machine_security_groups",
    "management_ports",
    "permissive_rules",
    "subnet_security_groups",
)
"""The names of those that run on plans."""
_ASKED = frozenset({"microsoft.compute/virtualmachines", NETWORK_TYPE, SUBNET_TYPE})


@dataclass(frozen=True)
class PlannedHoldings:
    """Planned resources as analyzers read them: unknown parts raise NotCollected."""

    resources: Mapping[str, Resource]
    coverage: Coverage
    management_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, estate: Estate) -> PlannedHoldings:
        """Those of a planned estate."""
        held = {
            key: replace(one, body=guarded_body(one), complete=True) for key, one in estate.resources.items()
        }
        return cls(held, estate.coverage)

    def by_type(self, type_: str) -> Iterable[Resource]:
        """Every resource of a lower-cased type."""
        return self._by_type.get(type_, ())

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[Resource]]:
        found: dict[str, list[Resource]] = defaultdict(list)
        for one in self.resources.values():
            found[one.type].append(one)
        return found


def analyze_planned(estate: Estate, now: datetime, before: Before | None = None, /) -> Analysis:  # noqa: ARG001 - the shape of Analyzers
    """What the analyzers of the network say of a planned estate."""
    if not any(one.type in _ASKED for one in estate.resources.values()):
        return Analysis()
    view = View(PlannedHoldings.of(estate), now)
    overlay: list[Resource] = []
    unknown: dict[str, Gap] = {}
    assessments: list[Assessment] = []
    for analyzer in analyzers():
        if analyzer.name not in ANALYZERS:
            continue
        try:
            found = analyze.run(view, [analyzer.name])
        except NotCollected as gap:
            unknown |= _none_known(analyzer, estate, gap)
            continue
        overlay += found.overlay
        unknown |= found.unknown
        assessments += found.assessments
    return Analysis(tuple(overlay), unknown, tuple(assessments))


def _none_known(analyzer: Analyzer, estate: Estate, gap: NotCollected) -> dict[str, Gap]:
    """What an analyzer leaves open where something that all of its answers need is not known."""
    return {
        assessment_id(one.key, key.id).lower(): Gap(not_collected(one.key, key, gap).description, gap.cause)
        for key in analyzer.keys.values()
        for one in estate.resources.values()
        if one.type in key.types
    }
