"""A column of values as an Arrow array in storage types: whole columns at once where Arrow can, else value by value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.lake.schema.coercion import NONE, coerce_value
from nephoscope.lake.schema.column_types import MOMENT, get_storage_type
from nephoscope_kql.types import KqlType

_NANOSECONDS = pa.timestamp("ns", "UTC")
_TIMES = frozenset({str, dt.datetime, type(None)})
"""What a column of times is made of: Arrow would take numbers among them too."""
_BAGS = frozenset({dict, list, type(None)})
_JSON = msgspec.json.Encoder()
_GUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


@dataclass(frozen=True, slots=True)
class CoercedColumn:
    """A column in its type, and by row the values that did not fit (they are null in it)."""

    array: pa.Array
    unfit: dict[int, object] = field(default_factory=dict)


def coerce_column(values: Sequence[object], kind: KqlType) -> CoercedColumn:
    """The values as a column of a type."""
    array = _convert_uniform_values(values, kind)
    if array is not None:
        return CoercedColumn(array)
    unfit: dict[int, object] = {}
    cells = []
    for place, value in enumerate(values):
        cell = coerce_value(value, kind)
        if cell is NONE:
            unfit[place], cell = value, None
        cells.append(cell)
    return CoercedColumn(pa.array(cells, get_storage_type(kind)), unfit)


@lru_cache(maxsize=64)
def build_empty_array(kind: KqlType, length: int) -> pa.Array:
    """A column without values: null, a string ''. The columns of one kind and length are one array."""
    if kind == KqlType.STRING:
        return build_constant_array("", length)
    return pa.nulls(length, get_storage_type(kind))


@lru_cache(maxsize=64)
def build_constant_array(value: str, length: int) -> pa.Array:
    """A string column of one value."""
    return pa.repeat(pa.scalar(value, pa.string()), length)


def drop_empty_columns(rows: pa.Table) -> pa.Table:
    """The rows without the columns in which no row has a value: they cost time at every step, and their absence says the same."""
    names = [
        name for name, column in zip(rows.column_names, rows.columns, strict=True) if not _is_blank(column)
    ]
    return rows if len(names) == rows.num_columns else rows.select(names)


def _is_blank(column: pa.ChunkedArray) -> bool:
    return all(chunk.null_count == len(chunk) or _is_blank_text(chunk) for chunk in column.chunks)


def _is_blank_text(chunk: pa.Array) -> bool:
    """Return whether it is text, all of it '' or null: nothing lies between its first offset and its last."""
    if not pa.types.is_string(chunk.type):
        return False
    offsets = np.frombuffer(chunk.buffers()[1], np.int32)
    return bool(offsets[chunk.offset] == offsets[chunk.offset + len(chunk)])


def _convert_uniform_values(values: Sequence[object], kind: KqlType) -> pa.Array | None:
    """The column where all values have one Python type that Arrow converts to the wanted one without loss, else None."""
    if kind == KqlType.DYNAMIC:
        return _convert_bags(values)
    if kind == KqlType.DATETIME and not _TIMES.issuperset(map(type, values)):
        return None
    try:
        found = pa.array(values)
    except (pa.ArrowException, ValueError, OverflowError, UnicodeError):
        return None
    if pa.types.is_null(found.type):
        return build_empty_array(kind, len(values))
    if pa.types.is_string(found.type):
        return _convert_texts(found, kind)
    try:
        return _convert_arrow(found, kind)
    except pa.ArrowException:
        return None


def _convert_bags(values: Sequence[object]) -> pa.Array | None:
    """Objects and lists as JSON text; None where a text is among them, which may be JSON itself, or what JSON has no form for."""
    if not _BAGS.issuperset(map(type, values)):
        return None
    encode = _JSON.encode
    try:
        return pa.array([None if value is None else encode(value) for value in values], pa.string())
    except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError):
        return None


def _convert_arrow(found: pa.Array, kind: KqlType) -> pa.Array | None:
    if kind == KqlType.BOOL:
        return found if pa.types.is_boolean(found.type) else None
    if kind in (KqlType.INT, KqlType.LONG):
        whole = pa.types.is_integer(found.type) or pa.types.is_floating(found.type)
        return found.cast(get_storage_type(kind)) if whole else None
    if kind == KqlType.REAL:
        number = pa.types.is_integer(found.type) or pa.types.is_floating(found.type)
        return found.cast(pa.float64(), safe=False) if number else None
    if kind == KqlType.DATETIME and pa.types.is_timestamp(found.type):
        return found.cast(MOMENT) if found.type.tz is not None else None
    return None


def _convert_texts(texts: pa.Array, kind: KqlType) -> pa.Array | None:
    if kind == KqlType.STRING:
        return texts.fill_null("")
    if kind == KqlType.DATETIME:
        return parse_moments(texts)
    if kind == KqlType.GUID and pc.all(pc.match_substring_regex(texts, _GUID)).as_py() is not False:
        return texts
    return None


def parse_moments(texts: pa.Array) -> pa.Array | None:
    """ISO 8601 texts as times, finer digits than microseconds cut; None where one of them is none or has no zone."""
    try:
        fine = texts.cast(_NANOSECONDS)
    except pa.ArrowException:
        return None
    whole = pc.floor_temporal(fine, unit="microsecond") if _has_subticks(fine) else fine
    return whole.cast(MOMENT)


def _has_subticks(fine: pa.Array) -> bool:
    count = fine.cast(pa.int64())
    return bool(pc.any(pc.not_equal(count, pc.multiply(pc.divide(count, 1000), 1000))).as_py())
