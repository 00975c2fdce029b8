"""How the tables of tests/cases/functions are evaluated and written."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import pyarrow as pa

import nephoscope_kql as kql

NOW = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
TICKS_A_DAY = 864_000_000_000
ROWS = """datatable(n: long, r: real, s: string, b: bool, d: datetime, t: timespan, g: dynamic, w: long) [
  1, 1.5, 'a', true, datetime(2024-01-01), 1h, dynamic({"a": 1}), 1,
  3, 2.5, 'b', false, datetime(2024-02-01), 2h, dynamic({"b": "x", "a": 2}), 5,
  long(null), real(null), '', bool(null), datetime(null), timespan(null), dynamic(null), 1,
  2, 4.0, 'a', true, datetime(2023-12-31), 30m, dynamic({"c": [1]}), 2 ]"""
FIXTURES = {
    "rows": ROWS,
    "empty": f"{ROWS} | take 0",
    "nulls": f"{ROWS} | where isnull(n)",
    "one": f"{ROWS} | where n == 3",
}


def evaluated(expression: str, rows: str | None = None):
    """Type and value of an expression, or of an aggregate over the rows that are named."""
    return together([expression], rows)[0]


def together(expressions: list[str], rows: str | None = None):
    """Type and value of each of several expressions, or aggregates, in one query."""
    items = ", ".join(f"x{place} = {text}" for place, text in enumerate(expressions))
    table = kql.run(
        f"print {items}" if rows is None else f"{FIXTURES[rows]} | summarize {items}", tables={}, now=NOW
    )
    found = [table.schema.get_field_index(f"x{place}") for place in range(len(expressions))]
    kinds = [table.schema.field(at).metadata[b"kql.type"].decode() for at in found]
    return [(kind, table.column(at)[0].as_py()) for kind, at in zip(kinds, found, strict=True)]


def shown(kind: str, value):
    """The value as the tables hold it: times as texts, dynamic as the JSON it is, reals that JSON lacks as texts."""
    if value is None:
        return None
    if kind == "dynamic":
        return json.loads(value)
    if kind == "datetime":
        return moment(value)
    if kind == "timespan":
        return f"{value} ticks" if value % 10 else str(dt.timedelta(microseconds=value // 10))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def moment(ticks: int) -> str:
    days, rest = divmod(ticks, TICKS_A_DAY)
    day = dt.date.fromordinal(days + 1)
    seconds, fraction = divmod(rest, 10_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{day} {clock}.{fraction:07}"


def given(values: list[tuple[str, str, object]]) -> pa.Table:
    """A table of one row: columns name, KQL type, stored value."""
    arrow = {"bool": pa.bool_(), "int": pa.int32(), "real": pa.float64(), "decimal": pa.decimal128(38, 17)}
    arrow |= dict.fromkeys(("long", "datetime", "timespan"), pa.int64())
    fields, arrays = [], []
    for name, kind, value in values:
        stored = arrow.get(kind, pa.string())
        fields.append(pa.field(name, stored, metadata={b"kql.type": kind.encode()}))
        arrays.append(pa.array([value], stored))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
