"""Sets: arrays whose elements count once."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.arrays import ITEMS, JOINED, LIST
from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_scalar_macro
from nephoscope_kql.functions.tostring import get_json_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes

_DISTINCT = declare_macro("kql_distinct(x)", "list_filter(x, lambda e, i: list_position(x, e) = i)")


def _build_set(call: Arguments, node: exp.Expr) -> exp.Expr:
    return apply_routine(call, JOINED, apply_routine(call, _DISTINCT, node))


@declare_function("set_union(set: dynamic, ...): dynamic")
def set_union(call: Arguments) -> exp.Expr:
    """Give the distinct elements of all arrays."""
    lists = [apply_routine(call, LIST, item) for item in call]
    return _build_set(call, nodes.build_chain("||", lists) if len(lists) > 1 else lists[0])


def _build_set_filter(call: Arguments, kept: bool) -> exp.Expr:
    node = apply_routine(call, LIST, call[0])
    for item in list(call)[1:]:
        other = apply_routine(call, LIST, item)

        def test(element: exp.Expr, other: exp.Expr = other) -> exp.Expr:
            inside = nodes.build_call("list_contains", other, element)
            return inside if kept else nodes.build_not(inside)

        node = nodes.build_call("list_filter", node, nodes.build_lambda(test, "e"))
    return _build_set(call, node)


@declare_function("set_intersect(set: dynamic, ...): dynamic")
def set_intersect(call: Arguments) -> exp.Expr:
    """Give the distinct elements that all arrays have."""
    return _build_set_filter(call, kept=True)


@declare_function("set_difference(set: dynamic, ...): dynamic")
def set_difference(call: Arguments) -> exp.Expr:
    """Give the distinct elements of the first array that no other has."""
    return _build_set_filter(call, kept=False)


_HAS = declare_macro("kql_set_has(x, v)", "coalesce(list_contains(kql_items(x), v), FALSE)", ITEMS)


@declare_function("set_has_element(set: dynamic, value: any): bool", nullable=False)
def set_has_element(call: Arguments) -> exp.Expr:
    """Tell whether an array has a value."""
    return apply_routine(call, _HAS, call[0], get_json_argument(call, 1))


set_equals = declare_scalar_macro(
    __name__,
    "set_equals(x: dynamic, y: dynamic): bool",
    summary="Tell whether two arrays have the same elements.",
    body="list_has_all(kql_list(x), kql_list(y)) AND list_has_all(kql_list(y), kql_list(x))",
    uses=(LIST,),
)
jaccard_index = declare_scalar_macro(
    __name__,
    "jaccard_index(x: dynamic, y: dynamic): real",
    summary="Give how many distinct elements two arrays share, as a part of all.",
    body="len(list_intersect(kql_list(x), kql_list(y))) / nullif(len(list_distinct(kql_list(x) || kql_list(y))), 0)",
    uses=(LIST,),
)
