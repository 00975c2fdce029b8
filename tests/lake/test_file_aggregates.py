"""Aggregates that are kept by file: equal to one of all rows, however these came in; no file of a past day is read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from nephoscope.lake.durable_files import Disk
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.storage import file_aggregates
from nephoscope.lake.storage.file_aggregates import (
    FOLDER,
    AggregateQuery,
    FileAggregates,
    TimedAggregateError,
)
from nephoscope.lake.storage.recent_rows import RecentRows
from nephoscope.lake.storage.shared_engine import SharedEngine
from nephoscope.lake.storage.table_store import LAKE
from nephoscope.state import State
from nephoscope_kql.compile import compile_query
from nephoscope_kql.engines.duckdb import DuckDBEngine

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
TABLE = "SigninLogs"
BY_FILE = f"{TABLE} | summarize Count = count(), First = min(TimeGenerated), Last = max(TimeGenerated) by UserPrincipalName"
MERGE = "Groups | summarize Count = sum(Count), First = min(First), Last = max(Last) by UserPrincipalName"


#: Makes one group of those of all files, and may do so again and again.
COMBINE = f"{MERGE} | project UserPrincipalName, Count, First, Last"


class Aggregated:
    """A lake whose sign-ins are aggregated."""

    def __init__(self, data: Path, state: State, lake: Lake) -> None:
        self.data, self.state, self.lake, self.sequence = data, state, lake, 0
        self.engines = SharedEngine(data / LAKE)
        self.aggregates = FileAggregates(data, Disk(), self.engines)

    def write(self, *rows: tuple[float, str], subscription: str = MINE) -> None:
        """Add sign-ins some days before NOW."""
        self.sequence += 1
        several = [
            {
                "TimeGenerated": NOW - timedelta(days=days),
                "UserPrincipalName": name,
                "_SubscriptionId": subscription,
            }
            for days, name in rows
        ]
        place = self.state.workspaces.get("default")
        table = to_arrow_rows(self.lake.tables[TABLE], several, workspace=place, now=NOW).table
        self.lake.writer().append("default", {TABLE: table}, producer="test", sequence=self.sequence)
        self.lake.flush()

    def found(
        self, scope: LakeScope | None = None, by_file: str = BY_FILE, now: datetime = NOW, combine: str = ""
    ) -> list[Any]:
        """The groups, merged."""
        with self.lake.catalog(scope or LakeScope(None), "default") as catalog:
            table = catalog.find_table(TABLE)
            assert table is not None
            scan = catalog.list_scans()[table.relation]
            return _sorted(self.aggregates.merge(AggregateQuery(by_file, MERGE, combine), table, scan, now))

    def wanted(self, scope: LakeScope | None = None, now: datetime = NOW) -> list[Any]:
        """The same by one query over all rows."""
        text = BY_FILE.replace(" | summarize", " | where TimeGenerated <= now() | summarize")
        with self.lake.catalog(scope or LakeScope(None), "default") as catalog:
            compiled = compile_query(text, catalog, now=now)
            with DuckDBEngine(scans=catalog.list_scans()) as engine:
                return _sorted(engine.run(compiled))

    def kept(self) -> list[Path]:
        """What is kept."""
        return sorted((self.data / FOLDER).glob("*/*"))


def _sorted(table: pa.Table) -> list[Any]:
    return sorted(tuple(row.values()) for row in table.to_pylist())


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aggregated]:
    monkeypatch.setattr(file_aggregates, "SMALL", 0)
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as opened:
        state.workspaces.set("default", days=3650)
        aggregated = Aggregated(tmp_path, state, opened)
        with aggregated.engines:
            yield aggregated


ROWS = {
    "days that are over": [[(3, "ada"), (3, "bob"), (2, "ada")], [(2.1, "ada"), (9, "eve")]],
    "today": [[(3, "ada")], [(0.1, "ada"), (0.2, "bob")]],
    "what is said to come": [[(3, "ada"), (-0.1, "ada"), (-2, "bob")]],
    "only today": [[(0.1, "ada")]],
    "a name that is lacking": [[(3, ""), (2, "")]],
}


@pytest.mark.parametrize("batches", ROWS.values(), ids=ROWS)
def test_equal_an_aggregate_of_all_rows(lake: Aggregated, batches: list[list[tuple[float, str]]]) -> None:
    for rows in batches:
        lake.write(*rows)
        assert lake.found() == lake.wanted()
        assert lake.found() == lake.wanted(), "from what is kept"
    later = NOW + timedelta(days=3)
    assert lake.found(now=later) == lake.wanted(now=later)


@pytest.mark.parametrize("batches", ROWS.values(), ids=ROWS)
def test_combined_groups_give_the_same(lake: Aggregated, batches: list[list[tuple[float, str]]]) -> None:
    for rows in batches:
        lake.write(*rows)
        assert lake.found(combine=COMBINE) == lake.wanted()
        assert lake.found(combine=COMBINE) == lake.wanted(), "from what is kept"
    while lake.lake.compact(1):
        pass
    assert lake.found(combine=COMBINE) == lake.wanted()
    later = NOW + timedelta(days=3)
    assert lake.found(now=later, combine=COMBINE) == lake.wanted(now=later)


def test_combined_groups_are_kept_for_the_files_that_they_are_of(lake: Aggregated) -> None:
    lake.write((3, "ada"), (2, "ada"))
    lake.found(combine=COMBINE)
    before = lake.kept()
    assert len(before) == 3, "two files, and both together"
    lake.write((3, "bob"))
    lake.found(combine=COMBINE)
    assert len(lake.kept()) == 4
    assert len(set(lake.kept()) - set(before)) == 2, "the new file, and all three together"


@pytest.mark.parametrize(
    "combine",
    ["Groups | where Last > ago(1d)", "Groups | summarize Count = sum(Count) by UserPrincipalName"],
    ids=["asks what time it is", "other columns"],
)
def test_what_combines_groups_gives_groups(lake: Aggregated, combine: str) -> None:
    lake.write((3, "ada"))
    with pytest.raises(TimedAggregateError):
        lake.found(combine=combine)


def test_two_aggregates_of_a_table_read_its_recent_rows_once(lake: Aggregated) -> None:
    one, other = BY_FILE, BY_FILE.replace("count()", "dcount(Id)")
    lake.write((3, "ada"), (0.2, "ada"), (0.1, "bob"))
    for _ in range(2):
        assert lake.found(by_file=one) == lake.wanted()
        assert len(lake.found(by_file=other)) == 2
    lake.write((0.05, "eve"))
    assert lake.found(by_file=one) == lake.wanted(), "rows that came in since"
    assert lake.found(LakeScope(frozenset({OTHER})), one) == [], "rows of others alone"


def test_an_engine_reads_nothing_outside_the_lake(lake: Aggregated, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with lake.engines.borrow_engine(1) as engine, pytest.raises(duckdb.PermissionException):
        engine._connection.sql(f"SELECT * FROM '{secret}'").fetchall()


def test_are_of_the_rows_that_a_scope_sees(lake: Aggregated) -> None:
    lake.write((3, "ada"))
    lake.write((3, "bob"), subscription=OTHER)
    for ids in (frozenset({MINE}), frozenset({OTHER}), frozenset({MINE, OTHER}), frozenset()):
        assert lake.found(LakeScope(ids)) == lake.wanted(LakeScope(ids)), ids


def test_keep_files_of_past_days_alone(lake: Aggregated) -> None:
    lake.write((3, "ada"), (2, "ada"), (0.1, "bob"), (-1, "eve"))
    lake.found()
    assert len(lake.kept()) == 2


def test_read_no_kept_file_again(lake: Aggregated, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write((3, "ada"), (2, "ada"))
    before = lake.found()
    read: list[int] = []
    see = DuckDBEngine.register_scan

    def counted(engine: DuckDBEngine, name: str, scan: Any) -> None:
        read.append(len(scan.paths()))
        see(engine, name, scan)

    monkeypatch.setattr(DuckDBEngine, "register_scan", counted)
    assert lake.found() == before
    assert sum(read) == 0
    lake.write((3, "bob"))
    lake.found()
    assert sum(read) == 1, "the new file alone"


def test_go_with_their_files(lake: Aggregated) -> None:
    for name in ("ada", "bob", "eve"):
        lake.write((3, name))
    lake.found()
    assert len(lake.kept()) == 3
    while lake.lake.compact(1):
        pass
    assert lake.found() == lake.wanted()
    assert len(lake.kept()) == 1


@pytest.mark.full
@pytest.mark.parametrize("damage", [b"", b"ARROW1", b"no groups"])
def test_damaged_groups_are_made_anew(lake: Aggregated, damage: bytes) -> None:
    lake.write((3, "ada"), (2, "bob"))
    lake.found()
    for path in lake.kept():
        path.write_bytes(damage)
    assert lake.found() == lake.wanted()


@pytest.mark.parametrize(
    "text",
    [
        f"{TABLE} | where TimeGenerated < now() | summarize count() by UserPrincipalName",
        f"{TABLE} | where TimeGenerated > ago(1d) | summarize count() by UserPrincipalName",
    ],
)
def test_may_not_depend_on_the_time(lake: Aggregated, text: str) -> None:
    lake.write((3, "ada"))
    with pytest.raises(TimedAggregateError):
        lake.found(by_file=text)


@pytest.mark.parametrize(
    "shape",
    [
        "project Now = tostring(now())",
        "project Bag = bag_pack('Now', now()) | evaluate bag_unpack(Bag) | project Now = tostring(Now)",
    ],
    ids=["known columns", "columns of rows"],
)
def test_groups_are_merged_at_the_time_of_the_evaluation(lake: Aggregated, shape: str) -> None:
    lake.write((3, "ada"))
    for now in (NOW, NOW + timedelta(days=1)):
        with lake.lake.catalog(LakeScope(None), "default") as catalog:
            table = catalog.find_table(TABLE)
            assert table is not None
            asked = AggregateQuery(BY_FILE, f"Groups | {shape}")
            found = lake.aggregates.merge(asked, table, catalog.list_scans()[table.relation], now)
        assert [row["Now"][:19] for row in found.to_pylist()] == [f"{now:%Y-%m-%dT%H:%M:%S}"]


def test_lie_where_their_owner_alone_reads(lake: Aggregated) -> None:
    lake.write((3, "ada"))
    lake.found()
    assert [path.stat().st_mode & 0o077 for path in (*lake.kept(), lake.data / FOLDER)] == [0, 0]


@pytest.mark.full
@pytest.mark.parametrize("combine", ["", COMBINE])
def test_small_files_of_past_days_are_read_once(
    lake: Aggregated, monkeypatch: pytest.MonkeyPatch, combine: str
) -> None:
    """As many as come in, whatever compaction makes of them, and each scope sees its own rows."""
    monkeypatch.setattr(file_aggregates, "SMALL", 1 << 20)
    read: list[int] = []
    shown = RecentRows.show

    def show(self: RecentRows, engine: Any, relation: str, scan: Any, *more: Any, **options: Any) -> None:
        read.append(len(scan.paths()))
        shown(self, engine, relation, scan, *more, **options)

    monkeypatch.setattr(RecentRows, "show", show)
    mine = LakeScope(frozenset({MINE}))
    for number in range(3):
        lake.write((3, "ada"), (2 + number / 10, "bob"))
        lake.write((3, "eve"), subscription=OTHER)
        assert lake.found(combine=combine) == lake.wanted()
        assert lake.found(mine, combine=combine) == lake.wanted(mine)
        assert lake.found(combine=combine) == lake.wanted(), "from what is held"
    assert read == [3] * 6, "the files of a round, once for each scope"
    assert not lake.kept()
    while lake.lake.compact(1):
        pass
    assert lake.found(combine=combine) == lake.wanted()
    later = NOW + timedelta(days=3)
    lake.write((0.1, "ada"))
    assert lake.found(now=later, combine=combine) == lake.wanted(now=later)
