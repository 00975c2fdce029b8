"""Queries on a standalone cluster of one master and two workers on loopback: the rows and types are DuckDB's."""

from __future__ import annotations

from pathlib import Path

import pytest
import spark_cluster
import test_spark
import yaml

import nephoscope_kql as kql
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.spark import SparkEngine

pytestmark = [pytest.mark.system, pytest.mark.full]

QUERIES = yaml.load(
    (Path(__file__).parent / "cases/spark.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
SOME = QUERIES[::4]


def difference(engine: SparkEngine, query: str) -> str:
    """How the cluster's rows differ from DuckDB's; '' where they do not."""
    wanted = kql.run(query, test_spark.TABLES, now=test_spark.NOW)
    found = engine.run(
        kql.compile(query, build_arrow_catalog(test_spark.TABLES), dialect="spark", now=test_spark.NOW),
        timeout=300,
    )
    if found.schema == wanted.schema and test_spark.lines(found) == test_spark.lines(wanted):
        return ""
    return f"{query}\n  spark  {test_spark.lines(found)}\n  duckdb {test_spark.lines(wanted)}"


def spread(engine: SparkEngine) -> int:
    """On how many executors the session's work may run, beside the driver."""
    return int(engine._session.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


def test_rows_and_types_on_a_cluster_are_those_of_duckdb() -> None:
    with (
        spark_cluster.cluster() as url,
        SparkEngine(url, test_spark.TABLES, spark_cluster.SETTINGS) as engine,
    ):
        wrong = [why for query in SOME if (why := difference(engine, query))]
        assert spread(engine) == 2
    assert not wrong, "\n".join(wrong)
