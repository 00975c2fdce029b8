"""Addresses of the sample: `sample:`, `sample:days=7,seed=2`, `sample:attack=web-attack,start=2026-11-01`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from nephoscope.sample.company import USERS
from nephoscope.sample.generator import DAYS, Generator
from nephoscope.sample.staged_attacks import find_attack, load_attacks

PREFIX = "sample:"
MOST_DAYS, MOST_USERS, FEWEST_USERS = 400, 5000, 50
_KEYS = ("attack", "days", "seed", "start", "users")


def is_sample(path: str) -> bool:
    """Return whether a path asks for the sample company's logs."""
    return path.startswith(PREFIX)


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """The logs that are asked for: which days of which company, with which staged attack ('' = none)."""

    start: date
    days: int = DAYS
    seed: int = 1
    users: int = USERS
    attack: str = ""

    @classmethod
    def parse(cls, text: str, today: date | None = None) -> SampleRequest:
        """Return what a path says; without `start` the last day is yesterday. ValueError says what is wrong with it."""
        given: dict[str, str] = {}
        for part in text.removeprefix(PREFIX).split(",") if text != PREFIX else ():
            name, equals, value = part.partition("=")
            if name not in _KEYS or not equals:
                raise ValueError(
                    f"{text!r}: {part!r} is not one of {', '.join(f'{key}=...' for key in _KEYS)}"
                )
            given[name] = value
        days = _read_number(given, "days", DAYS, 1, MOST_DAYS)
        start = (today or datetime.now(UTC).date()) - timedelta(days=days)
        if "start" in given:
            try:
                start = date.fromisoformat(given["start"])
            except ValueError as error:
                raise ValueError(f"start={given['start']}: must be a day such as 2026-11-01") from error
        if given.get("attack", "") and given["attack"] not in load_attacks():
            raise ValueError(
                f"unknown attack {given['attack']!r}: use one of {', '.join(sorted(load_attacks()))}"
            )
        users = _read_number(given, "users", USERS, FEWEST_USERS, MOST_USERS)
        return cls(start, days, _read_number(given, "seed", 1, 0, 2**31), users, given.get("attack", ""))

    def generator(self) -> Generator:
        """Return what makes them; an attack happens on the last day."""
        attack = find_attack(self.attack) if self.attack else None
        return Generator(self.start, self.days, self.seed, self.users, attack)


def _read_number(given: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name, str(usual))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name}={text}: a whole number from {least} to {most}")
    return int(text)
