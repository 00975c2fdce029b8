"""A full disk or spool: nothing is half taken, and the same append is taken when there is room again.

Two things stand for a full disk: a shim over the lake's own file operations that raises ENOSPC in mid-write, and RLIMIT_FSIZE in a
process of its own, where the kernel itself refuses to let files grow (spool, Parquet and Delta's log alike).
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import sys
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.lake.durable_files import AppendFile, Disk, TableFile
from nephoscope.lake.errors import SpoolFullError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State
from nephoscope.state.state_ledger import StateLedger

pytestmark = pytest.mark.system

NOW = dt.datetime.now(dt.UTC)


class SmallDisk(Disk):
    """A disk with `room` bytes for new data; a write that does not fit leaves its beginning, as a real one does."""

    def __init__(self) -> None:
        self.room = 1 << 30
        self.failing_syncs = 0

    def open_for_append(self, path: Path, *, new: bool) -> AppendFile:
        return SmallFile(self, path, new=new)

    def create_table_file(self, path: Path, schema) -> TableFile:
        return SmallTable(self, path, schema)

    def take(self, size: int) -> None:
        if size > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size


class SmallTable(TableFile):
    def __init__(self, disk: SmallDisk, path: Path, schema) -> None:
        super().__init__(path, schema)
        self.disk = disk

    def close(self) -> None:
        super().close()
        if self.path.exists():
            self.disk.take(self.path.stat().st_size)


class SmallFile(AppendFile):
    def __init__(self, disk: SmallDisk, path: Path, *, new: bool) -> None:
        super().__init__(path, os.O_CREAT | os.O_EXCL if new else 0)
        self.disk = disk

    def write(self, data: bytes) -> None:
        if len(data) > self.disk.room:
            super().write(data[: self.disk.room])
        self.disk.take(len(data))
        super().write(data)

    def sync(self) -> None:
        if self.disk.failing_syncs:
            self.disk.failing_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync()


@pytest.fixture
def disk() -> SmallDisk:
    return SmallDisk()


class Still(Lake):
    """Flushes only when it is told to."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


@pytest.fixture
def small(tmp_path: Path, state: State, disk: SmallDisk):
    with Still(tmp_path / "data", StateLedger(state), disk=disk) as lake:
        yield lake


def rows(lake: Lake, sequence: int):
    return {
        "Syslog": to_arrow_rows(
            lake.tables["Syslog"],
            [{"TimeGenerated": NOW, "ProcessID": sequence}] * 3,
            workspace=lake.workspace(),
            now=NOW,
        ).table
    }


def append(lake: Lake, sequence: int) -> None:
    lake.writer().append("default", rows(lake, sequence), producer="p", sequence=sequence)


def counts(lake: Lake) -> dict[int, int]:
    lake.flush()
    table = lake.query("Syslog | summarize n = count() by ProcessID")[0].table
    return {row["ProcessID"]: row["n"] for row in table.to_pylist()}


@pytest.mark.parametrize("room", [0, 1, 40, 900])
def test_a_full_disk_takes_nothing_and_recovers(small: Lake, disk: SmallDisk, room: int) -> None:
    append(small, 0)
    disk.room = room
    for _ in range(3):
        with pytest.raises(SpoolFullError, match="No space left"):
            append(small, 1)
    assert small.writer().last("p") == 0
    disk.room = 1 << 30
    append(small, 1)
    append(small, 1)
    assert counts(small) == {0: 3, 1: 3}


def test_what_could_not_be_synced_was_not_taken(small: Lake, disk: SmallDisk) -> None:
    append(small, 0)
    disk.failing_syncs = 1
    with pytest.raises(SpoolFullError):
        append(small, 1)
    assert small.writer().last("p") == 0
    append(small, 1)
    assert counts(small) == {0: 3, 1: 3}


def test_a_flush_that_finds_no_room_is_done_later(small: Lake, disk: SmallDisk, tmp_path: Path) -> None:
    append(small, 0)
    small.writer().close_segment()
    disk.room = 10
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            small.flush_round()
    assert list((tmp_path / "data" / "lake").rglob("*.parquet")) == []
    disk.room = 1 << 30
    assert counts(small) == {0: 3}


def test_a_full_spool_pushes_back_until_it_is_flushed(tmp_path: Path, state: State) -> None:
    with Still(tmp_path / "data", StateLedger(state), limit=8_000) as lake:
        taken = _until_refused(lake)
        assert 0 < taken < 10
        assert counts(lake) == dict.fromkeys(range(taken), 3)
        append(lake, taken)
        assert counts(lake) == dict.fromkeys(range(taken + 1), 3)


def _until_refused(lake: Lake) -> int:
    for taken in range(100):
        try:
            append(lake, taken)
        except SpoolFullError:
            break
    with pytest.raises(SpoolFullError, match="the spool is full"):
        append(lake, taken)
    return taken


def test_the_reserve_is_left_for_the_flusher(
    small: Lake, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(small, 0)
    monkeypatch.setattr(disk, "free", lambda _: 1 << 20)
    with pytest.raises(SpoolFullError, match="1 MiB left, and 64 MiB are reserved"):
        append(small, 1)
    monkeypatch.undo()
    append(small, 1)
    assert counts(small) == {0: 3, 1: 3}


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tests.lake.test_disk_full import SpoolFullError, State, Lake, append, counts
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
data = Path(sys.argv[1])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with State.open_folder(data) as state, Lake.open(data, state) as lake:
    append(lake, 0)
    taken, refused = 1, 0
    for limit in (2_000, 5_000, 12_000, 30_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        for _ in range(40):
            try:
                append(lake, taken)
                taken += 1
            except SpoolFullError:
                refused += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        append(lake, taken)
        taken += 1
    found = counts(lake)
    assert found == dict.fromkeys(range(taken), 3), found
    print(taken, refused)
"""


def test_the_kernel_refuses_to_let_files_grow(tmp_path: Path) -> None:
    done = forked_commands.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "data")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    taken, refused = map(int, done.stdout.split())
    assert taken > 5
    assert refused > 0
