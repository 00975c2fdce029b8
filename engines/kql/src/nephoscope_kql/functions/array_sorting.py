"""Sorting arrays: by their elements, others along with the first."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.arrays import ITEMS, JOINED
from nephoscope_kql.functions.declaration import apply_routine, declare_macro
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine
from nephoscope_kql.types import KqlType

_KEYED = (
    "list_transform(kql_items({0}), lambda e, i: "
    "{{'k': CASE WHEN e = 'null' THEN 2 WHEN e[1] = '\"' THEN 1 WHEN TRY_CAST(e AS DOUBLE) IS NOT NULL "
    "THEN 0 ELSE 1 END, "
    "'n': TRY_CAST(e AS DOUBLE), 'w': TRY_CAST(e AS BIGINT), 's': CASE WHEN e[1] = '\"' THEN "
    "json_extract_string(e, '$') ELSE e END, 'i': i}})"
)
_ORDER_UP = declare_macro(
    "kql_order_up(x)",
    f"list_transform(list_sort({_KEYED.format('x')}, 'ASC', 'NULLS LAST'), lambda e: e.i)",
    ITEMS,
)
_KEYED_DOWN = _KEYED.replace("THEN 2 WHEN", "THEN -1 WHEN").replace("'i': i", "'i': -i")
_ORDER_DOWN = declare_macro(
    "kql_order_down(x)",
    f"list_transform(list_sort({_KEYED_DOWN.format('x')}, 'DESC', 'NULLS LAST'), lambda e: -e.i)",
    ITEMS,
)
_NULLS_UP = declare_macro(
    "kql_nulls_first(x, o)",
    "list_filter(o, lambda i: kql_items(x)[i] = 'null') || list_filter(o, lambda i: kql_items(x)[i] <> "
    "'null')",
    ITEMS,
)
_PICKED = declare_macro(
    "kql_picked(x, o)",
    "kql_joined(list_transform(o, lambda i: coalesce(kql_items(x)[i], 'null')))",
    ITEMS,
    JOINED,
)


def _build_sort(call: Arguments, order: Routine) -> exp.Expr:
    arrays = list(call)
    nulls_last = True
    if call.types[-1] == KqlType.BOOL:
        nulls_last = call.get_value(len(call) - 1) is not False
        arrays.pop()
    for place, kind in enumerate(call.types[: len(arrays)]):
        if kind == KqlType.BOOL:
            raise call.make_error(place, "a bool is the last argument")
    places = apply_routine(call, order, arrays[0])
    if not nulls_last:
        places = apply_routine(call, _NULLS_UP, arrays[0], places)
    picked = [apply_routine(call, _PICKED, item, places) for item in arrays]
    if len(picked) == 1:
        return picked[0]
    texts = [nodes.build_coalesce(item, nodes.build_text("null")) for item in picked]
    return apply_routine(call, JOINED, nodes.build_array(texts))


@declare_function("array_sort_asc(array: dynamic|bool, ...): dynamic")
def array_sort_asc(call: Arguments) -> exp.Expr:
    """Sort an array upwards, and further arrays in the same way; the last argument may say that nulls come last."""
    return _build_sort(call, _ORDER_UP)


@declare_function("array_sort_desc(array: dynamic|bool, ...): dynamic")
def array_sort_desc(call: Arguments) -> exp.Expr:
    """Sort an array downwards, and further arrays in the same way; the last argument may say that nulls come last."""
    return _build_sort(call, _ORDER_DOWN)
