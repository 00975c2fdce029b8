"""Scopes of roles: how a person writes them, what contains what, and what of the estate and of the lake roles reach."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from nephoscope.access.roles import role
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.model.read_reach import Reach
from nephoscope.state.access.principals import RoleAssignment

#: Everything that the server has: the enterprise, with all of its tenants.
TENANT = "/"
ONE_TENANT = "/tenants/"
WORKSPACE = "/workspaces/"
#: A repository, or all whose names begin with these parts.
REPOSITORY = "/repositories/"
MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: A resource below its group, and one below that, perhaps of another provider.
_RESOURCE = r"(/providers/[^/]+(/[^/]+/[^/]+)+)+"
_SCOPE = re.compile(
    rf"/|{ONE_TENANT}{_GUID.pattern}|{MANAGEMENT_GROUP}[^/]+|/subscriptions/{_GUID.pattern}(/resourcegroups/[^/]+({_RESOURCE})?)?"
    rf"|{WORKSPACE}[^/]+|{REPOSITORY}[^/]+(/[^/]+)*",
    re.IGNORECASE,
)


class RoleScopeError(ValueError):
    """A text that is no scope of a role."""


def parse_scope(text: str) -> str:
    """A scope in the form that is kept: lower-cased without a slash at the end; RoleScopeError says which forms there are."""
    wanted = text.strip().lower()
    wanted = wanted if wanted == TENANT else wanted.rstrip("/")
    if _GUID.fullmatch(wanted):
        wanted = f"/subscriptions/{wanted}"
    if not _SCOPE.fullmatch(wanted):
        raise RoleScopeError(
            f"invalid scope {text!r}: use '/', /tenants/<id>, /subscriptions/<id>, "
            "/subscriptions/<id>/resourceGroups/<name>, the id of a resource in one, "
            "/providers/Microsoft.Management/managementGroups/<name>, /workspaces/<name> or "
            "/repositories/<name>"
        )
    return wanted


def find_role_scope(id_: str) -> str:
    """The smallest scope of a role that holds a scope or a resource of this id; / where none else does."""
    found = _SCOPE.match(id_.rstrip("/"))
    return found[0].lower() if found else TENANT


def find_unknown_scope(scope: str, hierarchy: Hierarchy, workspaces: Iterable[str]) -> str:
    """Return what of a parsed scope is not known, '' where all is; before the estate was assessed nothing of it is missing."""
    if scope.startswith(WORKSPACE):
        name = scope.removeprefix(WORKSPACE)
        return "" if name in set(workspaces) else f"workspace {name!r} not found"
    if scope == TENANT or scope.startswith(REPOSITORY) or not hierarchy.subscriptions:
        return ""
    if scope.startswith(ONE_TENANT):
        id_ = scope.removeprefix(ONE_TENANT)
        return (
            "" if id_ in hierarchy.tenants.values() else f"no subscription of the tenant {id_} was collected"
        )
    if scope in hierarchy.doubtful:
        return (
            f"several tenants have a management group {scope.rpartition('/')[2]}: use a tenant or "
            "subscriptions instead"
        )
    if scope.startswith(MANAGEMENT_GROUP):
        held = scope in hierarchy.above(hierarchy.subscriptions)
        return "" if held else f"no management group {scope.rpartition('/')[2]} was collected"
    id_ = scope.split("/")[2]
    return "" if id_ in hierarchy.subscriptions else f"no subscription {id_} was collected"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What lies where: the subscriptions that are known, and the management groups above each, nearest first (lower-cased ids).

    `tenants` maps a subscription to its tenant ('' = not known). `doubtful` are the management groups whose name several tenants
    have: a role at such a name does not say which is meant and reaches neither (docs/decisions/0374-tenants-are-judged-apart.md).
    """

    ancestors: Mapping[str, tuple[str, ...]]
    subscriptions: frozenset[str] = frozenset()
    tenants: Mapping[str, str] = field(default_factory=dict)
    doubtful: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Find the names that several tenants have."""
        object.__setattr__(self, "doubtful", frozenset(self._find_doubtful()))

    def _find_doubtful(self) -> Iterator[str]:
        if len(set(self.tenants.values())) < 2:
            return
        owner: dict[str, str] = {}
        for subscription, groups in self.ancestors.items():
            tenant = self.tenants.get(subscription, "")
            yield from (group for group in groups if owner.setdefault(group, tenant) != tenant)

    def below(self, group: str) -> frozenset[str]:
        """The subscriptions below a management group."""
        return frozenset(one for one, above in self.ancestors.items() if group in above)

    def of_tenant(self, tenant: str) -> frozenset[str]:
        """The subscriptions of a tenant."""
        return frozenset(one for one, name in self.tenants.items() if name == tenant)

    def tenants_of(self, subscriptions: Iterable[str]) -> frozenset[str]:
        """The tenants of subscriptions; none where they are not known."""
        return frozenset(self.tenants[one] for one in subscriptions if one in self.tenants)

    def over(self, group: str) -> frozenset[str]:
        """The management groups above another, as far as subscriptions below it tell."""
        return frozenset(
            one
            for several in self.ancestors.values()
            if group in several
            for one in several[several.index(group) + 1 :]
        )

    def above(self, subscriptions: Iterable[str]) -> frozenset[str]:
        """The management groups above subscriptions."""
        return frozenset(group for one in subscriptions for group in self.ancestors.get(one, ()))


def reach(roles: Iterable[RoleAssignment], operation: str, hierarchy: Hierarchy) -> Reach:
    """Return what of the estate an operation may be done on."""
    scopes = {one.scope for one in roles if _allows_operation(one, operation)}
    if TENANT in scopes:
        return Reach(everything=True)
    subscriptions: set[str] = set()
    groups: set[str] = set()
    whole: set[str] = set()
    for scope in scopes:
        if scope.startswith(ONE_TENANT):
            whole.add(scope.removeprefix(ONE_TENANT))
            subscriptions |= hierarchy.of_tenant(scope.removeprefix(ONE_TENANT))
        elif scope.startswith(MANAGEMENT_GROUP):
            subscriptions |= frozenset() if scope in hierarchy.doubtful else hierarchy.below(scope)
        elif _is_resource(scope):
            continue  # a role at a resource lets change it; what is listed is narrowed to groups at least
        elif scope.startswith("/subscriptions/"):
            (groups if "/resourcegroups/" in scope else subscriptions).add(
                scope if "/resourcegroups/" in scope else scope.rsplit("/", 1)[-1]
            )
    around = {*subscriptions, *(one.split("/")[2] for one in groups)}
    return Reach(
        False,
        frozenset(subscriptions),
        frozenset(groups),
        hierarchy.above(around),
        tenants=hierarchy.tenants_of(around),
        whole_tenants=frozenset(whole),
    )


def reaches(
    roles: Iterable[RoleAssignment], operations: Iterable[str], hierarchy: Hierarchy
) -> dict[str, Reach]:
    """Return what of the estate each of many operations may be done on: found once for those that the same roles allow."""
    held = tuple(roles)
    names = frozenset(one.role for one in held)
    known: dict[frozenset[str], Reach] = {}
    found = {}
    for operation in operations:
        allowing = frozenset(name for name in names if _allows(name, operation))
        if allowing not in known:
            known[allowing] = reach(held, operation, hierarchy)
        found[operation] = known[allowing]
    return found


def log_scope(
    roles: Iterable[RoleAssignment], operation: str, hierarchy: Hierarchy, workspace: str
) -> LakeScope | None:
    """Return which rows of a workspace an operation may be done on, None where on none of them.

    A role at a resource group reaches no logs: their rows say the subscription, and not all of them the resource.
    """
    held = tuple(roles)
    found = reach(held, operation, hierarchy)
    own, estate = f"{WORKSPACE}{workspace}".lower(), partial(_reaches, held, hierarchy)
    if found.everything or any(one.scope == own and _allows_operation(one, operation) for one in held):
        return LakeScope(None, frozenset({workspace}) if not found.everything else None, estate=estate)
    return LakeScope(found.subscriptions, None, estate=estate) if found.subscriptions else None


def _reaches(
    held: tuple[RoleAssignment, ...], hierarchy: Hierarchy, operations: Iterable[str]
) -> Mapping[str, Reach]:
    return reaches(held, operations, hierarchy)


def permitted_in_some_repository(roles: Iterable[RoleAssignment], operation: str) -> bool:
    """Return whether an operation may be done in a repository at all."""
    return any(
        one.scope == TENANT or one.scope.startswith(REPOSITORY)
        for one in roles
        if _allows_operation(one, operation)
    )


def is_permitted(roles: Iterable[RoleAssignment], operation: str, scope: str, hierarchy: Hierarchy) -> bool:
    """Return whether an operation may be done at a scope: '/', or the lower-cased id of a container, resource or workspace."""
    above = set(containers(scope, hierarchy)) - hierarchy.doubtful
    return any(one.scope in above and _allows_operation(one, operation) for one in roles)


def containers(scope: str, hierarchy: Hierarchy) -> Iterable[str]:
    """A scope and all that contains it."""
    yield TENANT
    parts = scope.split("/")
    if scope.startswith(WORKSPACE):
        yield scope
    if scope.startswith(REPOSITORY):
        yield from ("/".join(parts[:end]) for end in range(3, len(parts) + 1))
    if scope.startswith(MANAGEMENT_GROUP):
        group = "/".join(parts[:5])
        yield group
        yield from hierarchy.over(group)
        yield from _tenant_scopes(hierarchy.below(group), hierarchy)
    if scope.startswith(ONE_TENANT):
        yield "/".join(parts[:3])
    if scope.startswith("/subscriptions/") and len(parts) > 2:
        yield "/".join(parts[:3])
        yield from _tenant_scopes(parts[2:3], hierarchy)
        yield from hierarchy.ancestors.get(parts[2], ())
        if len(parts) > 4 and parts[3] == "resourcegroups":
            yield from ("/".join(parts[:end]) for end in range(5, len(parts) + 1))


def _is_resource(scope: str) -> bool:
    """Return whether a scope of a role is a resource in a group."""
    return scope.startswith("/subscriptions/") and "/providers/" in scope


def _tenant_scopes(subscriptions: Iterable[str], hierarchy: Hierarchy) -> Iterable[str]:
    """The scopes of the tenants of subscriptions; none where several have a management group of one name, so that none is meant."""
    found = hierarchy.tenants_of(subscriptions)
    return [f"{ONE_TENANT}{one}" for one in found if one] if len(found) == 1 else []


def _allows_operation(one: RoleAssignment, operation: str) -> bool:
    return _allows(one.role, operation)


@lru_cache(maxsize=10_000)
def _allows(name: str, operation: str) -> bool:
    found = role(name)
    return found is not None and found.allows(operation)


#: Gives the hierarchy as it is now.
Hierarchies = Callable[[], Hierarchy]
