"""The company's logs as files: a day of a kind of log a file, in the formats that Azure writes; the same seed gives the same bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import msgspec

from nephoscope.sample.company import USERS, Company
from nephoscope.sample.log_entry import SampleEntry, load_backgrounds
from nephoscope.sample.seeded_random import Dice
from nephoscope.sample.staged_attacks import Attack

DAYS = 30
"""How many days there are where nobody says it."""
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True)
class Generator:
    """The logs of `days` days from `start` on, of a company of so many users."""

    start: date
    days: int = DAYS
    seed: int = 1
    users: int = USERS
    attack: Attack | None = None
    company: Company = field(init=False)
    _begun: dict[date, list[SampleEntry]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "company", Company(self.seed, self.users))

    @property
    def each_day(self) -> Iterator[date]:
        """The days, the first first."""
        return (self.start + timedelta(days=place) for place in range(self.days))

    def entries(self, day: date) -> list[SampleEntry]:
        """Return what was logged on a day of UTC, in the order of the time; the same whichever days stand around it."""
        near = (day - timedelta(days=1), day, day + timedelta(days=1))
        for one in [one for one in self._begun if one not in near]:
            del self._begun[one]
        happened = [entry for one in near for entry in self._generate_attack(one) if entry.time.date() == day]
        found = happened + [
            entry for one in near for entry in self._list_entries(one) if entry.time.date() == day
        ]
        return sorted(found, key=lambda one: (one.time, one.stream))

    def _list_entries(self, day: date) -> list[SampleEntry]:
        """Return what was logged of things that begin on a day of the company's clocks."""
        if day not in self._begun:
            self._begun[day] = [
                entry
                for name, background in load_backgrounds().items()
                for entry in background(self.company, day, Dice.of(self.seed, name, day))
            ]
        return self._begun[day]

    def _generate_attack(self, day: date) -> Iterable[SampleEntry]:
        """The attack begins on the last day."""
        if self.attack is None or day != self.start + timedelta(days=self.days - 1):
            return ()
        return self.attack.entries(self.company, day)

    def write(self, folder: Path) -> Iterator[Path]:
        """Write the files below a folder, a day at a time; gives each as soon as it is whole."""
        for day in self.each_day:
            yield from write(self.entries(day), folder / day.isoformat())


def write(entries: Iterable[SampleEntry], folder: Path) -> list[Path]:
    """Write entries below a folder, each kind of log in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[bytes]] = defaultdict(list)
    for entry in entries:
        record = entry.record
        lines[entry.stream].append(record.encode() if isinstance(record, str) else _encode(record))
    paths = []
    for stream, found in sorted(lines.items()):
        path = folder / f"{stream}.{'log' if not found[0].startswith(b'{') else 'json'}"
        path.write_bytes(b"\n".join(found) + b"\n")
        paths.append(path)
    return paths
