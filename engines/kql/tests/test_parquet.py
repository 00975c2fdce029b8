"""Parquet files as tables: several shapes of one table, names that differ by case, and nothing else of the disk."""

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.parquet import read_files_schema

MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files of one table: a name that differs by case from another file's, a column that comes later, another width."""
    when = pa.array([MOMENT], type=pa.timestamp("us", "UTC"))
    shapes = [
        pa.table({"TimeGenerated": when, "User": ["ann"], "user": ["ben"], "n": pa.array([1], pa.int32())}),
        pa.table({"user": ["cem"], "TimeGenerated": when, "n": pa.array([2**40], pa.int64())}),
        pa.table({"TimeGenerated": when, "extra": [0.5]}),
    ]
    paths = [tmp_path / f"it's {place}.parquet" for place in range(len(shapes))]
    for path, shape in zip(paths, shapes, strict=True):
        pq.write_table(shape, path)
    return paths


def rows(query: str, files: list[Path]) -> list[dict[str, object]]:
    schema = read_files_schema("T", files)
    with DuckDBEngine(files={"T": files}) as engine:
        found = engine.run(kql.compile(query, MemoryCatalog({"T": schema}), now=MOMENT))
    return found.to_pylist()


def test_columns_are_those_of_all_files(files: list[Path]) -> None:
    assert rows("T | getschema | project ColumnName, ColumnType", files) == [
        {"ColumnName": name, "ColumnType": kind}
        for name, kind in [
            ("TimeGenerated", "datetime"),
            ("User", "string"),
            ("user", "string"),
            ("n", "long"),
            ("extra", "real"),
        ]
    ]


def test_a_column_that_a_file_lacks_is_empty(files: list[Path]) -> None:
    assert rows("T | project User, user, n, extra | sort by n asc nulls last", files) == [
        {"User": "ann", "user": "ben", "n": 1, "extra": None},
        {"User": "", "user": "cem", "n": 2**40, "extra": None},
        {"User": "", "user": "", "n": None, "extra": 0.5},
    ]


def test_windows_hold_over_files(files: list[Path]) -> None:
    assert rows("T | where TimeGenerated >= ago(1h) | count", files) == [{"Count": 3}]
    assert rows("T | where TimeGenerated < ago(1h) | count", files) == [{"Count": 0}]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_parquet('{other}')",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '{other}'",
        "ATTACH '{other}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/']",
    ],
)
def test_nothing_else_of_the_disk_is_reached(files: list[Path], tmp_path: Path, statement: str) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"secret": [1]}), other)
    with DuckDBEngine(files={"T": files}) as engine, pytest.raises(duckdb.Error):
        engine._connection.execute(statement.format(other=other))
    assert pq.read_table(other)["secret"].to_pylist() == [1]
