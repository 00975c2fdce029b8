"""Effective policy: assignable and assigned policies of content, estate and users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, TENANT, Hierarchy, list_containing_scopes
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.evaluation.program import Program
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy import assignment
from nephoscope_policy.assignment import Assignment
from nephoscope_policy.catalog import NotHeldError, PolicyCatalog
from nephoscope_policy.catalog_entry import DEFINITION_TYPE, INITIATIVE_TYPE, Kind

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope_policy.exemption import Exemption

#: The types of documents that it is made of.
TYPES = (DEFINITION_TYPE, INITIATIVE_TYPE, assignment.TYPE_NAME)


@dataclass(frozen=True)
class EffectivePolicy:
    """A plan without its exemptions; `put` are the lower-cased ids of what people put."""

    plan: EvaluationPlan
    put: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(
        cls,
        data: Path,
        snapshot: PublishedSnapshot | None,
        gone: frozenset[str],
        put: Iterable[Mapping[str, object]],
        reach: Reach = EVERYTHING,
    ) -> EffectivePolicy:
        """Build the policy from a data folder's content, people's documents and the published ones within a reach, less `gone`."""
        given = list(put)
        plan = EvaluationPlan(Packs(data).catalog()).with_people(given)
        if snapshot is not None:
            passed = gone | {entry.id for entry in plan.catalog.entries}
            found = snapshot.listing.page(list(TYPES), reach, most=50_000, collected=True)
            plan = plan.with_people(one for one in found.bodies if str(one["id"]).lower() not in passed)
        return cls(plan, frozenset(str(one["id"]).lower() for one in given))

    @property
    def catalog(self) -> PolicyCatalog:
        """The definitions and initiatives."""
        return self.plan.catalog

    def has_document(self, kind: Kind, id_: str) -> bool:
        """Return whether there is a definition or initiative of an id."""
        try:
            self.catalog.find(kind, id_)
        except NotHeldError:
            return False
        return True

    def assignment(self, id_: str) -> Assignment | None:
        """The assignment of a lower-cased id."""
        return self._assignments_by_id.get(id_)

    def find_assignments(self, definitions: frozenset[str]) -> tuple[Assignment, ...]:
        """The assignments that judge by one of some definitions (lower-cased names), be it as a member of an initiative."""
        ids = {one.assignment.id for one in self._program.requirements if one.key in definitions}
        return tuple(one for one in self._assignments_by_id.values() if one.id in ids)

    def is_exemption_from(self, exemption: Exemption, definition: str) -> bool:
        """Return whether an exemption is one from a definition (its lower-cased name), be it as a member of what it exempts from."""
        if not exemption.assignment:
            return definition in exemption.recommendations
        return any(
            one.key == definition
            and exemption.names_member(one.assignment.id, one.reference.lower(), one.key)
            for one in self._program.requirements
        )

    def is_built_in(self, one: Assignment) -> bool:
        """Return whether it is the server's own over everything, which nobody put and no subscription or management group holds."""
        return not one.scope and one.id not in self.put

    @cached_property
    def _assignments_by_id(self) -> dict[str, Assignment]:
        return {one.id: one for one in self.plan.assignments}

    @cached_property
    def _program(self) -> Program:
        return Program(self.plan, {})


def is_outside_scope(outer: str, inner: str, hierarchy: Hierarchy) -> bool:
    """Return whether a lower-cased scope is known not to lie in another ('' and '/' are the tenant).

    What a management group holds is known of subscriptions and groups above which groups were read.
    """
    if outer in ("", TENANT, inner) or inner.startswith(f"{outer}/"):
        return False
    if not outer.startswith(MANAGEMENT_GROUP):
        return True
    above = [
        one
        for one in list_containing_scopes(inner, hierarchy)
        if one.startswith(MANAGEMENT_GROUP) and one != inner
    ]
    return bool(above) and outer not in above
