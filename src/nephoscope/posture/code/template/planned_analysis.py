"""Analyzers on what a deployment plans: those of the network, which need nothing but what a template says.

What stands outside of the deployment (a load balancer before a machine, a report of another tool) is not read, so that it leaves what
depends on it Unknown; so do the security admin rules of a network manager, which go before those of groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from nephoscope import analyze
from nephoscope.analyze.discovery import load_named_analyzers
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.subnets import NETWORK_TYPE, SUBNET_TYPE
from nephoscope.posture.code.template.unknown_value_guard import build_guarded_body
from nephoscope.posture.evaluation.analyzer_results import Analysis, PreviousEvaluation
from nephoscope_policy.data_gap import Gap
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


class GuardedResources(Mapping[str, Resource]):
    """Planned resources by lower-cased id, each guarded (with `fills_in` as build_guarded_body has it) when it is asked for."""

    def __init__(self, planned: Mapping[str, Resource], *, fills_in: bool = True) -> None:
        self._planned = planned
        self._fills_in = fills_in
        self._guarded: dict[str, Resource] = {}

    def __getitem__(self, key: str) -> Resource:
        """The resource of an id; raises KeyError."""
        found = self._guarded.get(key)
        if found is None:
            one = self._planned[key]
            found = self._guarded[key] = replace(
                one, body=build_guarded_body(one, fills_in=self._fills_in), complete=True
            )
        return found

    def __iter__(self) -> Iterator[str]:
        """The ids."""
        return iter(self._planned)

    def __len__(self) -> int:
        """Count how many there are."""
        return len(self._planned)

    def map_keys_by_type(self) -> Mapping[str, Sequence[str]]:
        """The ids of each lower-cased type."""
        found: dict[str, list[str]] = defaultdict(list)
        for key, one in self._planned.items():
            found[one.type].append(key)
        return found


@dataclass(frozen=True)
class PlannedAnalyzerEstate:
    """Planned resources as analyzers read them: unknown parts raise DataNotCollectedError."""

    resources: GuardedResources
    coverage: Coverage
    management_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, estate: Estate) -> PlannedAnalyzerEstate:
        """Return those of a planned estate."""
        return cls(GuardedResources(estate.resources), estate.coverage)

    def list_of_type(self, type_: str) -> Iterable[Resource]:
        """Every resource of a lower-cased type."""
        return [self.resources[key] for key in self._keys.get(type_, ())]

    @cached_property
    def _keys(self) -> Mapping[str, Sequence[str]]:
        return self.resources.map_keys_by_type()


def analyze_planned_estate(
    estate: Estate,
    now: datetime,
    before: PreviousEvaluation | None = None,  # noqa: ARG001 - the shape of Analyzers
    /,
) -> Analysis:
    """Return what the analyzers of the network say of a planned estate."""
    if not any(one.type in _ASKED for one in estate.resources.values()):
        return Analysis()
    view = EstateView(PlannedAnalyzerEstate.of(estate), now)
    overlay: list[Resource] = []
    unknown: dict[str, Gap] = {}
    assessments: list[Assessment] = []
    for analyzer in load_named_analyzers(ANALYZERS):
        found = analyze.run(view, [analyzer.name])
        overlay += found.overlay
        unknown |= found.unknown
        assessments += found.assessments
    return Analysis(tuple(overlay), unknown, tuple(assessments))
