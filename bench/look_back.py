"""A look back over a month of logs with attacks on four days, beside a schedule that is stepped through the same time.

Usage: python bench/look_back.py [--days N] [--users N] [--rules N | --rule ID ...] [--whole] [--stretches N] [--hours N] [--folder D]

Both run all rules that come along over the same rows. Stepping through a month takes hours, so that some stretches of it are
stepped through (`--stretches` of so many `--hours`, spread over the range, and those of the attacks), and what a window takes there
counts for all of them; `--whole` steps through everything. The first look of a schedule in a stretch, which compiles the rules, is
not counted; compiling counts for the look back. Exit 1 where the look back is less than five times as fast, or where in the hours
that were stepped through an alert is raised by one of the two only. `--rules` takes so many of the rules, spread evenly over their
ids. `--folder` keeps the rows for the next time. Both run in this process: the ratio is of its CPU seconds, which a machine that
does something else besides does not change; wall time is printed beside it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.backfill import LookBack
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.sample.generator import Generator
from nephoscope.sample.sample_loading import SampleLogLoader
from nephoscope.sample.staged_attacks import find_attack
from nephoscope.state import State

TARGET = 5.0
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SETTLED = dt.timedelta(minutes=6)
ATTACKS = ("web-attack", "leaked-key", "identity-takeover", "insider-deletion")
END = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(slots=True)
class Took:
    """How long something ran: CPU seconds of this process and all its threads, and seconds on the wall."""

    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add what the block takes."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall

    def __str__(self) -> str:
        return f"{self.cpu:,.1f} CPU s, {self.wall:,.1f} s"


@dataclass(slots=True)
class Stepped:
    """What a schedule took and raised: the windows that were timed, and the hours whose alerts are known."""

    took: Took = field(default_factory=Took)
    windows: int = 0
    hours: set[dt.datetime] = field(default_factory=set)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rules", type=int, default=0, help="how many rules (default: all)")
    parser.add_argument("--rule", action="append", default=[], help="only the rule of this id (repeatable)")
    parser.add_argument("--whole", action="store_true", help="step through every hour")
    parser.add_argument("--stretches", type=int, default=6)
    parser.add_argument("--hours", type=int, default=3, help="hours of a stretch")
    parser.add_argument("--folder", type=Path, help="where the rows are kept (default: a temporary folder)")
    return parser.parse_args()


def attack_days(days: int) -> dict[dt.date, str]:
    """The days of the attacks, spread over the range."""
    places = [days * (place + 1) // (len(ATTACKS) + 1) for place in range(len(ATTACKS))]
    return {(END - (days - place) * DAY).date(): name for place, name in zip(places, ATTACKS, strict=True)}


def fill(data: Path, days: int, users: int) -> list[dt.datetime]:
    """Take the company's days and the attacks in; the hours in which these begin."""
    generator = Generator((END - days * DAY).date(), days, users=users)
    entries = {
        day: find_attack(name).entries(generator.company, day) for day, name in attack_days(days).items()
    }
    begins = [
        min(one.time for one in several).replace(minute=0, second=0, microsecond=0)
        for several in entries.values()
    ]
    if not data.exists():
        with State.open_folder(data) as state, Lake.open(data, state) as lake:
            loading = SampleLogLoader(lake, state, lake.workspace("default"))
            loading.describe()
            loading.days(generator)
            for day, several in entries.items():
                loading.load_entries(several, dt.datetime.combine(day, dt.time(), dt.UTC))
            lake.flush(timeout=600)
    return begins


def chosen(most: int, ids: Sequence[str]) -> list[AnalyticRule]:
    """The rules that are run: all that come along, those of these ids, or so many of them."""
    every = sorted(
        (one for one in load_shipped_rules().rules if not ids or one.id in ids), key=lambda one: one.id
    )
    return every if not most else [every[len(every) * place // most] for place in range(most)]


def look(data: Path, rules: Sequence[AnalyticRule], days: int) -> tuple[Took, LookBack]:
    """Look back over all days; how long it took."""
    took = Took()
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        looking = LookBack(Schedule(lake, state, rules, "default"))
        with took.timed():
            errors = [
                ran.outcome.error
                for ran in looking.run(END - days * DAY, END, dt.datetime.now(dt.UTC))
                if ran.outcome.error
            ]
    print(f"  errors: {errors[:3]}" if errors else "  no errors", flush=True)
    return took, looking


def step(
    base: Path, data: Path, rules: Sequence[AnalyticRule], stretches: Sequence[Sequence[dt.datetime]]
) -> tuple[Stepped, set[str]]:
    """Step a schedule through stretches of hours, and the alerts of these; each begins without what was run before it."""
    found, alerts = Stepped(), set[str]()
    for hours in stretches:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(base, data)
        with State.open_folder(data) as state, Lake.open(data, state) as lake:
            schedule = Schedule(lake, state, rules, "default")
            for place, hour in enumerate(hours):
                took = found.took if place else Took()
                with took.timed():
                    windows = sum(1 for _ in schedule.tick(hour + SETTLED))
                if place:
                    found.windows += windows
                    found.hours.add(hour)
                lake.flush()
        alerts |= {id_ for id_, end in raised(data) if end in set(hours[1:])}
        print(f"    {hours[0]:%m-%d %H:%M}: {found.windows:,} windows in {found.took}", flush=True)
    return found, alerts


def raised(data: Path) -> Iterator[tuple[str, dt.datetime]]:
    """The alerts of a folder: id, and the end of the window."""
    with State.open_folder(data) as state:
        for one in state.alerts.history("default", END - 400 * DAY, dt.datetime.now(dt.UTC)):
            yield one.id, one.raised


def stretches_of(given: argparse.Namespace, begins: Sequence[dt.datetime]) -> list[list[dt.datetime]]:
    """The hours that the schedule is stepped through."""
    start = END - given.days * DAY
    if given.whole:
        return [[start + n * HOUR for n in range(given.days * 24 + 1)]]
    even = [start + (n + 0.5) * given.days * DAY / given.stretches for n in range(given.stretches)]
    firsts = sorted(
        {*begins[: given.stretches], *(one.replace(minute=0, second=0, microsecond=0) for one in even)}
    )
    return [[first + n * HOUR for n in range(given.hours + 1)] for first in firsts]


def main() -> int:
    """Print everything; 1 where the target is missed."""
    given = arguments()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="nephoscope-bench-") as own:
        folder = given.folder or Path(own)
        base = folder / f"base-{given.days}-{given.users}"
        begins = fill(base, given.days, given.users)
        shutil.rmtree(folder / "looked", ignore_errors=True)
        shutil.copytree(base, folder / "looked")
        rules = chosen(given.rules, given.rule)
        print(f"{len(rules)} of {len(load_shipped_rules().rules)} rules, {given.days} days", flush=True)
        took, looking = look(folder / "looked", rules, given.days)
        ran = looking.windows - looking.empty
        print(f"look back: {looking.windows:,} windows in {took}, {ran:,} of them run", flush=True)
        stepped, theirs = step(base, folder / "stepped", rules, stretches_of(given, begins))
        mine = {id_ for id_, end in raised(folder / "looked") if end in stepped.hours}
    share = looking.windows / max(1, stepped.windows)
    every = stepped.took.cpu * share
    print(
        f"stepped: {stepped.windows:,} windows in {stepped.took}; all of them would take {every:,.0f} CPU s, "
        f"{stepped.took.wall * share:,.0f} s"
    )
    print(
        f"alerts of {len(stepped.hours)} hours: {len(mine)} looked back, {len(theirs)} stepped, {len(mine ^ theirs)} differ"
    )
    met = every / took.cpu >= TARGET and mine == theirs
    print(
        f"the look back is {every / took.cpu:.1f} times as fast (>= {TARGET:g}){'' if met else '   MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
