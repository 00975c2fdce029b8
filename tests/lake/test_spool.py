"""The spool: frames that are torn or damaged, appends that share a sync, what a writer leaves behind."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.lake.durable_files import AppendFile, Disk
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.spool.append_frame import encode_frame, frames
from nephoscope.lake.spool.segments import list_folders, list_segments
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope.state import State
from nephoscope.state.state_ledger import StateLedger

NOW = dt.datetime.now(dt.UTC)


class Still(Lake):
    """Flushes only when it is told to."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


def rows(lake: Lake, number: int) -> dict:
    made = [{"TimeGenerated": NOW, "ProcessID": number}]
    return {"Syslog": to_arrow_rows(lake.tables["Syslog"], made, workspace=lake.workspace(), now=NOW).table}


def segment(sizes: list[int]) -> tuple[bytes, list[int]]:
    """A file of frames, and where each ends."""
    data, ends = b"", []
    for sequence, size in enumerate(sizes):
        table = pa.table({"n": pa.array(range(size), pa.int64())})
        data += encode_frame("p", sequence, [("default", "T", table)])
        ends.append(len(data))
    return data, ends


SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=4)


@given(SIZES, st.data())
def test_a_torn_file_gives_its_whole_frames(sizes: list[int], draw: st.DataObject) -> None:
    data, ends = segment(sizes)
    cut = draw.draw(st.integers(0, len(data)))
    tail = draw.draw(st.binary(max_size=40))
    found = list(frames(data[:cut] + tail * (cut < len(data))))
    whole = [end for end in ends if end <= cut]
    assert [one.end for one in found if one.intact][: len(whole)] == whole
    assert len(found) <= len(whole) + 1
    for one in found[: len(whole)]:
        ((part, table),) = one.tables()
        assert (part.table, table.num_rows) == ("T", sizes[one.header.sequence])


@given(SIZES, st.data())
def test_a_damaged_byte_is_never_taken_for_a_row(sizes: list[int], draw: st.DataObject) -> None:
    data, _ = segment(sizes)
    place = draw.draw(st.integers(0, len(data) - 1))
    damaged = bytearray(data)
    damaged[place] ^= draw.draw(st.integers(1, 255))
    for one in frames(bytes(damaged)):
        assert one.header.producer == "p"
        if one.intact:
            ((_, table),) = one.tables()
            assert table.column("n").to_pylist() == list(range(sizes[one.header.sequence]))


class CountingDisk(Disk):
    """Counts syncs of files, and holds the first one until others wait for it."""

    def __init__(self) -> None:
        self.syncs = 0
        self.go = threading.Event()

    def open_for_append(self, path: Path, *, new: bool) -> AppendFile:
        return CountingFile(self, path, new=new)


class CountingFile(AppendFile):
    def __init__(self, disk: CountingDisk, path: Path, *, new: bool) -> None:
        import os

        super().__init__(path, os.O_CREAT | os.O_EXCL if new else 0)
        self.disk = disk

    def sync(self) -> None:
        if self.path.suffix == ".open":
            self.disk.syncs += 1
            assert self.disk.go.wait(60)
        super().sync()


def test_appends_of_threads_share_a_sync(tmp_path: Path, state: State) -> None:
    disk = CountingDisk()
    with Still(tmp_path / "data", StateLedger(state), disk=disk) as lake:
        writer, count = lake.writer(), 24
        made = rows(lake, 0)
        threads = [
            threading.Thread(
                target=writer.append, args=("default", made), kwargs={"producer": f"p{n}", "sequence": 0}
            )
            for n in range(count)
        ]
        for thread in threads:
            thread.start()
        (folder,) = list_folders(tmp_path / "data")
        while sum(len(list(one.frames())) for one in list_segments(folder)) < count:
            assert any(thread.is_alive() for thread in threads)
        disk.go.set()
        for thread in threads:
            thread.join()
        assert disk.syncs <= 3
        lake.flush()
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": count}]


def test_what_a_writer_leaves_is_taken_over(tmp_path: Path, state: State) -> None:
    """Also its torn tail is cut, and its producers go on where they were."""
    with Still.open(tmp_path / "data", state) as lake:
        lake.writer().append("default", rows(lake, 1), producer="p", sequence=4)
        (folder,) = list_folders(tmp_path / "data")
        (left,) = list_segments(folder)
        whole = left.path.read_bytes()
    lake_folder = tmp_path / "data" / "spool" / ("0" * 32)
    lake_folder.mkdir()
    (lake_folder / "000000000001.open").write_bytes(whole.replace(b"\xa1p", b"\xa1q") + whole[:30])
    with Still.open(tmp_path / "data", state) as lake:
        assert lake.writer().last("p") == 4
        lake.flush()
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 1}]
        assert list_folders(tmp_path / "data") != []
    assert list_folders(tmp_path / "data") == []


def test_a_damaged_frame_is_told_and_its_neighbors_are_kept(tmp_path: Path, state: State) -> None:
    with Still.open(tmp_path / "data", state) as lake:
        for number in range(3):
            lake.writer().append("default", rows(lake, number), producer="p", sequence=number)
        lake.writer().close_segment()
        (folder,) = list_folders(tmp_path / "data")
        (left,) = list_segments(folder)
        damaged = bytearray(left.path.read_bytes())
        damaged[list(left.frames())[1].end - 5] ^= 255
        left.path.write_bytes(damaged)
        lake.flush()
        lake.flush()
        found = (
            lake.query("Syslog | sort by ProcessID asc | project ProcessID")[0].table.column(0).to_pylist()
        )
        assert found == [0, 2]
        (told,) = lake.query("_Quarantine | project Place, Reason, Table")[0].table.to_pylist()
        assert told["Table"] == "Syslog"
        assert "1 rows of producer p are lost" in told["Reason"]


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (lambda lake: {"Nowhere": rows(lake, 1)["Syslog"]}, "table 'Nowhere' not found"),
        (lambda lake: {"Event": rows(lake, 1)["Syslog"]}, "not in its columns and types"),
    ],
)
def test_rows_of_another_shape_are_refused(lake: Lake, tables, reason: str) -> None:
    with pytest.raises(LakeError, match=reason):
        lake.writer().append("default", tables(lake), producer="p", sequence=0)
    assert lake.writer().last("p") == -1


def test_a_workspace_takes_its_own_tables(lake: Lake, state: State) -> None:
    state.workspaces.add("few", members=["Event"])
    with pytest.raises(LakeError, match="does not take rows of Syslog"):
        lake.writer().append("few", rows(lake, 1), producer="p", sequence=0)
    lake.writer().append(
        "few", {}, bad=[QuarantineEntry("s", "line 1", "r", "x", "f")], producer="p", sequence=0
    )
    lake.flush()
    assert lake.query("_Quarantine | count", workspace="few")[0].table.to_pylist() == [{"Count": 1}]


def test_an_append_of_nothing_moves_the_sequence(lake: Lake) -> None:
    lake.writer().append("default", {}, producer="p", sequence=7)
    assert lake.writer().last("p") == 7
