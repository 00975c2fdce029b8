"""Series rows: the arrays of `make-series`, one row each, as rows with one value in each column, which charts draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from nephoscope.web.result_charts.render_spec import Columns
from nephoscope_kql.parser.literals import parse_datetime_ticks
from nephoscope_kql.types import KqlType


def spread_arrays(columns: Columns, rows: Sequence[Any], most: int) -> tuple[Columns, list[list[Any]]] | None:
    """Spread columns of arrays to at most so many rows; None where no column has an array in every row."""
    read = [
        [_read_array(row[at]) for row in rows]
        for at, (_, kind) in enumerate(columns)
        if kind is KqlType.DYNAMIC
    ]
    places = [at for at, (_, kind) in enumerate(columns) if kind is KqlType.DYNAMIC]
    arrays = {
        at: found
        for at, found in zip(places, read, strict=True)
        if rows and all(one is not None for one in found)
    }
    if not arrays:
        return None
    kinds = {at: _find_value_kind(found) for at, found in arrays.items()}
    made = [(name, kinds.get(at, kind)) for at, (name, kind) in enumerate(columns)]
    spread: list[list[Any]] = []
    for number, row in enumerate(rows):
        for values in _spread_arrays(row, {at: found[number] or [] for at, found in arrays.items()}, kinds):
            if len(spread) == most:
                return made, spread
            spread.append(values)
    return made, spread


def _spread_arrays(
    row: Sequence[Any], arrays: dict[int, list[object]], kinds: dict[int, KqlType]
) -> Iterator[list[Any]]:
    for at in range(max(map(len, arrays.values()), default=0)):
        yield [
            _convert_value(arrays[column][at], kinds[column]) if column in arrays and at < len(arrays[column])
            else None if column in arrays else value
            for column, value in enumerate(row)
        ]  # fmt: skip


def _read_array(value: object) -> list[object] | None:
    if not isinstance(value, str) or not value.startswith("["):
        return None
    try:
        return msgspec.json.decode(value, type=list[object])
    except msgspec.DecodeError:
        return None


def _find_value_kind(arrays: Sequence[list[object] | None]) -> KqlType:
    """The type of the first value that is not null: a number, a time, or what is drawn by name."""
    first = next((one for array in arrays for one in array or () if one is not None), None)
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        return KqlType.REAL
    return KqlType.DATETIME if _convert_value(first, KqlType.DATETIME) is not None else KqlType.STRING


def _convert_value(value: object, kind: KqlType) -> object:
    """The value of a type as results hold it; None where it is of another."""
    if kind is KqlType.REAL:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    if kind is KqlType.STRING:
        return value
    try:
        return parse_datetime_ticks(value)
    except ValueError:
        return None
