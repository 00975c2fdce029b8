"""What the estate knows of an entity: who owns it, whether the Internet reaches it, what it may do, what is wrong with it.

What was not collected is said to be not known, never to be absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nephoscope.estate.gap import NotCollected
from nephoscope.estate.holdings import properties
from nephoscope.estate.interfaces import reference
from nephoscope.estate.principals import GROUP_TYPE, SERVICE_TYPE, USER_TYPE
from nephoscope.estate.public_endpoint import Answers, answers
from nephoscope.estate.role_definitions import DEFINITION_TYPE
from nephoscope.estate.roles import ASSIGNMENT_TYPE
from nephoscope.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.estate.roles import Grant
    from nephoscope.estate.view import View
    from nephoscope.model.entity import Entity
    from nephoscope.model.resource import Resource

MACHINES = ("microsoft.compute/virtualmachines", "microsoft.hybridcompute/machines")
NIC_TYPE, ADDRESS_TYPE = "microsoft.network/networkinterfaces", "microsoft.network/publicipaddresses"
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
MOST = 8
_ENDPOINTS = {
    Answers.NOBODY: "no access from public networks",
    Answers.LISTED: "public endpoint, for listed networks",
    Answers.EVERYBODY: "public endpoint, open to all networks",
}


@dataclass(frozen=True, slots=True)
class Weakness:
    """An unhealthy assessment of a resource: its recommendation, severity, and the score's control that it counts in."""

    title: str
    severity: str
    control: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of an entity, or that it is not known and why (`known` is then False)."""

    name: str
    value: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """What the estate knows of an entity; `resource` is the id of what it is there ('' = nothing)."""

    entity: Entity
    resource: str = ""
    facts: tuple[Fact, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()


#: Lower-cased resource id -> its unhealthy assessments, None where it was not judged.
Judged = Callable[[str], Sequence[Weakness] | None]


def unknown(name: str, why: str) -> Fact:
    """A fact that is not known."""
    return Fact(name, f"not known ({why})", known=False)


@dataclass(frozen=True)
class EstateContext:
    """Looks entities up in a view of the estate."""

    view: View
    judged: Judged = field(default=lambda _: None)

    def of(self, entity: Entity) -> Context | None:
        """What is known of an entity; None for kinds that no estate holds (a file, a process)."""
        found = _FINDERS.get(entity.kind)
        return None if found is None else found(self, entity)

    # --- who an entity is ------------------------------------------------------------------------------------------

    def _resource(self, entity: Entity) -> Context:
        id_ = entity.get("ResourceId") or entity.get("AzureID")
        try:
            key = ResourceId.parse(id_)
        except ValueError:
            return Context(entity, "", (unknown("resource", "its id is no resource id"),))
        known = self.view.estate.resources.get(key.key)
        if known is not None:
            return self._told(entity, known)
        covered = bool(key.type) and self.view.covers(key.type, key.subscription_id)
        why = "it is not in the estate" if covered else f"{key.type or 'its type'} was not collected there"
        return Context(entity, "", (Fact("resource", why) if covered else unknown("resource", why),))

    def _host(self, entity: Entity) -> Context:
        if entity.get("AzureID"):
            return self._resource(entity)
        name = entity.get("HostName") or entity.get("NetBiosName")
        return self._one(
            entity, self._machines.get(name.lower(), ()), MACHINES, f"no machine is named {name}"
        )

    def _address(self, entity: Entity) -> Context:
        address = entity.get("Address")
        missing = f"{address} is no address of the estate"
        return self._one(entity, self._addresses.get(address.lower(), ()), (NIC_TYPE, ADDRESS_TYPE), missing)

    def _account(self, entity: Entity) -> Context:
        id_ = (entity.get("AadUserId") or entity.get("ObjectGuid")).lower()
        name = f"{entity.get('Name')}@{entity.get('UPNSuffix')}".lower()
        found = self._principals.get(id_) or self._users.get(name)
        if found is None:
            covered = self.view.covers(USER_TYPE, "") and self.view.covers(SERVICE_TYPE, "")
            why = (
                "no user or application of the tenant is called so"
                if covered
                else "users were not all collected"
            )
            return Context(entity, "", (Fact("account", why) if covered else unknown("account", why),))
        return Context(entity, found.key, (*self._person(found), self._roles([found.id.name])))

    def _application(self, entity: Entity) -> Context:
        id_ = entity.get("AppId").lower()
        found = next(
            (one for one in self.view.resources(SERVICE_TYPE) if id_ and str(properties(one).get("appId", "")).lower() == id_), None
        )  # fmt: skip
        if found is None:
            return self._one(entity, (), (SERVICE_TYPE,), "the tenant has no such application", tenant=True)
        return Context(entity, found.key, (self._roles([found.id.name]),))

    def _one(
        self,
        entity: Entity,
        found: Sequence[Resource],
        types: Iterable[str],
        missing: str,
        *,
        tenant: bool = False,
    ) -> Context:
        """The context of the one resource that was found; which could not be said of none, or of several."""
        if len(found) == 1:
            return self._told(entity, found[0])
        if found:
            names = ", ".join(sorted(one.key for one in found)[:MOST])
            return Context(entity, "", (Fact("resource", f"one of {names}"),))
        scopes = [""] if tenant else self._subscriptions
        if scopes and all(self.view.covers(one, scope) for one in types for scope in scopes):
            return Context(entity, "", (Fact("resource", missing),))
        return Context(entity, "", (unknown("resource", f"{', '.join(types)} were not all collected"),))

    # --- what is known of a resource -------------------------------------------------------------------------------

    def _told(self, entity: Entity, resource: Resource) -> Context:
        weaknesses = self.judged(resource.key)
        facts = [self._owner(resource), self._exposure(resource), self._identities(resource)]
        if weaknesses is None:
            facts.append(unknown("assessments", "it was not judged: nephoscope scan"))
        return Context(entity, resource.key, tuple(facts), tuple(weaknesses or ()))

    def _owner(self, resource: Resource) -> Fact:
        """The owner tag of the resource, else of its group, else of its subscription."""
        gaps = []
        for key in dict.fromkeys((resource.key, resource.id.resource_group_id, resource.id.subscription_id)):
            holder = self.view.estate.resources.get(key) if key else None
            if holder is None or holder.derived:
                gaps += [key] if key else []
                continue
            if found := _tag(holder.body.get("tags")):
                place = {
                    resource.id.resource_group_id: "its resource group",
                    resource.id.subscription_id: "its subscription",
                }
                return Fact("owner", found if key == resource.key else f"{found} (of {place[key]})")
        return (
            unknown("owner", f"no owner tag, and {gaps[0]} was not collected")
            if gaps
            else Fact("owner", "no owner tag")
        )

    def _exposure(self, resource: Resource) -> Fact:
        if resource.type == MACHINES[0]:
            return self._machine_exposure(resource)
        try:
            found = answers(resource, self.view)
        except NotCollected as gap:
            return unknown("exposure", f"{gap.what} was not collected")
        if found is None:
            return unknown("exposure", f"what reaches {resource.type} is not told by its body")
        return Fact("exposure", _ENDPOINTS[found])

    def _machine_exposure(self, machine: Resource) -> Fact:
        try:
            if not self.view.exposure.is_internet_facing(machine):
                return Fact("exposure", "no way in from the Internet")
            found, missing = self.view.exposure.reached(machine, "tcp", MANAGEMENT_PORTS)
        except NotCollected as gap:
            return unknown("exposure", gap.what)
        ports = sorted({one.port for one in found if one.broad})
        if ports:
            return Fact(
                "exposure", f"faces the Internet; management ports open to it: {', '.join(map(str, ports))}"
            )
        also = (
            f"; not known whether management ports are open ({missing[0]})"
            if missing
            else "; no management port open to it"
        )
        return Fact("exposure", f"faces the Internet{also}")

    def _identities(self, resource: Resource) -> Fact:
        """The roles of the resource's managed identities."""
        identity: Any = resource.body.get("identity")
        if not isinstance(identity, dict):
            return (
                Fact("roles", "no managed identity")
                if resource.complete
                else unknown("roles", "its body was not collected")
            )
        several: Any = identity.get("userAssignedIdentities") or {}
        ids = [
            identity.get("principalId"),
            *(one.get("principalId") for one in several.values() if isinstance(one, dict)),
        ]
        found = [str(one).lower() for one in ids if one]
        return (
            self._roles(found) if found else unknown("roles", "the ids of its identities were not collected")
        )

    # --- what a principal may do -----------------------------------------------------------------------------------

    def _roles(self, principals: Sequence[str]) -> Fact:
        """The roles that principals hold, themselves or by a group."""
        wanted = set(principals)
        found, gaps = [], [one for one in self._subscriptions if not self.view.covers(ASSIGNMENT_TYPE, one)]
        for principal, grants in self._grants.items():
            kind = grants[0].kind
            members, unsure = (
                self.view.roles.principals.members(principal, kind)
                if kind != "serviceprincipal"
                else (frozenset(), ())
            )
            if principal in wanted:
                found += [self._granted(grant) for grant in grants]
            elif members & wanted:
                found += [
                    f"{self._granted(grant)} (by the group {self._group(principal)})" for grant in grants
                ]
            else:
                gaps += unsure
        names = sorted(dict.fromkeys(found))
        text = ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
        if gaps:
            return (
                Fact("roles", f"{text}; others are not known ({gaps[0]})")
                if text
                else unknown("roles", gaps[0])
            )
        return Fact("roles", text or "none")

    def _granted(self, grant: Grant) -> str:
        definition = self._definitions.get(grant.definition.rsplit("/", 1)[-1])
        name = str(properties(definition).get("roleName") or "") if definition is not None else ""
        if not name:
            try:
                name = f"a role of the class {self.view.roles.class_of(grant.definition).value}"
            except NotCollected:
                name = f"the role {grant.definition.rsplit('/', 1)[-1]}"
        return f"{name} on {grant.scope or 'everything'}"

    def _group(self, id_: str) -> str:
        found = self.view.estate.resources.get(f"/providers/{GROUP_TYPE}/{id_}")
        return str((properties(found) if found is not None else {}).get("displayName") or id_)

    def _person(self, principal: Resource) -> Iterator[Fact]:
        """What is known of a user beside roles."""
        if principal.type != USER_TYPE:
            yield Fact("account", "an application")
            return
        known, id_ = self.view.roles.principals, principal.id.name
        words = []
        for question, yes, no in (
            (known.is_blocked, "blocked", "enabled"),
            (known.is_guest, "guest", "member"),
            (known.has_second_factor, "second factor registered", "no second factor"),
        ):
            try:
                words.append(yes if question(id_) else no)
            except NotCollected as gap:
                words.append(f"not known ({gap.what})")
        yield Fact("account", ", ".join(words))

    # --- indexes ---------------------------------------------------------------------------------------------------

    @cached_property
    def _subscriptions(self) -> list[str]:
        return sorted(
            {one.id.subscription_id for one in self.view.estate.resources.values() if one.id.subscription_id}
        )

    @cached_property
    def _machines(self) -> dict[str, list[Resource]]:
        found: dict[str, dict[str, Resource]] = defaultdict(dict)
        for machine in (one for type_ in MACHINES for one in self.view.resources(type_)):
            profile: Any = properties(machine).get("osProfile")
            inner = profile.get("computerName") if isinstance(profile, dict) else None
            for name in (machine.name, inner, properties(machine).get("dnsFqdn")):
                if isinstance(name, str) and name:
                    found[name.lower()][machine.key] = machine
        return {name: list(several.values()) for name, several in found.items()}

    @cached_property
    def _addresses(self) -> dict[str, list[Resource]]:
        """Address -> the machines (else the cards and public addresses) that have it."""
        cards = {one.key: one for one in self.view.resources(NIC_TYPE)}
        found: dict[str, dict[str, Resource]] = defaultdict(dict)
        for card in cards.values():
            holder = self.view.estate.resources.get(reference(properties(card).get("virtualMachine"))) or card
            several: Any = properties(card).get("ipConfigurations") or []
            for entry in (one.get("properties") or {} for one in several if isinstance(one, dict)):
                if isinstance(address := entry.get("privateIPAddress"), str):
                    found[address.lower()][holder.key] = holder
        for public in self.view.resources(ADDRESS_TYPE):
            address = properties(public).get("ipAddress")
            card_key = reference(properties(public).get("ipConfiguration")).split("/ipconfigurations/")[0]
            own = cards.get(card_key)
            machine = reference(properties(own).get("virtualMachine")) if own is not None else ""
            holder = self.view.estate.resources.get(machine) or own or public
            if isinstance(address, str):
                found[address.lower()][holder.key] = holder
        return {name: list(several.values()) for name, several in found.items()}

    @cached_property
    def _users(self) -> dict[str, Resource]:
        return {
            str(properties(one).get("userPrincipalName", "")).lower(): one
            for one in self.view.resources(USER_TYPE)
        }

    @cached_property
    def _principals(self) -> dict[str, Resource]:
        return {one.id.name: one for type_ in (USER_TYPE, SERVICE_TYPE) for one in self.view.resources(type_)}

    @cached_property
    def _definitions(self) -> dict[str, Resource]:
        return {one.id.name: one for one in self.view.resources(DEFINITION_TYPE)}

    @cached_property
    def _grants(self) -> dict[str, list[Grant]]:
        found: dict[str, dict[str, Grant]] = defaultdict(dict)
        for subscription in self._subscriptions:
            try:
                grants, _ = self.view.roles.grants(subscription, below=True)
            except NotCollected:
                continue  # _roles tells of the subscription
            for grant in grants:
                found[grant.principal][grant.assignment] = grant
        return {principal: list(several.values()) for principal, several in found.items()}


def _tag(tags: Any) -> str:
    if not isinstance(tags, dict):
        return ""
    known = {
        str(name).lower().replace("-", "").replace("_", "").replace(" ", ""): str(value)
        for name, value in tags.items()
    }
    return next((known[name] for name in OWNER_TAGS if known.get(name)), "")


_FINDERS: dict[str, Callable[[EstateContext, Entity], Context]] = {
    "AzureResource": EstateContext._resource,  # noqa: SLF001 - its own
    "Host": EstateContext._host,  # noqa: SLF001
    "IP": EstateContext._address,  # noqa: SLF001
    "Account": EstateContext._account,  # noqa: SLF001
    "CloudApplication": EstateContext._application,  # noqa: SLF001
}
