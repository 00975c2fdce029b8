"""Empty columns of a result, hidden since a search over many tables has thousands."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

WIDE = 50
"""Number of columns up to which a result is shown completely."""


def drop_empty_columns(rows: pa.Table) -> pa.Table:
    """The rows without the columns that are null or '' in all of them; all columns where these are few, or there is no row."""
    if rows.num_columns <= WIDE or not rows.num_rows:
        return rows
    places = [place for place, column in enumerate(rows.columns) if not _is_empty(column)]
    return rows.select(places) if places else rows


def _is_empty(column: pa.ChunkedArray) -> bool:
    if column.null_count == len(column):
        return True
    return column.type == pa.string() and not pc.any(pc.not_equal(column, "")).as_py()
