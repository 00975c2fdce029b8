"""A backup is a data folder at one moment, and comes back as that or not at all."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.lake.backup.backup_archive import ArchiveWriter, BackupError, unpack_backup
from nephoscope.lake.backup.backup_restore import check, restore_data_folder
from nephoscope.lake.backup.backup_writer import back_up
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.writing.outbox import LEASE
from nephoscope.state import State
from nephoscope.state.database.database import StateError
from nephoscope.state.state_copy import load, open_state_moment
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.coverage import Coverage

pytestmark = pytest.mark.system

NOW = dt.datetime.now(dt.UTC)
EMPTY = {"made": "", "tables": {}, "keys": False, "entries": []}


def fill(lake: Lake, producer: str, numbers: range, workspace: str = "default") -> None:
    for number in numbers:
        rows = [
            {"TimeGenerated": NOW - dt.timedelta(minutes=number), "SyslogMessage": f"{producer}/{number}"}
        ]
        made = to_arrow_rows(lake.tables["Syslog"], rows, workspace=lake.workspace(workspace), now=NOW)
        assert not made.bad
        lake.writer().append(workspace, {"Syslog": made.table}, producer=producer, sequence=number)


def messages(data: Path, workspace: str = "default") -> Counter[str]:
    with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
        lake.flush()
        found = lake.query("Syslog | project SyslogMessage", workspace=workspace)[0].table
        return Counter(found.column(0).to_pylist())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with rows in two workspaces, an imported table, a credential, an estate and a loose file."""
    folder = tmp_path / "data"
    with State.open_folder(folder, "") as state:
        state.workspaces.add("soc", days=30)
        state.credentials.put("hub", "hunter2")
        with Lake.open(folder, state) as lake:
            lake.import_table(LakeTable.of("Mine_CL", {"Who": KqlType.STRING}))
            fill(lake, "p", range(20))
            fill(lake, "q", range(3), "soc")
    EstateStore(folder).append(Estate.of([], Coverage.cover_everything()), NOW)
    (folder / "content").mkdir()
    (folder / "content" / "pack.json").write_text("{}")
    return folder


def backed_up(data: Path, file: Path, *, keys: bool = False) -> Path:
    with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
        back_up(data, lake, state, file, keys=keys)
    return file


def test_what_was_there_is_there_again(data: Path, tmp_path: Path) -> None:
    file = backed_up(data, tmp_path / "b.tar")
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert check(file).tables.keys() == {"default/Syslog", "soc/Syslog"}
    again = tmp_path / "deep" / "again"
    restore_data_folder(file, again)
    assert messages(again) == Counter({f"p/{number}": 1 for number in range(20)})
    assert messages(again, "soc") == Counter({f"q/{number}": 1 for number in range(3)})
    assert (again / "content" / "pack.json").read_text() == "{}"
    assert len(EstateStore(again).list_snapshots()) == 1
    with State.open_folder(data, "") as old, State.open_folder(again, "") as new:
        assert old.workspaces.all() == new.workspaces.all()
        assert new.producers.all() == {"p": 19, "q": 2}
        with pytest.raises(StateError, match="put the key file back"):
            new.credentials.get("hub")
        with Lake.open(again, new) as lake:
            assert lake.tables["Mine_CL"].types["Who"] == "string"
            fill(lake, "p", range(21))
    assert messages(again)["p/20"] == 1
    assert sum(messages(again).values()) == 21
    assert {
        oct(path.stat().st_mode & 0o777)
        for path in again.rglob("*")
        if path.is_file() and path.suffix == ".db"
    } == {"0o600"}


@pytest.mark.parametrize("keys", [True, False])
def test_certificates_of_the_server_come_along_with_the_keys_alone(
    data: Path, tmp_path: Path, keys: bool
) -> None:
    (data / "tls").mkdir()
    (data / "tls" / "ca.key").write_text("signs for everything")
    restore_data_folder(backed_up(data, tmp_path / "b.tar", keys=keys), tmp_path / "again")
    assert (tmp_path / "again" / "tls" / "ca.key").exists() is keys


def test_what_runs_here_does_not_come_along(data: Path, tmp_path: Path) -> None:
    (data / "server.json").write_text(json.dumps({"pid": os.getpid()}))
    restore_data_folder(backed_up(data, tmp_path / "b.tar"), tmp_path / "again")
    assert not (tmp_path / "again" / "server.json").exists()


def test_keys_come_along_where_that_is_wanted(data: Path, tmp_path: Path) -> None:
    restore_data_folder(backed_up(data, tmp_path / "b.tar", keys=True), tmp_path / "again")
    with State.open_folder(tmp_path / "again", "") as state:
        assert state.credentials.get("hub").reveal() == "hunter2"


def test_rows_that_wait_in_the_spool_are_in_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nephoscope.lake.backup.backup_writer._flush_lake", lambda _lake: None)
    with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
        monkeypatch.setattr(lake, "_run_flusher", lambda: None)
        fill(lake, "p", range(20, 30))
        held = state.leases.acquire("flush", "somebody", 3600)
        back_up(data, lake, state, tmp_path / "b.tar")
        held.release()
    restore_data_folder(tmp_path / "b.tar", tmp_path / "again")
    assert any((tmp_path / "again" / "spool").rglob("*.open"))
    assert messages(tmp_path / "again") == Counter({f"p/{number}": 1 for number in range(30)})


def test_nothing_is_overwritten(data: Path, tmp_path: Path) -> None:
    file = backed_up(data, tmp_path / "b.tar")
    before = file.read_bytes()
    for target, told in ((file, "already exists"), (data / "b.tar", "is in the data folder")):
        with pytest.raises(BackupError, match=told):
            backed_up(data, target)
    assert file.read_bytes() == before
    for taken in (data, file):
        with pytest.raises(BackupError, match="overwrites nothing"):
            restore_data_folder(file, taken)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "lost+found").mkdir()
    inode = (tmp_path / "empty").stat().st_ino
    restore_data_folder(file, tmp_path / "empty")
    assert not list(tmp_path.rglob(".*restoring*"))
    assert (tmp_path / "empty").stat().st_ino == inode, "a folder that is there may be a mount point"
    restore_data_folder(file, tmp_path / "new")
    assert [one.name for one in sorted((tmp_path / "empty").iterdir())] == sorted(
        ["lost+found", *(one.name for one in (tmp_path / "new").iterdir())]
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.full), pytest.param(2, marks=pytest.mark.full)]
)
def test_a_damaged_backup_is_refused_or_whole(
    data: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the entry that tells of a restore has its moment, so that no two are alike
    monkeypatch.setattr("nephoscope.lake.backup.backup_restore.audit_restore", lambda *_: None)
    file = backed_up(data, tmp_path / "b.tar")
    restore_data_folder(file, tmp_path / "whole")
    whole, good = contents(tmp_path / "whole"), file.read_bytes()
    generator = random.Random(seed)
    places = [generator.randrange(len(good)) for _ in range(60)]
    damaged, refused = tmp_path / "damaged.tar", 0
    for place in places:
        wrong = bytearray(good)
        wrong[place] ^= 1 << generator.randrange(8)
        damaged.write_bytes(wrong)
        try:
            restore_data_folder(damaged, tmp_path / "again")
        except BackupError:
            refused += 1
            assert not (tmp_path / "again").exists()
        else:
            # the byte said nothing, as padding and the owner's name
            assert contents(tmp_path / "again") == whole
            shutil.rmtree(tmp_path / "again")
    assert refused
    for end in sorted(generator.randrange(len(good) - 12_000) for _ in range(20)):
        damaged.write_bytes(good[:end])
        with pytest.raises(BackupError):
            restore_data_folder(damaged, tmp_path / "again")
    assert not list(tmp_path.glob(".again*"))


def test_a_flipped_bit_is_told_with_its_place() -> None:
    out = io.BytesIO()
    writer = ArchiveWriter(out)
    for name in ("lake/one.parquet", "lake/two.parquet", "lake/three.parquet"):
        writer.add(name, io.BytesIO(b"x" * 700), 700)
    writer.close("now", {}, keys=False)
    good, told = out.getvalue(), {}
    for place in range(len(good)):
        wrong = bytearray(good)
        wrong[place] ^= 1 << place % 8
        try:
            list(unpack_backup(io.BytesIO(wrong), None))
        except BackupError as error:
            told[place] = str(error)
    assert not [place for place, text in told.items() if "incomplete" in text], "a whole file is not cut off"
    for number, name in enumerate(("one", "two", "three")):
        begin = number * 1536
        rows = {told[place] for place in range(begin + 512, begin + 1212)}
        assert rows == {f"lake/{name}.parquet differs from the backed-up file: its hash does not match"}
        if number:
            assert f"damaged at byte {begin}" in told[begin]
    with pytest.raises(BackupError, match="incomplete: it was truncated"):
        list(unpack_backup(io.BytesIO(good[: 1536 * 2]), None))


def evil(member: tarfile.TarInfo, data: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member.size = len(data) if member.isreg() else 0
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def linked(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (evil(tarfile.TarInfo("../out")), "is not allowed"),
        (evil(tarfile.TarInfo("/out")), "is not allowed"),
        (evil(tarfile.TarInfo("a/../../out")), "is not allowed"),
        (evil(linked("a", tarfile.SYMTYPE, "/etc")), "is not allowed"),
        (evil(linked("a", tarfile.LNKTYPE, "/etc/passwd")), "is not allowed"),
        (evil(linked("a", tarfile.FIFOTYPE, "")), "is not allowed"),
        (evil(tarfile.TarInfo("a")), "incomplete: it was truncated, or never finished"),
        (evil(tarfile.TarInfo("manifest.json"), b"{}"), "cannot be read"),
        (evil(tarfile.TarInfo("manifest.json"), json.dumps(EMPTY).encode()), "was changed"),
        (evil(tarfile.TarInfo("manifest.json"), json.dumps(EMPTY | {"version": 9}).encode()), "of version 9"),
        (b"", "not a backup|is incomplete"),
        (b"no tar at all" * 100, "not a backup"),
    ],
)  # fmt: skip
def test_what_is_no_backup_is_refused(tmp_path: Path, archive: bytes, told: str) -> None:
    file = tmp_path / "b.tar"
    file.write_bytes(archive)
    with pytest.raises(BackupError, match=told):
        restore_data_folder(file, tmp_path / "sub" / "again")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "sub" / "again").exists()


def test_what_stands_behind_the_manifest_or_twice_is_refused(tmp_path: Path) -> None:
    for names, told in (("ab", "follows the manifest"), ("aa", "twice")):
        out = io.BytesIO()
        writer = ArchiveWriter(out)
        writer.add(names[0], io.BytesIO(b"1"), 1)
        if told == "twice":
            writer.add(names[1], io.BytesIO(b"1"), 1)
        writer.close("now", {}, keys=False)
        whole = out.getvalue()
        if told != "twice":
            whole = whole.rstrip(b"\0")
            whole += b"\0" * (-len(whole) % 512) + evil(tarfile.TarInfo("b"))
        with pytest.raises(BackupError, match=told):
            list(unpack_backup(io.BytesIO(whole), None))
    with pytest.raises(BackupError, match="bytes are missing"):
        ArchiveWriter(io.BytesIO()).add("a", io.BytesIO(b"12"), 5)


def test_the_state_is_of_the_moment(tmp_path: Path) -> None:
    with State.open_folder(tmp_path / "data", "") as state:
        state.producers.advance({"p": 1})
        assert state.leases.acquire("flush", "a", 3600).fence == 1
        with open_state_moment(state.database) as save:
            state.producers.advance({"p": 2, "q": 0})
            save(tmp_path / "saved.db")
    with State.open(f"sqlite:///{tmp_path / 'saved.db'}") as saved:
        assert saved.producers.all() == {"p": 1}
        assert saved.leases.acquire("flush", "b", 1).fence == 2


WRITER = """
import datetime as dt, sys, time
from pathlib import Path
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State
data, name = Path(sys.argv[1]), sys.argv[2]
now = dt.datetime.now(dt.UTC)
with State.open_folder(data, "") as state, Lake.open(data, state) as lake:
    writer, workspace, table = lake.writer(), lake.workspace(), lake.tables["Syslog"]
    number = state.checkpoints.get(name, "at", -1)
    while True:
        number += 1
        rows = [{"TimeGenerated": now, "SyslogMessage": f"{name}/{number}"}] if number % 5 else []
        made = to_arrow_rows(table, rows, workspace=workspace, now=now).table
        writer.append("default", {"Syslog": made} if rows else {}, producer=name, sequence=number)
        state.checkpoints.put(name, "at", number)
        if number % 40 == 39:
            lake.compact()
        print(number, flush=True)
"""


@pytest.mark.full
@pytest.mark.parametrize("times", [2, pytest.param(25, marks=pytest.mark.full)])
def test_a_backup_of_a_lake_at_work_is_of_one_moment(tmp_path: Path, times: int) -> None:
    data = tmp_path / "data"
    environment = {name: value for name, value in os.environ.items() if name != "NEPHOSCOPE_STATE"}
    names = ("a", "b")
    acknowledged: list[list[int]] = []
    command = [sys.executable, "-c", WRITER, str(data)]
    running = [
        forked_commands.Popen([*command, name], stdout=subprocess.PIPE, text=True, env=environment)
        for name in names
    ]
    try:
        for process in running:
            assert process.stdout.readline() == "0\n"
        for turn in range(times):
            for process in running:
                for _ in range(29):
                    assert process.stdout.readline()
            acknowledged.append([int(process.stdout.readline()) for process in running])
            backed_up(data, tmp_path / f"{turn}.tar")
    finally:
        for process in running:
            process.kill()
            process.communicate()
    for turn in range(times):
        again = tmp_path / f"again-{turn}"
        restore_data_folder(tmp_path / f"{turn}.tar", again)
        with State.open_folder(again, "") as state, Lake.open(again, state) as lake:
            last = {name: lake.writer().last(name) for name in names}
            assert all(state.checkpoints.get(name, "at") <= last[name] for name in names)
        assert all(last[name] >= before for name, before in zip(names, acknowledged[turn], strict=True))
        wanted = {f"{name}/{number}" for name in names for number in range(last[name] + 1) if number % 5}
        found = messages(again)
        assert (set(found) ^ wanted, max(found.values())) == (set(), 1)
        shutil.rmtree(again)


@pytest.mark.full
def test_a_state_moves_between_the_databases(postgresql: str, tmp_path: Path) -> None:
    import psycopg

    for name in ("backup_from", "backup_to"):
        with psycopg.connect(postgresql.format(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    source, target = postgresql.format(database="backup_from"), postgresql.format(database="backup_to")
    data = tmp_path / "data"
    with State.open_folder(data, source) as state, Lake.open(data, state) as lake:
        state.workspaces.add("soc", subscriptions=[f"{0:08}-0000-4000-8000-{0:012}"])
        state.checkpoints.put("s", "k", {"z": "\x00", "a": 1})
        # the lake, which brings what waits, is kept from it: the row is to be there when the backup is made
        assert state.leases.acquire(LEASE, "test", 600)
        with state.transaction() as session:
            state.outbox.add(session, "default", "T", {"n": 1})
        fill(lake, "p", range(5))
        with open_state_moment(state.database) as save:
            state.checkpoints.put("s", "later", 1)
            save(tmp_path / "saved.db")
        state.checkpoints.remove("s", "later")
        back_up(data, lake, state, tmp_path / "b.tar")
        known = state.workspaces.all()
    with State.open(f"sqlite:///{tmp_path / 'saved.db'}") as saved:
        assert saved.checkpoints.all("s") == {"k": {"z": "\x00", "a": 1}}
    restore_data_folder(tmp_path / "b.tar", tmp_path / "there", target)
    assert not list((tmp_path / "there").glob("state.db*"))
    restore_data_folder(tmp_path / "b.tar", tmp_path / "here")
    for folder, url in ((tmp_path / "there", target), (tmp_path / "here", "")):
        with State.open_folder(folder, url) as state:
            assert state.workspaces.all() == known
            assert state.checkpoints.all("s") == {"k": {"z": "\x00", "a": 1}}
            with state.transaction() as session:
                state.outbox.add(session, "default", "T", {"n": 2})
            assert state.outbox.waiting() == 2
            with Lake.open(folder, state) as lake:
                assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 5}]
    with (
        State.open_folder(tmp_path / "there", target) as used,
        pytest.raises(StateError, match="it already contains a state"),
    ):
        load(tmp_path / "saved.db", used.database)
