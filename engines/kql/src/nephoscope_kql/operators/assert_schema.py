"""assert-schema."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope_kql.binder.environment import Env, register_operator_binder
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import AssertSchema


@register_operator_binder(AssertSchema)
def bind_assert_schema(relation: Relation | None, operator: AssertSchema, _env: Env) -> Relation:
    """`assert-schema (columns)`: the rows as they are; an error where they have other columns, types or another order."""
    if relation is None:
        raise make_invalid_error("assert-schema needs rows", operator.span)
    found = [(column.name, column.type) for column in relation.columns]
    wanted = [(column.name, column.type) for column in operator.columns]
    if relation.open:
        known = dict(wanted)
        found = [(name, kind) for name, kind in found if known.get(name, kind) != kind]
        wanted = []
    if found != wanted:
        given = _format_schema((one.name, one.type) for one in relation.columns)
        expected = _format_schema((one.name, one.type) for one in operator.columns)
        raise make_invalid_error(f"the rows have the columns {given}, not {expected}", operator.span)
    return relation


def _format_schema(columns: Iterable[tuple[str, object]]) -> str:
    return "(" + ", ".join(f"{name}: {kind}" for name, kind in columns) + ")"
