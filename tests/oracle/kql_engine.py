"""The engines that the KQL runners ask: nephoscope itself, and two that print the floor. Answers cross process borders."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from kql_compare import Result, UnreadableError, datetime_ticks, parse_dynamic

import nephoscope_kql as kql
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NOW = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
"""What now() is in every runner."""


@dataclass(frozen=True)
class Answer:
    """What an engine made of a query: a `result`, or a refusal ('invalid', 'unsupported'), or a `crash` (any other exception)."""

    result: Result | None = None
    refused: str = ""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.refused}: {self.message}" if self.result is None else repr(self.result)


def nephoscope(tables: Mapping[str, pa.Table]) -> Callable[[str], Answer]:
    """Our engine over tables."""

    def ask(query: str) -> Answer:
        try:
            return Answer(read(kql.run(query, tables=tables, now=NOW)))
        except KqlError as error:
            return Answer(refused=error.kind, message=str(error))
        except UnreadableError as error:
            return Answer(refused="crash", message=f"result: {error}")
        except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
            return Answer(refused="crash", message=f"{type(error).__name__}: {error}")

    return ask


def spark(tables: Mapping[str, pa.Table]) -> Callable[[str], Answer]:
    """Our dialect for Spark, in a local session of this process."""
    from nephoscope_kql.engines.arrow_types import build_arrow_catalog
    from nephoscope_kql.engines.spark import SparkEngine

    running = SparkEngine("local[1]", tables, {"spark.sql.shuffle.partitions": "1"})
    known = build_arrow_catalog(tables)

    def ask(query: str) -> Answer:
        try:
            return Answer(read(running.run(kql.compile(query, known, dialect="spark", now=NOW))))
        except KqlError as error:
            return Answer(refused=error.kind, message=str(error))
        except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
            return Answer(refused="crash", message=f"{type(error).__name__}: {str(error)[:1500]}")

    return ask


def witness(tables: Mapping[str, pa.Table]) -> Callable[[str], Answer]:
    """The row-at-a-time witness: what it does not know is refused as unsupported."""
    from kql_witness import rows
    from rowwise import UnwitnessedError

    known = {name: read(table, stored=True) for name, table in tables.items()}

    def ask(query: str) -> Answer:
        try:
            return Answer(rows(query, known))
        except KqlError as error:
            return Answer(refused=error.kind, message=str(error))
        except UnwitnessedError as error:
            return Answer(refused="unsupported", message=f"witness: {error}")
        except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
            return Answer(refused="crash", message=f"{type(error).__name__}: {error}")

    return ask


def floor(name: str) -> Callable[[str], Answer]:
    """`empty` gives no columns and no rows for everything, `error` refuses everything."""
    answer = Answer(Result((), ())) if name == "empty" else Answer(refused="invalid", message="refused")
    return lambda _query: answer


def engine(name: str, tables: Mapping[str, pa.Table]) -> Callable[[str], Answer]:
    """The engine of a runner's --engine."""
    engines = {"nephoscope": nephoscope, "spark": spark, "witness": witness}
    return engines[name](tables) if name in engines else floor(name)


def read(table: pa.Table, stored: bool = False) -> Result:
    """The Result of an Arrow table whose fields say their kql.type; `stored` leaves dynamic cells as texts."""
    kinds = []
    for at in range(table.num_columns):
        field = table.schema.field(at)
        kind = (field.metadata or {}).get(b"kql.type", b"").decode()
        if not kind:
            raise UnreadableError(f"column {field.name} has no kql.type")
        kinds.append((field.name, kind))
    columns = [
        cells(table.column(at), "string" if stored and kind == "dynamic" else kind)
        for at, (_, kind) in enumerate(kinds)
    ]
    return Result(tuple(kinds), tuple(zip(*columns, strict=True)) if columns else ())


def cells(column: pa.ChunkedArray, kind: str) -> list[Any]:
    """The cells of a column as a Result holds them."""
    if kind in ("datetime", "timespan"):
        return ticks(column, kind)
    values = column.to_pylist()
    if kind == "dynamic":
        return [parse_dynamic(value) for value in values]
    if kind == "decimal":
        return [None if value is None else Decimal(value) for value in values]
    return values


def ticks(column: pa.ChunkedArray, kind: str) -> list[Any]:
    """100 ns ticks of integers (they are ticks already), timestamps or durations."""
    origin = 621_355_968_000_000_000 if kind == "datetime" and not pa.types.is_integer(column.type) else 0
    if pa.types.is_integer(column.type):
        return list(column.to_pylist())
    per = {"s": 10_000_000, "ms": 10_000, "us": 10}
    unit = column.type.unit
    whole = column.cast(pa.int64()).to_pylist()
    if unit == "ns":
        return [None if value is None else origin + value // 100 for value in whole]
    return [None if value is None else origin + value * per[unit] for value in whole]


STORM: Mapping[str, str] = {
    **dict.fromkeys(("StartTime", "EndTime"), "datetime"),
    **dict.fromkeys(("EpisodeId", "EventId", "InjuriesDirect", "InjuriesIndirect"), "int"),
    **dict.fromkeys(("DeathsDirect", "DeathsIndirect", "DamageProperty", "DamageCrops"), "int"),
    **dict.fromkeys(("BeginLat", "BeginLon", "EndLat", "EndLon"), "real"),
    "StormSummary": "dynamic",
    "Population": "long",
}
"""Columns of the CSV tables that are no strings (the samples' published schema)."""
ARROW = {
    "bool": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "real": pa.float64(),
    "decimal": pa.decimal128(38, 17),
    "string": pa.string(),
    "guid": pa.string(),
    "dynamic": pa.string(),
    "datetime": pa.int64(),
    "timespan": pa.int64(),
}


def csv_tables(folder: Path) -> dict[str, pa.Table]:
    """The tables of the CSV files in a folder, typed."""
    return {path.stem: csv_table(path) for path in sorted(folder.glob("*.csv"))}


def csv_table(path: Path) -> pa.Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    columns = {
        name: (STORM.get(name, "string"), [value(STORM.get(name, "string"), row[at]) for row in rows])
        for at, name in enumerate(header)
    }
    return typed_table(columns)


def value(kind: str, text: str) -> Any:
    """A CSV cell; an empty one is null unless it is a string."""
    if kind == "string" or not text:
        return text if kind == "string" else None
    readers: dict[str, Callable[[str], Any]] = {
        "datetime": datetime_ticks,
        "int": int,
        "long": int,
        "real": float,
    }
    return readers.get(kind, str)(text)


def arrow(table: Result) -> pa.Table:
    """An Arrow table of a Result whose dynamic cells are stored texts."""
    cells_of = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    return typed_table(
        {name: (kind, list(cells)) for (name, kind), cells in zip(table.columns, cells_of, strict=True)}
    )


def typed_table(columns: Mapping[str, tuple[str, list[Any]]]) -> pa.Table:
    """An Arrow table of columns name -> (KQL type, cells), its fields saying their kql.type; times in ticks."""
    fields = [
        pa.field(name, ARROW[kind], metadata={b"kql.type": kind.encode()})
        for name, (kind, _) in columns.items()
    ]
    arrays = [pa.array(items, ARROW[kind]) for kind, items in columns.values()]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
