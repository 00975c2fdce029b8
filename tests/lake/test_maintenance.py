"""Retention, vacuum, pinned versions, and tables that are refused."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from tests.running import forked_commands

from nephoscope.lake.errors import LakeError, TableRefusedError
from nephoscope.lake.lake import Lake
from nephoscope.lake.maintenance.compaction import find_due_compactions
from nephoscope.lake.maintenance.table_inventory import list_expired_days
from nephoscope.lake.queries.principal_catalog import LakeCatalog
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.storage.snapshot import ParquetFile, TableSnapshot
from nephoscope.lake.storage.version_pins import list_held
from nephoscope.state import State
from nephoscope_kql.types import KqlType

pytestmark = pytest.mark.system

NOW = dt.datetime(2026, 6, 10, 12, tzinfo=dt.UTC)


class Still(Lake):
    """Does nothing by itself."""

    def _run_flusher(self) -> None:
        pass

    def _keep_up(self) -> None:
        pass


@pytest.fixture
def still(tmp_path: Path, state: State):
    with Still.open(tmp_path / "data", state) as lake:
        yield lake


def write(lake: Lake, sequence: int, days: list[int], table: str = "Syslog") -> None:
    rows = [{"TimeGenerated": NOW - dt.timedelta(days=day), "ProcessID": day} for day in days]
    made = to_arrow_rows(lake.tables[table], rows, workspace=lake.workspace(), now=NOW).table
    lake.writer().append("default", {table: made}, producer=table, sequence=sequence)
    lake.flush()


def count(lake: Lake, text: str = "Syslog | count") -> int:
    return lake.query(text)[0].table.column(0)[0].as_py()


def test_a_workspace_that_is_gone_stops_no_clean_up(still: Lake, state: State) -> None:
    write(still, 0, [0, 30, 60])
    state.workspaces.set_table("default", "Syslog", 20)
    state.workspaces.add("gone")
    made = to_arrow_rows(
        still.tables["Syslog"], [{"TimeGenerated": NOW}], workspace=still.workspace("gone"), now=NOW
    ).table
    still.writer().append("gone", {"Syslog": made}, producer="gone", sequence=0)
    still.flush()
    state.workspaces.remove("gone")
    assert still.retain(NOW) == 2
    kept = {one.name: one.get_retention_days("Syslog") for one in state.workspaces.all()}
    later = NOW + dt.timedelta(days=400)
    assert {
        one.workspace for one in list_expired_days(still.data, lambda name, _: kept.get(name), later)
    } == {"default"}


def test_days_past_their_retention_go(still: Lake, state: State) -> None:
    for table in ("Syslog", "Event"):
        write(still, 0, list(range(0, 60, 10)), table)
    state.workspaces.set("default", days=30)
    state.workspaces.set_table("default", "Event", 45)
    assert still.retain(NOW) == 3
    assert (count(still), count(still, "Event | count")) == (4, 5)
    assert still.retain(NOW) == 0


@pytest.mark.full
def test_a_clean_up_is_asked_of_the_process_that_has_the_lease(tmp_path: Path, state: State) -> None:
    now = dt.datetime.now(dt.UTC)
    with Lake.open(tmp_path / "data", state) as holder:
        rows = [{"TimeGenerated": now - dt.timedelta(days=day)} for day in range(0, 60, 10)]
        made = to_arrow_rows(holder.tables["Syslog"], rows, workspace=holder.workspace(), now=now).table
        holder.writer().append("default", {"Syslog": made}, producer="a", sequence=0)
        holder.flush()
        state.workspaces.set("default", days=25)

        def kept(workspace: str, table: str) -> int:
            return state.workspaces.get(workspace).get_retention_days(table)

        (old,) = list_expired_days(tmp_path / "data", kept, now)
        assert (old.workspace, old.table, old.days, old.rows) == ("default", "Syslog", 3, 3)
        with Lake.open(tmp_path / "data", state) as other:
            assert other.retain(now) is None, "the first has the lease"
            other.run_maintenance(60)
        assert list(list_expired_days(tmp_path / "data", kept, now)) == []
        assert count(holder) == 3
        with Still.open(tmp_path / "data", state) as third:
            holder._stop.set()
            holder._threads[1].join()
            with pytest.raises(LakeError, match="did not finish within"):
                third.run_maintenance(0.1)


def test_a_vacuum_leaves_what_readers_may_need(still: Lake, tmp_path: Path) -> None:
    for sequence in range(6):
        write(still, sequence, [0])
    pinned = still.catalog()
    pinned.find_table("Syslog")
    files = [path for scan in pinned.list_scans().values() for path in scan.paths()]
    assert (still.compact(2), count(still), len(files)) == (6, 6, 6)
    with pytest.raises(LakeError, match="at least 24 hours"):
        still.vacuum(23)
    assert still.vacuum() == 0
    long_ago = dt.datetime.now().timestamp() - 30 * 3600
    for file in (tmp_path / "data/lake").rglob("*.parquet"):
        os.utime(file, (long_ago, long_ago))
    stored = still._upkeep._store.get("default", "Syslog")
    versions = [version for _, _, version in list_held(tmp_path / "data")]
    assert versions == list(pinned.list_versions().values())
    assert stored.vacuum(0, versions) == []
    assert all(file.exists() for file in files)
    pinned.close()
    assert list(list_held(tmp_path / "data")) == []
    assert len(stored.vacuum(0, [])) == 6
    assert not any(file.exists() for file in files)
    assert count(still) == 6


def test_a_catalog_stays_at_its_versions(still: Lake) -> None:
    write(still, 0, [0])
    with still.catalog() as catalog:
        catalog.find_table("Syslog")
        before = catalog.list_versions()
        write(still, 1, [0])
        still.compact(1)
        catalog.find_table("Syslog")
        assert catalog.list_versions() == before
        assert isinstance(catalog.resolve_place("workspace", "default"), LakeCatalog)
    assert count(still) == 2


def test_pins_of_a_process_that_is_gone_are_gone(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from nephoscope.lake.durable_files import Disk\n"
        "from nephoscope.lake.storage.version_pins import Pins\n"
        "Pins(Path(sys.argv[1]), Disk()).hold(('default', 'Syslog', 3)); os._exit(9)"
    )
    done = forked_commands.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == 9
    assert len(list((tmp_path / "pins").iterdir())) == 1
    assert list(list_held(tmp_path)) == []
    assert list((tmp_path / "pins").iterdir()) == []


def test_which_files_are_joined() -> None:
    def file(number: int, size: int, rows: int = 10, day: int = 1) -> ParquetFile:
        return ParquetFile(Path(), str(number), dt.date(2026, 6, day), size, rows, None, None)

    many = [file(n, 1000) for n in range(33)]
    assert list(find_due_compactions(TableSnapshot(1, tuple(many[:32])), 32)) == []
    assert list(find_due_compactions(TableSnapshot(1, tuple(many)), 32)) == [many]
    large = [file(99, 40 << 20), file(98, 1000, 10**9), file(97, 1000, day=2)]
    assert list(find_due_compactions(TableSnapshot(1, (*many, *large)), 32)) == [many]


@pytest.mark.parametrize(
    ("configuration", "word"),
    [
        ({"delta.enableDeletionVectors": "true"}, "deletion vectors"),
        ({"delta.columnMapping.mode": "name"}, "column mapping"),
    ],
)
def test_tables_that_would_be_read_wrong_are_refused(
    still: Lake, tmp_path: Path, configuration: dict[str, str], word: str
) -> None:
    write(still, 0, [0])
    log = tmp_path / "data/lake/default/Syslog/_delta_log/00000000000000000000.json"
    metadata = next(line for line in log.read_text().splitlines() if '"metaData"' in line)
    ((name, value),) = configuration.items()
    changed = metadata.replace('"configuration":{', f'"configuration":{{"{name}":"{value}",')
    version = DeltaTable(log.parents[1]).version() + 1
    (log.parent / f"{version:020d}.json").write_text(changed + "\n")
    with pytest.raises(TableRefusedError, match=word):
        still.query("Syslog | count")
    assert count(still, "Event | count") == 0


def test_a_table_that_takes_no_rows_holds_up_no_other(
    still: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data/lake/default/Event"
    write_deltalake(
        path, pa.table({"EventID": ["text"], "_Day": [dt.date(2026, 6, 1)]}), partition_by=["_Day"]
    )
    for sequence in range(3):
        for table in ("Event", "Syslog"):
            rows = [{"TimeGenerated": NOW, "EventID": sequence}]
            made = to_arrow_rows(still.tables[table], rows, workspace=still.workspace(), now=NOW).table
            still.writer().append("default", {table: made}, producer=table, sequence=sequence)
        with pytest.raises(TableRefusedError, match="EventID is stored as"):
            still.flush()
        assert count(still) == sequence + 1
    assert still.writer().last("Event") == 2
    shutil.rmtree(path)
    assert still.flush_round().failure is not None, "it is not tried again at once"
    monkeypatch.setattr(still._flusher._blocked, "_again", 0.0)
    still.flush()
    assert (count(still, "Event | count"), count(still)) == (3, 3)


def test_a_new_column_is_null_in_rows_from_before(still: Lake) -> None:
    still.import_table(LakeTable.of("Mine_CL", {"a": KqlType.LONG}))
    write(still, 0, [0], "Mine_CL")
    still.import_table(LakeTable.of("Mine_CL", {"b": KqlType.STRING, "a": KqlType.LONG}))
    write(still, 1, [0], "Mine_CL")
    found = still.query("Mine_CL | summarize count() by isempty(b), isnull(a)")[0].table.to_pylist()
    assert [row["count_"] for row in found] == [2]
    assert still.compact(1) == 2
    assert count(still, "Mine_CL | where b == '' | count") == 2


@pytest.mark.full
def test_a_table_that_another_process_imports_is_known(still: Lake, tmp_path: Path, state: State) -> None:
    with Still.open(tmp_path / "data", state) as other:
        other.import_table(LakeTable.of("Mine_CL", {"a": KqlType.LONG}))
        write(other, 0, [0], "Mine_CL")
        other.import_table(LakeTable.of("Mine_CL", {"a": KqlType.LONG, "b": KqlType.STRING}))
        write(still, 1, [0], "Mine_CL")
    assert count(still, "Mine_CL | where b == '' | count") == 2


@pytest.mark.full
def test_a_process_that_ends_tidies_where_nobody_has_for_a_day(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    state = State.open_folder(tmp_path)
    state.workspaces.set("default", days=30)

    def load(sequence: int) -> None:
        with Lake.open(tmp_path, state) as lake:
            found = [{"TimeGenerated": now - dt.timedelta(days=20 * sequence), "Computer": "c"}]
            rows = to_arrow_rows(lake.tables["Syslog"], found, workspace=lake.workspace(), now=now).table
            lake.writer().append("default", {"Syslog": rows}, producer="p", sequence=sequence)

    load(0)
    load(1)
    state.workspaces.set("default", days=7)
    marker = tmp_path / "lake" / ".tidied"
    load(0)
    with Lake.open(tmp_path, state) as lake:
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 2}]
    os.utime(marker, (0, 0))
    load(0)
    with Lake.open(tmp_path, state) as lake:
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 1}]
    assert marker.stat().st_mtime > 0
    state.close()
