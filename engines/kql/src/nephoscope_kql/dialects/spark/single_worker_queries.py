"""Single-worker queries: gather all rows in one worker and run DuckDB's query for order-dependent relations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from sqlglot import exp

from nephoscope_kql.dialects import duckdb
from nephoscope_kql.dialects.relational import Needed
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.errors import make_unsupported_query_error
from nephoscope_kql.plan.column_references import (
    count_columns,
    list_inputs,
    list_operands,
    list_order_ids,
    replace_parts,
)
from nephoscope_kql.plan.expressions import ColumnRef, InQuery, ScalarQuery
from nephoscope_kql.plan.relations import Assign, Materialized, Mined, Scanned, Windowed
from nephoscope_kql.plan.values import Bound, Column, Relation, SortKey
from nephoscope_kql.sql import nodes

Gathered = Scanned | Mined | Windowed


def write_gathered_rows(relation: Gathered, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """`SELECT e.* FROM (SELECT explode(function(rows)) AS e FROM (SELECT collect_list(struct(...)) AS rows FROM input))`."""
    relation = _hoist_subqueries(relation, emitter)
    made = _index_made_columns(relation)
    block = emitter.write_rows(relation.input, _list_read_columns(relation) | (needed - made.keys()))
    known = {column.id: column for column in _iterate_columns(relation.input) if column.id in block.values}
    if block.has_window:
        block = block.seal(sorted(known))
    cells: list[exp.Expr] = [
        exp.Alias(this=block.values[one].sql, alias=exp.Identifier(this=one)) for one in sorted(known)
    ]
    rows = nodes.build_call("collect_list", nodes.build_call("struct", *(cells or [nodes.build_number(1)])))
    gathered = make_block_over(block.build_select([("rows", rows)]), ["rows"])
    given = known | made
    shown = [given[one] for one in sorted(given.keys() & needed)] or list(made.values())[:1]
    called = _write_call(relation, known, shown, emitter)
    exploded = exp.Subquery(this=gathered.build_select([("e", nodes.build_call("explode", called))]))
    return SelectBlock(exploded, {column.id: Value(_build_field(column.id), 2) for column in shown})


def _build_field(name: str) -> exp.Expr:
    return exp.Dot(this=nodes.build_name("e"), expression=exp.Identifier(this=name))


def _hoist_subqueries(relation: Gathered, emitter: SparkEmitter) -> Gathered:
    """The relation with its sub-queries as columns of the input: a worker sees the gathered rows alone."""
    found: list[tuple[Column, Bound]] = []
    state = _build_state(relation)

    def change(value: Bound) -> Bound | None:
        if not isinstance(value, ScalarQuery | InQuery):
            return None
        if isinstance(value, InQuery) and count_columns([value.operand]).keys() & state:
            raise make_unsupported_query_error(
                f"a value of a step of scan looked up in a query, on {emitter.dialect}", value.span
            )
        column = Column(f"q{emitter.choose_fresh_name()}", "", value.type)
        found.append((column, value))
        return ColumnRef(type=value.type, span=value.span, column=column)

    changed = _map_expressions(relation, lambda value: replace_parts(value, change))
    if not found:
        return relation
    given = relation.input
    columns = (*given.columns, *(column for column, _ in found))
    wider = Assign(columns=columns, order=given.order, open=given.open, input=given, assigned=tuple(found))
    return replace(changed, input=wider)


def _map_expressions(relation: Gathered, change: Callable[[Bound], Bound]) -> Gathered:
    """The relation with other expressions."""
    if isinstance(relation, Mined):
        return replace(relation, values=tuple(map(change, relation.values)))
    partition = tuple(map(change, relation.partition))
    if isinstance(relation, Windowed):
        call = relation.call
        restart = None if call.restart is None else change(call.restart)
        call = replace(call, arguments=tuple(map(change, call.arguments)), restart=restart)
        return replace(relation, call=call, partition=partition)
    steps = [
        replace(
            step,
            condition=change(step.condition),
            assigned=tuple((column, change(value)) for column, value in step.assigned),
        )
        for step in relation.steps
    ]
    return replace(relation, steps=tuple(steps), partition=partition)


def _build_state(relation: Gathered) -> frozenset[str]:
    """The ids of what the steps of scan know of earlier rows."""
    if not isinstance(relation, Scanned):
        return frozenset()
    own = {column.id for column, _ in relation.declared}
    return frozenset(own | {seen.id for step in relation.steps for _, seen in step.seen})


def _index_made_columns(relation: Gathered) -> dict[str, Column]:
    """The columns that the relation makes, hidden ones too; the others pass through it."""
    if isinstance(relation, Windowed):
        found: tuple[Column, ...] = (relation.column,)
    elif isinstance(relation, Scanned):
        own = (column for column, _ in relation.declared)
        found = (*own, relation.match, relation.number, relation.step)
    else:
        found = relation.columns
    return {column.id: column for column in found}


def _list_read_columns(relation: Gathered) -> Needed:
    """The ids of the input's columns that the relation reads; a step of scan may read any that it sees."""
    order = list_order_ids(relation.input.order)
    if isinstance(relation, Mined):
        return frozenset(order | count_columns(relation.values).keys())
    read = order | count_columns(relation.partition).keys()
    if isinstance(relation, Windowed):
        return frozenset(read | count_columns([relation.call]).keys())
    return frozenset(read | {column.id for column in relation.input.columns})


def _iterate_columns(relation: Relation) -> Iterator[Column]:
    """The columns of a relation and of all that it is made of, hidden ones too: an id is that of one column in the whole query."""
    pending, seen = [relation], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for item in fields(one):
            yield from _read_named_columns(getattr(one, item.name))
        pending.extend(list_inputs(one))


def _read_named_columns(value: object) -> Iterator[Column]:
    """The columns that a field of a relation names: itself, in tuples, in the keys of an order."""
    if isinstance(value, Column):
        yield value
    elif isinstance(value, ColumnRef):
        yield value.column
    elif isinstance(value, tuple):
        for item in value:
            yield from _read_named_columns(item)
    elif isinstance(value, SortKey):
        yield from _read_named_columns(value.value)
    elif isinstance(value, Bound):
        for part in list_operands(value):
            yield from _read_named_columns(part)


def _write_call(
    relation: Gathered, known: dict[str, Column], shown: list[Column], emitter: SparkEmitter
) -> exp.Expr:
    given = relation.input
    batch = Materialized(columns=tuple(known.values()), order=given.order, open=given.open, name="batch")
    sql, inside = duckdb.write_relation(replace(relation, input=batch, columns=tuple(shown)))
    struct = ", ".join(f"{column.id} {column.type.physical}" for column in shown)
    routine = vectorised_functions.make_vectorised_routine(
        sql, f"STRUCT({struct})[]", tuple(inside.routines.values()), rows=True
    )
    arguments = [
        nodes.build_name("rows"),
        *(emitter.make_parameter(name) for name in sorted(inside.parameters)),
    ]
    return nodes.build_call(emitter.use_routine(routine), *arguments)
