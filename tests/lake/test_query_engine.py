"""The way of a query from a catalog to results: rows are asked for when tables are known, limits hold, one may wait in between."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nephoscope.lake.query_engine import (
    EngineLimits,
    EngineRows,
    QueryEngine,
    QueryPipeline,
    Work,
    open_engine,
)
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.engines.parquet import FileColumn, FileScan
from nephoscope_kql.errors import KqlError
from nephoscope_kql.run import QueryResult
from nephoscope_kql.types import KqlType

ROWS = pa.table({"n": pa.array([1, 2, 3], pa.int64())})


class Asked(MemoryCatalog):
    """A catalog that notes what it is asked for."""

    seen: tuple[str, ...] = ()

    def find_table(self, name: str) -> TableSchema | None:
        Asked.seen = (*Asked.seen, name)
        return super().find_table(name)


def test_rows_are_asked_for_when_the_tables_are_known() -> None:
    Asked.seen = ()
    known = Asked({"T": TableSchema("T", (("n", KqlType.LONG),))})
    read: list[tuple[str, ...]] = []

    def rows() -> EngineRows:
        read.append(Asked.seen)
        return EngineRows({"T": ROWS})

    found = QueryPipeline(known, rows).results("T | where n > 1; T | count")
    assert [one.table.to_pydict() for one in found] == [{"n": [2, 3]}, {"Count": [3]}]
    assert len(read) == 1
    assert "T" in read[0]


def test_the_limits_are_those_of_the_engine() -> None:
    pipeline = QueryPipeline(MemoryCatalog({}), EngineRows, EngineLimits("64MB", threads=1))
    with pytest.raises(KqlError, match="memory"):
        pipeline.results("range n from 1 to 40000000 step 1 | summarize make_list(n)", timeout=30)


def test_what_is_wrong_in_a_run_has_its_place() -> None:
    with pytest.raises(KqlError) as raised:
        QueryPipeline(MemoryCatalog({}), EngineRows).results("print 1 |\n where nothing")
    assert raised.value.line == 2


def test_one_may_wait_with_the_engine_at_hand() -> None:
    waited: list[QueryEngine] = []

    def wait(engine: QueryEngine, work: Work) -> list[QueryResult]:
        waited.append(engine)
        return work()

    found = QueryPipeline(MemoryCatalog({}), EngineRows, wait=wait).results("print n = 1")
    assert found[0].table.to_pydict() == {"n": [1]}
    assert len(waited) == 1


SCANNED = (FileColumn("n", "n", "BIGINT"), FileColumn("text", "text", "VARCHAR"))
NOTHING = FileScan(SCANNED)
KNOWN = MemoryCatalog({"T": TableSchema("T", (("n", KqlType.LONG), ("text", KqlType.STRING)))})
EMPTY = {
    "T": True,
    "T | where n > 1 | extend twice = n * 2, moment = now()": True,
    "T | summarize count(), make_list(n) by text | top 5 by count_": True,
    "T | summarize arg_max(n, *) by tolower(text)": True,
    "T | join kind=inner (print n = 1) on n": True,
    "union T, (T | where n > 1)": True,
    "T; T | take 1": True,
    "T | count": False,
    "T | summarize sum(n)": False,
    "union T, (print n = 1)": False,
    "T; T | count": False,
    "print here = toscalar(T | count)": False,
}


@pytest.mark.parametrize("query", EMPTY)
def test_a_query_that_can_have_no_row_opens_no_engine(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "empty.parquet"
    pq.write_table(pa.schema([("n", pa.int64()), ("text", pa.string())]).empty_table(), file)
    of_file = FileScan(SCANNED, ((file,),))
    expected = QueryPipeline(KNOWN, lambda: EngineRows(scans={"T": of_file})).results(query)
    opened: list[EngineRows] = []

    def open_noted(rows: EngineRows, limits: EngineLimits) -> QueryEngine:
        opened.append(rows)
        return open_engine(rows, limits)

    monkeypatch.setattr("nephoscope.lake.query_engine.open_engine", open_noted)
    found = QueryPipeline(KNOWN, lambda: EngineRows(scans={"T": NOTHING})).results(query)
    assert [(one.table, one.name, one.hint) for one in found] == [
        (one.table, one.name, one.hint) for one in expected
    ]
    assert [one.table.schema for one in found] == [one.table.schema for one in expected]
    assert bool(opened) is not EMPTY[query]


def test_rows_of_another_workspace_are_rows(tmp_path: Path) -> None:
    file = tmp_path / "one.parquet"
    pq.write_table(pa.table({"n": [1], "text": ["a"]}), file)
    several = FileScan(SCANNED, also=(FileScan(SCANNED, ((file,),)),))
    beside = FileScan(SCANNED, beside=pa.table({"n": [2], "text": ["b"]}))
    for scan, number in ((several, 1), (beside, 2)):
        (found,) = QueryPipeline(KNOWN, lambda scan=scan: EngineRows(scans={"T": scan})).results(
            "T | project n"
        )
        assert found.table.to_pydict() == {"n": [number]}
