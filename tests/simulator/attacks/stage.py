"""Where an attack is played: whom it may take, what it may write, and what it says was true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from random import Random

from tests.simulator import networks
from tests.simulator.calendar import Calendar
from tests.simulator.networks import Network, Spot, locate
from tests.simulator.organization import Device, Organization, Person, stream
from tests.simulator.records import Client, Recorder, SignIn, as_user, target

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
UNKNOWN = Device("", "", "Windows10", "Chrome", False)
BROWSER = Client(UNKNOWN, CHROME, "Chrome 124.0.0")
FIREFOX = Client(
    Device("", "", "Linux", "Firefox", False),
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "Firefox 115.0",
)


def tool(agent: str, app_used: str = "Browser") -> Client:
    """Give a client that is a program."""
    return Client(Device("", "", "", "", False), agent, agent.split("/", maxsplit=1)[0], app_used)


@dataclass(frozen=True)
class Truth:
    """That a principal was attacked: when, by what, and the riskEventTypes that are documented for it."""

    campaign: str
    attack: str
    technique: str
    principal: str
    name: str
    kind: str
    start: datetime
    end: datetime
    compromised: bool
    expected: tuple[str, ...]
    plausible: tuple[str, ...] = ()


@dataclass
class Stage:
    """The tenant as attackers find it."""

    organization: Organization
    calendar: Calendar
    begins: datetime
    victims: Iterator[Person]
    truths: list[Truth] = field(default_factory=list)
    recorders: list[Recorder] = field(default_factory=list)
    indicators: list[tuple[str, str]] = field(default_factory=list)
    leaked: list[Person] = field(default_factory=list)

    @classmethod
    def open(cls, organization: Organization, calendar: Calendar, begins: datetime) -> Stage:
        """Open a stage; victims are employees without a hard case of their own, in random order."""
        people = [one for one in organization.employees if one.upn not in calendar.taken]
        people = [
            one
            for one in people
            if one.upn not in calendar.hired
            and not one.personal_vpn
            and not any(
                calendar.trip_on(one.upn, day) or calendar.is_away(one.upn, day)
                for day in range(calendar.learning, calendar.days)
            )
        ]
        stream(organization.seed, "victims").shuffle(people)
        return cls(organization, calendar, begins, cycle(people))

    def play(self, attack: str, number: int) -> Campaign:
        """Begin a campaign."""
        campaign = Campaign(self, attack, number, stream(self.organization.seed, "attack", attack, number))
        self.recorders.append(campaign.recorder)
        return campaign

    def working_day(self, rng: Random) -> int:
        """Choose a working day of those judged, not the last."""
        days = range(self.calendar.learning, max(self.calendar.learning + 1, self.calendar.days - 1))
        working = [day for day in days if (self.begins + timedelta(days=day)).weekday() < 5]
        return rng.choice(working or list(days))


class Campaign:
    """One run of an attack; its clock goes on with each step."""

    def __init__(self, stage: Stage, attack: str, number: int, rng: Random) -> None:
        self.stage, self.attack, self.number, self.rng = stage, attack, number, rng
        self.seed = stage.organization.seed
        self.recorder = Recorder(stage.organization, "attack", attack, number)
        self.day = stage.working_day(rng)
        self.now = stage.begins + timedelta(days=self.day, hours=rng.uniform(8, 16))

    def victim(self) -> Person:
        """Take a user whom no other attack takes while there are enough."""
        return next(self.stage.victims)

    def wait(self, least: float, most: float) -> None:
        """Let minutes pass."""
        self.now += timedelta(minutes=self.rng.uniform(least, most))

    def spot(self, network: Network | Sequence[Network], *key: object) -> Spot:
        """Give an address that the attacker has."""
        chosen = network if isinstance(network, Network) else self.rng.choice(network)
        return locate(chosen, self.seed, self.attack, self.number, *key)

    def sign_in(
        self, person: Person, spot: Spot, client: Client, app: str = "OfficeHome", **more: object
    ) -> None:
        """Write a sign-in of the attacker at this time."""
        self.recorder.sign_in(SignIn(self.now, person, spot, client, app, **more))  # type: ignore[arg-type]

    def audit(
        self,
        person: Person,
        spot: Spot,
        operation: str,
        category: str,
        entry: dict[str, object],
        **more: object,
    ) -> None:
        """Write a change of the directory by a user at this time."""
        actor = as_user(person, spot)
        self.recorder.audit(self.now, operation, category, actor, [entry], **more)  # type: ignore[arg-type]

    def use(self, person: Person, spot: Spot, client: Client, *, session: str = "", times: int = 4) -> None:
        """Use what was won: tokens for mail and files, one after the other."""
        for _ in range(times):
            self.wait(2, 15)
            app = self.rng.choice(
                ("Office 365 Exchange Online", "Office 365 SharePoint Online", "Microsoft Graph")
            )
            self.sign_in(person, spot, client, app, interactive=False, session=session)

    def hide_mail(self, person: Person, spot: Spot) -> None:
        """Create a rule of the inbox that hides the answers, as business email compromise does."""
        self.wait(3, 20)
        parameters = (
            '[{"Name":"Name","Value":"."},{"Name":"SubjectOrBodyContainsWords","Value":"invoice;payment;phish"},'
            '{"Name":"MoveToFolder","Value":"RSS Feeds"},{"Name":"MarkAsRead","Value":"True"}]'
        )
        self.recorder.office(self.now, person, spot, "New-InboxRule", "Exchange", {"Parameters": parameters})

    def register_factor(self, person: Person, spot: Spot) -> None:
        """Register a second factor of the attacker's own."""
        self.wait(2, 12)
        self.audit(
            person,
            spot,
            "User registered security info",
            "UserManagement",
            target("User", person.id, person.name, upn=person.upn),
            service="Authentication Methods",
        )

    def tell(
        self,
        person: Person,
        start: datetime,
        technique: str,
        expected: Sequence[str],
        plausible: Sequence[str] = (),
        *,
        compromised: bool = True,
    ) -> None:
        """Say that a user was attacked from a time until now."""
        self._tell(person.id, person.upn, "user", start, technique, expected, plausible, compromised)

    def tell_workload(
        self,
        unique: str,
        name: str,
        kind: str,
        start: datetime,
        technique: str,
        expected: Sequence[str],
        plausible: Sequence[str],
    ) -> None:
        """Say that a service principal or an agent was attacked from a time until now."""
        self._tell(unique, name, kind, start, technique, expected, plausible, True)

    def _tell(
        self,
        principal: str,
        name: str,
        kind: str,
        start: datetime,
        technique: str,
        expected: Sequence[str],
        plausible: Sequence[str],
        compromised: bool,
    ) -> None:
        self.stage.truths.append(
            Truth(
                f"{self.attack} {self.number}",
                self.attack,
                technique,
                principal,
                name,
                kind,
                start,
                self.now,
                compromised,
                tuple(expected),
                tuple(plausible),
            )
        )


def list_proxies() -> tuple[Network, ...]:
    """List the networks of residential proxies and hosting providers together."""
    return networks.RESIDENTIAL_PROXIES + networks.HOSTING
