"""What changes in the life of a tenant and when: journeys, devices, offices, passwords. The hard benign cases are here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from tests.simulator import networks
from tests.simulator.networks import Network
from tests.simulator.organization import Device, Organization, Person, make_id, stream


@dataclass(frozen=True)
class Trip:
    """A journey: the hotel's network, and the carrier abroad unless the phone's traffic is routed home."""

    first: int
    last: int
    hotel: Network
    carrier: Network | None
    purpose: str = "business trip"


@dataclass(frozen=True)
class BenignCase:
    """Something harmless that looks like an attack, by whom and in which days."""

    case: str
    principal: str
    first: int
    last: int


@dataclass
class Calendar:
    """All that changes, by the user or the office that it concerns."""

    learning: int
    days: int
    trips: dict[str, list[Trip]] = field(default_factory=dict)
    absences: dict[str, tuple[int, int]] = field(default_factory=dict)
    laptops: dict[str, tuple[int, Device]] = field(default_factory=dict)
    homes: dict[str, tuple[int, Network]] = field(default_factory=dict)
    offices: dict[int, tuple[int, Network]] = field(default_factory=dict)
    vpn: dict[str, int] = field(default_factory=dict)
    hired: dict[str, int] = field(default_factory=dict)
    fumbles: set[tuple[str, int]] = field(default_factory=set)
    misfires: set[tuple[str, int]] = field(default_factory=set)
    relocations: dict[str, tuple[int, Network]] = field(default_factory=dict)
    reset: int = -1
    cases: list[BenignCase] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def note(self, case: str, person: Person, first: int, last: int | None = None) -> None:
        """Note a benign case that reaches into the judged days."""
        last = first if last is None else last
        if last >= self.learning:
            self.cases.append(
                BenignCase(case, person.id, max(first, self.learning), min(last, self.days - 1))
            )

    def trip_on(self, upn: str, day: int) -> Trip | None:
        """Give the journey that somebody is on."""
        return next((one for one in self.trips.get(upn, ()) if one.first <= day <= one.last), None)

    def is_away(self, upn: str, day: int) -> bool:
        """Tell whether somebody is on holiday or not hired yet."""
        first, last = self.absences.get(upn, (0, -1))
        return first <= day <= last or day < self.hired.get(upn, 0)


def make_calendar(organization: Organization, learning: int, judged: int) -> Calendar:
    """Plan the changes of ordinary weeks, then the hard cases of the judged days."""
    calendar = Calendar(learning, learning + judged)
    for person in organization.employees:
        _plan_ordinary(calendar, person, stream(organization.seed, "calendar", person.upn))
    _plan_hard(calendar, organization, judged)
    return calendar


def _plan_ordinary(calendar: Calendar, person: Person, rng: Random) -> None:
    for day in range(0, calendar.days, 7):
        chance = rng.random()
        if chance < 0.03:
            _travel(calendar, person, rng, day + rng.randint(0, 2), rng.randint(1, 3))
        elif chance < 0.045:
            calendar.absences[person.upn] = (day, day + rng.choice((6, 13)))
        elif chance < 0.055:
            _replace_laptop(calendar, person, day + rng.randint(0, 4))
        elif chance < 0.06:
            _change_provider(calendar, person, day + rng.randint(0, 6))
        elif chance < 0.065 and day:
            calendar.hired[person.upn] = day
            calendar.note("new employee", person, day, day + 6)


def _travel(calendar: Calendar, person: Person, rng: Random, first: int, nights: int) -> None:
    hotel, carrier = rng.choice(
        [
            pair
            for pair in networks.ABROAD
            if pair[0].place.country != networks.OFFICES[person.office].place.country
        ]
    )
    local = carrier if rng.random() < 0.5 else None
    calendar.trips.setdefault(person.upn, []).append(Trip(first, first + nights, hotel, local))
    calendar.note("travel", person, first, first + nights)


def _replace_laptop(calendar: Calendar, person: Person, day: int) -> None:
    other = {"Edge": "Chrome", "Chrome": "Edge", "Safari": "Chrome"}[person.laptop.browser]
    device = Device(f"{person.laptop.name}N", make_id("new laptop", person.id), "Windows11", other, True)
    calendar.laptops[person.upn] = (day, device)
    calendar.note("new device", person, day, day + 2)


def _change_provider(calendar: Calendar, person: Person, day: int) -> None:
    new = next(one for one in networks.HOMES[person.office] if one != person.home)
    calendar.homes[person.upn] = (day, new)
    calendar.note("new home network", person, day, day + 2)


def _plan_hard(calendar: Calendar, organization: Organization, judged: int) -> None:
    rng = stream(organization.seed, "hard cases")
    people = [one for one in organization.employees if not one.personal_vpn and one.upn not in calendar.hired]
    rng.shuffle(people)
    each = max(1, len(people) // 100)
    free = iter(people)

    def take(count: int) -> list[Person]:
        chosen = [one for one, _ in zip(free, range(count), strict=False)]
        calendar.taken.update(one.upn for one in chosen)
        for one in chosen:
            calendar.trips.pop(one.upn, None)
            calendar.absences.pop(one.upn, None)
        return chosen

    day = calendar.learning
    for manager in take(each):
        _send_manager(calendar, manager, day)
    for person in take(each):
        _replace_laptop(calendar, person, day + rng.randrange(judged))
    for person in take(each):
        _change_provider(calendar, person, day + rng.randrange(judged))
    for person in take(each * 2):
        calendar.vpn[person.upn] = day + 1
        calendar.note("new VPN", person, day + 1, calendar.days - 1)
    _hold_conference(calendar, take(each * 2), day + min(2, judged - 1))
    for person in take(each):
        when = day + rng.randrange(judged)
        calendar.misfires.add((person.upn, when))
        calendar.note("second factor fails on a bad connection", person, when)
    _plan_shared(calendar, organization, judged)


def _send_manager(calendar: Calendar, manager: Person, day: int) -> None:
    """Send a manager from country to country, two nights in each."""
    stops = [
        pair
        for pair in networks.ABROAD
        if pair[0].place.country != networks.OFFICES[manager.office].place.country
    ]
    trips = [
        Trip(day + 2 * n, day + 2 * n + 1, hotel, None, "tour") for n, (hotel, _) in enumerate(stops[:3])
    ]
    calendar.trips[manager.upn] = trips
    calendar.note("travelling manager", manager, day, trips[-1].last)


def _hold_conference(calendar: Calendar, people: list[Person], day: int) -> None:
    for person in people:
        calendar.trips[person.upn] = [Trip(day, day + 1, networks.CONFERENCE, None, "conference")]
        calendar.note("conference", person, day, day + 1)


def _plan_shared(calendar: Calendar, organization: Organization, judged: int) -> None:
    """Plan what many share: an office moves, everybody's password is reset, half an office mistypes behind one address."""
    day = calendar.learning
    calendar.offices[0] = (day + judged // 2, networks.NEW_OFFICE)
    calendar.reset = day + judged - 2 if judged > 2 else day
    for person in organization.employees:
        if person.office == 0:
            calendar.note("moved office", person, day + judged // 2, calendar.days - 1)
        calendar.note("mass password reset", person, calendar.reset, calendar.reset + 1)
        if person.office == 1 and stream(organization.seed, "fumble", person.upn).random() < 0.5:
            calendar.fumbles.add((person.upn, day))
            calendar.note("shared egress, many mistype", person, day)
        if person.roams:
            calendar.note("mobile roaming", person, day, calendar.days - 1)
        if person.personal_vpn or person.private_relay:
            calendar.note("personal VPN", person, day, calendar.days - 1)
    moved = next(one for one in organization.workloads if one.name == "crm-connector")
    calendar.relocations[moved.id] = (day + judged // 2, networks.AZURE[0])
    calendar.cases.append(
        BenignCase("workload moved to another region", moved.id, day + judged // 2, calendar.days - 1)
    )


def laptop_of(calendar: Calendar, person: Person, day: int) -> Device:
    """Give the laptop that somebody has on a day."""
    first, device = calendar.laptops.get(person.upn, (calendar.days, person.laptop))
    return device if day >= first else person.laptop


def with_home(calendar: Calendar, person: Person, day: int) -> Person:
    """Give a person as they live on a day."""
    first, home = calendar.homes.get(person.upn, (calendar.days, person.home))
    return replace(person, home=home) if day >= first else person
