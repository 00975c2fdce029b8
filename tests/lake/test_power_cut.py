"""The power goes at every moment of a recorded run: no acknowledged append is lost, none is there twice."""

from __future__ import annotations

import datetime as dt
import importlib.util
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.storage import delta_table, table_store
from nephoscope.lake.storage.snapshot import read_snapshot
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals

pytestmark = pytest.mark.system

_SPEC = importlib.util.spec_from_file_location("traced_disk", Path(__file__).with_name("traced_disk.py"))
traced = importlib.util.module_from_spec(_SPEC)
sys.modules["traced_disk"] = traced
_SPEC.loader.exec_module(traced)

NOW = dt.datetime.now(dt.UTC)
TABLES = ("Syslog", "AzureActivity")
SAMPLE = 47
"""Without --full every so manieth moment is a cut."""


class Memory:
    """A state whose transactions are durable, as SQLite's with synchronous=FULL are, and remembered in the trace."""

    def __init__(self, note=lambda *_: None) -> None:
        self.note, self.known, self.fence = note, {}, 0
        self.counted, self.rows = frozenset(), Counter()

    @classmethod
    def after(cls, events: list[tuple]) -> Memory:
        """The state after the transactions of a trace."""
        memory = cls()
        for event in events:
            if event[0] == "state":
                memory.settle(*event[2:])
        return memory

    def last(self, producer: str) -> int:
        return self.known.get(producer, -1)

    def record(self, sequences: dict[str, int]) -> None:
        self.settle(sequences, {}, self.counted)

    def settle(self, sequences, arrivals, there) -> bool:
        self.note("state", None, dict(sequences), dict(arrivals), frozenset(there))
        for producer, sequence in sequences.items():
            self.known[producer] = max(sequence, self.last(producer))
        for segment in arrivals.keys() - self.counted:
            for one in arrivals[segment]:
                self.rows.update({table.table: table.rows for table in one.tables})
        self.counted = (self.counted & there) | arrivals.keys()
        return True

    def prune(self) -> int:
        return 0

    def lease(self, name: str, seconds: float):
        self.fence += 1
        return self

    def renew(self) -> bool:
        return True

    def release(self) -> None:
        pass


class Still(Lake):
    """A lake that flushes only when it is told to: the trace is the same every time."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


def batch(lake: Lake, producer: str, sequence: int) -> dict:
    """An append: two rows in one table, one in the other, over two days."""
    rows = [
        {
            "TimeGenerated": NOW - dt.timedelta(days=n),
            "Computer": producer,
            "ProcessID": sequence,
            "OperationName": f"{producer}/{sequence}",
        }
        for n in range(2)
    ]
    return {
        name: to_arrow_rows(lake.tables[name], rows[: 2 - place], workspace=lake.workspace(), now=NOW).table
        for place, name in enumerate(TABLES)
    }


def send(lake: Lake, producer: str, sequence: int, note=lambda *_: None) -> None:
    rows = batch(lake, producer, sequence)
    brought = tuple(Arrival(name, one.num_rows) for name, one in rows.items())
    arrivals = Arrivals(producer, "default", NOW, brought)
    lake.writer().append("default", rows, producer=producer, sequence=sequence, arrivals=arrivals)
    note("ack", None, producer, sequence)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run with two writers one after the other, flushes, joined files and checkpoints, as a trace."""
    monkeypatch.setattr(table_store, "CHECKPOINT_EVERY", 3)
    root = tmp_path / "run"
    root.mkdir()
    disk = traced.TracedDisk(root)
    memory = Memory(disk.note)
    with Still(root, memory, disk=disk) as lake:
        for sequence in range(7):
            send(lake, "a", sequence, disk.note)
            if sequence % 2:
                send(lake, "b", sequence, disk.note)
            if sequence in (1, 2, 4, 5):
                lake.flush()
            if sequence in (4, 5):
                lake.compact(1)
    with Still(root, memory, disk=disk) as lake:
        send(lake, "b", 8, disk.note)
        send(lake, "a", 7, disk.note)
        lake.flush()
        send(lake, "a", 8, disk.note)
    return root, disk.trace


def found(lake: Lake, root: Path) -> dict[str, Counter]:
    """Table -> how often each append's rows are there."""
    lake.flush()
    counts = {name: Counter() for name in TABLES}
    for name in TABLES:
        path = table_store.get_table_path(root, "default", name)
        table = delta_table.open_table(path)
        for file in read_snapshot(table, path).files if table is not None else ():
            rows = pq.ParquetFile(file.path).read(
                ["Computer", "ProcessID"] if name == "Syslog" else ["OperationName"]
            )
            counts[name].update("/".join(map(str, row.values())) for row in rows.to_pylist())
    return counts


def check(root: Path, trace: list[tuple], events: int, new: Path, luck: random.Random | None) -> None:
    world, acknowledged = traced.World(), set()
    for event in trace[:events]:
        if event[0] == "ack":
            acknowledged.add(f"{event[2]}/{event[3]}")
        elif event[0] != "state":
            world.play(event)
    traced.build(world.survivors(luck), root, new)
    sent = {f"{event[2]}/{event[3]}" for event in trace if event[0] == "ack"}
    memory = Memory.after(trace[:events])
    with Still(new, memory) as lake:
        counts = found(lake, new)
        for name, times in zip(TABLES, (2, 1), strict=True):
            assert set(counts[name].values()) <= {times}, f"doubled after {events} events: {counts[name]}"
            assert acknowledged <= counts[name].keys() <= sent, f"lost after {events} events"
            assert memory.rows[name] == counts[name].total(), f"counted otherwise after {events} events"
        # the producers go on where they are told they were, and then everything is there once
        for one in sorted(sent, key=lambda one: int(one[2:])):
            producer, sequence = one.split("/")
            if int(sequence) > lake.writer().last(producer):
                send(lake, producer, int(sequence))
        counts = found(lake, new)
    for name, times in zip(TABLES, (2, 1), strict=True):
        assert counts[name] == dict.fromkeys(sent, times), f"after {events} events and sending again"
        assert memory.rows[name] == counts[name].total(), (
            f"counted otherwise after {events} events and sending again"
        )
    shutil.rmtree(new)


def cut_everywhere(recorded, tmp_path: Path, step: int, lucky: int) -> None:
    root, trace = recorded
    assert {event[0] for event in trace} >= {
        "ack",
        "state",
        "sync",
        "sync folder",
        "rename",
        "remove",
        "appeared",
        "cut",
    } - {"cut"}
    entries = [event for event in trace if event[0] == "appeared"]
    assert any("checkpoint" in str(event[1]) for event in entries)
    assert any(b'"remove"' in event[2] for event in entries), "no files were joined"
    for events in range(len(trace) % step, len(trace) + 1, step):
        check(root, trace, events, tmp_path / f"cut-{events}", None)
        for turn in range(lucky):
            check(root, trace, events, tmp_path / f"cut-{events}-{turn}", random.Random(events * 100 + turn))


def test_the_power_goes_at_some_moments(recorded, tmp_path: Path) -> None:
    cut_everywhere(recorded, tmp_path, SAMPLE, 1)


@pytest.mark.full
def test_the_power_goes_at_every_moment(recorded, tmp_path: Path) -> None:
    cut_everywhere(recorded, tmp_path, 1, 1)
