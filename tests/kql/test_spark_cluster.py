"""Queries on a standalone cluster of one master and two workers on loopback: the rows and types are DuckDB's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from nephoscope import kql
from nephoscope.kql.engines.fields import catalog_of
from nephoscope.kql.engines.spark import SparkEngine

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__)
QUERIES = yaml.safe_load((HERE.parents[1] / "cases/kql/spark.yaml").read_text(encoding="utf-8"))
SOME = QUERIES[::4]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCAL = loaded(HERE.with_name("test_spark.py"))
CLUSTER = loaded(HERE.parents[1] / "oracle/spark_cluster.py")


def difference(engine: SparkEngine, query: str) -> str:
    """How the cluster's rows differ from DuckDB's; '' where they do not."""
    wanted = kql.run(query, LOCAL.TABLES, now=LOCAL.NOW)
    found = engine.run(
        kql.compile(query, catalog_of(LOCAL.TABLES), dialect="spark", now=LOCAL.NOW), timeout=300
    )
    if found.schema == wanted.schema and LOCAL.lines(found) == LOCAL.lines(wanted):
        return ""
    return f"{query}\n  spark  {LOCAL.lines(found)}\n  duckdb {LOCAL.lines(wanted)}"


def spread(engine: SparkEngine) -> int:
    """On how many executors the session's work may run, beside the driver."""
    return int(engine._session.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


@pytest.mark.full
def test_rows_and_types_on_a_cluster_are_those_of_duckdb() -> None:
    with (
        CLUSTER.cluster() as url,
        SparkEngine(url, LOCAL.TABLES, CLUSTER.SETTINGS) as engine,
    ):
        wrong = [why for query in SOME if (why := difference(engine, query))]
        assert spread(engine) == 2
    assert not wrong, "\n".join(wrong)
