"""The order of rows, as relations carry it."""

from __future__ import annotations

from nephoscope_kql.binder import reference
from nephoscope_kql.bound import Column
from nephoscope_kql.errors import NOWHERE
from nephoscope_kql.relations import Aggregated, Joined, Numbered, Relation, Rows, Sorted, SortKey


def by_ordinal(column: Column) -> tuple[SortKey, ...]:
    """Rows in the order of a column that numbers them."""
    return (SortKey(reference(column, NOWHERE), ascending=True, nulls_first=True),)


def is_serialized(relation: Relation) -> bool:
    """Whether the query put the rows in an order.

    That of a datatable as it is written, of groups of its rows and of what mv-apply makes of rows is none.
    """
    if not relation.order:
        return False
    inner: Relation | None = relation
    while inner is not None and not isinstance(inner, Sorted | Numbered):
        if isinstance(inner, Rows | Aggregated | Joined):
            return False
        inner = getattr(inner, "input", None)
    return True
