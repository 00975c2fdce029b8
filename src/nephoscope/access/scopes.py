"""Scopes of roles: how a person writes them, what contains what, and what of the estate and of the lake roles reach."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from nephoscope.access.roles import find_role
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.model.read_scope import Reach
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
    rf"/|{ONE_TENANT}{_GUID.pattern}({MANAGEMENT_GROUP}[^/]+)?|{MANAGEMENT_GROUP}[^/]+|/subscriptions/{_GUID.pattern}(/resourcegroups/[^/]+({_RESOURCE})?)?"
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
            "/providers/Microsoft.Management/managementGroups/<name> (of one tenant: behind /tenants/<id>), /workspaces/<name> or "
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
        tenant, group = split_tenant(scope)
        if tenant not in hierarchy.tenants.values():
            return f"no subscription of the tenant {tenant} was collected"
        if group and tenant not in hierarchy.find_tenants_with_group(group):
            return f"no management group {group.rpartition('/')[2]} of the tenant {tenant} was collected"
        return ""
    if scope in hierarchy.doubtful:
        return explain_ambiguity(scope, hierarchy)
    if scope.startswith(MANAGEMENT_GROUP):
        held = scope in hierarchy.find_groups_above(hierarchy.subscriptions)
        return "" if held else f"no management group {scope.rpartition('/')[2]} was collected"
    id_ = scope.split("/")[2]
    return "" if id_ in hierarchy.subscriptions else f"no subscription {id_} was collected"


def split_tenant(scope: str) -> tuple[str, str]:
    """Split a scope of one tenant into the id of the tenant and the management group in it ('' = the tenant itself)."""
    tenant, slash, rest = scope.removeprefix(ONE_TENANT).partition("/")
    return tenant, slash + rest


def name_tenant(scope: str, hierarchy: Hierarchy) -> str:
    """Say of a management group which tenant's it is, where one alone has the name; any other scope stays as it is.

    A role that is kept so stays with the tenant when another one brings a group of the same name.
    """
    if not scope.startswith(MANAGEMENT_GROUP):
        return scope
    owners = hierarchy.find_tenants_with_group(scope)
    return f"{ONE_TENANT}{next(iter(owners))}{scope}" if len(owners) == 1 and all(owners) else scope


def explain_ambiguity(group: str, hierarchy: Hierarchy) -> str:
    """Say which tenants have a management group of a name, and how a scope names one of them."""
    name = group.rpartition("/")[2]
    ways = " or ".join(
        f"{ONE_TENANT}{one}/providers/Microsoft.Management/managementGroups/{name}"
        for one in sorted(hierarchy.find_tenants_with_group(group))
        if one
    )
    return f"several tenants have a management group {name!r}: give the scope {ways}"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Scope hierarchy: the known subscriptions and the management groups above each, nearest first (lower-cased ids).

    `tenants` maps a subscription to its tenant ('' = not known). `doubtful` are the management groups whose name several tenants
    have: a role at such a name does not say which is meant and reaches neither, one at `/tenants/<id>/providers/...` does
    (docs/decisions/0492-a-management-group-is-a-tenants.md).
    """

    ancestors: Mapping[str, tuple[str, ...]]
    subscriptions: frozenset[str] = frozenset()
    tenants: Mapping[str, str] = field(default_factory=dict)
    doubtful: frozenset[str] = field(init=False)
    _owners: Mapping[str, frozenset[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the names that several tenants have."""
        owners: dict[str, set[str]] = {}
        for subscription, groups in self.ancestors.items():
            for group in groups:
                owners.setdefault(group, set()).add(self.tenants.get(subscription, ""))
        object.__setattr__(self, "_owners", {one: frozenset(found) for one, found in owners.items()})
        several = len(set(self.tenants.values())) > 1
        doubtful = frozenset(one for one, found in owners.items() if several and len(found) > 1)
        object.__setattr__(self, "doubtful", doubtful)

    def find_tenants_with_group(self, group: str) -> frozenset[str]:
        """The tenants that have a management group of a name ('' = not known)."""
        return self._owners.get(group, frozenset())

    def find_subscriptions_below(self, group: str) -> frozenset[str]:
        """The subscriptions below a management group."""
        return frozenset(one for one, above in self.ancestors.items() if group in above)

    def find_subscriptions_of_tenant(self, tenant: str) -> frozenset[str]:
        """The subscriptions of a tenant."""
        return frozenset(one for one, name in self.tenants.items() if name == tenant)

    def find_tenants_of_subscriptions(self, subscriptions: Iterable[str]) -> frozenset[str]:
        """The tenants of subscriptions; none where they are not known."""
        return frozenset(self.tenants[one] for one in subscriptions if one in self.tenants)

    def find_parent_groups(self, group: str) -> frozenset[str]:
        """The management groups above another, as far as subscriptions below it tell."""
        return frozenset(
            one
            for several in self.ancestors.values()
            if group in several
            for one in several[several.index(group) + 1 :]
        )

    def find_groups_above(self, subscriptions: Iterable[str]) -> frozenset[str]:
        """The management groups above subscriptions."""
        return frozenset(group for one in subscriptions for group in self.ancestors.get(one, ()))


def find_reach(roles: Iterable[RoleAssignment], operation: str, hierarchy: Hierarchy) -> Reach:
    """Return what of the estate an operation may be done on."""
    scopes = {one.scope for one in roles if _allows_operation(one, operation)}
    if TENANT in scopes:
        return Reach(everything=True)
    subscriptions: set[str] = set()
    groups: set[str] = set()
    whole: set[str] = set()
    for scope in scopes:
        if scope.startswith(ONE_TENANT):
            tenant, group = split_tenant(scope)
            if group:
                subscriptions |= hierarchy.find_subscriptions_below(
                    group
                ) & hierarchy.find_subscriptions_of_tenant(tenant)
            else:
                whole.add(tenant)
                subscriptions |= hierarchy.find_subscriptions_of_tenant(tenant)
        elif scope.startswith(MANAGEMENT_GROUP):
            subscriptions |= (
                frozenset() if scope in hierarchy.doubtful else hierarchy.find_subscriptions_below(scope)
            )
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
        hierarchy.find_groups_above(around),
        tenants=hierarchy.find_tenants_of_subscriptions(around),
        whole_tenants=frozenset(whole),
    )


def find_reaches(
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
            known[allowing] = find_reach(held, operation, hierarchy)
        found[operation] = known[allowing]
    return found


def find_log_scope(
    roles: Iterable[RoleAssignment], operation: str, hierarchy: Hierarchy, workspace: str
) -> LakeScope | None:
    """Return which rows of a workspace an operation may be done on, None where on none of them.

    A role at a resource group reaches no logs: their rows say the subscription, and not all of them the resource.
    """
    held = tuple(roles)
    found = find_reach(held, operation, hierarchy)
    own, estate = f"{WORKSPACE}{workspace}".lower(), partial(_map_reaches, held, hierarchy)
    if found.everything or any(one.scope == own and _allows_operation(one, operation) for one in held):
        return LakeScope(None, frozenset({workspace}) if not found.everything else None, estate=estate)
    return LakeScope(found.subscriptions, None, estate=estate) if found.subscriptions else None


def _map_reaches(
    held: tuple[RoleAssignment, ...], hierarchy: Hierarchy, operations: Iterable[str]
) -> Mapping[str, Reach]:
    return find_reaches(held, operations, hierarchy)


def is_permitted_in_some_part(roles: Iterable[RoleAssignment], operation: str) -> bool:
    """Return whether an operation may be done on a part of the estate at all, be it one resource."""
    return any(
        not one.scope.startswith((WORKSPACE, REPOSITORY))
        for one in roles
        if _allows_operation(one, operation)
    )


def is_permitted_in_some_repository(roles: Iterable[RoleAssignment], operation: str) -> bool:
    """Return whether an operation may be done in a repository at all."""
    return any(
        one.scope == TENANT or one.scope.startswith(REPOSITORY)
        for one in roles
        if _allows_operation(one, operation)
    )


def is_permitted(roles: Iterable[RoleAssignment], operation: str, scope: str, hierarchy: Hierarchy) -> bool:
    """Return whether an operation may be done at a scope: '/', or the lower-cased id of a container, resource or workspace."""
    held = tuple(one for one in roles if _allows_operation(one, operation))
    group = find_group(scope)
    if group in hierarchy.doubtful:
        if any(one.scope == TENANT for one in held):
            return True
        if operation.lower().endswith("/read"):
            return _is_group_readable(held, operation, group, hierarchy)
        return len(find_covered_tenants(held, group, hierarchy)) == 1
    above = set(list_containing_scopes(scope, hierarchy)) - hierarchy.doubtful
    return any(one.scope in above for one in held)


def list_held_roles(
    roles: Iterable[RoleAssignment], scope: str, hierarchy: Hierarchy
) -> list[RoleAssignment]:
    """Return the roles that hold at a scope; of a management group whose name several tenants have, those of the one they cover."""
    group, several = find_group(scope), tuple(roles)
    above = set(list_containing_scopes(scope, hierarchy)) - hierarchy.doubtful
    if group in hierarchy.doubtful:
        covered = [
            _list_covering_scopes(one, group, hierarchy)
            for one in find_covered_tenants(several, group, hierarchy)
        ]
        above = {TENANT, *(covered[0] if len(covered) == 1 else ())}
    return [one for one in several if one.scope in above]


def find_owning_tenant(
    roles: Iterable[RoleAssignment], operation: str, scope: str, hierarchy: Hierarchy
) -> str:
    """Return the tenant of what is changed below a management group: the one that has the name, or that of the caller's role.

    It is '' for a scope elsewhere, and for a role at `/` at a name of several tenants, which is a change in each of them.
    """
    if scope.startswith(ONE_TENANT):
        return split_tenant(scope)[0]
    group = find_group(scope)
    owners = hierarchy.find_tenants_with_group(group) if group else frozenset()
    if group in hierarchy.doubtful:
        held = tuple(one for one in roles if _allows_operation(one, operation))
        owners = (
            frozenset()
            if any(one.scope == TENANT for one in held)
            else find_covered_tenants(held, group, hierarchy)
        )
    return next(iter(owners)) if len(owners) == 1 else ""


def find_covered_tenants(held: Iterable[RoleAssignment], group: str, hierarchy: Hierarchy) -> frozenset[str]:
    """The tenants, of those that have a management group of a name, in which one of some roles covers it."""
    scopes = {one.scope for one in held}
    return frozenset(
        tenant
        for tenant in hierarchy.find_tenants_with_group(group)
        if tenant and not scopes.isdisjoint(_list_covering_scopes(tenant, group, hierarchy))
    )


def _list_covering_scopes(tenant: str, group: str, hierarchy: Hierarchy) -> frozenset[str]:
    """The scopes at which a role covers a tenant's management group, but for the root."""
    return frozenset({f"{ONE_TENANT}{tenant}", *_list_groups_of_tenant(tenant, group, hierarchy)})


def _is_group_readable(
    roles: tuple[RoleAssignment, ...], operation: str, group: str, hierarchy: Hierarchy
) -> bool:
    """Return whether a group of which several tenants have the name is that of one tenant for who reads: nothing of the others
    is reached, and a role in the tenant covers the group."""
    reached = find_reach(roles, operation, hierarchy)
    seen = (reached.tenants | reached.whole_tenants) & hierarchy.find_tenants_with_group(group)
    if len(seen) != 1:
        return False
    (tenant,) = seen
    return tenant in find_covered_tenants(roles, group, hierarchy)


def find_group(scope: str) -> str:
    """The management group that a scope is or lies at, '' for another scope."""
    return "/".join(scope.split("/")[:5]) if scope.startswith(MANAGEMENT_GROUP) else ""


def _list_groups_of_tenant(tenant: str, group: str, hierarchy: Hierarchy) -> Iterator[str]:
    """The scopes of a tenant's management group and of those above it; without the tenant too where no other has the name."""
    own = hierarchy.find_subscriptions_of_tenant(tenant)
    chains = [several for one, several in hierarchy.ancestors.items() if one in own and group in several]
    for chain in chains:
        for one in chain[chain.index(group) :]:
            yield f"{ONE_TENANT}{tenant}{one}"
            if one not in hierarchy.doubtful:
                yield one


def list_containing_scopes(scope: str, hierarchy: Hierarchy) -> Iterable[str]:
    """A scope and all that contains it."""
    yield TENANT
    parts = scope.split("/")
    if scope.startswith(WORKSPACE):
        yield scope
    if scope.startswith(REPOSITORY):
        yield from ("/".join(parts[:end]) for end in range(3, len(parts) + 1))
    if scope.startswith(MANAGEMENT_GROUP):
        group = find_group(scope)
        yield group
        yield from hierarchy.find_parent_groups(group)
        yield from _list_tenant_scopes(hierarchy.find_subscriptions_below(group), hierarchy)
        if len(owners := hierarchy.find_tenants_with_group(group)) == 1:
            yield from _list_groups_of_tenant(next(iter(owners)), group, hierarchy)
    if scope.startswith(ONE_TENANT):
        yield "/".join(parts[:3])
        tenant, group = split_tenant(scope)
        if group:
            yield scope
            yield from _list_groups_of_tenant(tenant, group, hierarchy)
    if scope.startswith("/subscriptions/") and len(parts) > 2:
        yield "/".join(parts[:3])
        yield from _list_tenant_scopes(parts[2:3], hierarchy)
        for group in hierarchy.ancestors.get(parts[2], ()):
            yield group
            yield f"{ONE_TENANT}{hierarchy.tenants.get(parts[2], '')}{group}"
        if len(parts) > 4 and parts[3] == "resourcegroups":
            yield from ("/".join(parts[:end]) for end in range(5, len(parts) + 1))


def _is_resource(scope: str) -> bool:
    """Return whether a scope of a role is a resource in a group."""
    return scope.startswith("/subscriptions/") and "/providers/" in scope


def _list_tenant_scopes(subscriptions: Iterable[str], hierarchy: Hierarchy) -> Iterable[str]:
    """The scopes of the tenants of subscriptions; none where several have a management group of one name, so that none is meant."""
    found = hierarchy.find_tenants_of_subscriptions(subscriptions)
    return [f"{ONE_TENANT}{one}" for one in found if one] if len(found) == 1 else []


def _allows_operation(one: RoleAssignment, operation: str) -> bool:
    return _allows(one.role, operation)


@lru_cache(maxsize=10_000)
def _allows(name: str, operation: str) -> bool:
    found = find_role(name)
    return found is not None and found.allows(operation)


#: Gives the hierarchy as it is now.
Hierarchies = Callable[[], Hierarchy]
