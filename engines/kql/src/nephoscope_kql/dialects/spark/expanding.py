"""mv-expand in Spark's SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.block import SelectBlock, Value
from nephoscope_kql.dialects.expanding import ELEMENTS, PAIRS
from nephoscope_kql.dialects.relational import Needed
from nephoscope_kql.dialects.spark import vectorised
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.references import order_ids
from nephoscope_kql.plan.relations import Expanded, ExpandedColumn
from nephoscope_kql.sql import build


def write_expanded(relation: Expanded, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """explode() of the places; the longest array says how many rows there are."""
    own = {item.column.id for item in relation.expansions} | {relation.position.id}
    passing = (needed - own) | order_ids(relation.input.order)
    block = emitter.over(relation.input, passing, [item.value for item in relation.expansions])
    kept = sorted(passing & block.values.keys())
    lists = [
        (item.column.id, _elements(item, relation.limit, block, emitter)) for item in relation.expansions
    ]
    inner = SelectBlock(exp.Subquery(this=block.select([*block.columns(kept), *lists])))
    zero = build.number(0)
    sizes = [build.coalesce(build.call("array_size", build.name(name)), zero) for name, _ in lists]
    length = build.call("greatest", *sizes, zero)
    last = build.binary("-", length, build.number(1))
    places = build.case((build.binary(">", length, zero), build.call("sequence", zero, last)))
    items = [(one, build.name(one)) for one in [*kept, *(name for name, _ in lists)]]
    outer = inner.select([*items, (relation.position.id, build.call("explode", places))])
    result = SelectBlock(exp.Subquery(this=outer), {one: Value(build.name(one)) for one in kept})
    position = build.name(relation.position.id)
    for name, _ in lists:
        element = build.call("get", build.name(name), position)
        result.values[name] = Value(build.call("nullif", element, build.text("null")), 4)
    result.values[relation.position.id] = Value(build.cast(position, "BIGINT"))
    return result


def _elements(item: ExpandedColumn, limit: int | None, block: SelectBlock, emitter: SparkEmitter) -> exp.Expr:
    """The elements of an array or bag as an array of JSON texts."""
    routine = PAIRS if item.as_array else ELEMENTS
    node: exp.Expr = build.call(routine.name, build.name("a0"))
    if limit is not None:
        node = build.call("list_slice", node, build.number(1), build.number(limit))
    return vectorised.call_vectorised(
        node, [emitter.scalar(item.value, block)], "VARCHAR[]", (routine,), emitter.use
    )
