"""Staged attacks: a file each says which traces an attacker leaves in the company's logs, when after the first, by whom.

A step names a kind of record (records/), when it happens (`at`, after the attack's beginning), how often (`times`, `every`) and the
fields that the record takes. `$name` is an actor, `$name.member` a member of it; `{n}` is the number of the repetition, `{each}` the
value of `each`. Nothing here knows a detection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import yaml

from nephoscope.sample.company import Application, Company, Person, SampleLocation, get_company_folder
from nephoscope.sample.log_entry import SampleEntry, load_writers
from nephoscope.sample.seeded_random import Dice

_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_ACTOR = re.compile(r"\$[a-z]+(?:\.[a-z]+)*")
_OWN = frozenset({"log", "at", "times", "every", "each", "note"})


@dataclass(frozen=True, slots=True)
class Attack:
    """A staged attack: `begins` is the hour of the day (UTC), `story` what a defender should read."""

    name: str
    title: str
    begins: float
    actors: Mapping[str, Mapping[str, object]]
    steps: tuple[Mapping[str, Any], ...]
    story: Mapping[str, object]

    def entries(self, company: Company, day: date) -> Iterator[SampleEntry]:
        """The traces that it leaves when it happens on a day; the same for the same company and day."""
        dice, cast = self._cast_actors(company, day)
        start = datetime.combine(day, time(), UTC) + timedelta(hours=self.begins)
        for step in self.steps:
            values = _fill_template(step.get("each", range(step.get("times", 1))), cast, {})
            gap = parse_time_span(step.get("every", "0s"))
            for number, value in enumerate(values):
                moment = start + parse_time_span(step["at"]) + gap * number
                if number:
                    moment += gap * (dice.random() - 0.5) * 0.4
                moment = moment.replace(microsecond=dice.randrange(10**6))
                yield from _write_step(company, step, moment, dice, cast, {"n": number, "each": value})

    def build_story(self, company: Company, day: date) -> dict[str, object]:
        """The story with its actors put in."""
        found: dict[str, Any] = _fill_template(self.story, self._cast_actors(company, day)[1], {})
        return found

    def _cast_actors(self, company: Company, day: date) -> tuple[Dice, dict[str, object]]:
        dice = Dice.of(company.seed, "attack", self.name, day)
        return dice, {name: _find_actor(company, wanted, dice) for name, wanted in self.actors.items()}


@cache
def load_attacks() -> Mapping[str, Attack]:
    """The staged attacks that come along, by name."""
    found = {}
    for one in sorted((get_company_folder() / "attacks").iterdir(), key=lambda one: one.name):
        if one.name.endswith(".yaml"):
            document = yaml.safe_load(one.read_bytes())
            name = one.name.removesuffix(".yaml")
            found[name] = Attack(
                name,
                document["title"],
                document["begins"],
                document["actors"],
                tuple(document["steps"]),
                document["story"],
            )
    return found


def find_attack(name: str) -> Attack:
    """The attack of a name; KeyError where there is none."""
    return load_attacks()[name]


def parse_time_span(text: str) -> timedelta:
    """A duration as `1h20m` or `90s`; ValueError for what is none."""
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is not a duration: as in 1h20m, 45s")
    hours, minutes, seconds = match.groups()
    return timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0))


def _find_actor(company: Company, wanted: Mapping[str, object], dice: Dice) -> object:
    """Return who or what plays a part."""
    kind, value = next(iter(wanted.items()))
    return _CAST[kind](company, value, dice)


def _choose_person(company: Company, value: Any, dice: Dice) -> object:
    """The person of an account, or anybody of a department and office: in a small company of as much of it as there is."""
    if isinstance(value, str):
        return company.person(value)

    def fits(one: Person) -> int:
        return sum(getattr(one, name) == wanted for name, wanted in value.items())

    most = max(map(fits, company.people))
    return dice.choice([one for one in company.people if fits(one) == most])


def _choose_people(company: Company, value: int, dice: Dice) -> list[Person]:
    """So many employees, fewer where the company is small."""
    employees = [one for one in company.people if one.kind == "employee"]
    return dice.sample(employees, min(value, len(employees)))


def _build_identity(company: Company, value: str, _dice: Dice) -> Application:
    one = company.resources_by_name[value]
    return Application(one.principal, one.principal, one.name)


def _build_place(company: Company, value: Mapping[str, Any], _dice: Dice) -> SampleLocation:
    return SampleLocation(
        value["address"], value["country"], value["city"], value["latitude"], value["longitude"]
    )


_CAST: Mapping[str, Callable[[Company, Any, Dice], object]] = {
    "person": _choose_person,
    "place": _build_place,
    "office": lambda company, value, _: company.vpn if value == "vpn" else company.locate_office(value),
    "people": _choose_people,
    "machine": lambda company, value, _: company.machine(value),
    "resource": lambda company, value, _: company.resources_by_name[value],
    "application": lambda company, value, _: next(one for one in company.applications if one.name == value),
    "identity": _build_identity,
}


def _write_step(
    company: Company,
    step: Mapping[str, Any],
    moment: datetime,
    dice: Dice,
    cast: Mapping[str, object],
    numbers: Mapping[str, object],
) -> list[SampleEntry]:
    fields = {name: _fill_template(value, cast, numbers) for name, value in step.items() if name not in _OWN}
    found = load_writers()[step["log"]](company, dice, moment, **fields)
    return [found] if isinstance(found, SampleEntry) else found


def _fill_template(value: Any, cast: Mapping[str, object], numbers: Mapping[str, Any]) -> Any:
    """A value with its actors and numbers put in."""
    if isinstance(value, Mapping):
        return {name: _fill_template(one, cast, numbers) for name, one in value.items()}
    if isinstance(value, list):
        return tuple(_fill_template(one, cast, numbers) for one in value)
    if not isinstance(value, str):
        return value
    if value == "{each}":
        return numbers["each"]
    if _ACTOR.fullmatch(value):
        return _resolve_path(value[1:], cast)
    for name, one in numbers.items():
        value = value.replace(f"{{{name}}}", str(one))
    return _ACTOR.sub(lambda match: str(_resolve_path(match[0][1:], cast)), value)


def _resolve_path(path: str, cast: Mapping[str, object]) -> object:
    name, *members = path.split(".")
    found = cast[name]
    for member in members:
        found = getattr(found, member)
    return found
