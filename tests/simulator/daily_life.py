"""What people do on a day: from where, with what, and the sign-ins that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.simulator import networks
from tests.simulator.calendar import Calendar, Trip, laptop_of, with_home
from tests.simulator.networks import Network, Spot, locate
from tests.simulator.organization import Device, Organization, Person, make_id, stream
from tests.simulator.records import Recorder, SignIn, as_user, show_client, target


@dataclass(frozen=True)
class Stretch:
    """A part of a day, in hours of the local time of an offset, in one place with one device."""

    begins: float
    ends: float
    spot: Spot
    device: Device
    offset: int


def session_of(seed: int, person: Person, device: Device, day: int) -> str:
    """Give the session that a device has on a day: it lasts a week."""
    return make_id(seed, "session", person.upn, device.name, day // 7)


def office_spot(calendar: Calendar, office: int, person: Person, day: int) -> Spot:
    """Give the address that somebody has in the office: one of the two that all share."""
    first, moved = calendar.offices.get(office, (calendar.days, networks.OFFICES[office]))
    network = moved if day >= first else networks.OFFICES[office]
    return locate(network, "egress", len(person.upn) % 2)


def home_spot(person: Person, day: int) -> Spot:
    """Give the address that somebody has at home: leased for a day, two weeks or for good."""
    lease = stream("lease", person.upn).choice((1, 14, 14, 1000))
    return locate(person.home, person.upn, day // lease)


def mobile_spot(person: Person, day: int, hour: float, abroad: Network | None = None) -> Spot:
    """Give the address of a phone: another of the carrier's each few hours, of another gateway where somebody roams."""
    rng = stream("mobile", person.upn, day, int(hour // 3))
    gateways = networks.CARRIERS[person.office]
    network = abroad or (rng.choice(gateways) if person.roams else gateways[0])
    return locate(network, rng.randrange(4000))


class DailyLife:
    """Lives the days of an organization."""

    def __init__(self, organization: Organization, calendar: Calendar, start: datetime) -> None:
        self.organization = organization
        self.calendar = calendar
        self.start = start

    def moment(self, day: int, hour: float, offset: int) -> datetime:
        """Give the time of an hour in local time."""
        return self.start + timedelta(days=day, hours=hour - offset)

    def live(self, person: Person, day: int) -> Recorder:
        """Give the rows of a person's day."""
        recorder = Recorder(self.organization, "life", person.upn, day)
        rng = stream(self.organization.seed, "life", person.upn, day)
        weekend = (self.start + timedelta(days=day)).weekday() >= 5
        if self.calendar.is_away(person.upn, day):
            return recorder
        if rng.random() < (0.8 if weekend else 0.05) and not self.calendar.trip_on(person.upn, day):
            return recorder
        person = with_home(self.calendar, person, day)
        stretches = self.plan(person, day, rng, weekend)
        if day == self.calendar.reset and not person.guest:
            self._change_password(recorder, person, day, stretches[0])
        for stretch in stretches:
            self._work(recorder, person, day, stretch, rng)
        return recorder

    def plan(self, person: Person, day: int, rng: Random, weekend: bool) -> list[Stretch]:
        """Plan where somebody is on a day."""
        trip = self.calendar.trip_on(person.upn, day)
        if trip:
            return self._plan_trip(person, day, trip, rng)
        offset, laptop = person.utc_offset, laptop_of(self.calendar, person, day)
        home = home_spot(person, day)
        if person.guest:
            return [
                Stretch(
                    person.starts + 1,
                    person.starts + 1 + rng.random() * 4,
                    locate(person.home, "egress"),
                    laptop,
                    1,
                )
            ]
        evening = Stretch(
            19, 20 + rng.random() * 2.5, self._evening_spot(person, home, rng), person.phone, offset
        )
        if weekend:
            return [evening]
        starts = person.starts + rng.gauss(0, 0.3)
        remote = rng.random() < person.remote_days / 5
        place = (
            self._remote_spot(person, day, home, rng)
            if remote
            else office_spot(self.calendar, person.office, person, day)
        )
        stretches = [Stretch(starts, starts + 7 + rng.random() * 2.5, place, laptop, offset), evening]
        if not remote:
            ride = mobile_spot(person, day, starts - 1)
            stretches.insert(0, Stretch(starts - 1, starts - 0.3, ride, person.phone, offset))
            stretches.insert(2, Stretch(12, 13, mobile_spot(person, day, 12), person.phone, offset))
        if rng.random() < 0.2:
            stretches.append(Stretch(20.5, 22.5, home, laptop, offset))
        return stretches

    def _remote_spot(self, person: Person, day: int, home: Spot, rng: Random) -> Spot:
        if day >= self.calendar.vpn.get(person.upn, self.calendar.days):
            return locate(networks.NEW_CORPORATE_VPN, "egress", rng.randrange(3))
        if person.on_vpn and rng.random() < 0.7:
            return locate(networks.CORPORATE_VPN, "egress", rng.randrange(3))
        return home

    def _evening_spot(self, person: Person, home: Spot, rng: Random) -> Spot:
        if person.personal_vpn and rng.random() < 0.4:
            return locate(networks.PERSONAL_VPN, rng.randrange(30))
        if person.private_relay and rng.random() < 0.5:
            return locate(networks.PRIVATE_RELAY, rng.randrange(100))
        return home

    def _plan_trip(self, person: Person, day: int, trip: Trip, rng: Random) -> list[Stretch]:
        """Plan a day abroad; the first begins at home, and a flight lies between."""
        there, laptop = trip.hotel.place.utc_offset, laptop_of(self.calendar, person, day)
        shared = trip.purpose == "conference"
        hotel = locate(trip.hotel, "wifi", rng.randrange(3) if shared else person.upn)
        phone = mobile_spot(person, day, 12, trip.carrier)
        abroad = [
            Stretch(18.5, 21 + rng.random() * 2, hotel, laptop, there),
            Stretch(19, 22, phone, person.phone, there),
        ]
        if day == trip.first and trip.purpose != "tour":
            return [Stretch(6, 7, home_spot(person, day), person.phone, person.utc_offset), *abroad]
        if day == trip.first:
            return abroad
        return [Stretch(8, 9, hotel, laptop, there), Stretch(9.5, 16, phone, person.phone, there), *abroad]

    def _work(self, recorder: Recorder, person: Person, day: int, stretch: Stretch, rng: Random) -> None:
        client = show_client(stretch.device, day)
        session = session_of(self.organization.seed, person, stretch.device, day)
        first = not stretch.device.mobile or day % 7 == len(person.upn) % 7
        at = stretch.begins

        def event(app: str, **more: object) -> SignIn:
            when = self.moment(day, at, stretch.offset)
            return SignIn(when, person, stretch.spot, client, app, session, **more)  # type: ignore[arg-type]

        if first:
            at = self._sign_in_first(recorder, person, day, stretch, rng)
            token = "primaryRefreshToken" if stretch.device.managed and rng.random() < 0.7 else "none"
            for app in rng.sample(person.applications, min(len(person.applications), rng.randint(1, 3))):
                recorder.sign_in(event(app, token=token))
                at += rng.random() * 0.2
        while (at := at + rng.expovariate(0.9)) < stretch.ends:
            recorder.sign_in(event(rng.choice(person.applications[:3]), interactive=False))
            if rng.random() < 0.15:
                self._use_files(recorder, person, stretch, day, at, rng)

    def _sign_in_first(
        self, recorder: Recorder, person: Person, day: int, stretch: Stretch, rng: Random
    ) -> float:
        """Record what goes wrong before a first sign-in: mistyped passwords, the second factor asked for or not given."""
        client, at = show_client(stretch.device, day), stretch.begins
        wrong = rng.randint(2, 4) if (person.upn, day) in self.calendar.fumbles else int(rng.random() < 0.04)
        missed = (
            rng.randint(3, 4) if (person.upn, day) in self.calendar.misfires else int(rng.random() < 0.005)
        )
        asked = int(rng.random() < 0.15)
        for result, times in (("50126", wrong), ("50074", asked), ("500121", missed)):
            for _ in range(times):
                when = self.moment(day, at, stretch.offset)
                recorder.sign_in(SignIn(when, person, stretch.spot, client, "OfficeHome", result=result))
                at += 0.008 + rng.random() * 0.01
        return at

    def _use_files(
        self, recorder: Recorder, person: Person, stretch: Stretch, day: int, at: float, rng: Random
    ) -> None:
        name = f"report-{rng.randrange(40)}.docx"
        recorder.office(
            self.moment(day, at, stretch.offset),
            person,
            stretch.spot,
            rng.choice(("FileAccessed", "FileModified", "FilePreviewed", "FileDownloaded")),
            "OneDrive",
            {
                "SourceFileName": name,
                "OfficeObjectId": f"https://alpinegrove.example/personal/{person.id}/{name}",
            },
        )

    def _change_password(self, recorder: Recorder, person: Person, day: int, stretch: Stretch) -> None:
        """Record a password that an administrator has let expire: refused, changed, and the phone still tries the old one."""
        rng = stream(self.organization.seed, "reset", person.upn)
        client = show_client(stretch.device, day)
        when = self.moment(day, stretch.begins - 0.2, stretch.offset)
        recorder.sign_in(SignIn(when, person, stretch.spot, client, "OfficeHome", result="50055"))
        recorder.audit(
            when + timedelta(minutes=2),
            "Change user password",
            "UserManagement",
            as_user(person, stretch.spot),
            [target("User", person.id, person.name, upn=person.upn)],
        )
        phone = show_client(person.phone, day)
        for _ in range(rng.randint(0, 4)):
            when += timedelta(minutes=rng.randint(3, 20))
            spot = mobile_spot(person, day, 9)
            recorder.sign_in(SignIn(when, person, spot, phone, "Microsoft Office", result="50126"))
