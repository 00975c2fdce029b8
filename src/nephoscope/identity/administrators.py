"""Administrators: who may change Azure or the directory, by which role, directly or through a group, active or eligible.

Roles that only read resources, or reach their data alone, are none. Eligible assignments are those of Privileged Identity Management.
Source: https://learn.microsoft.com/graph/api/resources/unifiedroleassignment, .../unifiedroleeligibilityscheduleinstance,
https://learn.microsoft.com/rest/api/authorization/role-eligibility-schedule-instances
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from nephoscope.behavior.accounts import CRITICAL_ROLES, DIRECTORY_ROLE_TYPE, ROLE_GRANTERS
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.principals import GROUP_TYPE, SERVICE_TYPE, USER_TYPE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.role_definitions import DEFINITION_TYPE, RoleClass, changes_resources
from nephoscope.estate.roles import ASSIGNMENT_TYPE, READS, Roles

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

AZURE_ELIGIBLE_TYPE = "microsoft.authorization/roleeligibilityscheduleinstances"
DIRECTORY_ELIGIBLE_TYPE = "microsoft.graph/roleeligibilityscheduleinstances"
TYPES = (*READS, DIRECTORY_ROLE_TYPE, AZURE_ELIGIBLE_TYPE, DIRECTORY_ELIGIBLE_TYPE)
#: The scope of a role of the directory that holds in all of it.
DIRECTORY = "directory"
#: Template ids of the directory's roles that only read; the same in every tenant.
READER_ROLES = frozenset({
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451",  # Global Reader
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",  # Directory Readers
    "5d6b6bb7-de71-4623-b4af-96380a352509",  # Security Reader
    "4a5d8f65-41da-4de4-8968-e035b65339cf",  # Reports Reader
    "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b",  # Message Center Reader
    "75934031-6c7e-415a-99d7-48dbd49e875e",  # Usage Summary Reports Reader
})  # fmt: skip


class HeldRole(msgspec.Struct, frozen=True):
    """A role that an administrator holds: `through` names the group ('' = directly); `definition` is '' for one of the directory."""

    role: str
    scope: str
    through: str = ""
    eligible: bool = False
    critical: bool = False
    definition: str = ""


class Administrator(msgspec.Struct, frozen=True):
    """A user or service principal with administrative roles; None is what was not collected."""

    id: str
    kind: str
    name: str
    display_name: str
    app_id: str
    enabled: bool | None
    guest: bool
    second_factor: bool | None
    roles: tuple[HeldRole, ...]

    @property
    def is_critical(self) -> bool:
        """Return whether a role gives its holder everything in a subscription or in the directory."""
        return any(one.critical for one in self.roles)

    @property
    def is_only_eligible(self) -> bool:
        """Return whether each role has to be activated first."""
        return all(one.eligible for one in self.roles)


class AdministratorList(msgspec.Struct, frozen=True):
    """The administrators of an estate, and what was not collected, so that there may be more."""

    administrators: tuple[Administrator, ...]
    gaps: tuple[str, ...]


def list_administrators(estate: AnalyzerEstate) -> AdministratorList:
    """Return who holds an administrative role in an estate, by name."""
    reader = _RoleReader(estate)
    held: dict[str, list[HeldRole]] = defaultdict(list)
    for principal, role in reader.iterate_roles():
        for holder, through in reader.expand(principal):
            held[holder].append(msgspec.structs.replace(role, through=through))
    found = [reader.describe(id_, tuple(dict.fromkeys(roles))) for id_, roles in held.items()]
    found.sort(key=lambda one: (one.name.lower(), one.id))
    return AdministratorList(tuple(found), tuple(dict.fromkeys(reader.gaps)))


class _RoleReader:
    """Reads the roles of one estate; `gaps` grows while it does."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self._estate = estate
        self._roles = Roles(estate)
        self._users = self._index_by_name(USER_TYPE)
        self._groups = self._index_by_name(GROUP_TYPE)
        self._services = self._index_by_name(SERVICE_TYPE)
        required = (
            ASSIGNMENT_TYPE,
            DIRECTORY_ROLE_TYPE,
            USER_TYPE,
            AZURE_ELIGIBLE_TYPE,
            DIRECTORY_ELIGIBLE_TYPE,
        )
        self.gaps = [one for one in required if not self._is_read(one)]

    def _index_by_name(self, type_: str) -> dict[str, Resource]:
        return {one.id.name: one for one in self._estate.list_of_type(type_)}

    def _is_read(self, type_: str) -> bool:
        coverage = self._estate.coverage
        return any(True for _ in self._estate.list_of_type(type_)) or coverage.covers(type_, "")

    def iterate_roles(self) -> Iterator[tuple[str, HeldRole]]:
        """Yield the principal and role of each administrative assignment, `through` left empty."""
        for type_, eligible in ((ASSIGNMENT_TYPE, False), (AZURE_ELIGIBLE_TYPE, True)):
            for one in self._estate.list_of_type(type_):
                role = self._read_azure_role(one, eligible)
                if role is not None:
                    yield _read_principal(one), role
        for type_, eligible in ((DIRECTORY_ROLE_TYPE, False), (DIRECTORY_ELIGIBLE_TYPE, True)):
            for one in self._estate.list_of_type(type_):
                role = _read_directory_role(one, eligible)
                if role is not None:
                    yield _read_principal(one), role

    def _read_azure_role(self, one: Resource, eligible: bool) -> HeldRole | None:
        definition = str(get_properties(one).get("roleDefinitionId") or "").lower()
        try:
            class_ = self._roles.classify(definition)
        except DataNotCollectedError:
            self.gaps.append(DEFINITION_TYPE)
            return None
        body = self._roles.find_definition(definition)
        if class_ is RoleClass.READ or (body is not None and not changes_resources(body)):
            return None
        name = get_properties(body).get("roleName") if body is not None else None
        scope = str(get_properties(one).get("scope") or one.id.parent).lower() or "/"
        return HeldRole(
            str(
                name or _WELL_KNOWN_NAMES.get(definition.rpartition("/")[2]) or definition.rpartition("/")[2]
            ),
            scope,
            eligible=eligible,
            critical=class_ is RoleClass.OWNER or definition.endswith(ROLE_GRANTERS),
            definition=definition.rpartition("/")[2],
        )

    def expand(self, principal: str) -> Iterator[tuple[str, str]]:
        """Yield the users and service principals that a principal stands for, each with the group that was assigned ('' = none)."""
        if principal not in self._groups:
            if principal:
                yield principal, ""
            return
        name = str(get_properties(self._groups[principal]).get("displayName") or principal)
        waiting, seen = [principal], {principal}
        while waiting:
            current = waiting.pop()
            if current not in self._groups:
                yield current, name
                continue
            fresh = [one for one in self._read_members(current) if one not in seen]
            seen.update(fresh)
            waiting += fresh

    def _read_members(self, group: str) -> list[str]:
        members = get_properties(self._groups[group]).get("members")
        if not isinstance(members, list):
            self.gaps.append(f"members of {GROUP_TYPE}/{group}")
            return []
        return [str(one.get("id") if isinstance(one, dict) else one).lower() for one in members]

    def describe(self, id_: str, roles: tuple[HeldRole, ...]) -> Administrator:
        """Return an administrator with what the directory knows of it; one that it does not know has the kind `unknown`."""
        user, service = self._users.get(id_), self._services.get(id_)
        known = user or service
        body = get_properties(known) if known is not None else {}
        enabled = body.get("accountEnabled")
        return Administrator(
            id_,
            "user" if user else "servicePrincipal" if service else "unknown",
            str(body.get("userPrincipalName") or body.get("displayName") or id_),
            str(body.get("displayName") or ""),
            str(body.get("appId") or "").lower(),
            enabled if isinstance(enabled, bool) else None,
            str(body.get("userType") or "").lower() == "guest",
            self._has_second_factor(id_) if user else None,
            roles,
        )

    def _has_second_factor(self, id_: str) -> bool | None:
        try:
            return self._roles.principals.has_second_factor(id_)
        except DataNotCollectedError:
            return None


_WELL_KNOWN_NAMES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "fb1c8493-542b-48eb-b624-b4c8fea62acd": "Security Admin",
}


def _read_principal(one: Resource) -> str:
    return str(get_properties(one).get("principalId") or "").lower()


def _read_directory_role(one: Resource, eligible: bool) -> HeldRole | None:
    body = get_properties(one)
    definition = body.get("roleDefinition")
    given: dict[str, object] = definition if isinstance(definition, dict) else {}
    template = str(given.get("templateId") or body.get("roleDefinitionId") or "").lower()
    if template in READER_ROLES:
        return None
    name = str(given.get("displayName") or CRITICAL_ROLES.get(template) or template)
    scope = str(body.get("directoryScopeId") or "/")
    return HeldRole(
        name, DIRECTORY if scope == "/" else scope, eligible=eligible, critical=template in CRITICAL_ROLES
    )
