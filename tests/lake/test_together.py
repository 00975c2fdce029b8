"""Writers, joined files, vacuum and readers at once, in several processes: every query sees one version, and counts add up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.lake.lake import Lake
from nephoscope.state import State

pytestmark = pytest.mark.system

INGESTER = Path(__file__).with_name("ingester.py")
ROWS = 5
LOOK = """
let all = toscalar(Syslog | count);
let batches = Syslog | summarize Rows = count(), Distinct = dcount(HostName) by Computer, ProcessID;
let second = Syslog | where HostName == 'r1';
let joined = toscalar(Syslog | where HostName == 'r0' | join kind=inner (second) on Computer, ProcessID | count);
batches
| summarize Last = max(ProcessID), Batches = count(), Torn = countif(Rows != 5 or Distinct != 5) by Computer
| extend All = all, Joined = joined
"""


class Watch:
    """Looks again and again; what it saw is checked at once."""

    def __init__(self, lake: Lake, stop: threading.Event) -> None:
        self.lake, self.stop, self.looks, self.seen = lake, stop, 0, {}
        self.failure: BaseException | None = None

    def __call__(self) -> None:
        try:
            while not self.stop.is_set():
                self.look()
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.failure = error
            self.stop.set()

    def look(self) -> None:
        rows = self.lake.query(LOOK)[-1].table.to_pylist()
        self.looks += 1
        batches = sum(row["Batches"] for row in rows)
        for row in rows:
            assert row["Torn"] == 0
            assert row["Last"] == row["Batches"] - 1, "a batch is missing before one that is there"
            assert (row["All"], row["Joined"]) == (batches * ROWS, batches), "one query saw two versions"
            assert row["Last"] >= self.seen.get(row["Computer"], -1), "what was seen is gone"
            self.seen[row["Computer"]] = row["Last"]


def repeated(work: Callable[[], object], stop: threading.Event, failures: list[BaseException]) -> None:
    try:
        while not stop.wait(0.2):
            work()
    except BaseException as error:  # noqa: BLE001 - told to the test
        failures.append(error)
        stop.set()


def together(tmp_path: Path, seconds: float, looks: int) -> None:
    data, stop, failures = tmp_path / "data", threading.Event(), []
    with ExitStack() as stack:
        state = stack.enter_context(State.open_folder(data))
        lake = stack.enter_context(Lake.open(data, state))
        lake.writer()
        watches = [Watch(lake, stop) for _ in range(2)]
        works = [
            *watches,
            *(
                lambda one=one: repeated(one, stop, failures)
                for one in (lambda: lake.compact(3), lake.vacuum, lake.retain)
            ),
        ]
        processes = [ingester(stack, data, tmp_path / "acks", one) for one in ("a", "b", "c")]
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while not stop.is_set() and (
            time.monotonic() < until or any(len(one.seen) < 3 or one.looks < looks for one in watches)
        ):
            assert time.monotonic() < until + 240, "the readers saw too little"
            stop.wait(0.2)
        for process in processes:
            assert process.poll() is None, "a writer ended by itself"
            process.kill()
            process.wait()
        stop.set()
        for thread in threads:
            thread.join()
        assert [one for one in (*failures, *(watch.failure for watch in watches)) if one is not None] == []
        lake.flush(300)
        last = Watch(lake, stop)
        last.look()
        acknowledged = [line.split() for line in (tmp_path / "acks").read_text().splitlines()]
        for producer, sequence in last.seen.items():
            assert max(int(number) for one, number in acknowledged if one == producer) <= sequence
        assert len(last.seen) == 3
        assert lake.failure is None
        assert lake.upkeep_failure is None


def ingester(stack: ExitStack, data: Path, acks: Path, producer: str) -> subprocess.Popen:
    process = forked_commands.Popen(
        [sys.executable, str(INGESTER), str(data), str(acks), "0.01", producer],
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout.readline() == "ready\n"
    return process


def test_all_at_once_for_some_seconds(tmp_path: Path) -> None:
    together(tmp_path, 1, 1)


@pytest.mark.full
def test_all_at_once_for_ten_minutes(tmp_path: Path) -> None:
    together(tmp_path, 600, 100)
