"""Permissions of identities and weak accounts: by role assignments, access policies of vaults, and as administrators of databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.public_endpoint import COSMOS
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.roles import ASSIGNMENT_TYPE, describe_unread_grant
from nephoscope.files.json_tree import get_list, get_text, get_tree
from nephoscope.posture.attack_paths.connections.exposed_databases import SQL_SERVER
from nephoscope.posture.attack_paths.entity import (
    GROUP_TYPE,
    IDENTITY_TYPE,
    USER_TYPE,
    Connection,
    ConnectionKind,
    GraphEntity,
)
from nephoscope.posture.attack_paths.open_findings import ACCESS
from nephoscope.posture.attack_paths.role_rights import RoleRight, find_role_rights
from nephoscope.posture.attack_paths.role_scopes import is_above
from nephoscope.posture.attack_paths.sensitive_stores import VAULT, explain_sensitivity, store_entity
from nephoscope.posture.attack_paths.type_names import ACCOUNT, MANAGED_INSTANCE
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.roles import RoleGrant
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

#: Stores and vaults that one assignment is followed to; sensitive ones first.
MOST_TARGETS = 50
PRINCIPALS = frozenset({IDENTITY_TYPE, USER_TYPE})


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """Connections from each identity and weak account, and from the groups that they are in."""
    for subscription in facts.view.list_resources(SUBSCRIPTION_TYPE):
        if not facts.view.covers(ASSIGNMENT_TYPE, subscription.key):
            facts.record_gap(subscription.id.subscription, "role assignments: who can do what")
    for grant in facts.view.roles.by_principal.get("", ()):
        facts.record_gap(_extract_subscription(grant.scope), describe_unread_grant(grant))
    granted = PermissionFollower(facts, graph)
    for principal in graph.list_entities_of_types(PRINCIPALS):
        granted.connect(principal)
        for group in facts.memberships.list_groups(principal.id):
            granted.join(principal, group)


class PermissionFollower:
    """Follows what principals were granted, each of them once."""

    def __init__(self, facts: GraphFacts, graph: SecurityGraph) -> None:
        self._facts, self._graph = facts, graph
        self._done: dict[str, bool] = {}
        self._policies = _map_vault_policies(facts)
        self._administrators = _map_sql_administrators(facts)

    def join(self, principal: GraphEntity, group: str) -> None:
        """Connect a principal to a group that may do something."""
        entity = GraphEntity(group, GROUP_TYPE, self._facts.memberships.name(group))
        if self.connect(entity):
            self._graph.add(entity)
            why = f"{principal.name} is a member of {entity.name}"
            remedy = f"Take {principal.name} out of {entity.name} where it needs no such rights."
            self._graph.connect(Connection(principal.id, group, ConnectionKind.MEMBER_OF, why, remedy))

    def connect(self, principal: GraphEntity) -> bool:
        """Connect a principal to what it may take; whether there is anything."""
        if principal.id not in self._done:
            found = list(self._list_permissions(principal))
            if found:
                self._graph.add(principal)
            for target, connection in found:
                self._graph.add(target)
                self._graph.connect(connection)
            self._done[principal.id] = bool(found)
        return self._done[principal.id]

    def _list_permissions(self, principal: GraphEntity) -> Iterator[tuple[GraphEntity, Connection]]:
        for grant in self._facts.view.roles.by_principal.get(principal.id, ()):
            try:
                held = find_role_rights(self._facts.view.roles, grant.definition)
            except DataNotCollectedError as gap:
                self._facts.record_gap(_extract_subscription(grant.scope), gap.what)
                continue
            yield from self._follow_role(principal, grant, held)
        for vault in self._policies.get(principal.id, ()):
            why = f"An access policy of {vault.name} lets {principal.name} read secrets"
            remedy = f"Take the access policy of {principal.name} from {vault.name}."
            yield self._connect_resource(principal, vault, ConnectionKind.READS_SECRETS, why, remedy)
        for server in self._administrators.get(principal.id, ()):
            why = f"{principal.name} is the Microsoft Entra administrator of {server.name}"
            remedy = f"Make another account the administrator of {server.name}."
            yield self._connect_resource(principal, server, ConnectionKind.READS_DATA, why, remedy)

    def _follow_role(
        self, principal: GraphEntity, grant: RoleGrant, held: frozenset[RoleRight]
    ) -> Iterator[tuple[GraphEntity, Connection]]:
        role = _find_role_name(self._facts, grant)
        container = self._facts.scopes.find_container(grant.scope)
        place = container.name if container else grant.scope.rsplit("/", 1)[-1]
        remedy = f"Remove the assignment of {role} to {principal.name} on {place}, or narrow its scope."
        wide = RoleRight.OWN in held or RoleRight.CHANGE in held
        if container is not None and wide:
            kind = ConnectionKind.OWNS if RoleRight.OWN in held else ConnectionKind.CHANGES
            why = f"{principal.name} has the role {role} on {container.name}"
            yield container, Connection(principal.id, container.id, kind, why, remedy)
            if len(grant.scope.split("/")) == 3 or is_above(grant.scope):
                # whoever holds all of a subscription needs no store of it named
                return
        for resource, kind, how in self._list_targets(grant.scope, held):
            why = f"{principal.name} {how} {resource.name} by the role {role}"
            yield self._connect_resource(principal, resource, kind, why, remedy)

    def _connect_resource(
        self, principal: GraphEntity, resource: Resource, kind: ConnectionKind, why: str, remedy: str
    ) -> tuple[GraphEntity, Connection]:
        target = store_entity(self._facts, self._graph, resource)
        findings = self._facts.findings.list_findings_of_control(resource.key, ACCESS)
        return target, Connection(principal.id, target.id, kind, why, remedy, findings)

    def _list_targets(
        self, scope: str, held: frozenset[RoleRight]
    ) -> Iterator[tuple[Resource, ConnectionKind, str]]:
        """The vaults and stores of a scope that rights open, each with how."""
        view = self._facts.view
        ways = [one for one in _WAYS if one[0] in held]
        for right, type_, kind, how in ways:
            open_ = [
                one
                for one in self._facts.scopes.list_resources_in_scope(type_, scope)
                if _grants_access_to_resource(right, one)
            ]
            if len(open_) > MOST_TARGETS:
                open_.sort(key=lambda one: (not explain_sensitivity(view, one), one.key))
                self._facts.record_gap(
                    _extract_subscription(scope), f"what {how} beyond the first {MOST_TARGETS} below {scope}"
                )
            yield from ((one, kind, how) for one in islice(open_, MOST_TARGETS))


_WAYS = (
    (RoleRight.READ_SECRETS, VAULT, ConnectionKind.READS_SECRETS, "reads the secrets of"),
    (RoleRight.SET_VAULT_POLICIES, VAULT, ConnectionKind.READS_SECRETS, "may let itself read the secrets of"),
    (RoleRight.READ_BLOBS, ACCOUNT, ConnectionKind.READS_DATA, "reads the blobs of"),
    (RoleRight.LIST_STORAGE_KEYS, ACCOUNT, ConnectionKind.READS_DATA, "reads the keys of"),
    (RoleRight.LIST_COSMOS_KEYS, COSMOS, ConnectionKind.READS_DATA, "reads the keys of"),
)


def _grants_access_to_resource(right: RoleRight, resource: Resource) -> bool:
    """Return whether a right opens a resource as it is set up."""
    body = get_properties(resource)
    if right is RoleRight.READ_SECRETS:
        return body.get("enableRbacAuthorization") is True
    if right is RoleRight.SET_VAULT_POLICIES:
        return body.get("enableRbacAuthorization") is not True
    if right is RoleRight.LIST_STORAGE_KEYS:
        return body.get("allowSharedKeyAccess") is not False
    return right is not RoleRight.LIST_COSMOS_KEYS or body.get("disableLocalAuth") is not True


def _map_vault_policies(facts: GraphFacts) -> dict[str, list[Resource]]:
    """Lower-cased object id -> the vaults whose access policies let it read secrets."""
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for vault in facts.view.list_resources(VAULT):
        body = get_properties(vault)
        policies: object = body.get("accessPolicies")
        if body.get("enableRbacAuthorization") is not True and isinstance(policies, list):
            for principal in _list_readers(policies):
                found[principal].append(vault)
    return found


def _list_readers(policies: Iterable[object]) -> Iterator[str]:
    for policy in policies:
        secrets = get_list(get_tree(policy), "permissions", "secrets")
        if not {"get", "all"}.isdisjoint(str(one).lower() for one in secrets):
            yield get_text(policy, "objectId").lower()


def _map_sql_administrators(facts: GraphFacts) -> dict[str, list[Resource]]:
    """Lower-cased object id -> the SQL servers that it administers."""
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for type_ in (SQL_SERVER, MANAGED_INSTANCE):
        for server in facts.view.list_resources(type_):
            administrator: object = get_properties(server).get("administrators")
            if isinstance(administrator, dict) and isinstance(administrator.get("sid"), str):
                found[administrator["sid"].lower()].append(server)
    return found


def _find_role_name(facts: GraphFacts, grant: RoleGrant) -> str:
    definition = facts.view.roles.find_definition(grant.definition)
    guid = grant.definition.rsplit("/", 1)[-1]
    return str((get_properties(definition).get("roleName") if definition else "") or _NAMES.get(guid, guid))


_NAMES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
}


def _extract_subscription(scope: str) -> str:
    return scope.split("/")[2] if scope.startswith("/subscriptions/") else ""
