"""Staff presence by day: office, home, travel, leave, joiners and leavers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.sample.company_calendar import is_weekend
from nephoscope.sample.seeded_random import Dice

if TYPE_CHECKING:
    from nephoscope.sample.company import Company, Person, SampleLocation

_MONDAY = date(2024, 1, 1)


class Presence(NamedTuple):
    """A person's day: `desk` is where the laptop is, `hand` where the phone is, `travels` whether abroad."""

    desk: SampleLocation
    hand: SampleLocation
    travels: bool = False


def plan_presence(company: Company, person: Person, day: date) -> Presence | None:
    """Return where a person works on a day, None on a day off."""
    if person.kind == "former" or not _works(company, person, day):
        return None
    trip = _find_hotel_stay(company, person, day)
    if trip is not None:
        return Presence(trip, trip, travels=True)
    dice = Dice.of(company.seed, "presence", person.upn, day)
    phone = replace(person.home, address=dice.draw_address_in_block(person.phone))
    if person.kind == "guest":
        return Presence(person.home, phone)
    way = dice.random()
    if way < 0.6:
        return Presence(company.locate_office(person.office), phone)
    # who works at home comes out of the VPN, or out of the own line while it is not up
    return Presence(company.vpn if way < 0.9 else person.home, phone)


def list_starters(company: Company, day: date) -> list[Person]:
    """Return who has the first day: some each month begin on a Monday."""
    return [one for one in company.people if one.kind == "employee" and _draw_first_day(company, one) == day]


def list_leavers(company: Company, day: date) -> list[Person]:
    """Return whose account is closed in the evening of a day."""
    return [one for one in company.people if one.kind == "employee" and _draw_last_day(company, one) == day]


def list_departed_people(company: Company, day: date, within: int = 5) -> list[Person]:
    """Return who left in the days before: their phones still try to fetch mail."""
    return [one for back in range(1, within + 1) for one in list_leavers(company, day - timedelta(days=back))]


def _works(company: Company, person: Person, day: date) -> bool:
    if day < _draw_first_day(company, person) or day > _draw_last_day(company, person):
        return False
    dice = Dice.of(company.seed, "works", person.upn, day)
    facts = company.facts["departments"][person.department]
    if facts.get("shifts"):
        return dice.is_chosen(0.66)
    if person.kind == "guest":
        return not is_weekend(day) and dice.is_chosen(0.3)
    return dice.is_chosen(0.92 if not is_weekend(day) else 0.03)


@lru_cache(maxsize=8192)
def _draw_first_day(company: Company, person: Person) -> date:
    """The first day, long ago for nearly all; the same in every year."""
    dice = Dice.of(company.seed, "first day", person.upn)
    if person.kind != "employee" or not dice.is_chosen(0.25):
        return date.min
    return date(2025, 1, 6) + timedelta(weeks=dice.randrange(156))


@lru_cache(maxsize=8192)
def _draw_last_day(company: Company, person: Person) -> date:
    dice = Dice.of(company.seed, "last day", person.upn)
    if person.kind != "employee" or _draw_first_day(company, person) != date.min or not dice.is_chosen(0.25):
        return date.max
    return date(2025, 1, 3) + timedelta(weeks=dice.randrange(156))


def _find_hotel_stay(company: Company, person: Person, day: date) -> SampleLocation | None:
    """The hotel where somebody stays in the middle of a week, None for who is not on a trip."""
    often = 0.12 if company.facts["departments"][person.department].get("travels") else 0.015
    if person.kind in ("guest", "former"):
        return None
    week = (day - _MONDAY).days // 7
    dice = Dice.of(company.seed, "trip", person.upn, week)
    if not dice.is_chosen(often):
        return None
    city, first, length = dice.choice(list(company.facts["travel"])), dice.randrange(3), dice.randrange(1, 4)
    place = company.pick_hotel_location(city, dice)
    return place if first <= day.weekday() < first + length else None
