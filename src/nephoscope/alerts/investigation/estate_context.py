"""Estate context of an entity: owner, Internet exposure, roles, account state.

What was not collected is unknown, never absent. A reader is told of what lies in their reach, as if there were nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.entity_context import EntityContext, EntityFact, build_unknown_fact
from nephoscope.alerts.investigation.estate_index import ADDRESS_TYPE, MACHINES, NIC_TYPE, join_names
from nephoscope.alerts.investigation.estate_reader import BEYOND, WHOLE, EstateReader
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.principals import SERVICE_TYPE, USER_TYPE
from nephoscope.estate.public_endpoint import find_endpoint_access
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.roles import ASSIGNMENT_TYPE, describe_unread_grant
from nephoscope.files.json_tree import get_tree
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE, ResourceId

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.estate_index import EstateIndex
    from nephoscope.alerts.investigation.managed_identities import ManagedIdentity
    from nephoscope.estate.roles import RoleGrant
    from nephoscope.model.entity import Entity
    from nephoscope_policy.model.resource import Resource

#: Tags by which people say whom a resource belongs to, lower-cased, without - and _.
OWNER_TAGS = (
    "owner",
    "owneremail",
    "ownername",
    "ownedby",
    "technicalowner",
    "businessowner",
    "contact",
    "team",
)
MANAGEMENT_PORTS = (22, 3389, 5985, 5986)
_ENDPOINTS = {
    EndpointAccess.NOBODY: "no access from public networks",
    EndpointAccess.LISTED: "public endpoint, for listed networks",
    EndpointAccess.EVERYBODY: "public endpoint, open to all networks",
}
#: Where an account carries an object id; a name does where it is one.
_ACCOUNT_IDS = ("AadUserId", "ObjectGuid", "Name")
_DIRECTORY = "your roles do not reach the directory of the tenant"


@dataclass(frozen=True)
class EstateContext:
    """Looks entities up in the estate of one tenant, as a reader may be told of it."""

    index: EstateIndex
    reader: EstateReader = WHOLE

    def describe(self, entity: Entity) -> EntityContext | None:
        """The context of an entity; None for kinds that no estate holds (a file, a process)."""
        finder = _FINDERS.get(entity.kind)
        return None if finder is None else replace(finder(self, entity), tenant=self.index.tenant)

    # --- who an entity is ------------------------------------------------------------------------------------------

    def _find_resource(self, entity: Entity) -> EntityContext:
        try:
            key = ResourceId.parse(get_resource_id(entity))
        except ValueError:
            return EntityContext(entity, "", (build_unknown_fact("resource", "its id is no resource id"),))
        if not self.reader.can_read_resource(key):
            return EntityContext(entity, "", (build_unknown_fact("resource", BEYOND),))
        known = self.index.find(key.key)
        if known is not None:
            return self._describe_resource(entity, known)
        if key.type and self.index.view.covers(key.type, key.subscription_id):
            return EntityContext(entity, "", (EntityFact("resource", "it is not in the estate"),))
        return EntityContext(
            entity, "", (build_unknown_fact("resource", f"{key.type or 'its type'} was not collected there"),)
        )

    def _find_host(self, entity: Entity) -> EntityContext:
        if entity.get("AzureID"):
            return self._find_resource(entity)
        name = entity.get("HostName") or entity.get("NetBiosName")
        several = self.index.machines.get(name.lower(), ())
        return self._choose_resource_context(
            entity, several, MACHINES, f"no machine{{within}} is named {name}"
        )

    def _find_address(self, entity: Entity) -> EntityContext:
        address = entity.get("Address")
        several = self.index.addresses.get(address.lower(), ())
        missing = f"no network interface or public IP address{{within}} has {address}"
        return self._choose_resource_context(entity, several, (NIC_TYPE, ADDRESS_TYPE), missing)

    def _choose_resource_context(
        self, entity: Entity, found: Sequence[Resource], types: Iterable[str], missing: str
    ) -> EntityContext:
        """The context of the one resource that the reader sees; which cannot be said of none, or of several.

        `missing` is what holds where there is none, with `{within}` where it is limited to what the reader reaches.
        """
        seen = [one for one in found if self.reader.can_read_resource(one.id)]
        if len(seen) == 1:
            return self._describe_resource(entity, seen[0])
        if seen:
            keys = tuple(sorted(one.key for one in seen))
            return EntityContext(entity, "", (EntityFact("resource", f"one of {join_names(keys)}"),), keys)
        scopes = self._scopes
        if scopes and all(self.index.view.covers(one, scope) for one in types for scope in scopes):
            within = "" if self.reader.whole else " that your roles reach"
            return EntityContext(entity, "", (EntityFact("resource", missing.replace("{within}", within)),))
        why = f"{', '.join(types)} were not all collected" if scopes else BEYOND
        return EntityContext(entity, "", (build_unknown_fact("resource", why),))

    @property
    def _scopes(self) -> list[str]:
        """The ids of the subscriptions of which the reader may read something."""
        return [
            f"/subscriptions/{one}" for one in sorted(self.reader.filter_visible(self.index.subscriptions))
        ]

    def _find_account(self, entity: Entity) -> EntityContext:
        ids = [id_.lower() for name in _ACCOUNT_IDS if (id_ := entity.get(name))]
        if not self.reader.can_read_directory(self.index.tenant):
            return self._describe_unknown_principal(entity, build_unknown_fact("account", _DIRECTORY), ids)
        name = f"{entity.get('Name')}@{entity.get('UPNSuffix')}".lower()
        # a log names an application by either of its ids, and calls it an account
        known = (self.index.principals.get(one) or self.index.applications.get(one) for one in ids)
        found = next((one for one in known if one is not None), None) or self.index.users.get(name)
        if found is not None:
            return self._describe_principal(entity, found)
        if all(self.index.view.covers(one, "") for one in (USER_TYPE, SERVICE_TYPE)):
            missing = EntityFact("account", "no user or application of the tenant is called so")
        else:
            missing = build_unknown_fact("account", "users were not all collected")
        return self._describe_unknown_principal(entity, missing, ids)

    def _find_application(self, entity: Entity) -> EntityContext:
        id_ = entity.get("AppId").lower()
        ids = [id_] if self._find_identity([id_]) is not None else []
        if not self.reader.can_read_directory(self.index.tenant):
            return self._describe_unknown_principal(entity, build_unknown_fact("account", _DIRECTORY), ids)
        found = self.index.applications.get(id_)
        if found is not None:
            return self._describe_principal(entity, found)
        if self.index.view.covers(SERVICE_TYPE, ""):
            missing = EntityFact("account", "the tenant has no such application")
        else:
            missing = build_unknown_fact("account", "applications were not all collected")
        return self._describe_unknown_principal(entity, missing, ids)

    def _describe_unknown_principal(
        self, entity: Entity, account: EntityFact, ids: Sequence[str]
    ) -> EntityContext:
        """Return what is known of a principal that no directory tells of: whose identity it is, and the roles that
        name it within reach."""
        seen = self._find_identity(ids)
        if seen is not None:
            kind = (
                "user-assigned managed identity"
                if seen.is_user_assigned
                else "system-assigned managed identity of"
            )
            account = EntityFact("account", f"{kind} {seen.resource}")
            ids = [seen.principal] if seen.principal else ids
        roles = (self._describe_roles(ids),) if ids else ()
        return EntityContext(entity, seen.resource if seen is not None else "", (account, *roles))

    def _find_identity(self, ids: Iterable[str]) -> ManagedIdentity | None:
        """The managed identity of one of some ids whose resource the reader sees; None where there is none."""
        known = (self.index.managed_identities.get(one) for one in ids)
        return next((one for one in known if one is not None and self._can_see_identity(one)), None)

    def _can_see_identity(self, identity: ManagedIdentity) -> bool:
        try:
            return self.reader.can_read_resource(ResourceId.parse(identity.resource))
        except ValueError:
            return False  # a body may name an identity by what is no id

    # --- what is known of a resource -------------------------------------------------------------------------------

    def _describe_resource(self, entity: Entity, resource: Resource) -> EntityContext:
        if resource.type in (SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE):
            return EntityContext(entity, resource.key, (self._describe_owner(resource),))
        facts = (
            self._describe_owner(resource),
            self._describe_exposure(self._find_owning_service(resource)),
            self._describe_identities(resource),
        )
        return EntityContext(entity, resource.key, facts)

    def _find_owning_service(self, resource: Resource) -> Resource:
        """The resource whose endpoint a child resource has (a blob service that of its storage account), else itself."""
        key = find_service_id(resource.id)
        return (self.index.find(key) or resource) if key != resource.key else resource

    def _describe_owner(self, resource: Resource) -> EntityFact:
        """The owner tag of the resource, else of its group, else of its subscription."""
        gaps = []
        places = {
            resource.id.resource_group_id: "resource group",
            resource.id.subscription_id: "subscription",
        }
        for key in dict.fromkeys((resource.key, *places)):
            if not key:
                continue
            if not self.reader.can_read_resource(ResourceId.parse(key)):
                gaps.append(f"your roles do not reach its {places[key]}")
                continue
            holder = resource if key == resource.key else self.index.view.estate.resources.get(key)
            if holder is None or holder.derived:
                gaps.append(f"{key} was not collected")
            elif found := _read_owner(holder.body.get("tags")):
                return EntityFact(
                    "owner", found if key == resource.key else f"{found} (of its {places[key]})"
                )
        return (
            build_unknown_fact("owner", f"no owner tag, and {gaps[0]}")
            if gaps
            else EntityFact("owner", "no owner tag")
        )

    def _describe_exposure(self, resource: Resource) -> EntityFact:
        if resource.type == MACHINES[0]:
            return self._describe_machine_exposure(resource)
        try:
            found = find_endpoint_access(resource, self.index.view)
        except DataNotCollectedError as gap:
            return build_unknown_fact("exposure", self.reader.mask(f"{gap.what} was not collected"))
        if found is None:
            return build_unknown_fact(
                "exposure", f"the properties of {resource.type} do not tell who reaches it"
            )
        return EntityFact("exposure", _ENDPOINTS[found])

    def _describe_machine_exposure(self, machine: Resource) -> EntityFact:
        exposure = self.index.view.exposure
        try:
            if not exposure.is_internet_facing(machine):
                return EntityFact("exposure", "no way in from the Internet")
            found, missing = exposure.find_reached_ports(machine, "tcp", MANAGEMENT_PORTS)
        except DataNotCollectedError as gap:
            return build_unknown_fact("exposure", self.reader.mask(gap.what))
        ports = sorted({one.port for one in found if one.broad})
        if ports:
            text = f"faces the Internet; management ports open to it: {', '.join(map(str, ports))}"
        elif missing:
            text = f"faces the Internet; not known whether management ports are open ({self.reader.mask(missing[0])})"
        else:
            text = "faces the Internet; no management port open to it"
        return EntityFact("exposure", text)

    def _describe_identities(self, resource: Resource) -> EntityFact:
        """The roles of the resource's managed identities."""
        identity: object = resource.body.get("identity")
        if not isinstance(identity, dict):
            if resource.complete:
                return EntityFact("roles", "no managed identity")
            return build_unknown_fact("roles", "its body was not collected")
        ids = [
            identity.get("principalId"),
            *(
                one.get("principalId")
                for one in get_tree(identity, "userAssignedIdentities").values()
                if isinstance(one, dict)
            ),
        ]
        found = [str(one).lower() for one in ids if one]
        if not found:
            return build_unknown_fact("roles", "the ids of its identities were not collected")
        return self._describe_roles(found)

    # --- what a principal may do -----------------------------------------------------------------------------------

    def _describe_principal(self, entity: Entity, principal: Resource) -> EntityContext:
        facts = (self._describe_account(principal), self._describe_roles([principal.id.name]))
        return EntityContext(entity, principal.key, facts)

    def _describe_account(self, principal: Resource) -> EntityFact:
        """Return whether an account is blocked; of a user whether it is a guest and has a second factor."""
        if principal.type != USER_TYPE:
            enabled = get_properties(principal).get("accountEnabled")
            state = {True: "enabled", False: "blocked"}.get(enabled) if isinstance(enabled, bool) else None
            return EntityFact("account", f"application, {state or 'not known whether it is blocked'}")
        known, id_ = self.index.view.roles.principals, principal.id.name
        words = []
        for question, yes, no in (
            (known.is_blocked, "blocked", "enabled"),
            (known.is_guest, "guest", "member"),
            (known.has_second_factor, "second factor registered", "no second factor"),
        ):
            try:
                words.append(yes if question(id_) else no)
            except DataNotCollectedError as gap:
                words.append(f"not known ({gap.what})")
        return EntityFact("account", ", ".join(words))

    def _describe_roles(self, principals: Sequence[str]) -> EntityFact:
        """The roles that principals hold, directly or by a group, of what the reader may read."""
        found = list(self._list_roles(frozenset(principals)))
        names = sorted({text for text, _ in found if text})
        gaps = [*self._list_unread_scopes(), *(gap for _, gap in found if gap)]
        text = join_names(names)
        if not gaps:
            return EntityFact("roles", text or "none")
        if not text:
            return build_unknown_fact("roles", gaps[0])
        return EntityFact("roles", f"{text}; others are not known ({gaps[0]})")

    def _list_unread_scopes(self) -> list[str]:
        """Return what was not read of the role assignments: those of a scope, and who holds one of them."""
        view = self.index.view
        partial = (one for one in view.roles.by_principal.get("", ()) if self._can_see_grant(one.scope))
        scopes = [one for one in self._scopes if not view.covers(ASSIGNMENT_TYPE, one)]
        unread = [f"role assignments of {one or 'the tenant'} were not all collected" for one in scopes]
        return [*unread, *map(describe_unread_grant, partial)]

    def _list_roles(self, wanted: frozenset[str]) -> Iterator[tuple[str, str]]:
        """(role on scope, '') for each role that is held, ('', why) for what could give more."""
        members = self.reader.can_read_directory(self.index.tenant)
        if not members:
            yield "", _DIRECTORY
        for principal, grants in self.index.grants.items():
            if principal in wanted:
                yield from ((text, "") for text in self._describe_grants(grants))
            elif members and grants[0].kind != "serviceprincipal":
                inside, unsure = self.index.view.roles.principals.find_members(principal, grants[0].kind)
                if inside & wanted:
                    by = f" (by the group {self.index.name_group(principal)})"
                    yield from ((text + by, "") for text in self._describe_grants(grants))
                else:
                    yield from (("", gap) for gap in unsure)

    def _describe_grants(self, grants: Iterable[RoleGrant]) -> Iterator[str]:
        for grant in grants:
            if self._can_see_grant(grant.scope):
                yield f"{self.index.name_role(grant)} on {grant.scope or 'everything'}"

    def _can_see_grant(self, scope: str) -> bool:
        """Return whether the reader may read the assignments at a scope; those above the readable hold there."""
        if scope.startswith("/subscriptions/"):
            return self.reader.can_read_grant(ResourceId.parse(scope))
        if not self.reader.role_assignments.everything and scope:
            above = self.index.view.estate.management_groups
            return any(scope in map(str.lower, above.get(one, ())) for one in self._scopes)
        return bool(self._scopes)


def get_resource_id(entity: Entity) -> str:
    """The ARM id that an entity carries, '' where it has none."""
    return entity.get("ResourceId") or entity.get("AzureID")


def find_service_id(id_: ResourceId) -> str:
    """The lower-cased id of the resource that a child resource belongs to, its own where it is no child."""
    while id_.type.count("/") > 1 and id_.parent:
        id_ = ResourceId.parse(id_.parent)
    return id_.key


def _read_owner(tags: object) -> str:
    if not isinstance(tags, dict):
        return ""
    known = {
        str(name).lower().replace("-", "").replace("_", "").replace(" ", ""): str(value)
        for name, value in tags.items()
    }
    return next((known[name] for name in OWNER_TAGS if known.get(name)), "")


#: What looks an entity up, by its kind.
_FINDERS: dict[str, Callable[[EstateContext, Entity], EntityContext]] = {
    "AzureResource": EstateContext._find_resource,  # noqa: SLF001 - its own
    "Host": EstateContext._find_host,  # noqa: SLF001
    "IP": EstateContext._find_address,  # noqa: SLF001
    "Account": EstateContext._find_account,  # noqa: SLF001
    "CloudApplication": EstateContext._find_application,  # noqa: SLF001
}
KINDS = frozenset(_FINDERS)
"""The kinds of entities that an estate holds."""
