"""Processes that are killed while they append: what they acknowledged is there, once, and they go on where they were."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.lake.lake import Lake
from nephoscope.state import State

pytestmark = pytest.mark.system

INGESTER = Path(__file__).with_name("ingester.py")
PRODUCERS = ("a", "b", "c")
ROWS = 5


def killed(data: Path, acks: Path, luck: random.Random) -> None:
    """One process, killed at some moment after it has acknowledged something new."""
    before = acks.stat().st_size if acks.exists() else 0
    with forked_commands.Popen(
        [sys.executable, str(INGESTER), str(data), str(acks), "0", *PRODUCERS],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            until = time.monotonic() + 120
            while not (acks.exists() and acks.stat().st_size > before):
                assert process.poll() is None, "the process ended by itself"
                assert time.monotonic() < until, "nothing was acknowledged"
                time.sleep(0.01)
            time.sleep(luck.uniform(0, 1.5))
        finally:
            process.kill()


def check(data: Path, acks: Path) -> int:
    """How many appends are there."""
    acknowledged = Counter(tuple(line.split()) for line in acks.read_text().splitlines())
    assert set(acknowledged.values()) == {1}
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush()
        table = lake.query(
            "Syslog | summarize Rows = count(), Distinct = dcount(HostName) by Computer, ProcessID"
        )[0].table
        found = {
            (row["Computer"], row["ProcessID"]): (row["Rows"], row["Distinct"]) for row in table.to_pylist()
        }
        assert set(found.values()) == {(ROWS, ROWS)}, "an append is torn or doubled"
        for producer in PRODUCERS:
            sequences = sorted(sequence for one, sequence in found if one == producer)
            assert sequences == list(range(len(sequences))), "an append is missing"
            assert lake.writer().last(producer) == len(sequences) - 1
        assert {(one, int(sequence)) for one, sequence in acknowledged} <= found.keys()
    return len(found)


def kill(times: int, tmp_path: Path) -> None:
    data, acks, luck = tmp_path / "data", tmp_path / "acks", random.Random(times)
    appends = 0
    for turn in range(times):
        killed(data, acks, luck)
        if turn % 10 == 9 or turn == times - 1:
            before, appends = appends, check(data, acks)
            assert appends > before


def test_killed_a_few_times(tmp_path: Path) -> None:
    kill(2, tmp_path)


@pytest.mark.full
def test_killed_fifty_times(tmp_path: Path) -> None:
    kill(50, tmp_path)
