"""People sign in: office hours, mistyped passwords, second factors, phones, trips, leavers' phones, and the Internet that guesses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company import Person, SampleLocation
from nephoscope.sample.company_calendar import (
    build_local_moment,
    draw_random_moment,
    is_weekend,
    repeat_moments,
)
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.entra import build_application_sign_in, build_sign_in
from nephoscope.sample.staff_presence import Presence, list_departed_people, plan_presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"
CLI = "python/3.11 azsdk-python-identity/1.19 AZURECLI/2.67"
LIBRARY = "python-requests/2.32"


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The sign-ins of a day."""
    for person in company.people:
        where = plan_presence(company, person, day)
        if where is not None:
            yield from _generate_persons_day(company, person, where, day, dice)
    for person in list_departed_people(company, day):
        for moment in repeat_moments(day, 180, dice, 1):
            phone = SampleLocation(
                dice.draw_address_in_block(person.phone),
                person.home.country,
                person.home.city,
                person.home.latitude,
                person.home.longitude,
            )
            yield build_sign_in(
                company,
                dice,
                moment,
                user=person,
                place=phone,
                result="50057",
                agent=IPHONE,
                client="Mobile Apps and Desktop clients",
            )
    yield from _list_guesses(company, day, dice)
    yield from _list_applications(company, day, dice)


def _generate_persons_day(
    company: Company, person: Person, where: Presence, day: date, dice: Dice
) -> Iterator[SampleEntry]:
    zone = company.get_zone(person.office)
    start = draw_random_moment(day, dice, 7.2, 9.6, zone)
    if company.facts["departments"][person.department].get("shifts"):
        start = build_local_moment(day, dice.choice((5.6, 13.6, 21.6)) + dice.random() * 0.5, zone)
    session, apps = dice.guid(), company.facts["departments"][person.department]["apps"]
    yield from _generate_daily_sign_in(company, person, where.desk, start, dice, session)
    for _ in range(dice.times(2.2)):
        moment = start + timedelta(hours=8 * dice.random())
        yield build_sign_in(
            company,
            dice,
            moment,
            user=person,
            place=where.desk,
            app=dice.choice(apps),
            session=session,
            factors=2,
        )
    for _ in range(dice.times(5)):
        moment = start + timedelta(hours=9 * dice.random())
        yield build_sign_in(
            company, dice, moment, user=person, place=where.desk, app=dice.choice(apps), interactive=False, session=session,
            client="Mobile Apps and Desktop clients",
        )  # fmt: skip
    phone_session, agent = dice.guid(), IPHONE if person.device[0] in "01234567" else ANDROID
    for moment in (draw_random_moment(day, dice, 6.5, 23, zone) for _ in range(dice.times(2))):
        yield build_sign_in(
            company, dice, moment, user=person, place=where.hand, app="Office 365 Exchange Online", interactive=False,
            session=phone_session, agent=agent, client="Mobile Apps and Desktop clients",
        )  # fmt: skip
    if person.kind in ("administrator", "developer"):
        yield from _use_azure_portal(company, person, where.desk, start, dice)


def _generate_daily_sign_in(
    company: Company, person: Person, place: SampleLocation, start: datetime, dice: Dice, session: str
) -> Iterator[SampleEntry]:
    """The first sign-in of the day: a password may be mistyped, a second factor missed."""
    moment = start
    app = "Office 365 Exchange Online"
    for _ in range(dice.choice((1, 1, 1, 2, 3)) if dice.is_chosen(0.05) else 0):
        moment += timedelta(seconds=dice.randrange(6, 40))
        yield build_sign_in(company, dice, moment, user=person, place=place, app=app, result="50126")
    if dice.is_chosen(0.004):
        for _ in range(dice.randrange(6, 12)):
            moment += timedelta(seconds=dice.randrange(8, 50))
            yield build_sign_in(company, dice, moment, user=person, place=place, app=app, result="50126")
        yield build_sign_in(
            company, dice, moment + timedelta(seconds=9), user=person, place=place, app=app, result="50053"
        )
        moment += timedelta(minutes=dice.randrange(11, 40))
    if dice.is_chosen(0.01):
        yield build_sign_in(company, dice, moment, user=person, place=place, app=app, result="50055")
        moment += timedelta(minutes=3)
    if dice.is_chosen(0.2):
        yield build_sign_in(
            company, dice, moment, user=person, place=place, app=app, result="50074", session=session
        )
        moment += timedelta(seconds=dice.randrange(8, 40))
    for _ in range(dice.choice((1, 1, 2)) if dice.is_chosen(0.012) else 0):
        yield build_sign_in(
            company, dice, moment, user=person, place=place, app=app, result="500121", factors=2
        )
        moment += timedelta(seconds=dice.randrange(30, 90))
    yield build_sign_in(company, dice, moment, user=person, place=place, app=app, factors=2, session=session)


def _use_azure_portal(
    company: Company, person: Person, place: SampleLocation, start: datetime, dice: Dice
) -> Iterator[SampleEntry]:
    for _ in range(dice.times(1.2)):
        moment = start + timedelta(hours=8 * dice.random())
        yield build_sign_in(company, dice, moment, user=person, place=place, app="Azure Portal", factors=2)
    if person.kind == "developer" or dice.is_chosen(0.3):
        moment = start + timedelta(hours=8 * dice.random())
        yield build_sign_in(
            company, dice, moment, user=person, place=place, app="Microsoft Azure CLI", factors=2, agent=CLI,
            client="Mobile Apps and Desktop clients",
        )  # fmt: skip


def _list_guesses(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Yield what every tenant sees: strangers who try a name or two with a password from a list, mostly of people who
    are not there."""
    countries = ("US", "CN", "BR", "VN", "IN", "RU", "TR")
    for moment in repeat_moments(day, 25, dice, 1):
        place = SampleLocation(dice.draw_public_address(), dice.choice(countries), "", 0.0, 0.0)
        known = dice.choice(company.people)
        absent = Person(
            f"{dice.choice(company.facts['last_names']).lower()}{dice.randrange(90)}@{company.facts['domain']}", "", "",
            "guest", "it",
            known.office, known.home, known.phone, "", LIBRARY,
        )  # fmt: skip
        real = dice.is_chosen(0.3)
        yield build_sign_in(
            company, dice, moment, user=known if real else absent, place=place, result=dice.choice(("50126",
            "50053")) if real else "50034",
            client="Authenticated SMTP", agent=LIBRARY, device=False,
        )  # fmt: skip


def _list_applications(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Pipelines deploy all day; the identities of apps fetch tokens day and night."""
    agents = company.locate_office("Rotterdam", company.facts["agents"]["address"])
    for app in company.applications:
        for moment in repeat_moments(day, 45 if is_weekend(day) else 12, dice, 1):
            yield build_application_sign_in(company, dice, moment, app=app, place=agents)
    from nephoscope.sample.company import Application

    for name in (
        "app-booking-web",
        "app-tracking-api",
        "func-booking-events",
        "adf-ingest",
        "aa-bwf-operations",
    ):
        one = company.resources_by_name[name]
        for moment in repeat_moments(day, 60, dice, 0.2):
            identity = Application(one.principal, one.principal, name)
            yield build_application_sign_in(
                company,
                dice,
                moment,
                app=identity,
                place=SampleLocation("", "", "", 0, 0),
                resource="Azure Key Vault",
                managed=True,
            )
