"""Who there is: employees with their devices, networks and habits, administrators, guests, service principals and agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from tests.simulator import networks
from tests.simulator.networks import Network

DOMAIN = "alpinegrove.example"
PARTNER_DOMAIN = "meridian-partner.example"
FIRST = (
    "Anna Ben Carla David Elif Farid Grace Hugo Ines Jonas Kavya Liam Mira Noah Olga Priya "
    "Quentin Rosa Sven Tara Uma Victor Wen Yara"
)
LAST = (
    "Adler Brandt Costa Dietz Ekman Fischer Gupta Hall Ivanov Jones Khan Lang Meyer Nair Okafor "
    "Patel Quinn Rao Silva Thomas Unger Vogel"
)


def stream(*key: object) -> Random:
    """Give the random stream of a decision."""
    return Random("/".join(map(str, key)))


def make_id(*key: object) -> str:
    """Give the identifier that a key stands for."""
    return str(UUID(int=stream("id", *key).getrandbits(128), version=4))


@dataclass(frozen=True)
class Device:
    """What somebody signs in with."""

    name: str
    id: str
    system: str
    browser: str
    managed: bool
    mobile: bool = False


@dataclass(frozen=True)
class Person:
    """A user of the tenant."""

    upn: str
    id: str
    name: str
    office: int
    home: Network
    laptop: Device
    phone: Device
    starts: float
    remote_days: int
    on_vpn: bool = False
    personal_vpn: bool = False
    private_relay: bool = False
    roams: bool = False
    admin: bool = False
    guest: bool = False
    applications: tuple[str, ...] = ()

    @property
    def utc_offset(self) -> int:
        """Hours between the user's office and UTC."""
        return networks.OFFICES[self.office].place.utc_offset


@dataclass(frozen=True)
class Workload:
    """A service principal or an agent, what it uses and how often."""

    id: str
    app_id: str
    name: str
    network: Network
    addresses: int
    resources: tuple[str, ...]
    every_hours: float
    agent: bool = False


@dataclass(frozen=True)
class Organization:
    """A tenant."""

    seed: int
    tenant: str
    subscription: str
    people: tuple[Person, ...]
    workloads: tuple[Workload, ...]
    admins: tuple[Person, ...] = field(default=())

    @property
    def employees(self) -> tuple[Person, ...]:
        """Give the people who are neither guests nor administrators."""
        return tuple(one for one in self.people if not one.guest and not one.admin)


OFFICE_APPS = ("Office 365 Exchange Online", "Microsoft Teams", "Office 365 SharePoint Online", "OfficeHome")
FURTHER_APPS = ("Salesforce", "Workday", "ServiceNow", "GitHub Enterprise", "Power BI", "Jira Cloud")
ADMIN_APPS = ("Azure Portal", "Microsoft Azure CLI", "Microsoft 365 Admin portal")


def make_person(seed: int, number: int, *, admin: bool, guest: bool) -> Person:
    """Make up a user."""
    rng = stream(seed, "person", number)
    first, last = rng.choice(FIRST.split()), rng.choice(LAST.split())
    local = f"{first}.{last}{number}".lower()
    office = rng.choices(range(4), (4, 3, 2, 2))[0]
    upn = f"{local}_{PARTNER_DOMAIN}#EXT#@{DOMAIN}" if guest else f"{local}@{DOMAIN}"
    system = rng.choices(("Windows10", "Windows11", "MacOs"), (3, 5, 2))[0]
    phone = rng.choice(("iOS 17.6", "iOS 18.1", "Android 14", "Android 15"))
    extra = rng.sample(FURTHER_APPS, rng.randint(1, 3))
    return Person(
        upn=upn,
        id=make_id(seed, "user", number),
        name=f"{first} {last}",
        office=office,
        home=networks.PARTNER if guest else rng.choice(networks.HOMES[office]),
        laptop=Device(
            f"LT-{number:05d}",
            "" if guest else make_id(seed, "laptop", number),
            system,
            rng.choice(("Edge", "Chrome", "Chrome"))
            if system != "MacOs"
            else rng.choice(("Safari", "Chrome")),
            not guest,
        ),
        phone=Device(
            f"PH-{number:05d}",
            make_id(seed, "phone", number) if rng.random() < 0.6 else "",
            phone,
            "Mobile Safari" if phone.startswith("iOS") else "Chrome Mobile",
            False,
            True,
        ),
        starts=rng.gauss(8.5, 0.7),
        remote_days=rng.choices((0, 1, 2, 3, 5), (3, 2, 3, 2, 2))[0],
        on_vpn=rng.random() < 0.3,
        personal_vpn=rng.random() < 0.015,
        private_relay=phone.startswith("iOS") and rng.random() < 0.04,
        roams=rng.random() < 0.25,
        admin=admin,
        guest=guest,
        applications=OFFICE_APPS + tuple(extra) + (ADMIN_APPS if admin else ()),
    )


def make_workloads(seed: int) -> tuple[Workload, ...]:
    """Make up the service principals and agents of a tenant."""
    azure, graph, mail = (
        "Windows Azure Service Management API",
        "Microsoft Graph",
        "Office 365 Exchange Online",
    )

    def make(
        name: str, at: int, addresses: int, resources: tuple[str, ...], hours: float, agent: bool = False
    ) -> Workload:
        unique, app = make_id(seed, "sp", name), make_id(seed, "app", name)
        return Workload(unique, app, name, networks.AZURE[at], addresses, resources, hours, agent)

    return (
        make("backup-runner", 0, 1, ("Azure Storage", azure), 6),
        make("terraform-pipeline", 1, 6, (azure, graph), 5),
        make("metrics-exporter", 0, 1, ("Azure Monitor",), 1),
        make("hr-sync", 1, 2, (graph,), 12),
        make("invoice-mailer", 2, 1, (mail,), 4),
        make("mail-archiver", 0, 2, (mail, graph), 3),
        make("secrets-rotator", 1, 1, ("Azure Key Vault",), 8),
        make("crm-connector", 2, 3, (graph,), 2),
        make("travel-assistant", 0, 2, (graph,), 2, agent=True),
        make("helpdesk-agent", 0, 2, (graph, "Office 365 SharePoint Online"), 1.5, agent=True),
    )


def make_organization(seed: int, users: int) -> Organization:
    """Make up a tenant: of its users one in 40 is an administrator, one in 20 a guest."""
    admins = max(4, users // 40)
    guests = max(2, users // 20)
    people = tuple(
        make_person(seed, number, admin=number < admins, guest=users - number <= guests)
        for number in range(users)
    )
    return Organization(
        seed,
        make_id(seed, "tenant"),
        make_id(seed, "subscription"),
        people,
        make_workloads(seed),
        people[:admins],
    )
