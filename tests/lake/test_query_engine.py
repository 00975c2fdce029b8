"""The way of a query from a catalog to results: rows are asked for when tables are known, limits hold, one may wait in between."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryEngine, QueryPipeline, Work
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.errors import KqlError
from nephoscope_kql.run import QueryResult
from nephoscope_kql.types import KqlType

ROWS = pa.table({"n": pa.array([1, 2, 3], pa.int64())})


class Asked(MemoryCatalog):
    """A catalog that notes what it is asked for."""

    seen: tuple[str, ...] = ()

    def table(self, name: str) -> TableSchema | None:
        Asked.seen = (*Asked.seen, name)
        return super().table(name)


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
