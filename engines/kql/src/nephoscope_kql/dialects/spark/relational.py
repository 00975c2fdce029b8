"""Computed columns, and limits, in Spark's SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Needed, assign_column
from nephoscope_kql.dialects.select_block import HEAVY, SelectBlock, Value
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.column_references import list_order_ids
from nephoscope_kql.plan.relations import Assign, Limited
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes


def write_assign(relation: Assign, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """Columns that are computed, where something needs them; what a vectorised function gives is computed once."""
    wanted = [(column, value) for column, value in relation.assigned if column.id in needed]
    passing = needed - {column.id for column, _ in relation.assigned}
    block = emitter.write_block_over(relation.input, passing, [value for _, value in wanted])
    block.values.update({column.id: _assign_value(block, value, emitter) for column, value in wanted})
    return block


def _assign_value(block: SelectBlock, value: Bound, emitter: SparkEmitter) -> Value:
    made = assign_column(block, value, emitter)
    if any(_is_call_vectorised(node) for node in made.sql.find_all(exp.Anonymous)):
        made.size += HEAVY
    return made


def _is_call_vectorised(node: exp.Anonymous) -> bool:
    return str(node.this).startswith("kql_")


def write_limited_rows(relation: Limited, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """ORDER BY and LIMIT, which takes a constant in Spark."""
    block = emitter.write_rows(relation.input, needed)
    ids = sorted((needed | list_order_ids(relation.order)) & block.values.keys())
    count = relation.count
    if isinstance(count, Constant) and isinstance(count.value, int):
        limit = nodes.build_number(min(max(0, count.value), 2**31 - 1))
        return block.seal(ids, emitter.write_keys(relation.order, block), limit)
    return _limit_by_number(relation, block, ids, emitter)


def _limit_by_number(
    relation: Limited, block: SelectBlock, ids: list[str], emitter: SparkEmitter
) -> SelectBlock:
    """The rows whose number is at most a computed count."""
    keys = emitter.write_keys(relation.order, block) or [nodes.sort_key(nodes.build_number(1))]
    number = emitter.choose_fresh_name()
    block.values[number] = Value(
        nodes.build_window(nodes.build_call("row_number"), order=keys), 4, window=True
    )
    result = block.seal([*ids, number])
    result.where.append(
        nodes.build_binary("<=", nodes.build_name(number), emitter.write_constant(relation.count))
    )
    return result
