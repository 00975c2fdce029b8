"""The order of rows, as relations carry it."""

from __future__ import annotations

from nephoscope_kql.binder.environment import Env, make_reference
from nephoscope_kql.errors import NOWHERE
from nephoscope_kql.plan.relations import Aggregated, Joined, Numbered, Rows, Sorted
from nephoscope_kql.plan.values import Column, Relation, SortKey
from nephoscope_kql.types import KqlType


def sort_by_ordinal(column: Column) -> tuple[SortKey, ...]:
    """Rows in the order of a column that numbers them."""
    return (SortKey(make_reference(column, NOWHERE), ascending=True, nulls_first=True),)


def is_relation_serialized(relation: Relation) -> bool:
    """Return whether the query put the rows in an order.

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


def ensure_order(relation: Relation, env: Env) -> Relation:
    """The relation, its rows numbered as they come where they have no order."""
    if is_relation_serialized(relation):
        return relation
    number = env.binder.make_column("", KqlType.LONG)
    return Numbered(columns=relation.columns, order=sort_by_ordinal(number), input=relation, number=number)
