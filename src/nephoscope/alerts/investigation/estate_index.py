"""Indexes over one tenant's estate, by which entities are found: machines by name, addresses, accounts, role assignments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.managed_identities import ManagedIdentity, map_managed_identities
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.principals import GROUP_TYPE, SERVICE_TYPE, USER_TYPE
from nephoscope.estate.public_endpoint import FIREWALLED, SITE_CONFIG
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.role_definitions import DEFINITION_TYPE
from nephoscope.estate.roles import READS as ROLE_READS
from nephoscope.files.json_tree import get_tree, list_trees
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.roles import RoleGrant
    from nephoscope_policy.model.resource import Resource

ARC_TYPE = "microsoft.hybridcompute/machines"
MACHINES = ("microsoft.compute/virtualmachines", ARC_TYPE)
NIC_TYPE, ADDRESS_TYPE = "microsoft.network/networkinterfaces", "microsoft.network/publicipaddresses"
#: Lower-cased types that an index reads. A resource of another type is looked up by its id.
TYPES = (
    SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE, MANAGEMENT_GROUP_TYPE, f"{MANAGEMENT_GROUP_TYPE}/subscriptions", *MACHINES,
    *NETWORK_READS, *EXPOSURE_READS, *ROLE_READS, SITE_CONFIG, *(f"{one}/firewallrules" for one in FIREWALLED),
)  # fmt: skip
_MOST_FOUND = 10_000


class EstateIndex:
    """A view of the estate of one tenant with its indexes, each built on first use; safe for threads.

    `subscriptions` are the lower-cased GUIDs of those in which anything lies (None: those of the view). `look_up` reads
    resources by their lower-cased ids that the view does not hold. `holders` reads the resources that may have managed identities
    (None: those of the view).
    """

    def __init__(
        self,
        view: EstateView,
        tenant: str = "",
        subscriptions: Iterable[str] | None = None,
        look_up: Callable[[Iterable[str]], dict[str, Resource]] = lambda _: {},
        holders: Callable[[], Iterable[Resource]] | None = None,
    ) -> None:
        self.view, self.tenant = view, tenant
        lying = (one.id.subscription for one in view.estate.resources.values())
        self.subscriptions = frozenset(lying if subscriptions is None else subscriptions) - {""}
        self._look_up, self._holders = look_up, holders or view.estate.resources.values
        self._found: dict[str, Resource | None] = {}

    def prepare(self) -> None:
        """Build what every look-up needs."""
        _ = self.machines, self.addresses, self.users, self.principals, self.applications, self.grants
        _ = self.managed_identities

    def prefetch(self, ids: Iterable[str]) -> None:
        """Read the resources of some lower-cased ids in one go, for those who ask for one by one."""
        missing = {one for one in ids if one not in self.view.estate.resources and one not in self._found}
        if not missing:
            return
        read = self._look_up(missing)
        kept = self._found if len(self._found) < _MOST_FOUND else {}
        self._found = {**kept, **{one: read.get(one) for one in missing}}

    def find(self, id_: str) -> Resource | None:
        """The resource of a lower-cased id, None where the estate has none."""
        known = self.view.estate.resources.get(id_)
        if known is None:
            self.prefetch([id_])
            known = self._found.get(id_)
        return known

    @cached_property
    def machines(self) -> dict[str, list[Resource]]:
        """Lower-cased name -> the machines that go by it."""
        found: dict[str, dict[str, Resource]] = defaultdict(dict)
        for machine in (one for type_ in MACHINES for one in self.view.list_resources(type_)):
            profile: object = get_properties(machine).get("osProfile")
            inner = profile.get("computerName") if isinstance(profile, dict) else None
            for name in (machine.name, inner, get_properties(machine).get("dnsFqdn")):
                if isinstance(name, str) and name:
                    found[name.lower()][machine.key] = machine
        return _to_lists(found)

    @cached_property
    def addresses(self) -> dict[str, list[Resource]]:
        """Address -> the machines (else the network interfaces and public addresses) that have it; Arc machines report their own."""
        cards = {one.key: one for one in self.view.list_resources(NIC_TYPE)}
        found: dict[str, dict[str, Resource]] = defaultdict(dict)
        for card in cards.values():
            holder = (
                self.view.estate.resources.get(get_reference(get_properties(card).get("virtualMachine")))
                or card
            )
            for address in _list_private_addresses(card):
                found[address.lower()][holder.key] = holder
        for public in self.view.list_resources(ADDRESS_TYPE):
            shown = get_properties(public).get("ipAddress")
            card_key = get_reference(get_properties(public).get("ipConfiguration")).split(
                "/ipconfigurations/"
            )[0]
            own = cards.get(card_key)
            machine = get_reference(get_properties(own).get("virtualMachine")) if own is not None else ""
            holder = self.view.estate.resources.get(machine) or own or public
            if isinstance(shown, str):
                found[shown.lower()][holder.key] = holder
        for reporting in self.view.list_resources(ARC_TYPE):
            for address in _list_reported_addresses(reporting):
                found[address.lower()][reporting.key] = reporting
        return _to_lists(found)

    @cached_property
    def users(self) -> dict[str, Resource]:
        """Lower-cased user principal name -> the user."""
        named = (
            (str(get_properties(one).get("userPrincipalName", "")).lower(), one)
            for one in self.view.list_resources(USER_TYPE)
        )
        return {name: one for name, one in named if name}  # fmt: skip

    @cached_property
    def principals(self) -> dict[str, Resource]:
        """Lower-cased object id -> the user or service principal."""
        return {
            one.id.name: one for type_ in (USER_TYPE, SERVICE_TYPE) for one in self.view.list_resources(type_)
        }

    @cached_property
    def applications(self) -> dict[str, Resource]:
        """Lower-cased application id -> its service principal."""
        named = (
            (str(get_properties(one).get("appId") or "").lower(), one)
            for one in self.view.list_resources(SERVICE_TYPE)
        )
        return {id_: one for id_, one in named if id_}  # fmt: skip

    @cached_property
    def managed_identities(self) -> dict[str, ManagedIdentity]:
        """Lower-cased object id or client id -> the managed identity of the estate."""
        return map_managed_identities(self._holders())

    @cached_property
    def grants(self) -> dict[str, list[RoleGrant]]:
        """Lower-cased object id -> the role assignments that name it, on any subscription of which they were read."""
        found: dict[str, dict[str, RoleGrant]] = defaultdict(dict)
        for subscription in sorted(self.subscriptions):
            try:
                grants, _ = self.view.roles.find_grants(f"/subscriptions/{subscription}", below=True)
            except DataNotCollectedError:
                continue  # whoever tells of roles asks which subscriptions were read
            for grant in grants:
                found[grant.principal][grant.assignment] = grant
        return {principal: list(several.values()) for principal, several in found.items()}

    def name_role(self, grant: RoleGrant) -> str:
        """The name of the role that an assignment gives, else the class of the role, else its id."""
        definition = self._definitions.get(grant.definition.rsplit("/", 1)[-1])
        name = str(get_properties(definition).get("roleName") or "") if definition is not None else ""
        if name:
            return name
        try:
            return f"a role of the class {self.view.roles.classify(grant.definition).value}"
        except DataNotCollectedError:
            return f"the role {grant.definition.rsplit('/', 1)[-1]}"

    def name_group(self, id_: str) -> str:
        """The display name of a group, else its object id."""
        found = self.view.estate.resources.get(f"/providers/{GROUP_TYPE}/{id_}")
        return str((get_properties(found) if found is not None else {}).get("displayName") or id_)

    @cached_property
    def _definitions(self) -> dict[str, Resource]:
        return {one.id.name: one for one in self.view.list_resources(DEFINITION_TYPE)}


def _list_private_addresses(card: Resource) -> Iterable[str]:
    several = list_trees(get_properties(card), "ipConfigurations")
    given = (get_tree(one, "properties").get("privateIPAddress") for one in several)
    return (one for one in given if isinstance(one, str))


def _list_reported_addresses(machine: Resource) -> Iterable[str]:
    """Yield the addresses that the agent of a machine reported.

    https://learn.microsoft.com/rest/api/hybridcompute/machines/get
    """
    for card in list_trees(get_tree(get_properties(machine), "networkProfile"), "networkInterfaces"):
        for one in list_trees(card, "ipAddresses"):
            address = one.get("address")
            if isinstance(address, str):
                yield address


def _to_lists(found: dict[str, dict[str, Resource]]) -> dict[str, list[Resource]]:
    return {name: list(several.values()) for name, several in found.items()}


def join_names(names: Sequence[str], most: int = 8) -> str:
    """Some names in one line, the first of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
