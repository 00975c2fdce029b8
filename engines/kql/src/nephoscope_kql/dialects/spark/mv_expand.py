"""mv-expand in Spark's SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.mv_expand import ELEMENTS, PAIRS
from nephoscope_kql.dialects.relational import Needed
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.relations import Expanded, ExpandedColumn
from nephoscope_kql.sql import nodes


def write_expanded_rows(relation: Expanded, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """explode() of the places; the longest array says how many rows there are."""
    own = {item.column.id for item in relation.expansions} | {relation.position.id}
    passing = (needed - own) | list_order_ids(relation.input.order)
    block = emitter.write_block_over(relation.input, passing, [item.value for item in relation.expansions])
    kept = sorted(passing & block.values.keys())
    lists = [
        (item.column.id, _build_elements(item, relation.limit, block, emitter))
        for item in relation.expansions
    ]
    inner = SelectBlock(exp.Subquery(this=block.build_select([*block.list_columns(kept), *lists])))
    zero = nodes.build_number(0)
    sizes = [
        nodes.build_coalesce(nodes.build_call("array_size", nodes.build_name(name)), zero)
        for name, _ in lists
    ]
    length = nodes.build_call("greatest", *sizes, zero)
    last = nodes.build_binary("-", length, nodes.build_number(1))
    places = nodes.build_case(
        (nodes.build_binary(">", length, zero), nodes.build_call("sequence", zero, last))
    )
    items = [(one, nodes.build_name(one)) for one in [*kept, *(name for name, _ in lists)]]
    outer = inner.build_select([*items, (relation.position.id, nodes.build_call("explode", places))])
    result = SelectBlock(exp.Subquery(this=outer), {one: Value(nodes.build_name(one)) for one in kept})
    position = nodes.build_name(relation.position.id)
    for name, _ in lists:
        element = nodes.build_call("get", nodes.build_name(name), position)
        result.values[name] = Value(nodes.build_call("nullif", element, nodes.build_text("null")), 4)
    result.values[relation.position.id] = Value(nodes.build_cast(position, "BIGINT"))
    return result


def _build_elements(
    item: ExpandedColumn, limit: int | None, block: SelectBlock, emitter: SparkEmitter
) -> exp.Expr:
    """The elements of an array or bag as an array of JSON texts."""
    routine = PAIRS if item.as_array else ELEMENTS
    node: exp.Expr = nodes.build_call(routine.name, nodes.build_name("a0"))
    if limit is not None:
        node = nodes.build_call("list_slice", node, nodes.build_number(1), nodes.build_number(limit))
    return vectorised_functions.call_vectorised_function(
        node, [emitter.write_scalar(item.value, block)], "VARCHAR[]", (routine,), emitter.use_routine
    )
