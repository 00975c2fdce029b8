"""Aggregation in Spark's SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Needed
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.spark.aggregates import NATIVE
from nephoscope_kql.dialects.spark.collected_aggregates import collect_ordered_values
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.column_references import count_columns, list_order_ids
from nephoscope_kql.plan.expressions import AggregateCall
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.relations import Aggregated, FirstOf
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


def write_aggregated_rows(relation: Aggregated, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """GROUP BY, or DISTINCT where nothing is aggregated."""
    wanted = [(column, call) for column, call in relation.aggregates if column.id in needed]
    values: list[Bound] = [value for _, value in relation.groups]
    values += [argument for _, call in wanted for argument in call.arguments]
    order = list_order_ids(relation.input.order) if wanted else set()
    block = emitter.write_block_over(relation.input, frozenset(order), values, before_where=True)
    items = [(column.id, emitter.write_scalar(value, block)) for column, value in relation.groups]
    ids = [name for name, _ in items]
    if not wanted:
        return _build_distinct(block, items)
    block, items = _close_groups(block, items, order, count_columns(values).keys())
    keys = emitter.write_keys(relation.input.order, block)
    for column, call in wanted:
        arguments = [emitter.write_scalar(argument, block) for argument in call.arguments]
        items.append((column.id, aggregate(call, arguments, keys, emitter)))
    select = block.build_select(items)
    if ids:
        select.set("group", exp.Group(expressions=[nodes.build_name(name) for name in ids]))
    return make_block_over(select, [name for name, _ in items])


def _build_distinct(block: SelectBlock, items: list[tuple[str, exp.Expr]]) -> SelectBlock:
    if not items:
        return make_block_over(block.build_select([("one", exp.Count(this=exp.Star()))]), ["one"])
    select = block.build_select(items)
    select.set("distinct", exp.Distinct())
    return make_block_over(select, [name for name, _ in items])


def _close_groups(
    block: SelectBlock, items: list[tuple[str, exp.Expr]], order: set[str], reads: object
) -> tuple[SelectBlock, list[tuple[str, exp.Expr]]]:
    """The block with its groups as plain columns: Spark groups by names that its input has, before those that the SELECT gives."""
    kept = sorted((order | set(reads)) & block.values.keys() - {name for name, _ in items})  # type: ignore[call-overload]
    inner = make_block_over(
        block.build_select([*block.list_columns(kept), *items]), [*kept, *(name for name, _ in items)]
    )
    return inner, [(name, nodes.build_name(name)) for name, _ in items]


def aggregate(
    call: AggregateCall, arguments: list[exp.Expr], keys: list[exp.Expr], emitter: SparkEmitter
) -> exp.Expr:
    """One aggregate on arguments that are written already: Spark's own, else DuckDB's over the collected rows of the group."""
    given = Arguments(arguments, call.arguments, call.type, call.span, emitter.use_routine, keys)
    native = NATIVE.get(call.aggregate.name)
    built = native(given) if native is not None else None
    if built is None:
        built = collect_ordered_values(call, given, emitter)
    return nodes.build_coalesce(built, nodes.build_text("")) if call.type == KqlType.STRING else built


def write_first_of(relation: FirstOf, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """One row a key: the first by row_number()."""
    order = list_order_ids(relation.input.order)
    block = emitter.write_block_over(relation.input, needed | order, relation.keys, before_where=True)
    keys = emitter.write_keys(relation.input.order, block) or [nodes.sort_key(nodes.build_number(1))]
    partition = [emitter.write_scalar(key, block) for key in relation.keys]
    number = emitter.choose_fresh_name()
    ids = sorted((needed | order) & block.values.keys())
    block.values[number] = Value(
        nodes.build_window(nodes.build_call("row_number"), partition, keys), 4, window=True
    )
    result = block.seal([*ids, number])
    result.where.append(nodes.build_binary("=", nodes.build_name(number), nodes.build_number(1)))
    return result
