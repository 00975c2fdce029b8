"""Aggregation in SQL."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.distinct_bins import find_bins, write_in_steps
from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.functions.declaration import count_weight
from nephoscope_kql.plan.column_references import count_columns, list_order_ids
from nephoscope_kql.plan.expressions import AggregateCall
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.relations import Aggregated, FirstOf
from nephoscope_kql.plan.values import Bound, Column
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

MAX_REPEATED = 100
"""From this weight on an argument of an aggregate is computed below it: an aggregate that names its argument more than once would
stand in lambdas of each other, over which DuckDB's pruning of columns fails."""


@writes(Aggregated)
def write_aggregated(relation: Aggregated, needed: Needed, emitter: Emitter) -> SelectBlock:
    """GROUP BY, or DISTINCT where nothing is aggregated."""
    wanted = [(column, call) for column, call in relation.aggregates if column.id in needed]
    values: list[Bound] = [value for _, value in relation.groups]
    values += [argument for _, call in wanted for argument in call.arguments]
    order = list_order_ids(relation.input.order) if wanted else set()
    block = emitter.write_block_over(relation.input, frozenset(order), values, before_where=True)
    items = [(column.id, emitter.write_scalar(value, block)) for column, value in relation.groups]
    bins = find_bins([call for _, call in wanted]) if items and emitter.dialect == "duckdb" else None
    if bins is not None:
        return write_in_steps(bins, items, wanted, block, emitter)
    block, items, written = _write_arguments(block, items, wanted, order, emitter)
    ids = [name for name, _ in items]
    keys = emitter.write_keys(relation.input.order, block) if wanted else []
    for (column, call), arguments in zip(wanted, written, strict=True):
        items.append((column.id, aggregate(call, arguments, keys, emitter)))
    if not items:
        items = [("one", exp.Count(this=exp.Star()))]
    select = block.build_select(items)
    if relation.groups and wanted:
        select.set("group", exp.Group(expressions=[nodes.build_name(name) for name in ids]))
    elif relation.groups:
        select.set("distinct", exp.Distinct())
    return make_block_over(select, [name for name, _ in items])


def _write_arguments(
    block: SelectBlock,
    groups: list[tuple[str, exp.Expr]],
    calls: list[tuple[Column, AggregateCall]],
    order: set[str],
    emitter: Emitter,
) -> tuple[SelectBlock, list[tuple[str, exp.Expr]], list[list[exp.Expr]]]:
    """The arguments of the calls in SQL; heavy ones are plain columns of a new block then, with the groups over it."""
    written = [[emitter.write_scalar(argument, block) for argument in call.arguments] for _, call in calls]
    heavy = {
        id(sql): (emitter.choose_fresh_name(), sql)
        for arguments in written
        for sql in arguments
        if count_weight(sql) > MAX_REPEATED
    }
    if not heavy:
        return block, groups, written
    light = [
        argument
        for (_, call), arguments in zip(calls, written, strict=True)
        for argument, sql in zip(call.arguments, arguments, strict=True)
        if id(sql) not in heavy
    ]
    kept = sorted((order | count_columns(light).keys()) & block.values.keys())
    items = [*block.list_columns(kept), *groups, *heavy.values()]
    below = make_block_over(block.build_select(items), [name for name, _ in items])
    rewritten = [
        [
            nodes.build_name(heavy[id(sql)][0]) if id(sql) in heavy else emitter.write_scalar(argument, below)
            for argument, sql in zip(call.arguments, arguments, strict=True)
        ]
        for (_, call), arguments in zip(calls, written, strict=True)
    ]
    return below, [(name, nodes.build_name(name)) for name, _ in groups], rewritten


def aggregate(
    call: AggregateCall, arguments: list[exp.Expr], keys: list[exp.Expr], emitter: Emitter
) -> exp.Expr:
    """One aggregate on arguments that are written already."""
    built = call.aggregate.find_builder(emitter.dialect, call.span)(
        Arguments(arguments, call.arguments, call.type, call.span, emitter.use_routine, keys)
    )
    return nodes.build_coalesce(built, nodes.build_text("")) if call.type == KqlType.STRING else built


@writes(FirstOf)
def write_first_of(relation: FirstOf, needed: Needed, emitter: Emitter) -> SelectBlock:
    """One row a key: the keys grouped, first() of every other column."""
    order = list_order_ids(relation.input.order)
    block = emitter.write_block_over(relation.input, needed | order, relation.keys, before_where=True)
    block = block.seal(sorted((needed | order | count_columns(relation.keys).keys()) & block.values.keys()))
    keys = emitter.write_keys(relation.input.order, block)
    grouped = [(emitter.choose_fresh_name(), emitter.write_scalar(key, block)) for key in relation.keys]
    same = {get_column_name(sql) for _, sql in grouped}
    rest = [one for one in sorted(needed & block.values.keys()) if one not in same]
    items = [
        (one, sql) for one, sql in block.list_columns(sorted(needed & block.values.keys())) if one in same
    ]
    items += [(one, nodes.aggregate("first", block.values[one].sql, order=keys)) for one in rest]
    select = block.build_select(items)
    select.set("group", exp.Group(expressions=[sql for _, sql in grouped]))
    return make_block_over(select, [name for name, _ in items])


def get_column_name(node: exp.Expr) -> str:
    """The name of a plain column, '' for anything else."""
    return node.name if isinstance(node, exp.Column) else ""
