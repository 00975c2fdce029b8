"""A result in the types that other programs read: those in which the lake stores a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nephoscope_kql.cell_formatting import list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult

MOMENT = pa.timestamp("us", "UTC")
_TICKS_PER_MICROSECOND = 10
#: 1970-01-01 in microseconds since 0001-01-01.
_EPOCH = 62_135_596_800_000_000


def build_arrow_table(results: Sequence[QueryResult]) -> pa.Table:
    """The rows of the last result: a datetime is a timestamp in microseconds (finer digits are cut), a timespan 100 ns ticks.

    The other types are Arrow's; a dynamic is JSON text, and every field's metadata has `kql.type`.
    """
    table = results[-1].table
    arrays, fields = [], []
    for place, (_, kind) in enumerate(list_typed_columns(table)):
        field, column = table.schema.field(place), table.column(place)
        moment = kind == KqlType.DATETIME
        arrays.append(_convert_times(column) if moment else column)
        fields.append(field.with_type(MOMENT) if moment else field)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def count_truncated_times(table: pa.Table) -> int:
    """Count how many times of a result have digits that a microsecond does not hold."""
    return sum(
        int(np.count_nonzero(_to_ticks(table.column(place)) % _TICKS_PER_MICROSECOND))
        for place, (_, kind) in enumerate(list_typed_columns(table))
        if kind == KqlType.DATETIME
    )


def _convert_times(column: pa.ChunkedArray) -> pa.Array:
    micro = _to_ticks(column) // _TICKS_PER_MICROSECOND - _EPOCH
    return pa.array(micro, pa.int64(), mask=np.asarray(column.is_null())).cast(MOMENT)


def _to_ticks(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The ticks of a column, 0 for null."""
    return np.asarray(column.fill_null(0), dtype=np.int64)
