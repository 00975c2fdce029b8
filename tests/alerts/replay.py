"""The company's days run through the real schedule, hour by hour, with or without a staged attack, late logs and a stop.

As a program: `python tests/alerts/replay.py [--days 30] [--seed 1] [--users 500] [--hours N] [--late TABLE] [--stop] [ATTACK ...]`
prints a line an attack (incidents, alerts, tactics, entities), and without an attack the alerts of the benign days by rule.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.tactics import order_tactics
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.sample.generator import Generator
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.sample_loading import SampleLogLoader
from nephoscope.sample.staged_attacks import Attack, find_attack, load_attacks
from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=6)
#: The log of each attack that comes late, and tells most of it.
LATE = {
    "identity-takeover": "SignInLogs",
    "exposed-machine": "windows",
    "insider-deletion": "activity",
    "leaked-key": "AuditEvent",
    "container-escape": "kubernetes",
    "web-attack": "gateway",
}


@contextmanager
def opened(data: Path) -> Iterator[tuple[Lake, State, SampleLogLoader]]:
    """A data folder with its lake, its state and what takes entries in."""
    with State.open_folder(data, f"sqlite:///{data / 'state.db'}") as state, Lake.open(data, state) as lake:
        yield lake, state, SampleLogLoader(lake, state, lake.workspace("default"))


def filled(data: Path, generator: Generator, streams: Container[str] | None = None) -> Path:
    """A data folder with the company's days (of all its logs, or of some), its estate and watchlists.

    No row is late for a schedule that runs over them.
    """
    with opened(data) as (_, _, loading):
        loading.describe()
        tally = loading.days(generator, streams)
        assert not tally.bad, tally.bad
    return data


@dataclass
class Replay:
    """Runs the schedule over the hours of an attack (or of a day), its rows coming in each hour as they would."""

    data: Path
    generator: Generator
    rules: Sequence[AnalyticRule] = field(default_factory=lambda: load_shipped_rules().rules)
    errors: list[str] = field(default_factory=list)

    def attack(self, attack: Attack, *, late: str = "", stop: bool = False) -> None:
        """The attack happens on the last day; rows of the log `late` come an hour late; `stop`: nothing runs for two hours."""
        day = self.generator.start + timedelta(days=self.generator.days - 1)
        entries = sorted(attack.entries(self.generator.company, day), key=lambda one: one.time)
        start = entries[0].time.replace(minute=0, second=0, microsecond=0)
        ends = entries[-1].time
        hours = int((ends - start) / HOUR) + 3
        waiting = [(entry.time + (HOUR if entry.stream == late else timedelta()), entry) for entry in entries]
        with opened(self.data) as (lake, state, loading):
            schedule = Schedule(lake, state, self.rules, "default")
            self._tick(schedule, start + SETTLED)
            for number in range(1, hours + 1):
                moment = start + number * HOUR
                came = [entry for at, entry in waiting if moment - HOUR <= at < moment]
                self._take(lake, loading, came, moment)
                # the stop begins with the attack and ends two hours later
                if not (stop and number <= 2):
                    self._tick(schedule, moment + SETTLED)

    def hours(self, first: datetime, count: int) -> None:
        """The schedule runs each hour, nothing else happens."""
        with opened(self.data) as (lake, state, _):
            schedule = Schedule(lake, state, self.rules, "default")
            for number in range(count + 1):
                self._tick(schedule, first + number * HOUR + SETTLED)

    def _take(
        self, lake: Lake, loading: SampleLogLoader, entries: list[SampleEntry], moment: datetime
    ) -> None:
        if entries:
            tally = loading.load_entries(entries, moment)
            assert not tally.bad, tally.bad
            lake.flush()

    def _tick(self, schedule: Schedule, now: datetime) -> None:
        for ran in schedule.tick(now):
            if ran.outcome.error:
                self.errors.append(f"{ran.outcome.rule.name}: {ran.outcome.error}")


@dataclass(frozen=True)
class Told:
    """What an incident tells: who and what, the stages in the order of the kill chain, the alerts."""

    title: str
    severity: str
    tactics: tuple[str, ...]
    entities: frozenset[str]
    alerts: tuple[str, ...]


def incidents(data: Path) -> list[Told]:
    """The incidents of a data folder, those that were put into others left out."""
    with opened(data) as (_, state, _):
        return [_told(state, one) for one in state.incidents.list_newest("default")]


def _told(state: State, incident: Incident) -> Told:
    with state.transaction() as session:
        rows = [one.document for one in state.alerts.list_of_incident(session, incident.number)]
    tactics = order_tactics([name for row in rows for name in row["Tactics"].split(", ") if name])
    named = {_name(one) for row in rows for one in json.loads(row["Entities"])}
    return Told(
        incident.title,
        incident.severity,
        tuple(tactics),
        frozenset(named),
        tuple(row["AlertName"] for row in rows),
    )


def _name(entity: dict[str, Any]) -> str:
    """What an entity is called, as the stories of attacks write it."""
    suffix = entity.get("UPNSuffix")
    name = f"{entity.get('Name')}@{suffix}" if suffix else entity.get("Name") or entity.get("HostName")
    text = (
        name
        or entity.get("Address")
        or entity.get("AppId")
        or entity.get("ResourceId")
        or entity.get("Url")
        or ""
    )
    return str(text).removesuffix("/blobservices/default").rpartition("/")[2] or str(text)


def wanted(attack: Attack, generator: Generator) -> tuple[set[str], set[str]]:
    """The tactics and the entities that an attack's story has."""
    day = generator.start + timedelta(days=generator.days - 1)
    story = attack.build_story(generator.company, day)
    return set(story["tactics"]), {str(one) for several in story["entities"].values() for one in several}


def alerts_by_rule(data: Path) -> Counter[str]:
    """How many alerts each rule raised."""
    with opened(data) as (_, state, _):
        found = state.alerts.list_newest("default", most=100_000)
    return Counter(
        f"{one.document['AlertSeverity']}: {json.loads(one.document['ExtendedProperties'])['Analytic Rule Name']}"
        for one in found
    )


def main() -> int:
    """Replay what is asked for and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("attack", nargs="*", help=f"all, or some of {', '.join(sorted(load_attacks()))}")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument(
        "--hours", type=int, default=0, help="run only the last so many hours of the benign days"
    )
    parser.add_argument("--late", action="store_true", help="the log that tells most comes an hour late")
    parser.add_argument(
        "--stop", action="store_true", help="nothing runs for the two hours from the attack on"
    )
    parser.add_argument("--data", type=Path, help="a folder of filled days to keep and take again")
    asked = parser.parse_args()
    end = datetime.now(UTC).date()
    generator = Generator(end - timedelta(days=asked.days), asked.days, asked.seed, asked.users)
    with tempfile.TemporaryDirectory() as folder:
        base = asked.data or Path(folder, "base")
        if not base.exists():
            began = time.perf_counter()
            filled(base, generator)
            print(f"filled {asked.days} days in {time.perf_counter() - began:.0f} s", flush=True)
        names = sorted(load_attacks()) if asked.attack == ["all"] else asked.attack
        for name in names:
            _attack(base, Path(folder, name), generator, name, late=asked.late, stop=asked.stop)
        if not names:
            _benign(base, Path(folder, "benign"), generator, asked.hours or asked.days * 24, end)
    return 0


def _attack(base: Path, data: Path, generator: Generator, name: str, *, late: bool, stop: bool) -> None:
    shutil.copytree(base, data)
    began = time.perf_counter()
    replay = Replay(data, generator)
    replay.attack(find_attack(name), late=LATE[name] if late else "", stop=stop)
    found = incidents(data)
    tactics, entities = wanted(find_attack(name), generator)
    print(f"{name}: {len(found)} incidents, {time.perf_counter() - began:.0f} s, {len(replay.errors)} errors")
    for one in found:
        missing = sorted((tactics - set(one.tactics)) | (entities - one.entities))
        print(
            f"  {one.severity} {one.title}\n    {' > '.join(one.tactics)}; missing: {', '.join(missing) or 'nothing'}"
        )
        for alert in one.alerts:
            print(f"    {alert}")
    for error in replay.errors[:5]:
        print(f"  {error}")
    sys.stdout.flush()


def _benign(base: Path, data: Path, generator: Generator, hours: int, end: date) -> None:
    shutil.copytree(base, data)
    replay = Replay(data, generator)
    midnight = datetime(end.year, end.month, end.day, tzinfo=UTC)
    replay.hours(midnight - hours * HOUR, hours)
    counts = alerts_by_rule(data)
    rate = sum(counts.values()) / (generator.users / 1000) / (hours / 24)
    print(
        f"{sum(counts.values())} alerts in {hours} hours ({rate:.2f} per 1,000 users and day), {len(incidents(data))} incidents"
    )
    for rule, count in counts.most_common():
        print(f"  {count:5} {rule}")
    for error in replay.errors[:5]:
        print(f"  {error}")


if __name__ == "__main__":
    sys.exit(main())
