"""Aggregates that collect: arrays, sets, bags, schemas, and what stands for sketches (the values themselves, so exact)."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from nephoscope_kql.functions.aggregates import MAX_ELEMENTS, SUMMABLE, Body, Where, declare_with_condition
from nephoscope_kql.functions.arrays import ITEMS
from nephoscope_kql.functions.declaration import (
    apply_routine,
    declare_aggregate,
    declare_arrow_function,
    declare_macro,
    declare_rowwise,
)
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.functions.tostring import to_json
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

_FLAT = declare_macro(
    "kql_flattened(l)",
    "flatten(list_transform(l, lambda e: CASE WHEN e[1] = '[' THEN kql_items(e) ELSE [e] END))",
    ITEMS,
)


def _build_distinct_in_order(lists: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Distinct elements of every list in the order in which they come first."""
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    parents, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    if not len(values):
        return lists
    places = pa.array(np.arange(len(values)))
    table = pa.table({"p": parents, "v": values, "at": places})
    found = table.group_by(["p", "v"], use_threads=False).aggregate([("at", "min")]).sort_by("at_min")
    sizes = np.bincount(found["p"].to_numpy(), minlength=len(lists))
    offsets = pa.array(np.concatenate(([0], np.cumsum(sizes))), pa.int32())
    made = pa.ListArray.from_arrays(offsets, found["v"].combine_chunks())
    if not lists.null_count:
        return made
    return pc.if_else(lists.is_valid(), made, None)


FIRST_SEEN = declare_arrow_function("kql_first_seen", ("VARCHAR[]",), "VARCHAR[]", _build_distinct_in_order)


def _compute_size(call: Arguments, position: int) -> int:
    if position >= len(call):
        return MAX_ELEMENTS
    value = call.get_value(position)
    if not isinstance(value, int) or value < 1:
        raise call.make_error(position, "the size is a number above 0")
    return min(value, MAX_ELEMENTS)


def _build_elements(call: Arguments, where: Where, nulls: bool) -> exp.Expr:
    """The values as a list of JSON texts, in the order of the rows; arrays are flattened."""
    kind = call.types[0]
    node = to_json(call, call[0], kind)
    present: Where = None
    if kind == KqlType.DYNAMIC or nulls:
        node = nodes.build_coalesce(node, nodes.build_text("null"))
    elif kind != KqlType.STRING:
        present = nodes.is_not_null(call[0])
    conditions = [item for item in (where, present) if item is not None]
    test = nodes.build_chain("and", conditions) if conditions else None
    found = nodes.aggregate("list", node, order=call.order, where=test)
    return apply_routine(call, _FLAT, found) if kind == KqlType.DYNAMIC else found


_PREFIX = declare_macro("kql_first_of(l, n)", "'[' || coalesce(array_to_string(l[1:n], ','), '') || ']'")
_TEXTS_PREFIX = declare_macro("kql_first_texts(l, n)", "coalesce(CAST(to_json(l[1:n]) AS VARCHAR), '[]')")


def _make_list(nulls: bool) -> Body:
    def body(call: Arguments, where: Where) -> exp.Expr:
        return apply_routine(
            call, _PREFIX, _build_elements(call, where, nulls), nodes.build_number(_compute_size(call, 1))
        )

    return body


def _build_set(call: Arguments, where: Where) -> exp.Expr:
    if call.types[0] == KqlType.STRING:
        seen = apply_routine(
            call, FIRST_SEEN, nodes.aggregate("list", call[0], order=call.order, where=where)
        )
        return apply_routine(call, _TEXTS_PREFIX, seen, nodes.build_number(_compute_size(call, 1)))
    distinct = apply_routine(call, FIRST_SEEN, _build_elements(call, where, nulls=False))
    return apply_routine(call, _PREFIX, distinct, nodes.build_number(_compute_size(call, 1)))


make_list, make_list_if = declare_with_condition(
    "make_list", "value: any", "dynamic", "Collect the values in an array.", "list_{0}", _make_list(nulls=False),
    nullable=False, options="[size: const long]", aliases=("makelist",), conditional="make_list_if",
)  # fmt: skip
make_set, make_set_if = declare_with_condition(
    "make_set", "value: any", "dynamic", "Collect the distinct values in an array, in the order in "
    "which they come first.",
    "set_{0}", _build_set, nullable=False, options="[size: const long]", aliases=("makeset",),
    conditional="make_set_if",
)  # fmt: skip
make_list_with_nulls = declare_aggregate(
    __name__,
    "make_list_with_nulls(value: any): dynamic",
    summary="Collect the values in an array, nulls too.",
    label="list_{0}",
    builder=lambda call: _make_list(nulls=True)(call, None),
    nullable=False,
)


def _merge_bags(texts: str) -> str:
    """One bag of an array of bags; of equal keys the first stays. Called once a group, not a row."""
    merged: dict[str, object] = {}
    for bag in json.loads(texts):
        if isinstance(bag, dict):
            merged = {**bag, **merged} if not merged else _merge_into(merged, bag)
    return format_json(merged)


def _merge_into(merged: dict[str, object], bag: dict[str, object]) -> dict[str, object]:
    for key, value in bag.items():
        merged.setdefault(key, value)
    return merged


_MERGED = declare_rowwise("kql_merged_bags", ("VARCHAR",), "VARCHAR", _merge_bags)


def _build_texts(call: Arguments, where: Where, size: int = MAX_ELEMENTS) -> exp.Expr:
    present = nodes.is_not_null(call[0])
    test = present if where is None else nodes.build_binary("and", where, present)
    found = nodes.aggregate("list", call[0], order=call.order, where=test)
    return apply_routine(call, _PREFIX, found, nodes.build_number(size))


def _build_bag(call: Arguments, where: Where) -> exp.Expr:
    return apply_routine(call, _MERGED, _build_texts(call, where, _compute_size(call, 1)))


make_bag, make_bag_if = declare_with_condition(
    "make_bag", "bag: dynamic", "dynamic", "Join the bags of all rows; of equal keys the first stays.", "bag_{0}", _build_bag,
    nullable=False, options="[size: const long]", aliases=("make_dictionary",), conditional="make_bag_if",
)  # fmt: skip


def _compute_schema(values: list[object]) -> object:
    """The types of values: bags first, merged key by key, then arrays as an indexer, then scalars by name."""
    parts: list[object] = []
    bags = [value for value in values if isinstance(value, dict)]
    if bags:
        keys = dict.fromkeys(key for bag in bags for key in bag)
        parts.append({key: _compute_schema([bag[key] for bag in bags if key in bag]) for key in keys})
    arrays = [value for value in values if isinstance(value, list)]
    if arrays:
        parts.append({"`indexer`": _compute_schema([item for array in arrays for item in array])})
    names = [
        _read_scalar_name(value)
        for value in values
        if not isinstance(value, dict | list) and value is not None
    ]
    parts += sorted(dict.fromkeys(names))
    return parts[0] if len(parts) == 1 else (parts or None)


def _read_scalar_name(value: object) -> str:
    return {bool: "bool", int: "long", float: "double"}.get(type(value), "string")


def _compute_schema_text(texts: str) -> str | None:
    values = json.loads(texts)
    return format_json(_compute_schema(values)) if values else None


_SCHEMA = declare_rowwise("kql_buildschema", ("VARCHAR",), "VARCHAR", _compute_schema_text)
buildschema = declare_aggregate(
    __name__,
    "buildschema(value: dynamic): dynamic",
    summary="Give the types of everything inside the values.",
    label="schema_{0}",
    builder=lambda call: apply_routine(call, _SCHEMA, _build_texts(call, None)),
)


def _make_exact_sketch(distinct: bool) -> Body:
    """A sketch that is exact: the (distinct) values themselves."""

    def body(call: Arguments, where: Where) -> exp.Expr:
        elements = _build_elements(call, where, nulls=False)
        if distinct:
            elements = apply_routine(call, FIRST_SEEN, elements)
        return apply_routine(call, _SKETCH, elements)

    return body


_SKETCH = declare_macro(
    "kql_sketch(l)", "CASE WHEN len(l) > 0 THEN '[' || array_to_string(l, ',') || ']' END"
)
hll, hll_if = declare_with_condition(
    "hll", "value: any", "dynamic", "Keep the distinct values, for dcount_hll().", "hll_{0}", _make_exact_sketch(distinct=True),
    options="[accuracy: const long]", conditional="hll_if",
)  # fmt: skip
hll_merge = declare_aggregate(
    __name__,
    "hll_merge(value: dynamic): dynamic",
    summary="Join what hll() kept.",
    label="hll_merge_{0}",
    builder=lambda call: _make_exact_sketch(distinct=True)(call, None),
)
tdigest = declare_aggregate(
    __name__,
    f"tdigest(value: {SUMMABLE}|datetime): dynamic",
    summary="Keep the values, for percentile_tdigest().",
    label="tdigest_{0}",
    builder=lambda call: _make_exact_sketch(distinct=False)(call, None),
)
tdigest_merge = declare_aggregate(
    __name__,
    "tdigest_merge(value: dynamic): dynamic",
    summary="Join what tdigest() kept.",
    label="merge_tdigests_{0}",
    builder=lambda call: _make_exact_sketch(distinct=False)(call, None),
    aliases=("merge_tdigest",),
)
