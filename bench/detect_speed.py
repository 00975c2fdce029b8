"""A thousand rules on schedule: a cycle of five minutes over twenty million rows a day, an hour of the corpus' own rules, and of ours.

Usage: python bench/detect_speed.py [--small] [--only cycle,hour,shipped] [--workers N] [--sample N] [--folder DIR] [--shared DIR]

cycle: 1,000 rules of five minutes over a day of 20 million rows in 12 tables; the first look, which compiles them, and the next ones.
hour: the corpus' rules that compile, copied to 1,000, at their own frequency and period over a fortnight in 14 tables; one simulated
hour around midnight, when the daily rules run too, a look a minute. shipped: the same hour with all rules that the product brings,
each as it is, over the 40 tables that most of them read. Each beside a sample of the same rules run one by one on DuckDB.
--small: a twentieth of the rows and a tenth of the rules, in about a minute. Exit 1 where a target is missed: a cycle in 90 s, an hour
in 15 minutes with at most 2 GB in all workers together. --folder keeps the rows for the next time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from detection import naive, rows, rules, workspace  # noqa: E402
from nephoscope.alerts.rules.rule import AnalyticRule  # noqa: E402
from nephoscope.alerts.rules.rule_files import load_shipped_rules  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.state import State  # noqa: E402
from speed.together import together  # noqa: E402

CYCLE, HOUR, MEMORY = 90.0, 900.0, 2048.0
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
#: The midnight before yesterday's: everything lies in what the lake takes.
MIDNIGHT = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY


@dataclass(slots=True)
class Look:
    """What all workers did at one moment: the longest wall time, CPU of all, the windows, and the memory.

    `peak`: the most that they held together up to then; `alone`: the sum of the most that each held at any time.
    """

    wall: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    alone: float = 0.0
    windows: list[Any] = field(default_factory=list)


def arguments() -> argparse.Namespace:
    """The command line."""
    shared = Path(os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", default="cycle,hour,shipped")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=40, help="rules that the peer runs")
    parser.add_argument("--folder", type=Path, help="where the rows are kept (default: a temporary folder)")
    parser.add_argument("--shared", type=Path, default=shared)
    return parser.parse_args()


def looks(
    data: Path, several: Sequence[AnalyticRule], moments: Sequence[dt.datetime], workers: int
) -> list[Look]:
    """Look at the schedule at each moment, all workers together."""
    file = data.parent / "rules.pickle"
    file.write_bytes(pickle.dumps(list(several)))
    at = ",".join(one.isoformat() for one in moments)
    command = [sys.executable, str(BENCH / "detection" / "worker.py"), str(data), str(file), at]
    running = [
        subprocess.Popen([*command, f"{place}/{workers}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for place in range(workers)
    ]  # fmt: skip
    found = []
    with together([worker.pid for worker in running]) as seen:
        for place, moment in enumerate(moments):
            look = Look()
            for worker in running:
                print(file=worker.stdin, flush=True)
            for worker in running:
                line = json.loads(worker.stdout.readline() if worker.stdout else "")
                look.wall, look.cpu = max(look.wall, line["wall"]), look.cpu + line["cpu"]
                look.alone += line["peak"]
                look.windows += line["windows"]
            look.peak = seen.peak
            found.append(look)
            print(
                f"    {moment:%H:%M} {'first look' if not place else f'look {place + 1}'}: {_line(look)}",
                flush=True,
            )
    for worker in running:
        worker.communicate()
    return found


def filled(
    folder: Path,
    name: str,
    several: Sequence[AnalyticRule],
    tables: int,
    stretches: list[Any],
    corpora: Path | None = None,
) -> Path:
    """The data folder with its rows, made where it is not there yet, and without what was run before."""
    data = folder / name / "data"
    made = data / f"rows-{MIDNIGHT:%Y-%m-%d}"
    if not made.exists():
        shutil.rmtree(data, ignore_errors=True)
        with State.open_folder(data) as state, Lake.open(data, state) as lake:
            if corpora is not None:
                workspace.furnish(lake, corpora)
            columns = rules.columns_of(several, lake, tables)
            count = rows.fill(lake, columns, stretches)
            while lake.compact():
                pass
        made.write_text(f"{count:,} rows in {len(columns)} tables")
        shutil.copytree(
            data, folder / name / "state", ignore=lambda *_: ["lake", "spool", "tables", "functions"]
        )
    for file in (folder / name / "state").glob("state.db*"):
        shutil.copy(file, data / file.name)
    print(f"  {made.read_text()}", flush=True)
    return data


def cycle(folder: Path, given: argparse.Namespace) -> bool:
    """1,000 rules over five minutes."""
    count, size = (100, 1_000_000) if given.small else (1000, 20_000_000)
    several = rules.own(count)
    print(f"cycle: {count:,} rules over five minutes, {given.workers} workers", flush=True)
    data = filled(
        folder,
        f"cycle-{size}",
        several,
        12,
        [(MIDNIGHT + n * DAY / 24, DAY / 24, size // 24) for n in range(24)],
    )
    noon = MIDNIGHT + 12 * 60 * MINUTE
    found = looks(data, several, [noon + n * 5 * MINUTE + 5 * MINUTE for n in range(5)], given.workers)
    _worst(found[1:], several)
    worst = max(look.wall for look in found)
    _peer(data, several, found[-1:], noon + 20 * MINUTE, given.sample)
    met = worst <= CYCLE
    print(f"  a cycle takes {worst:.1f} s at most (<= {CYCLE:g}){'' if met else '   MISSED'}\n", flush=True)
    return met


def hour(folder: Path, given: argparse.Namespace) -> bool:
    """The corpus' rules at their own times."""
    count, size = (100, 50_000) if given.small else (1000, 1_000_000)
    with (
        tempfile.TemporaryDirectory() as empty,
        State.open_folder(Path(empty)) as state,
        Lake.open(Path(empty), state) as lake,
    ):
        corpora = given.shared / "corpora"
        tables, parsers = workspace.furnish(lake, corpora)
        several, different, unusable = rules.corpus(corpora / "azure-sentinel", lake, count)
        print(
            f"hour: {count:,} rules, copies of {different} of the corpus ({unusable} do not compile), "
            f"{tables} tables and {parsers} parsers imported for them",
            flush=True,
        )
    data = filled(folder, f"hour-{size}", several[:different], 14, _fortnight(size), given.shared / "corpora")
    return _look_an_hour(data, several, given)


def shipped(folder: Path, given: argparse.Namespace) -> bool:
    """The rules that the product brings at their own times."""
    size = 50_000 if given.small else 1_000_000
    several = list(load_shipped_rules().rules)
    print(f"shipped: an hour of the {len(several)} rules that the product brings", flush=True)
    data = filled(folder, f"shipped-{size}", several, 40, _fortnight(size))
    return _look_an_hour(data, several, given)


def _fortnight(size: int) -> list[Any]:
    """So many rows a day, and those of the hour that is looked at."""
    days = [(MIDNIGHT + (n - 14) * DAY, DAY, size) for n in range(14)]
    return days + [(MIDNIGHT + n * 5 * MINUTE, 5 * MINUTE, size // 288) for n in range(12)]


def _look_an_hour(data: Path, several: Sequence[AnalyticRule], given: argparse.Namespace) -> bool:
    begin = MIDNIGHT - 30 * MINUTE
    moments = [begin + n * MINUTE for n in range(61)]
    first, *rest = looks(data, several, moments, given.workers)
    whole = Look(
        sum(one.wall for one in rest),
        sum(one.cpu for one in rest),
        rest[-1].peak,
        rest[-1].alone,
        [w for one in rest for w in one.windows],
    )
    print(f"  the hour: {_line(whole)}; the longest look {max(one.wall for one in rest):.1f} s", flush=True)
    _worst([first, *rest], several)
    _peer(data, several, rest, MIDNIGHT, given.sample)
    met = whole.wall <= HOUR and whole.peak <= MEMORY
    print(
        f"  an hour takes {whole.wall:.1f} s (<= {HOUR:g}), {whole.peak:,.0f} MiB (<= {MEMORY:,.0f}){'' if met else '   MISSED'}\n",
        flush=True,
    )
    return met


def _line(look: Look) -> str:
    hits = {rule for rule, _, found, *_ in look.windows if found}
    errors = {error for *_, error in look.windows if error}
    per = 1e3 * look.cpu / max(1, len(look.windows))
    errors_text = f"; errors: {sorted(errors)[:3]}" if errors else ""
    return (
        f"{len(look.windows):,} windows in {look.wall:.1f} s, {look.cpu:.1f} s CPU ({per:.1f} ms a window), {look.peak:,.0f} MiB "
        f"together ({look.alone:,.0f} of each one's peak); "
        f"{len(hits):,} rules with rows, {sum(w[3] for w in look.windows):,} alerts{errors_text}"
    )


def _worst(found: Sequence[Look], several: Sequence[AnalyticRule]) -> None:
    names = {rule.id: rule.name for rule in several}
    taken: dict[str, list[float]] = defaultdict(list)
    for look in found:
        for rule, seconds, *_ in look.windows:
            taken[rule].append(seconds)
    every = [one for times in taken.values() for one in times]
    print(
        f"  seconds a window: median {median(every):.4f}, mean {sum(every) / len(every):.4f}; the worst ten rules:"
    )
    for rule, times in sorted(taken.items(), key=lambda item: -max(item[1]))[:10]:
        print(f"    {max(times):8.3f} s  {names[rule][:90]}")


def _peer(
    data: Path, several: Sequence[AnalyticRule], found: Sequence[Look], end: dt.datetime, sample: int
) -> None:
    """The ratio on rules that ended a window at that time: what they took on schedule, and one by one."""
    ran: dict[str, float] = {}
    for look in found:
        for rule, seconds, *_ in look.windows:
            ran.setdefault(rule, seconds)
    chosen = [rule for rule in several if rule.id in ran]
    chosen = chosen[:: max(1, len(chosen) // sample)][:sample]
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        alone = naive.one_by_one(lake, chosen, end)
    own, peer = sum(ran[one.id] for one in chosen), sum(alone[one.id][0] for one in chosen)
    cpu = sum(alone[one.id][1] for one in chosen)
    took = f"{peer:.2f} s ({cpu:.2f} s CPU)"
    print(
        f"  one by one on DuckDB, {len(chosen)} of them: {took}, on schedule {own:.2f} s: {peer / own:.1f} times",
        flush=True,
    )


def main() -> int:
    """Print everything; 1 where a target is missed."""
    given = arguments()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="nephoscope-bench-") as own:
        folder = given.folder or Path(own)
        wanted = {"cycle": cycle, "hour": hour, "shipped": shipped}
        met = [run(folder, given) for name, run in wanted.items() if name in given.only.split(",")]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
