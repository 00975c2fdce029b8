"""Graph inputs: the estate, its failing findings and data gaps."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.posture.attack_paths.entity import GraphEntity, Insight, InsightKind
from nephoscope.posture.attack_paths.group_memberships import Memberships
from nephoscope.posture.attack_paths.role_scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.open_findings import OpenFindings
    from nephoscope_policy.model.resource import Resource

#: Distinct reasons that are told of one place; the rest is counted.
MOST_REASONS = 20


class GraphFacts:
    """A view of the estate with its open findings; `gaps` are what is not known, by subscription."""

    def __init__(self, view: EstateView, findings: OpenFindings) -> None:
        self.view = view
        self.findings = findings
        self._gaps: defaultdict[str, dict[str, None]] = defaultdict(dict)

    @cached_property
    def memberships(self) -> Memberships:
        """Groups by their members."""
        return Memberships(self.view)

    @cached_property
    def scopes(self) -> Scopes:
        """Return what lies in a scope."""
        return Scopes(self.view)

    def record_gap(self, subscription: str, reason: str) -> None:
        """Keep that something was not known, so that a path may be missing."""
        self._gaps[subscription][reason] = None

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """(lower-cased subscription GUID or '', what was not known), sorted."""
        return tuple(
            line for place in sorted(self._gaps) for line in _list_reasons(place, sorted(self._gaps[place]))
        )

    def visit_each(self, type_: str, question: str, look: Callable[[Resource], None]) -> None:
        """Look at every resource of a type; what was not read becomes a gap of its subscription that leaves the question open."""
        for resource in self.view.list_resources(type_):
            try:
                look(resource)
            except DataNotCollectedError as gap:
                what = gap.what.replace(f" in {resource.id.subscription_id}", "")
                self.record_gap(
                    resource.id.subscription, f"{what} was not collected, so it is unknown {question}"
                )

    def add_entity(self, graph: SecurityGraph, resource: Resource) -> GraphEntity:
        """The entity of a resource, with its weaknesses where it has some."""
        found = graph.add(to_entity(resource))
        if weak := self.findings.list_weaknesses(resource.key):
            text = f"{resource.name} fails {_count_recommendations(len(weak))} that let an attacker in: {weak[0].title}"
            graph.add_insight(found, Insight(InsightKind.WEAKNESS, text, weak))
        return found


def to_entity(resource: Resource) -> GraphEntity:
    """A resource as an entity."""
    return GraphEntity(
        resource.key, resource.type, resource.name, str(resource.body.get("id") or resource.key)
    )


def _count_recommendations(number: int) -> str:
    return "one recommendation" if number == 1 else f"{number} recommendations"


def _list_reasons(place: str, reasons: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((place, reason) for reason in reasons[:MOST_REASONS])
    if len(reasons) > MOST_REASONS:
        yield place, f"{len(reasons) - MOST_REASONS} more such gaps"
