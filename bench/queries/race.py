"""A query beside hand-written SQL over the same files: equal rows first, then the ratio of their times, measured in turns."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from queries.tables import NOW, Table

PAIRS = Path(__file__).resolve().parent / "pairs"
YEAR_ONE = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and the SQL that an expert would write for it."""

    name: str
    query: str
    sql: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a race ended: medians in seconds, the rows that both gave."""

    name: str
    rows: int
    own: float
    sql: float
    compiled: float

    @property
    def ratio(self) -> float:
        """How much longer the query takes than the SQL; compiling it counts."""
        return (self.own + self.compiled) / self.sql


class DifferentRowsError(AssertionError):
    """The query and the SQL give different rows: nothing is timed."""


def pairs() -> Iterator[Pair]:
    """Every pair of the folder."""
    for path in sorted(PAIRS.glob("*.kql")):
        sql = path.with_suffix(".sql").read_text(encoding="utf-8")
        yield Pair(path.stem, path.read_text(encoding="utf-8"), sql)


def race(pair: Pair, tables: Mapping[str, Table], threads: int, turns: int) -> Result:
    """Both once for the rows, then in turns for the time."""
    catalog = MemoryCatalog({name: table.schema for name, table in tables.items()})
    began = time.perf_counter()
    compiled = kql.compile(pair.query, catalog, now=NOW)
    took = time.perf_counter() - began
    files = {name: list(table.files) for name, table in tables.items()}
    with DuckDBEngine(files=files, threads=threads, memory="6GB") as engine, _hand(tables, threads) as hand:
        own, other = (lambda: engine.run(compiled)), (lambda: _asked(hand, pair.sql))
        count = equal_rows(pair.name, own(), other())
        times = [(_timed(own), _timed(other)) for _ in range(turns)]
    return Result(pair.name, count, median(one for one, _ in times), median(two for _, two in times), took)


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _hand(tables: Mapping[str, Table], threads: int) -> duckdb.DuckDBPyConnection:
    """A connection as an expert would set it up: the same files as views, the same threads and memory."""
    connection = duckdb.connect(config={"threads": threads, "memory_limit": "6GB"})
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        connection.read_parquet([str(file) for file in table.files]).create_view(name)
    return connection


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return connection.sql(sql, params={"now": NOW}).to_arrow_table()


def equal_rows(name: str, own: pa.Table, other: pa.Table) -> int:
    """How many rows both have; DifferentRowsError where they are not the same rows, types of columns included."""
    left, right = Counter(_rows(own, own.column_names)), Counter(_rows(other, own.column_names))
    if left != right:
        only = [list((one - two).elements())[:2] for one, two in ((left, right), (right, left))]
        raise DifferentRowsError(
            f"{name}: {own.num_rows} rows and {other.num_rows}; only KQL {only[0]}, only SQL {only[1]}"
        )
    return own.num_rows


def _rows(table: pa.Table, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows, datetimes as ticks as KQL has them; a column that is not there is an error."""
    columns = [[_plain(value) for value in table.column(name).to_pylist()] for name in names]
    return zip(*columns, strict=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        passed = value - YEAR_ONE
        return (int, (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10)
    return (type(value), value)
