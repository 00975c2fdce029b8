"""The sample company: its people, places, machines and resources, the last out of the bundled snapshot."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import yaml

from nephoscope.sample.seeded_random import Dice

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

USERS = 500
_TENANT = "d521efe4-9b5f-5052-b695-40bc72dcce4c"
_MACHINES = ("microsoft.compute/virtualmachines", "microsoft.hybridcompute/machines")


def get_company_folder() -> Traversable:
    """Return where the company's data lies in the package."""
    return files("nephoscope") / "content" / "sample"


@dataclass(frozen=True, slots=True)
class SampleLocation:
    """Location of somebody on the Internet and on earth."""

    address: str
    country: str
    city: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class SampleResource:
    """A resource of the snapshot; `principal` is the object id of its identity, '' where it has none."""

    id: str
    name: str
    type: str
    location: str = ""
    principal: str = ""

    @property
    def subscription(self) -> str:
        """The id of its subscription."""
        return self.id.split("/")[2]

    @property
    def group(self) -> str:
        """The name of its resource group."""
        return self.id.split("/")[4]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its resource, private address, what it runs, the rule set of its network."""

    resource: SampleResource
    address: str
    windows: bool
    interface: str
    acl: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.resource.name

    @property
    def computer(self) -> str:
        """Its name with the domain, as it writes it into its logs."""
        return f"{self.resource.name}.corp.brackwater.example"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account; `kind` is employee, administrator, developer, guest or former."""

    upn: str
    id: str
    name: str
    kind: str
    department: str
    office: str
    home: SampleLocation
    phone: str
    device: str
    agent: str

    @property
    def account(self) -> str:
        """The name on the company's domain."""
        return self.upn.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Application:
    """An application with its service principal."""

    id: str
    app: str
    name: str


@dataclass(frozen=True)
class Company:
    """The company as a seed and a number of accounts make it."""

    seed: int = 1
    users: int = USERS
    tenant: str = _TENANT
    facts: dict[str, Any] = field(
        default_factory=lambda: yaml.safe_load((get_company_folder() / "company.yaml").read_bytes()),
        compare=False,
        repr=False,
    )

    @cached_property
    def resources(self) -> tuple[SampleResource, ...]:
        """All resources of the snapshot."""
        rows = [row for one in _list_snapshots("resources.json") for row in one["data"]]
        return tuple(
            SampleResource(
                row["id"], row["name"], row["type"].lower(), row.get("location") or "", _read_principal(row)
            )
            for row in rows
        )

    @cached_property
    def resources_by_name(self) -> dict[str, SampleResource]:
        """Resources by their names."""
        return {one.name: one for one in reversed(self.resources)}

    def list_resources(self, kind: str) -> list[SampleResource]:
        """The resources of a type."""
        return [one for one in self.resources if one.type == kind.lower()]

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """The machines: those of Azure in the subnets of their interfaces, those of the terminals at the edge."""
        rows = [row for one in _list_snapshots("resources.json") for row in one["data"]]
        cards = {
            row["name"]: row for row in rows if row["type"].lower() == "microsoft.network/networkinterfaces"
        }
        found: list[Machine] = []
        for row in rows:
            if row["type"].lower() not in _MACHINES:
                continue
            resource = self.resources_by_name[row["name"]]
            card = cards.get(f"nic-{resource.name}")
            address = _read_address(card) if card else f"10.70.1.{20 + len(found)}"
            windows = "windows" in json.dumps(row["properties"]).lower()
            interface = card["id"] if card else f"{resource.id}/networkInterfaces/edge"
            found.append(Machine(resource, address, windows, interface, self._find_network_acl(resource)))
        return tuple(found)

    def _find_network_acl(self, resource: SampleResource) -> str:
        groups = self.list_resources("microsoft.network/networksecuritygroups")
        near = [one for one in groups if one.subscription == resource.subscription]
        suffix = resource.name.rpartition("-")[2]
        return next(
            (one.id for one in near if one.name.endswith(suffix)), near[0].id if near else "unspecified"
        )

    def machine(self, name: str) -> Machine:
        """The machine of a name; KeyError where there is none."""
        return next((one for one in self.machines if one.name == name), None) or _raise_missing_member(name)

    @cached_property
    def applications(self) -> tuple[Application, ...]:
        """The applications of the directory: the pipelines."""
        return tuple(
            Application(row["properties"]["id"], row["properties"]["appId"], row["properties"]["displayName"])
            for row in _load_directory()
            if row["type"] == "microsoft.graph/serviceprincipals"
        )

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Everybody: the accounts of the directory, then employees up to the number of users."""
        dice = Dice.of(self.seed, "people")
        found = [
            self._build_person(row["properties"], dice)
            for row in _load_directory()
            if row["type"] == "microsoft.graph/users"
        ]
        known = {one.upn for one in found}
        while len(found) < self.users:
            person = self._make_employee(dice)
            if person.upn not in known:
                known.add(person.upn)
                found.append(person)
        return tuple(found)

    def person(self, upn: str) -> Person:
        """The person of an account (with or without the domain); KeyError where there is none."""
        return next(
            (one for one in self.people if upn in (one.upn, one.account)), None
        ) or _raise_missing_member(upn)

    def get_zone(self, office: str) -> ZoneInfo:
        """The time zone of an office."""
        return ZoneInfo(self.facts["offices"][office]["zone"])

    def locate_office(self, office: str, address: str = "") -> SampleLocation:
        """A place in the city of an office; without an address the office's own."""
        facts = self.facts["offices"][office]
        return SampleLocation(
            address or facts["egress"], facts["country"], office, facts["latitude"], facts["longitude"]
        )

    def pick_hotel_location(self, city: str, dice: Dice) -> SampleLocation:
        """A hotel in a city that people travel to."""
        facts = self.facts["travel"][city]
        return SampleLocation(
            dice.draw_address_in_block(facts["hotel"]),
            facts["country"],
            city,
            facts["latitude"],
            facts["longitude"],
        )

    @property
    def vpn(self) -> SampleLocation:
        """Return where the VPN comes out."""
        facts = self.facts["vpn"]
        return self.locate_office(facts["office"], facts["address"])

    def _make_employee(self, dice: Dice) -> Person:
        first, last = dice.choice(self.facts["first_names"]), dice.choice(self.facts["last_names"])
        upn = f"{first}.{last}@{self.facts['domain']}".lower()
        departments = self.facts["departments"]
        department = dice.choices(list(departments), [one["share"] for one in departments.values()])[0]
        return self._make_person(dice.guid(), upn, f"{first} {last}", "employee", department, dice)

    def _build_person(self, row: dict[str, Any], dice: Dice) -> Person:
        upn, name = row["userPrincipalName"], row["displayName"]
        kind = "administrator" if upn.startswith(("adm-", "soc-", "dba-")) else "developer"
        if row["userType"] == "Guest":
            kind = "guest"
        if not row["accountEnabled"]:
            kind = "former"
        return self._make_person(row["id"], upn, name, kind, "it", dice)

    def _make_person(self, id_: str, upn: str, name: str, kind: str, department: str, dice: Dice) -> Person:
        offices = self.facts["offices"]
        office = dice.choices(list(offices), [one["share"] for one in offices.values()])[0]
        home = self.locate_office(office, dice.draw_address_in_block(offices[office]["home"]))
        phone = self.facts["mobile"][offices[office]["country"]]
        agent = dice.choices(list(_AGENTS), [6, 2, 1])[0]
        return Person(upn, id_, name, kind, department, office, home, phone, dice.guid(), agent)


#: What people sign in with: system, browser.
_AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0": 6,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36": 2,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15": 1,
}


def _raise_missing_member(name: str) -> Any:
    raise KeyError(f"the sample company has no {name}")


def _list_snapshots(name: str) -> list[Any]:
    below = sorted((get_company_folder() / "snapshot").iterdir(), key=lambda one: one.name)
    return [json.loads((one / name).read_bytes()) for one in below if one.is_dir() and (one / name).is_file()]


def _load_directory() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        (get_company_folder() / "snapshot" / "tenant" / "directory.json").read_bytes()
    )["value"]
    return rows


def _read_principal(row: dict[str, Any]) -> str:
    identity = row.get("identity") or {}
    assigned = list((identity.get("userAssignedIdentities") or {}).values())
    return str(identity.get("principalId") or (assigned[0]["principalId"] if assigned else ""))


def _read_address(card: dict[str, Any]) -> str:
    return str(card["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])
