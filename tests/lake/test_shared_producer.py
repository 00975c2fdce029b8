"""Two live processes that append as one producer: what each was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.running import forked_commands
from tests.waiting import wait_until

from nephoscope.lake.errors import ProducerOvertakenError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State
from nephoscope.state.state_ledger import StateLedger

pytestmark = pytest.mark.system

SHARER = Path(__file__).with_name("sharer.py")


class Still(Lake):
    """Flushes only when it is told to."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


def rows(lake: Lake, number: int) -> dict:
    now = dt.datetime.now(dt.UTC)
    made = [{"TimeGenerated": now, "ProcessID": number}]
    return {"Syslog": to_arrow_rows(lake.tables["Syslog"], made, workspace=lake.workspace(), now=now).table}


def started(stack: ExitStack, data: Path, acks: Path, count: int) -> subprocess.Popen:
    command = [sys.executable, str(SHARER), str(data), str(acks), str(count)]
    process = forked_commands.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout.readline() == "ready\n"
    return process


def _has_lines(acks: Path, count: int, writer: subprocess.Popen) -> bool:
    assert writer.poll() is None
    return acks.exists() and acks.read_text().count("\n") >= count


def shared(tmp_path: Path, count: int, kill: bool) -> None:
    data, acks = tmp_path / "data", tmp_path / "acks"
    with ExitStack() as stack:
        processes = [started(stack, data, acks, count) for _ in range(2)]
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        if kill:
            wait_until(lambda: _has_lines(acks, count, processes[0]))
            processes[1].kill()
        assert processes[0].wait() == 0
        assert processes[1].wait() == (-9 if kill else 0)
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush()
        found = lake.query("Syslog | project Computer, ProcessName, ProcessID")[0].table.to_pylist()
    there = Counter((row["Computer"], int(row["ProcessName"]), row["ProcessID"]) for row in found)
    acknowledged = Counter(
        (producer, int(process), int(number))
        for producer, process, number in map(str.split, acks.read_text().splitlines())
    )
    assert set(there.values()) == {1}, "rows are there twice"
    assert set(acknowledged.values()) == {1}, "two were told that they appended the same"
    assert acknowledged.keys() <= there.keys(), "acknowledged rows are missing"
    assert len(there.keys() - acknowledged.keys()) <= kill, (
        "only what a kill cut off may be there without a word"
    )
    assert {number for producer, _, number in there if producer == "numbered"} == set(range(count))


@pytest.mark.full
@pytest.mark.parametrize("kill", [False, True], ids=["both live", "one is killed"])
def test_two_processes_share_a_producer(tmp_path: Path, kill: bool) -> None:
    shared(tmp_path, 30, kill)


@pytest.mark.full
@pytest.mark.parametrize("kill", [False, True], ids=["both live", "one is killed"])
def test_two_processes_share_a_producer_for_long(tmp_path: Path, kill: bool) -> None:
    shared(tmp_path, 2000, kill)


def test_each_writer_knows_what_the_other_appended(tmp_path: Path, state: State) -> None:
    with Still(tmp_path, StateLedger(state)) as one, Still(tmp_path, StateLedger(state)) as two:
        first, second = one.writer(), two.writer()
        assert first.append("default", rows(one, 0), producer="p", sequence=5)
        assert second.append("default", rows(two, 1), producer="p", sequence=6)
        assert not first.append("default", rows(one, 1), producer="p", sequence=6)
        assert first.append("default", rows(one, 2), producer="p")
        assert (first.last("p"), second.last("p")) == (7, 7)
        with pytest.raises(ProducerOvertakenError, match="the last sequence is 7, this process expected 6"):
            second.append("default", rows(two, 3), producer="p", after=6)
        assert second.append("default", rows(two, 3), producer="p", after=7)
        second.close_segment()
        one.flush()
        assert first.append("default", rows(one, 4), producer="p", sequence=9)
        one.flush()
        found = one.query("Syslog | project ProcessID | order by ProcessID asc")[0].table
    assert found.column("ProcessID").to_pylist() == [0, 1, 2, 3, 4]
