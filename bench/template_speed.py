"""Templates per second, start-up included, beside Checkov in the same run: `python bench/template_speed.py [SHARED]`.

200 and 900 templates are made of the quickstarts of the shared corpus, each of its own name. Both tools judge the same folder, each as
its own process, in turns; the fastest of three runs counts (`--rounds N`), and CPU seconds and the most memory (ru_maxrss) stand
beside the clock. This product is measured cold (no verdict is kept yet), warm (all are) and without kept verdicts (`--no-cache`), and
the three outputs must be the same to the byte. `--alone` leaves Checkov out.

Checkov is installed in an environment of its own (.venv/checkov); templates on which it crashes, found by halving, are named and left
out for both (`--without ID` leaves out one that is known, so that the search ends after one run). Both run as they are installed,
with compiled modules. Targets: 200 templates in <= 1 s warm, >= 8 times as fast as Checkov cold and warm, in less memory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
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
        wall, cpu, memory = (min(pair) for pair in zip(self.measures, other.measures, strict=True))
        return Measured(wall, cpu, memory, self.code, self.output, self.errors)

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


def run_own(folder: Path, data: Path, *options: str) -> Measured:
    """Judge a folder with this product; ends where it fails as a program."""
    own = [str(ROOT / ".venv/bin/nephoscope"), "--data", str(data), "scan", ".", "-o", "json", *options]
    found = measured(own, folder)
    if found.code not in ENDS:
        sys.exit(f"nephoscope ended with {found.code}: {found.errors[-500:]}")
    return found


def run_checkov(folder: Path, checkov: Path) -> Measured:
    """Judge a folder with Checkov."""
    options = ["-d", ".", "--framework", "arm", "--compact", "--quiet", "-o", "json", "--skip-download"]
    return measured([str(checkov), *options], folder, BC_SKIP_MAPPING="true")


def crashing(
    records: Sequence[Mapping[str, Any]], checkov: Path, *, known: bool = False
) -> Iterator[Mapping[str, Any]]:
    """The records on which Checkov ends as a program that failed, found by halving; `known`: some of them is one."""
    if not known or len(records) == 1:
        with tempfile.TemporaryDirectory() as name:
            write(records, len(records), Path(name))
            found = run_checkov(Path(name), checkov)
        if found.code in ENDS:
            return
        if len(records) == 1:
            why = found.errors.strip().rpartition("\n")[2]
            print(f"left out: {records[0]['id']}: Checkov ends with {found.code}: {why}", flush=True)
            yield records[0]
            return
    middle = len(records) // 2
    first = list(crashing(records[:middle], checkov))
    yield from first
    yield from crashing(records[middle:], checkov, known=not first)


def checks(output: str) -> str:
    """How many checks Checkov made, and how many files it says it cannot read."""
    document = json.loads(output)
    parts = [one["summary"] for one in (document if isinstance(document, list) else [document])]
    made, unread = (
        sum(one[name] for one in parts for name in names)
        for names in (("passed", "failed"), ("parsing_errors",))
    )
    return f"{made} checks of Checkov, {unread} files that it cannot read"


def pairs(output: str) -> int:
    """How many pairs of a policy and a resource were judged."""
    return sum(json.loads(output)["states"].values())


@dataclass(slots=True)
class Compared:
    """The best of each way to judge so many templates."""

    count: int
    cold: Measured | None = None
    warm: Measured | None = None
    uncached: Measured | None = None
    checkov: Measured | None = None

    def round(self, folder: Path, data: Path, checkov: Path | None) -> None:
        """Judge a folder once in each way; ends where the outputs differ."""
        shutil.rmtree(data / "content" / "verdicts", ignore_errors=True)
        cold, warm, uncached = (run_own(folder, data, *how) for how in ((), (), ("--no-cache",)))
        if not cold.output == warm.output == uncached.output:
            sys.exit(f"{self.count} templates: the output with kept verdicts is not the one without")
        self.cold, self.warm = cold.best(self.cold), warm.best(self.warm)
        self.uncached = uncached.best(self.uncached)
        if checkov is not None:
            theirs = run_checkov(folder, checkov)
            if theirs.code not in ENDS:
                sys.exit(f"Checkov ended with {theirs.code}: {theirs.errors[-500:]}")
            self.checkov = theirs.best(self.checkov)

    def show(self) -> None:
        """Print the measures."""
        assert self.cold is not None
        theirs = f", {checks(self.checkov.output)}" if self.checkov is not None else ""
        print(f"{self.count} templates, {pairs(self.cold.output)} pairs{theirs}", flush=True)
        for name, one in (
            ("cold", self.cold),
            ("warm", self.warm),
            ("no cache", self.uncached),
            ("Checkov", self.checkov),
        ):
            if one is not None:
                print(f"  {name:<9}{one}{self._ratio(one)}", flush=True)

    def _ratio(self, one: Measured) -> str:
        if self.checkov is None or one is self.checkov:
            return ""
        ratios = [their / our for our, their in zip(one.measures, self.checkov.measures, strict=True)]
        return ": Checkov takes {:.1f} x by the clock, {:.1f} x by CPU, {:.1f} x the memory".format(*ratios)

    def missed(self) -> Iterator[str]:
        """The targets that are not met."""
        assert self.warm is not None
        if self.count == SIZES[0] and self.warm.wall > MOST_SECONDS:
            yield f"warm in <= {MOST_SECONDS} s"
        if self.checkov is None:
            return
        for name, one in (("cold", self.cold), ("warm", self.warm)):
            assert one is not None
            if self.checkov.cpu / one.cpu < LEAST_RATIO:
                yield f"{name} >= {LEAST_RATIO} x"
            if one.memory >= self.checkov.memory:
                yield f"{name} in less memory"


def compare(records: Sequence[Mapping[str, Any]], count: int, checkov: Path | None, rounds: int) -> Compared:
    """Measure so many templates; the content is made ready by a run that is not measured."""
    found = Compared(count)
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "repository"), Path(name, "data")
        write(records, count, folder)
        run_own(folder, data)
        for _ in range(rounds):
            found.round(folder, data, checkov)
    found.show()
    return found


def options() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="template_speed.py")
    shared = os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    parser.add_argument("shared", type=Path, nargs="?", default=Path(shared))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--without", action="append", default=[], metavar="ID")
    parser.add_argument("--alone", action="store_true", help="leave Checkov out")
    return parser.parse_args()


def judged_by_both(asked: argparse.Namespace, checkov: Path | None) -> list[Mapping[str, Any]]:
    """The records of the corpus, without those that were asked to be left out or that Checkov fails on."""
    every = quickstarts(asked.shared)
    for name in asked.without:
        print(f"left out: {name}")
    kept = [record for record in every if record["id"] not in asked.without]
    crashes = {record["id"] for record in crashing(kept, checkov)} if checkov is not None else set()
    records = [record for record in kept if record["id"] not in crashes]
    print(f"{len(every) - len(records)} of {len(every)} templates left out", flush=True)
    return records


def main() -> int:
    """Measure, and say what misses its target."""
    asked = options()
    checkov = None if asked.alone else install_checkov()
    records = judged_by_both(asked, checkov)
    results = [compare(records, count, checkov, asked.rounds) for count in asked.sizes]
    missed = [f"{one.count} templates: {what}" for one in results for what in one.missed()]
    print(f"missed: {', '.join(missed)}" if missed else "targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
