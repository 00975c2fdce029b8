"""One fuzzed query: compiled, and every so many run over hostile rows; anything but a KqlError fails, a hang too."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import ARROW_TYPES, DuckDBEngine
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

NOW = dt.datetime(2026, 1, 15, 12)
TICKS = 639_040_752_000_000_000
MOST_SECONDS = 60
"""A query that takes this long hangs."""
CELLS: dict[str, list[Any]] = {
    "a": ["", "a", "A/b\\c", "ä😀", "user=x\t10.0.0.1", "\0"],
    "A": ["a", "", "Root", "İ", "[", "2024-01-31"],
    "c d": ["x", "y", "", "%", "_", "'"],
    "n": [0, None, 2**63 - 1, -(2**63), 4, 5],
    "i": [1, None, 2**31 - 1, -(2**31), 0, 7],
    "r": [0.5, None, float("nan"), float("inf"), -1e308, 5e-324],
    "m": [None] * 6,
    "t": [TICKS, None, 0, 3_155_378_975_999_999_999, TICKS - 10**12, TICKS - 10**9],
    "s": [0, None, 2**63 - 1, -(2**63), 36 * 10**9, 1],
    "g": ["74be27de-1e4e-49d9-b579-fe0b331d3642", None, None, "00000000-0000-0000-0000-000000000000", None, None],
    "f": [True, None, False, True, False, None],
    "d": ['{"k":[1,2.5,"x",null],"name":"p"}', None, "not json", "", "[[1],{}]", '{"k":{"v":3},"n":1}'],
}  # fmt: skip
KINDS = {
    "n": "long",
    "i": "int",
    "r": "real",
    "m": "decimal",
    "t": "datetime",
    "s": "timespan",
    "g": "guid",
    "f": "bool",
    "d": "dynamic",
}


def table() -> pa.Table:
    """The rows that fuzzed queries run over."""
    fields, arrays = [], []
    for name, cells in CELLS.items():
        kind = KqlType(KINDS.get(name, "string"))
        fields.append(pa.field(name, ARROW_TYPES[kind], metadata={b"kql.type": kind.value.encode()}))
        arrays.append(pa.array(cells, ARROW_TYPES[kind]))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


class Fuzz:
    """Runs queries and counts what came of them."""

    def __init__(self, run_every: int) -> None:
        rows = table()
        self.catalog: MemoryCatalog = build_arrow_catalog({"T": rows, "U": rows})
        self.tables = {"T": rows, "U": rows}
        self.run_every = run_every
        self.compiled = self.refused = self.ran = 0

    def each(self, make: Callable[[int], str], numbers: Iterator[int] | range) -> None:
        """Every query that `make` makes of a number."""
        with DuckDBEngine(self.tables, threads=1, memory="300MB") as engine:
            for number in numbers:
                self.one(make(number), engine, number)

    def one(self, query: str, engine: DuckDBEngine, number: int) -> None:
        try:
            with within(MOST_SECONDS):
                self._one(query, engine)
        except Exception as error:
            raise AssertionError(f"query {number}: {type(error).__name__}: {error}\n{query}") from error

    def _one(self, query: str, engine: DuckDBEngine) -> None:
        try:
            compiled = kql.compile(query, self.catalog, now=NOW)
            self.compiled += 1
            if self.compiled % self.run_every == 0:
                engine.run(compiled, timeout=10)
                self.ran += 1
        except KqlError as error:
            self.refused += 1
            if error.kind not in ("invalid", "unsupported") or not str(error):
                raise ValueError("an error that says nothing") from error


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """TimeoutError where the body does not end in time."""

    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError("hangs")

    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
