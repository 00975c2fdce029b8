"""The reader of an estate's facts: which resources, role assignments and directories they may be told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.entities.resource_mentions import find_mentions
from nephoscope.model.read_scope import EVERYTHING, Reach

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.access.authenticator import Caller
    from nephoscope_policy.model.resource_id import ResourceId

RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
ROLE_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/read"
ASSESSMENTS = "Microsoft.Security/assessments/read"
ATTACK_PATHS = "Microsoft.Security/attackPaths/read"
BEYOND = "your roles do not reach it"


@dataclass(frozen=True, slots=True)
class EstateReader:
    """The reach of a reader by what is read: resources (and the directory of whole tenants), role assignments, results."""

    resources: Reach = EVERYTHING
    role_assignments: Reach = EVERYTHING
    assessments: Reach = EVERYTHING
    attack_paths: Reach = EVERYTHING

    @property
    def whole(self) -> bool:
        """Return whether every resource of every tenant may be read."""
        return self.resources.everything

    def can_read_resource(self, id_: ResourceId) -> bool:
        """Return whether a resource of a subscription may be read."""
        return self.resources.can_read(id_.subscription, id_.resource_group_id)

    def can_read_grant(self, scope: ResourceId) -> bool:
        """Return whether a role assignment at a scope within a subscription may be read."""
        return self.role_assignments.can_read(scope.subscription, scope.resource_group_id)

    def can_read_directory(self, tenant: str) -> bool:
        """Return whether the users, groups and applications of a tenant may be read."""
        return self.whole or (bool(tenant) and tenant in self.resources.whole_tenants)

    def can_read_tenant(self, tenant: str, subscriptions: Iterable[str]) -> bool:
        """Return whether anything of a tenant, which has the subscriptions (lower-cased GUIDs), may be read."""
        known = frozenset(subscriptions)
        several = (self.resources, self.role_assignments, self.assessments, self.attack_paths)
        return self.can_read_directory(tenant) or any(_find_within(one, known) for one in several)

    def can_read_results(self, id_: ResourceId) -> bool:
        """Return whether the assessments of a resource of a subscription may be read."""
        return self.assessments.can_read(id_.subscription, id_.resource_group_id)

    def filter_visible(self, subscriptions: Iterable[str]) -> frozenset[str]:
        """Return those of some subscriptions of which at least a resource group may be read."""
        return _find_within(self.resources, frozenset(subscriptions))

    def mask(self, text: str) -> str:
        """A text, or a neutral one where it names something by its id that may not be read."""
        if self.whole:
            return text
        beyond = any(
            not self.resources.can_read(one.subscription, one.group_id) for one in find_mentions(text)
        )
        return "it depends on what your roles do not reach" if beyond else text

    @classmethod
    def of(cls, caller: Caller) -> EstateReader:
        """The reader that a caller is, by their roles."""
        found = caller.find_reaches((RESOURCES, ROLE_ASSIGNMENTS, ASSESSMENTS, ATTACK_PATHS))
        return cls(*(found[one] for one in (RESOURCES, ROLE_ASSIGNMENTS, ASSESSMENTS, ATTACK_PATHS)))


def _find_within(reach: Reach, subscriptions: frozenset[str]) -> frozenset[str]:
    """Return those of some subscriptions of which a reach sees at least a resource group."""
    if reach.everything:
        return subscriptions
    return subscriptions & (reach.subscriptions | {group.split("/")[2] for group in reach.groups})


WHOLE = EstateReader()
