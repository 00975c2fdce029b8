"""Role holders: role assignments at and above a resource, as published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.access.roles import find_role
from nephoscope.files.json_tree import get_tree
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

ASSIGNMENT = "microsoft.authorization/roleassignments"
_DEFINITION = "/providers/microsoft.authorization/roledefinitions"
_GRAPH = "/providers/microsoft.graph"
#: Assignments, and groups, that are looked through for those of an object.
MOST = 100_000
_KINDS = {"user": "users", "group": "groups", "serviceprincipal": "serviceprincipals"}


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """One who holds a role at a scope that reaches a resource; `members` counts those of a group (None: it is none, or was not read).

    `name` is the id where the directory was not read, or may not be. `scope` is a lower-cased id ('' = the tenant).
    """

    principal: str
    name: str
    kind: str
    role: str
    scope: str
    conditional: bool = False
    members: int | None = None


def list_scopes(snapshot: PublishedSnapshot, id_: str) -> list[str]:
    """A lower-cased id and all that lies above it, the nearest first; '' is the tenant."""
    found, at = [], ResourceId.parse(id_)
    while at.key:
        found.append(at.key)
        if not at.parent or at.parent == at.key:
            break
        at = ResourceId.parse(at.parent)
    subscription = ResourceId.parse(id_).subscription
    above = [one.lower() for one in snapshot.build_info.ancestors.get(subscription, ())]
    return [*dict.fromkeys([*found, *above]), ""]


def list_role_holders(
    snapshot: PublishedSnapshot, id_: str, reach: Reach, directory: Reach
) -> list[RoleHolder]:
    """Return those of a lower-cased id whose assignments may be read, what is held nearest first; `directory` is whose
    names may be read."""
    scopes = list_scopes(snapshot, id_)
    # what stands at a subscription or group is of who may read those, what stands above them of who may read anything in them
    above = frozenset(one for one in scopes if not one.startswith("/subscriptions/"))
    seen = reach.with_ancestors(snapshot.list_scopes_with_assignments(above))
    return [one for scope in scopes for one in _list_holders_at_scope(snapshot, scope, seen, directory)]


def _list_holders_at_scope(
    snapshot: PublishedSnapshot, scope: str, reach: Reach, directory: Reach
) -> list[RoleHolder]:
    if not snapshot.listing.may_hold(ASSIGNMENT, scope):
        return []
    # what is assigned at a subscription or above holds for each of the resources below it
    key = ("holders at", scope, reach, directory)
    return list(
        snapshot.get_or_compute(key, lambda: _read_holders_at_scope(snapshot, scope, reach, directory))
    )


def _read_holders_at_scope(
    snapshot: PublishedSnapshot, scope: str, reach: Reach, directory: Reach
) -> tuple[RoleHolder, ...]:
    held = snapshot.listing.page((ASSIGNMENT,), reach, f"{scope}/providers/{ASSIGNMENT}").bodies
    return tuple(_build_holder(snapshot, body, reach, directory) for body in held)


def _build_holder(
    snapshot: PublishedSnapshot, body: Mapping[str, object], reach: Reach, directory: Reach
) -> RoleHolder:
    """Return who holds the role of an assignment."""
    properties = get_tree(body, "properties")
    principal, kind = (
        str(properties.get("principalId") or "").lower(),
        str(properties.get("principalType") or ""),
    )
    known = snapshot.listing.get(f"{_GRAPH}/{_KINDS.get(kind.lower(), 'users')}/{principal}", directory)
    about: dict[str, object] = (known or {}).get("properties") or {}
    members = about.get("members")
    return RoleHolder(
        principal,
        str(about.get("userPrincipalName") or about.get("displayName") or principal),
        kind,
        _find_role_name(snapshot, str(properties.get("roleDefinitionId") or ""), reach),
        ResourceId.parse(str(body["id"])).parent,
        bool(properties.get("condition")),
        len(members) if isinstance(members, list) else None,
    )


def list_principal_roles(
    snapshot: PublishedSnapshot, object_id: str, reach: Reach, directory: Reach
) -> list[RoleHolder]:
    """The roles that an object of the directory holds, itself or as a member of a group, at what may be read."""
    groups = snapshot.get_or_compute(("members", directory), lambda: _group_members(snapshot, directory))
    mine = {object_id} | {group for group, members in groups.items() if object_id in members}
    every = snapshot.get_or_compute(
        ("holders", reach, directory), lambda: _list_all_holders(snapshot, reach, directory)
    )
    return [one for one in every if one.principal in mine]


def _list_all_holders(snapshot: PublishedSnapshot, reach: Reach, directory: Reach) -> tuple[RoleHolder, ...]:
    several = snapshot.listing.page((ASSIGNMENT,), reach, most=MOST).bodies
    return tuple(_build_holder(snapshot, one, reach, directory) for one in several)


def _group_members(snapshot: PublishedSnapshot, directory: Reach) -> Mapping[str, frozenset[str]]:
    """Object id of each group -> those of its members."""
    groups = snapshot.listing.page((f"{_GRAPH[11:]}/groups",), directory, most=MOST).bodies
    return {
        str(one["id"]).lower().rsplit("/", 1)[-1]: frozenset(
            _read_member(each) for each in (one.get("properties") or {}).get("members") or ()
        )
        for one in groups
    }


def _read_member(member: object) -> str:
    return str(member.get("id") if isinstance(member, dict) else member).lower()


def _find_role_name(snapshot: PublishedSnapshot, definition: str, reach: Reach) -> str:
    """Return what a role is called."""
    guid = definition.lower().rsplit("/", 1)[-1]
    known = snapshot.listing.get(definition, reach) or snapshot.listing.get(f"{_DEFINITION}/{guid}", reach)
    named = ((known or {}).get("properties") or {}).get("roleName")
    own = find_role(guid)
    return str(named or (own.name if own else guid))
