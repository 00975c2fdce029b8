"""The order of rows, as relations carry it."""

from __future__ import annotations

from nephoscope.kql.binder import reference
from nephoscope.kql.bound import Column
from nephoscope.kql.errors import NOWHERE
from nephoscope.kql.relations import SortKey


def by_ordinal(column: Column) -> tuple[SortKey, ...]:
    """Rows in the order of a column that numbers them."""
    return (SortKey(reference(column, NOWHERE), ascending=True, nulls_first=True),)
