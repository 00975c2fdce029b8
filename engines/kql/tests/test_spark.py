"""Queries on Spark, in a local session: the rows and types are DuckDB's; what Spark lacks is refused by name."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

import nephoscope_kql as kql
from nephoscope_kql.dialects.relational import WRITERS
from nephoscope_kql.dialects.spark import WRITERS as SPARK_WRITERS
from nephoscope_kql.dialects.spark.aggregates import NATIVE as NATIVE_AGGREGATES
from nephoscope_kql.dialects.spark.functions import NATIVE
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.spark import GROUP, SparkEngine
from nephoscope_kql.plan import relations
from nephoscope_kql.registry import load_aggregates, load_functions

pytestmark = pytest.mark.system

QUERIES = yaml.load(
    (Path(__file__).parent / "cases/spark.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
ENDLESS = "range x from 1 to 90000000 step 1 | extend y = tostring(x * x) | summarize max(y), dcount(y)"
SETTINGS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
NOW = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
MOMENTS = [dt.datetime(2026, 1, 15, 11), dt.datetime(2026, 1, 14, 11, 0, 0, 5), None]
TABLES = {
    "T": pa.table(
        [
            pa.array(MOMENTS, pa.timestamp("us")),
            pa.array([1, None, 2**63 - 1]),
            pa.array(["a b", "İx", None]),
            pa.array(['{"a":[1,"x"]}', "not json", None]),
            pa.array([1.5, float("nan"), None]),
        ],
        schema=pa.schema(
            [
                pa.field("TimeGenerated", pa.timestamp("us")),
                pa.field("Count", pa.int64()),
                pa.field("Name", pa.string()),
                pa.field("Bag", pa.string(), metadata={b"kql.type": b"dynamic"}),
                pa.field("Real", pa.float64()),
            ]
        ),
    )
}


TOO_MUCH = [
    ("range x from 1 to toscalar(print 1000000000) step 1 | count", "at most 100,000,000 values in a range"),
    (
        "datatable(t: datetime) [datetime(2026-01-01), datetime(2026-01-02)] | make-series n = count() on t step 1tick",
        "at most 1,048,576 bins in a series",
    ),
]


def lines(table: pa.Table) -> list[str]:
    """The rows as texts, in an order of their own."""
    return sorted(map(repr, table.to_pylist()))


def context_of(engine: SparkEngine) -> Any:
    return engine._session.sparkContext


def jobs_of(engine: SparkEngine) -> list[str | None]:
    """The job group that a thread is in."""
    return [context_of(engine).getLocalProperty(key) for key in GROUP]


def delayed(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Ask when the deadline is over: a job that begins then is ended as well."""

    def later(*arguments: Any) -> Any:
        time.sleep(1)
        return ask(*arguments)

    return later


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.full)])
def test_rows_and_types_are_those_of_duckdb(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session for all queries: it takes seconds to start."""
    catalog = build_arrow_catalog(TABLES)
    wrong = []
    with SparkEngine("local[2]", TABLES, SETTINGS) as engine:
        for query in QUERIES[::every]:
            try:
                wanted = kql.run(query, TABLES, now=NOW)
                found = engine.run(kql.compile(query, catalog, dialect="spark", now=NOW))
            except Exception as error:  # noqa: BLE001 - the other queries are to run too
                wrong.append(f"{query}\n  {type(error).__name__}: {str(error)[:600]}")
                continue
            if found.schema != wanted.schema or lines(found) != lines(wanted):
                wrong.append(f"{query}\n  spark  {lines(found)}\n  duckdb {lines(wanted)}")
        endless = kql.compile(ENDLESS, catalog, dialect="spark", now=NOW)
        assert "Generate" in engine.explain(endless)
        with pytest.raises(kql.KqlError, match="the query took longer"):
            engine.run(endless, timeout=0.5)
        with monkeypatch.context() as slow:
            slow.setattr(engine, "_run_sql", delayed(engine._run_sql))
            with pytest.raises(kql.KqlError, match="the query took longer"):
                engine.run(endless, timeout=0.1)
        assert jobs_of(engine) == [None] * len(GROUP)
        for key in GROUP:
            context_of(engine).setLocalProperty(key, "true")
        engine.run(kql.compile("print 1", catalog, dialect="spark", now=NOW), timeout=60)
        assert jobs_of(engine) == ["true"] * len(GROUP)
        for query, message in TOO_MUCH:
            with pytest.raises(kql.KqlError, match=message):
                engine.run(kql.compile(query, catalog, dialect="spark", now=NOW), timeout=60)
    assert not wrong, "\n".join(wrong)


def test_what_spark_lacks() -> None:
    """The kinds of relations that DuckDB writes and Spark does not: each is refused by name."""
    assert {kind.__name__ for kind in WRITERS.keys() - SPARK_WRITERS.keys()} == set()
    assert SPARK_WRITERS.keys() <= {item for item in vars(relations).values() if isinstance(item, type)}


def test_the_tables_name_functions_that_exist() -> None:
    assert load_functions().keys() >= NATIVE.keys()
    assert {item.name for item in load_aggregates().values()} >= NATIVE_AGGREGATES.keys()


def test_a_query_inside_scan_cannot_see_its_state() -> None:
    query = "T | sort by Count asc | scan declare (n: long = 0) with (step a: a.n in ((T | project Count)) => n = 1;)"
    with pytest.raises(kql.KqlError, match="looked up in a query, on spark"):
        kql.compile(query, build_arrow_catalog(TABLES), dialect="spark", now=NOW)


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(kql.KqlError, match="no dialect is named 'sparc'"):
        kql.compile("print 1", kql.MemoryCatalog(), dialect="sparc")


def test_text_of_a_query_stays_inside_its_literal() -> None:
    sql = kql.compile(r"print '\' ${spark.app.id} \\'", kql.MemoryCatalog(), dialect="spark").sql
    assert sql == r"SELECT '\' \u0024{spark.app.id} \\' AS c1"
