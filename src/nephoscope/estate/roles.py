"""Role assignments of a subscription with inheritance and expanded groups.

Eligible assignments of Privileged Identity Management are not active and do not count; deny assignments and the retired
classic administrators are not read. Source: https://learn.microsoft.com/azure/role-based-access-control/scope-overview
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.principals import READS as PRINCIPAL_READS
from nephoscope.estate.principals import EstatePrincipals
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.role_definitions import (
    DEFINITION_TYPE,
    WELL_KNOWN,
    RoleClass,
    classify_role,
    has_permissions,
)

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

ASSIGNMENT_TYPE = "microsoft.authorization/roleassignments"

READS = (ASSIGNMENT_TYPE, DEFINITION_TYPE, *PRINCIPAL_READS)

_MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/"


class RoleGrant(msgspec.Struct, frozen=True):
    """An active role assignment: ids lower-cased, `kind` is its lower-cased principalType, `scope` '' is the root."""

    assignment: str
    principal: str
    kind: str
    definition: str
    scope: str


class RoleAccounts(msgspec.Struct, frozen=True):
    """Users that hold a class of role, each with the assignments that give it; and what could add more.

    `unsure` names what was not read: a caller may conclude from an account that is there, and not from the absence of
    one while `unsure` is not empty.
    """

    users: dict[str, tuple[RoleGrant, ...]]
    unsure: tuple[str, ...]


class Roles:
    """Role assignments of an estate by scope; indexes are built once."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self._estate = estate
        self.principals = EstatePrincipals(estate)
        self._found: dict[tuple[str, frozenset[RoleClass], bool], RoleAccounts] = {}

    @cached_property
    def _by_scope(self) -> dict[str, list[RoleGrant]]:
        """Subscription id, management group id or '' -> grants at that scope or, for a subscription, under it."""
        found: dict[str, list[RoleGrant]] = defaultdict(list)
        for resource in self._estate.list_of_type(ASSIGNMENT_TYPE):
            grant = _read_role_grant(resource)
            found[resource.id.subscription_id or grant.scope].append(grant)
        return found

    @cached_property
    def _definitions(self) -> dict[str, Resource]:
        """GUID -> role definition."""
        return {
            resource.id.name: resource
            for resource in self._estate.list_of_type(DEFINITION_TYPE)
            if resource.complete and has_permissions(resource)
        }

    def classify(self, definition: str) -> RoleClass:
        """The class of a role by its lower-cased definition id; raises DataNotCollectedError where it was not read."""
        name = definition.rsplit("/", 1)[-1]
        if name in self._definitions:
            return classify_role(self._definitions[name])
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        raise DataNotCollectedError(definition or "the role definition of a role assignment")

    def find_definition(self, definition: str) -> Resource | None:
        """A role definition by its lower-cased id, None where it was not read."""
        return self._definitions.get(definition.rsplit("/", 1)[-1])

    @cached_property
    def by_principal(self) -> dict[str, list[RoleGrant]]:
        """Lower-cased object id -> the grants that name it; '' -> those whose principal was not read."""
        found: dict[str, list[RoleGrant]] = defaultdict(list)
        for several in self._by_scope.values():
            for grant in several:
                found[grant.principal].append(grant)
        return found

    def find_grants(self, subscription: str, *, below: bool) -> tuple[list[RoleGrant], tuple[str, ...]]:
        """The assignments that hold on a subscription, those on its groups and resources included where `below`.

        The second part names what was not read and could give more: assignments without their principal, and the place of management
        groups above the subscription. Raises DataNotCollectedError where the subscription's assignments were not read.
        """
        if not self._estate.coverage.covers(ASSIGNMENT_TYPE, subscription):
            raise DataNotCollectedError(f"{ASSIGNMENT_TYPE} in {subscription}")
        own = [
            grant for grant in self._by_scope.get(subscription, ()) if below or grant.scope == subscription
        ]
        above = self._by_scope.get("", ())
        groups = [scope for scope in self._by_scope if scope.startswith(_MANAGEMENT_GROUP)]
        ancestors = self._estate.management_groups.get(subscription)
        if ancestors is None:
            return _split_unread_grants(
                [*own, *above], [f"whether {scope} is above {subscription}" for scope in groups]
            )
        known = {str(scope).lower() for scope in ancestors}
        inherited = [grant for scope in groups if scope in known for grant in self._by_scope[scope]]
        return _split_unread_grants([*own, *inherited, *above], [])

    def find_accounts(self, subscription: str, classes: frozenset[RoleClass], *, below: bool) -> RoleAccounts:
        """The users that hold one of the classes on a subscription (and, with `below`, on anything in it)."""
        key = (subscription, classes, below)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._collect_accounts(subscription, classes, below)
        return found

    def _collect_accounts(
        self, subscription: str, classes: frozenset[RoleClass], below: bool
    ) -> RoleAccounts:
        grants, unsure = self.find_grants(subscription, below=below)
        users: dict[str, list[RoleGrant]] = defaultdict(list)
        doubts = list(unsure)
        for grant in grants:
            members, gaps = self.principals.find_members(grant.principal, grant.kind)
            if not members and not gaps:
                continue
            try:
                wanted = self.classify(grant.definition) in classes
            except DataNotCollectedError as gap:
                doubts.append(gap.what)
                continue
            if wanted:
                doubts += gaps
                for member in members:
                    users[member].append(grant)
        return RoleAccounts({user: tuple(held) for user, held in users.items()}, tuple(dict.fromkeys(doubts)))


def _split_unread_grants(
    grants: list[RoleGrant], doubts: list[str]
) -> tuple[list[RoleGrant], tuple[str, ...]]:
    """The grants with a principal; those without are doubts."""
    unread = [describe_unread_grant(grant) for grant in grants if not grant.principal]
    return [grant for grant in grants if grant.principal], (*doubts, *unread)


def describe_unread_grant(grant: RoleGrant) -> str:
    """Name what was not read of a role assignment without its principal."""
    return f"the properties of {grant.assignment}"


def _read_role_grant(resource: Resource) -> RoleGrant:
    body = get_properties(resource)
    return RoleGrant(
        assignment=resource.key,
        principal=str(body.get("principalId") or "").lower(),
        kind=str(body.get("principalType") or "").lower(),
        definition=str(body.get("roleDefinitionId") or "").lower(),
        scope=resource.id.parent,
    )
