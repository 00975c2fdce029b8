"""Templates per second, start-up included, beside Checkov in the same run: `python bench/template_speed.py [SHARED]`.

200 and 900 templates are made of the quickstarts of the shared corpus, each of its own name. Both tools judge the same folder, each as
its own process, in turns; the fastest of three runs counts (`--rounds N`), and CPU seconds and the most memory (ru_maxrss) stand
beside the clock. Checkov is installed in an environment of its own (.venv/checkov); templates on which it crashes, found by halving,
are named and left out for both (`--without ID` leaves out those that are known, and looks for no others). Both run as they are
installed, with compiled modules. Targets: 200 templates in <= 1 s, >= 8 times as fast as Checkov, in less memory; the number of
judged pairs is the same with and without the cache of content.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHECKOV = ROOT / ".venv" / "checkov"
SIZES = (200, 900)
ENDS = (0, 1, 3)
"""How a run ends that judged its files."""
MOST_SECONDS, LEAST_RATIO = 1.0, 8.0


def quickstarts(shared: Path) -> list[Mapping[str, Any]]:
    """The records of the corpus."""
    with gzip.open(shared / "corpora/templates/quickstarts.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def write(records: Sequence[Mapping[str, Any]], count: int, folder: Path) -> None:
    """Write so many templates, the records again and again, each in a folder of its own."""
    for number in range(count):
        record = records[number % len(records)]
        place = folder / f"t{number:04}"
        place.mkdir(parents=True)
        (place / "azuredeploy.json").write_text(record["template"])
        if record.get("parameters"):
            (place / "azuredeploy.parameters.json").write_text(record["parameters"])


def install_checkov() -> Path:
    """The program of Checkov, installed when it is not there."""
    program = CHECKOV / "bin" / "checkov"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CHECKOV)], check=True)
        subprocess.run([str(CHECKOV / "bin" / "pip"), "install", "-q", "checkov"], check=True)
    return program


@dataclass(frozen=True, slots=True)
class Measured:
    """A process that ended: wall and CPU seconds, the most MB that it held, its exit code and output."""

    wall: float
    cpu: float
    memory: float
    code: int
    output: str
    errors: str

    def best(self, other: Measured | None) -> Measured:
        """The least of each measure of two runs."""
        if other is None:
            return self
        least = [min(pair) for pair in zip(self.measures, other.measures, strict=True)]
        return Measured(*least, self.code, self.output, self.errors)

    @property
    def measures(self) -> tuple[float, float, float]:
        """Wall and CPU seconds, and MB."""
        return self.wall, self.cpu, self.memory

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s CPU, {self.memory:.0f} MB)"


def measured(command: Sequence[str], folder: Path, **environment: str) -> Measured:
    """Run a process in a folder, as one that is installed: with modules that are compiled once."""
    given = {**os.environ, **environment}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=errors, env=given)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        return Measured(wall, cpu, memory, process.returncode, output.read(), errors.read())


def run_own(folder: Path, data: Path) -> Measured:
    """Judge a folder with this product; ends where it fails as a program."""
    own = [str(ROOT / ".venv/bin/nephoscope"), "--data", str(data), "scan", ".", "-o", "json"]
    found = measured(own, folder)
    if found.code not in ENDS:
        sys.exit(f"nephoscope ended with {found.code}: {found.errors[-500:]}")
    return found


def run_checkov(folder: Path, checkov: Path) -> Measured:
    """Judge a folder with Checkov."""
    options = ["-d", ".", "--framework", "arm", "--compact", "--quiet", "-o", "json", "--skip-download"]
    return measured([str(checkov), *options], folder, BC_SKIP_MAPPING="true")


def crashing(records: Sequence[Mapping[str, Any]], checkov: Path) -> Iterator[Mapping[str, Any]]:
    """The records on which Checkov ends as a program that failed, found by halving."""
    with tempfile.TemporaryDirectory() as name:
        write(records, len(records), Path(name))
        found = run_checkov(Path(name), checkov)
    if found.code in ENDS:
        return
    if len(records) == 1:
        print(
            f"left out: {records[0]['id']}: Checkov ends with {found.code}: {found.errors.strip()[-80:]}",
            flush=True,
        )
        yield records[0]
        return
    middle = len(records) // 2
    for half in (records[:middle], records[middle:]):
        yield from crashing(half, checkov)


def pairs(output: str) -> int:
    """How many pairs of a policy and a resource were judged."""
    return sum(json.loads(output)["states"].values())


def compare(
    records: Sequence[Mapping[str, Any]], count: int, checkov: Path, rounds: int
) -> tuple[Measured, Measured]:
    """Measure both on so many templates: the best of each, ours first."""
    own: Measured | None = None
    theirs: Measured | None = None
    judged: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "repository"), Path(name, "data")
        write(records, count, folder)
        for _ in range(rounds):
            own = run_own(folder, data).best(own)
            judged.add(pairs(own.output))
            theirs = run_checkov(folder, checkov).best(theirs)
            if theirs.code not in ENDS:
                sys.exit(f"Checkov ended with {theirs.code}: {theirs.errors[-500:]}")
        judged.add(pairs(run_own(folder, data).output))
    if len(judged) != 1 or own is None or theirs is None:
        sys.exit(f"the first run, without a cache, judged another number of pairs: {sorted(judged)}")
    ratios = [their / our for our, their in zip(own.measures, theirs.measures, strict=True)]
    shown = "{:.1f} x by the clock, {:.1f} x by CPU, {:.1f} x the memory".format(*ratios)
    print(f"{count} templates, {judged.pop()} pairs: {own}; Checkov {theirs}: {shown}", flush=True)
    return own, theirs


def options() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="template_speed.py")
    shared = os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    parser.add_argument("shared", type=Path, nargs="?", default=Path(shared))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--without", action="append", default=[], metavar="ID")
    return parser.parse_args()


def main() -> int:
    """Measure, and say what misses its target."""
    asked, checkov = options(), install_checkov()
    every = quickstarts(asked.shared)
    for name in asked.without:
        print(f"left out: {name}")
    kept = [record for record in every if record["id"] not in asked.without]
    crashes = set() if asked.without else {record["id"] for record in crashing(kept, checkov)}
    records = [record for record in kept if record["id"] not in crashes]
    print(f"{len(every) - len(records)} of {len(every)} templates left out", flush=True)
    results = {count: compare(records, count, checkov, asked.rounds) for count in asked.sizes}
    missed = [
        f"{count} templates: {what}"
        for count, (own, theirs) in results.items()
        for what, is_met in (
            (f"<= {MOST_SECONDS} s", count != SIZES[0] or own.wall <= MOST_SECONDS),
            (f">= {LEAST_RATIO} x", theirs.cpu / own.cpu >= LEAST_RATIO),
            ("less memory", own.memory < theirs.memory),
        )
        if not is_met
    ]
    print(f"missed: {', '.join(missed)}" if missed else "targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
