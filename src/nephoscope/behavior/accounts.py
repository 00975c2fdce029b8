"""The accounts of a tenant as the estate's directory has them: who they are, what they may do, and who works like them.

Facts come from the pseudo types `microsoft.graph/...` and from role assignments. Source of the fields:
https://learn.microsoft.com/graph/api/resources/user, .../unifiedroleassignment, .../riskyuser
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.estate.principals import GROUP_TYPE, REGISTRATION_TYPE, SERVICE_TYPE, USER_TYPE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.role_definitions import RoleClass
from nephoscope.estate.roles import ASSIGNMENT_TYPE, RoleGrant, Roles

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

DIRECTORY_ROLE_TYPE = "microsoft.graph/roleassignments"
#: Roles of the directory that can give themselves or others anything, by their template ids (the same in every tenant).
CRITICAL_ROLES = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "f28a1f50-f6e7-4571-818b-6a12f2af6b6c": "SharePoint Administrator",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
    "c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
    "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
    "3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
}
MANY_REPORTS = 10
SERVICE_TAG = "serviceaccount"


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its Graph object, the roles of the directory, groups and service principals by name, and the Azure roles."""

    id: str
    body: Mapping[str, object]
    roles: tuple[str, ...] = ()
    role_ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    owns: bool = False
    changes: bool = False
    registered: bool | None = None
    reports: int = 0

    @property
    def name(self) -> str:
        """The user principal name."""
        return str(self.body.get("userPrincipalName") or "")

    @property
    def blast(self) -> str:
        """High: everything can be had with it; Medium: much; Low."""
        if self.owns or any(role in CRITICAL_ROLES for role in self.role_ids):
            return "High"
        if self.changes or self.roles or self.reports >= MANY_REPORTS:
            return "Medium"
        return "Low"

    @property
    def service(self) -> bool:
        """Return whether it is an account that no person uses, by what is said of it."""
        name = self.name.lower()
        title = str(self.body.get("jobTitle") or "").lower().replace(" ", "")
        return SERVICE_TAG in title or name.startswith(("svc-", "svc_", "svc.", "sa-", "service-", "sync_"))

    @property
    def terms(self) -> frozenset[str]:
        """Return what it shares with accounts that work like it."""
        said = {
            f"{name}:{str(self.body.get(name)).lower()}"
            for name in ("department", "jobTitle")
            if self.body.get(name)
        }
        boss = find_manager_id(self.body)
        return frozenset(
            said
            | {f"group:{one}" for one in self.groups}
            | {f"role:{one}" for one in self.roles}
            | ({f"manager:{boss}"} if boss else set())
        )


def find_manager_id(body: Mapping[str, object]) -> str:
    """The object id of an account's manager, '' where it is not known."""
    manager = body.get("manager")
    return str(manager.get("id") or "").lower() if isinstance(manager, dict) else str(manager or "").lower()


@dataclass(frozen=True, slots=True)
class AccountDirectory:
    """The accounts by lower-cased object id; `whole`: who is not among them is gone."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    whole: bool = False

    def aliases(self) -> dict[str, str]:
        """Lower-cased name -> object id: of the principal name, the mail address, and the name of an on-premises domain."""
        found: dict[str, str] = {}
        for account in self.accounts.values():
            names = {account.name, str(account.body.get("mail") or "")}
            sam, domain = (
                account.body.get("onPremisesSamAccountName"),
                account.body.get("onPremisesNetBiosName"),
            )
            if sam and domain:
                names.add(f"{domain}\\{sam}")
            found.update({name.lower(): account.id for name in names if name})
        return found


def load_directory(estate: AnalyzerEstate) -> AccountDirectory:
    """The accounts of an estate; nobody where users were not collected."""
    roles = Roles(estate)
    groups, critical = _group_memberships(estate, roles), _group_directory_roles(estate, roles)
    owners, writers = _collect_azure_roles(estate, roles)
    registered = {
        one.id.name: get_properties(one).get("isMfaRegistered")
        for one in estate.list_of_type(REGISTRATION_TYPE)
    }
    users = {one.id.name: get_properties(one) for one in estate.list_of_type(USER_TYPE)}
    reports: dict[str, int] = defaultdict(int)
    for body in users.values():
        if boss := find_manager_id(body):
            reports[boss] += 1
    accounts = {}
    for id_, body in users.items():
        held = critical.get(id_, [])
        known = registered.get(id_)
        accounts[id_] = Account(
            id_,
            body,
            tuple(sorted({title for _, title in held})),
            tuple(sorted({template for template, _ in held})),
            tuple(sorted(groups.get(id_, ()))),
            id_ in owners,
            id_ in writers,
            known if isinstance(known, bool) else None,
            reports.get(id_, 0),
        )
    return AccountDirectory(accounts, estate.coverage.covers(USER_TYPE, ""))


def merge_directories(several: Sequence[AccountDirectory]) -> AccountDirectory:
    """The accounts of some tenants together; whole only where every tenant's is, and there is one."""
    accounts = {id_: one for directory in several for id_, one in directory.accounts.items()}
    return AccountDirectory(accounts, bool(several) and all(directory.whole for directory in several))


def _group_memberships(estate: AnalyzerEstate, roles: Roles) -> dict[str, set[str]]:
    """User -> the names of the groups that they are in, through other groups too, as far as members were read."""
    found: dict[str, set[str]] = defaultdict(set)
    for group in estate.list_of_type(GROUP_TYPE):
        title = str(get_properties(group).get("displayName") or group.id.name)
        for user in roles.principals.find_members(group.id.name, "group")[0]:
            found[user].add(title)
    return found


def _group_directory_roles(estate: AnalyzerEstate, roles: Roles) -> dict[str, list[tuple[str, str]]]:
    """User -> (template, name) of the directory's roles that they hold, through groups too."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in estate.list_of_type(DIRECTORY_ROLE_TYPE):
        body = get_properties(one)
        definition = body.get("roleDefinition")
        said: dict[str, object] = definition if isinstance(definition, dict) else {}
        template = str(said.get("templateId") or body.get("roleDefinitionId") or "").lower()
        title = str(said.get("displayName") or CRITICAL_ROLES.get(template, template))
        for user in roles.principals.find_members(str(body.get("principalId") or "").lower(), "")[0]:
            found[user].append((template, title))
    return found


def _collect_azure_roles(estate: AnalyzerEstate, roles: Roles) -> tuple[set[str], set[str]]:
    """Users that own a subscription or more, and those that may change one: assignments below a subscription do not count."""
    owners: set[str] = set()
    writers: set[str] = set()
    for resource in estate.list_of_type(ASSIGNMENT_TYPE):
        scope = resource.id.parent
        if scope.count("/") > 2 and not scope.startswith("/providers/microsoft.management/"):
            continue
        body = get_properties(resource)
        grant = RoleGrant(
            resource.key, str(body.get("principalId") or "").lower(), str(body.get("principalType") or "").lower(),
            str(body.get("roleDefinitionId") or "").lower(), scope,
        )  # fmt: skip
        kind = _classify_role(roles, grant)
        if grant.principal and kind is not None and kind is not RoleClass.READ:
            members = roles.principals.find_members(grant.principal, grant.kind)[0]
            (owners if kind is RoleClass.OWNER else writers).update(members)
    return owners, writers


def _classify_role(roles: Roles, grant: RoleGrant) -> RoleClass | None:
    """The class of a grant's role; one whose definition was not read is no known power."""
    from nephoscope.estate.data_gap import DataNotCollectedError

    if grant.definition.endswith(ROLE_GRANTERS):
        return RoleClass.OWNER
    try:
        return roles.classify(grant.definition)
    except DataNotCollectedError:
        return None


#: User Access Administrator and Role Based Access Control Administrator: who may give roles may have any.
ROLE_GRANTERS = ("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "f58310d9-a9f6-439a-9e8d-f62e7b41a168")


def map_service_names(estates: Iterable[Resource]) -> dict[str, str]:
    """Object id -> name of service principals."""
    return {one.id.name: str(get_properties(one).get("displayName") or "") for one in estates}


__all__ = [
    "SERVICE_TYPE",
    "Account",
    "AccountDirectory",
    "find_manager_id",
    "load_directory",
    "map_service_names",
    "merge_directories",
]
