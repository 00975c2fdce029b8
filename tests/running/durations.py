"""How long each file of tests takes, and each case of a function: measured by `make durations`, kept in durations.csv and cases.csv.

The long files first follows the one, how many like cases `make test` runs the other.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).with_name("durations.csv")
#: Files that take less, in seconds, are not in the table: their turn does not matter.
LEAST = 0.5
CASES = TABLE.with_name("cases.csv")
#: Functions whose cases take less, in processor seconds each, are not in that table: all of them run.
LEAST_OF_CASE = 0.01
Measure = tuple[float, float]
#: How many cases of a function were measured, and what they took together.
Cases = tuple[int, float]


@cache
def recorded() -> dict[str, Measure]:
    """Read the seconds and the processor seconds of each file, as its path from the root of the repository."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return {
            row["file"]: (float(row["seconds"]), float(row["processor"])) for row in csv.DictReader(lines)
        }


@cache
def recorded_cases() -> dict[str, float]:
    """Read the processor seconds of one case of each function that has several, as its id without the parameters."""
    with CASES.open(encoding="utf-8", newline="") as lines:
        return {row["function"]: float(row["processor"]) for row in csv.DictReader(lines)}


def function_of(nodeid: str) -> str:
    """Tell the function of a test's id: what is before its parameters."""
    return nodeid.split("[", 1)[0]


def seconds_of(unit: str) -> float:
    """Tell the longer of both, in seconds, of a file or of all files below a folder: 0 for one that is not in the table."""
    return sum(max(row) for file, row in recorded().items() if file == unit or file.startswith(f"{unit}/"))


def write(measured: dict[str, Measure]) -> None:
    """Replace the rows of the files that were measured; those whose file is gone are dropped."""
    root = TABLE.parents[2]
    rows = {file: row for file, row in recorded().items() if (root / file).exists()} | measured
    with TABLE.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("file", "seconds", "processor"))
        for file, (seconds, processor) in sorted(rows.items()):
            if max(seconds, processor) >= LEAST:
                writer.writerow((file, f"{seconds:.1f}", f"{processor:.1f}"))


def write_cases(measured: dict[str, Cases]) -> None:
    """Replace the rows of the functions that were measured; those whose file is gone are dropped."""
    root = TABLE.parents[2]
    rows = {one: took for one, took in recorded_cases().items() if (root / one.split("::", 1)[0]).exists()}
    rows |= {function: processor / count for function, (count, processor) in measured.items()}
    with CASES.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("function", "processor"))
        for function, processor in sorted(rows.items()):
            if processor >= LEAST_OF_CASE:
                writer.writerow((function, f"{processor:.2f}"))


class DurationRecorder:
    """Measures each file in the process that runs it, and writes the table where the session began."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._measured: dict[str, Measure] = {}
        self._cases: dict[str, Cases] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Add what the test took, its fixtures and the processes below it included."""
        before = time.monotonic(), processor_seconds()
        try:
            return (yield)
        finally:
            file = item.nodeid.split("::", 1)[0]
            seconds, processor = self._measured.get(file, (0.0, 0.0))
            self._measured[file] = (
                seconds + time.monotonic() - before[0],
                processor + max(0.0, processor_seconds() - before[1]),
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Add what a case of a function took: not its fixtures, which another case shares."""
        before = processor_seconds()
        try:
            return (yield)
        finally:
            function = function_of(item.nodeid)
            if function != item.nodeid:
                count, processor = self._cases.get(function, (0, 0.0))
                self._cases[function] = count + 1, processor + max(0.0, processor_seconds() - before)

    def pytest_testnodedown(self, node: object) -> None:
        """Take over what a worker measured."""
        self.take_over(getattr(node, "workeroutput", {}))

    def measures(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what was measured here, for the process that began the session."""
        return {
            "durations": [(file, *measure) for file, measure in self._measured.items()],
            "cases": [(function, *cases) for function, cases in self._cases.items()],
        }

    def take_over(self, measures: dict[str, list[tuple[Any, ...]]]) -> None:
        """Add what a worker has measured."""
        self._measured |= {file: (seconds, took) for file, seconds, took in measures.get("durations", ())}
        self._cases |= {function: (count, took) for function, count, took in measures.get("cases", ())}

    def pytest_sessionfinish(self) -> None:
        """Hand the measures to the process that began the session, or write them where this is it."""
        if (output := getattr(self._config, "workeroutput", None)) is not None:
            output.update(self.measures())
        else:
            write(self._measured)
            write_cases(self._cases)


def processor_seconds() -> float:
    """Measure what this process, those below it and those of them that have ended have computed, in seconds."""
    return sum(os.times()[:4]) + sum(map(_ticks, _below(os.getpid()))) / os.sysconf("SC_CLK_TCK")


def _below(process: int) -> Iterator[int]:
    """Tell the processes below one that run; only these are looked at, since others may be many."""
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended
            for child in map(int, listed.read_text().split()):
                yield child
                yield from _below(child)


def _ticks(process: int) -> int:
    """Read what a process and those below it that have ended have computed: 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))
