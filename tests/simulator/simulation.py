"""All of a simulated tenant together, and its files."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from pathlib import Path

from tests.simulator import networks
from tests.simulator.attacks import directory, origins, passwords, sessions
from tests.simulator.attacks.stage import Stage, Truth
from tests.simulator.calendar import BenignCase, Calendar, make_calendar
from tests.simulator.daily_life import DailyLife
from tests.simulator.networks import locate
from tests.simulator.organization import Organization, Person, make_organization, stream
from tests.simulator.records import TABLES, Row, stamp
from tests.simulator.workloads import administer, run_workload

ATTACKS = passwords.ATTACKS + sessions.ATTACKS + origins.ATTACKS + directory.ATTACKS


@dataclass(frozen=True)
class Settings:
    """What a simulation is made of: `days` are judged after `learning` days; `rounds` is how often each attack is run."""

    seed: int
    start: datetime
    users: int = 200
    learning: int = 28
    days: int = 7
    rounds: int = 2

    @property
    def judged_from(self) -> datetime:
        """Give the time from which detections count."""
        return self.start + timedelta(days=self.learning)

    @property
    def end(self) -> datetime:
        """Give the time of the end."""
        return self.start + timedelta(days=self.learning + self.days)


@dataclass(frozen=True)
class Simulation:
    """The rows of a simulated tenant by table, in the order of time, and the truth about them."""

    settings: Settings
    organization: Organization
    calendar: Calendar
    tables: dict[str, list[Row]]
    truths: list[Truth]
    indicators: list[tuple[str, str]]
    leaked: list[Person]

    @property
    def benign(self) -> list[BenignCase]:
        """Give the hard benign cases."""
        return self.calendar.cases


def simulate(settings: Settings) -> Simulation:
    """Make a simulation: the same settings give the same rows."""
    organization = make_organization(settings.seed, settings.users)
    calendar = make_calendar(organization, settings.learning, settings.days)
    life = DailyLife(organization, calendar, settings.start)
    recorders = []
    for day in range(calendar.days):
        recorders += [life.live(person, day) for person in organization.people]
        recorders += [
            run_workload(organization, calendar, settings.start, one, day) for one in organization.workloads
        ]
        recorders += [
            administer(organization, calendar, settings.start, one, day) for one in organization.admins
        ]
    stage = Stage.open(organization, calendar, settings.start)
    for number in range(settings.rounds):
        for attack in ATTACKS:
            attack(stage, number)
    tables: dict[str, list[Row]] = defaultdict(list)
    end = stamp(settings.end)
    for recorder in recorders + stage.recorders:
        for table, row in recorder.rows:
            if str(row["TimeGenerated"]) < end:
                tables[table].append(row)
    for rows in tables.values():
        rows.sort(key=lambda row: (str(row["TimeGenerated"]), str(row.get("Id", ""))))
    return Simulation(settings, organization, calendar, tables, stage.truths, _make_feed(stage), stage.leaked)


def _make_feed(stage: Stage) -> list[tuple[str, str]]:
    """Make a feed of threat intelligence: what attacks said to be listed, among addresses of no concern here."""
    rng = stream(stage.organization.seed, "feed")
    others = [
        (locate(rng.choice(networks.HOSTING), "feed", number).address, "scanner") for number in range(200)
    ]
    return sorted({*stage.indicators, *others})


def write_simulation(simulation: Simulation, folder: Path) -> None:
    """Write the tables of a simulation as JSON lines, and what lies beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        lines = (json.dumps(row, ensure_ascii=False) for row in simulation.tables[table])
        _write_lines(folder / f"{table}.jsonl", lines)
    truths = (
        json.dumps(asdict(one) | {"start": stamp(one.start), "end": stamp(one.end)})
        for one in simulation.truths
    )
    _write_lines(folder / "truth.jsonl", truths)
    _write_lines(folder / "benign.jsonl", (json.dumps(asdict(one)) for one in simulation.benign))
    with (folder / "indicators.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("value", "description"), *simulation.indicators])
    _write_hashes(simulation, folder)


def _write_lines(path: Path, lines: object) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)  # type: ignore[attr-defined]


def _hash_password(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def _write_hashes(simulation: Simulation, folder: Path) -> None:
    """Write a list of leaked hashes and the export of the users' own, of whom a few have a leaked password."""
    leaked = {person.upn for person in simulation.leaked}
    own = [
        (
            person.upn,
            _hash_password(
                f"{'Leaked' if person.upn in leaked else 'Own'}-{simulation.settings.seed}-{person.upn}"
            ),
        )
        for person in simulation.organization.people
    ]
    others = [_hash_password(f"somebody-{number}") for number in range(1000)]
    listed = sorted([*others, *(value for upn, value in own if upn in leaked)])
    _write_lines(folder / "leaked-sha1.txt", (f"{value}:3" for value in listed))
    _write_lines(folder / "exported-hashes.txt", (f"{upn}:{value}" for upn, value in own))
