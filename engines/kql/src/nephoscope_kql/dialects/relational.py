"""Relations in SQL: a SELECT grows through filters and assignments, and is closed where SQL needs a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sqlglot import exp

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.dialects.filter_pushdown import push_filter
from nephoscope_kql.dialects.pushdown_predicates import list_conjuncts, write_condition
from nephoscope_kql.dialects.scalars import write_ordered_keys, write_scalar_expression
from nephoscope_kql.dialects.select_block import HEAVY, SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.size_estimates import ColumnGrowth
from nephoscope_kql.errors import NOWHERE, TooLargeError, make_unsupported_query_error
from nephoscope_kql.externaldata import ExternalSource
from nephoscope_kql.plan.column_references import count_columns, count_parts, list_order_ids
from nephoscope_kql.plan.expressions import ScalarQuery
from nephoscope_kql.plan.relations import Assign, Filter, Limited, Shared, Sorted
from nephoscope_kql.plan.values import Bound, Relation, SortKey
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import ArrowFunction, Routine

Needed = frozenset[str]
Writer = Callable[[Any, Needed, "Emitter"], SelectBlock]
WRITERS: dict[type[Relation], Writer] = {}
MAX_WRITTEN = 400_000
"""How many relations and expressions the SQL of a query may be made of."""
MAX_JOINS = 1_000
"""How many joins it may have: DuckDB plans without looking at interrupts, 1,000 joins in seconds, 2,000 in minutes."""


def writes(kind: type[Relation]) -> Callable[[Writer], Writer]:
    """The decorated function (relation, needed ids, emitter) -> Block writes such relations."""

    def register(writer: Writer) -> Writer:
        WRITERS[kind] = writer
        return writer

    return register


class Emitter:
    """The state of writing one query: the routines, parameters and shared rows that it uses."""

    nowhere = NOWHERE

    def __init__(self, dialect: str, instead: Mapping[int, Relation] = MappingProxyType({})) -> None:
        """`instead`: by id() of a relation, the one that is written in its place; `kept` says what is read of rows that are kept."""
        self.dialect = dialect
        self.kept: dict[str, set[str]] = {}
        self._instead = instead
        self.routines: dict[str, Routine] = {}
        self.parameters: set[str] = set()
        self.shared: dict[str, exp.CTE] = {}
        self.recursive = False
        self.external: dict[str, ExternalSource] = {}
        self.reads: dict[str, set[str]] = {}
        self.growth = ColumnGrowth()
        self._names = 0
        self._written = self._joins = 0
        self._queries: dict[int, tuple[ScalarQuery, exp.Subquery]] = {}
        self._given: set[int] = set()

    def use_routine(self, routine: Routine) -> str:
        """Make a routine part of the query; its name."""
        for inner in getattr(routine, "uses", ()):
            self.use_routine(inner)
        if self.routines.setdefault(routine.name, routine) != routine:
            raise RuntimeError(f"two routines are named {routine.name}")
        return routine.name

    def calls_python(self, sql: exp.Expr) -> bool:
        """Return whether an expression calls a routine that is run outside of the database for most rows."""
        called = (self.routines.get(one.name.lower()) for one in sql.find_all(exp.Anonymous))
        return any(isinstance(one, ArrowFunction) and not one.rare for one in called)

    def make_parameter(self, name: str) -> exp.Expr:
        """A bound parameter."""
        self.parameters.add(name)
        return exp.Placeholder(this=name)

    def choose_fresh_name(self) -> str:
        """A new name for a hidden column."""
        self._names += 1
        return f"h{self._names}"

    def share_select(self, select: exp.Select) -> str:
        """Make a SELECT a common table expression; its name."""
        name = f"r{self.choose_fresh_name()}"
        alias = exp.TableAlias(this=exp.Identifier(this=name))
        self.shared[name] = exp.CTE(this=select, alias=alias, materialized=True)
        return name

    def count(self, joins: int = 0) -> None:
        """Count what is written; KqlError where it is too much, or takes too long."""
        self._written += 1
        self._joins += joins
        if self._written > MAX_WRITTEN or self._joins > MAX_JOINS:
            what = f"{MAX_WRITTEN:,} parts" if self._written > MAX_WRITTEN else f"{MAX_JOINS:,} joins"
            raise TooLargeError(f"the query has more than {what} as SQL", NOWHERE, "unsupported")
        check_deadline(self._written)

    def compute_once(self, value: ScalarQuery, make: Callable[[], exp.Subquery]) -> exp.Subquery:
        """The sub-query of a value; one that is asked for again is computed once, in a common table expression."""
        known = self._queries.get(id(value))
        if known is None:
            node = make()
            self._queries[id(value)] = (value, node)
            return node
        node = known[1]
        if id(node) not in self._given:
            self._given.add(id(node))
            name = self.share_select(node.this)
            node.set("this", _select_column(name, value.column.id))
        return node.copy()

    def tables(self) -> list[exp.CTE]:
        """The common table expressions, each behind those that it reads."""
        if not self._given:
            return list(self.shared.values())
        done: dict[str, exp.CTE] = {}

        def place_table(name: str) -> None:
            if name in done:
                return
            for table in self.shared[name].find_all(exp.Table):
                if table.name in self.shared and table.name != name:
                    place_table(table.name)
            done[name] = self.shared[name]

        for name in self.shared:
            place_table(name)
        return list(done.values())

    def share_recursive(self, name: str, columns: list[str], first: exp.Select, next_: exp.Select) -> None:
        """Make a common table expression `name` of `first` and of `next_`, which reads the rows before under that name."""
        alias = exp.TableAlias(
            this=exp.Identifier(this=name), columns=[exp.Identifier(this=column) for column in columns]
        )
        union = exp.Union(this=first, expression=next_, distinct=False)
        self.shared[name] = exp.CTE(this=union, alias=alias)
        self.recursive = True

    def write_rows(self, relation: Relation, needed: Needed) -> SelectBlock:
        """The block of a relation that has at least the needed columns and those of its order."""
        relation = self._instead.get(id(relation), relation)
        writer = WRITERS.get(type(relation))
        self.count()
        self.growth.add_relation(relation)
        if writer is None:
            raise make_unsupported_query_error(f"{type(relation).__name__} on {self.dialect}", NOWHERE)
        return writer(relation, needed | list_order_ids(relation.order), self)

    def write_block_over(
        self, relation: Relation, needed: Needed, values: Iterable[Bound], before_where: bool = False
    ) -> SelectBlock:
        """The input's block, ready for expressions over it: heavy columns that are read again are computed first.

        `before_where`: the expressions stand where window functions cannot.
        """
        wanted = list(values)
        reads = count_columns(wanted)
        block = self.write_rows(relation, needed | reads.keys())
        # a comparison is written with what it compares twice, so that a filter reads everything again
        heavy = any(
            (block.values[one].size > HEAVY and (times > 1 or one in needed))
            or (block.values[one].called and (times > 1 or one in needed or before_where))
            for one, times in reads.items()
        )
        windows = any(block.values[one].window for one in reads) or (before_where and block.has_window)
        # what asks for room writes what it reads once more, to measure it
        measured = any(block.values[one].size > 1 for one in reads) and any(
            map(self.growth.needs_size_check, wanted)
        )
        if heavy or windows or measured:
            return block.seal(
                sorted((needed | reads.keys() | list_order_ids(relation.order)) & block.values.keys())
            )
        return block

    def write_scalar(self, value: Bound, block: SelectBlock) -> exp.Expr:
        """The SQL of an expression over a block."""
        return write_scalar_expression(value, block.values, self)

    def write_keys(self, order: Iterable[SortKey], block: SelectBlock) -> list[exp.Expr]:
        """The keys of an order over a block, without those that are the same on every row (SQL takes a number for a place)."""
        keys = [one for key in order for one in write_ordered_keys(key, block, self)]
        return [key for key in keys if key.find(exp.Column, exp.Anonymous)]


def _select_column(table: str, column: str) -> exp.Select:
    source = exp.From(this=exp.Table(this=exp.Identifier(this=table)))
    return exp.Select(expressions=[nodes.build_name(column)], from_=source)


def assign_column(block: SelectBlock, value: Bound, emitter: Emitter) -> Value:
    """Return how a computed column is written over a block."""
    reads = count_columns([value])
    weight = count_parts(value) + sum(
        block.values[one].size * times for one, times in reads.items() if one in block.values
    )
    sql = emitter.write_scalar(value, block)
    # what an expression calls, or one that it reads and that is written into it
    return Value(sql, weight, called=emitter.calls_python(sql))


@writes(Filter)
def write_filter(relation: Filter, needed: Needed, emitter: Emitter) -> SelectBlock:
    """WHERE."""
    block = emitter.write_block_over(push_filter(relation), needed, [relation.predicate], before_where=True)
    block.where.extend(write_condition(part, block, emitter) for part in list_conjuncts(relation.predicate))
    return block


@writes(Assign)
def write_assign(relation: Assign, needed: Needed, emitter: Emitter) -> SelectBlock:
    """Columns that are computed, where something needs them."""
    wanted = [(column, value) for column, value in relation.assigned if column.id in needed]
    passing = needed - {column.id for column, _ in relation.assigned}
    block = emitter.write_block_over(relation.input, passing, [value for _, value in wanted])
    made = {column.id: assign_column(block, value, emitter) for column, value in wanted}
    block.values.update(made)
    return block


@writes(Sorted)
def write_sorted(relation: Sorted, needed: Needed, emitter: Emitter) -> SelectBlock:
    """The order is written where it matters: at the end, at a limit, in a window."""
    return emitter.write_rows(relation.input, needed)


@writes(Limited)
def write_limited(relation: Limited, needed: Needed, emitter: Emitter) -> SelectBlock:
    """ORDER BY and LIMIT."""
    block = emitter.write_rows(relation.input, needed)
    ids = sorted((needed | list_order_ids(relation.order)) & block.values.keys())
    limit = nodes.build_call("greatest", emitter.write_scalar(relation.count, block), nodes.build_number(0))
    return block.seal(ids, emitter.write_keys(relation.order, block), limit)


@writes(Shared)
def write_shared(relation: Shared, needed: Needed, emitter: Emitter) -> SelectBlock:
    """A common table expression, written once with all its columns."""
    if relation.name not in emitter.shared:
        ids = frozenset(column.id for column in relation.input.columns) | list_order_ids(relation.input.order)
        block = emitter.write_rows(relation.input, ids)
        select = block.build_select(block.list_columns(sorted(ids & block.values.keys())))
        alias = exp.TableAlias(this=exp.Identifier(this=relation.name))
        emitter.shared[relation.name] = exp.CTE(this=select, alias=alias, materialized=True)
    stored = dict(zip((column.id for column in relation.columns), relation.input.columns, strict=True))
    stored |= {column.id: inner for column, inner in relation.hidden}
    table = exp.Table(this=exp.Identifier(this=relation.name))
    renamed = [
        exp.Alias(this=nodes.build_name(stored[one].id), alias=exp.Identifier(this=one))
        for one in sorted(needed & stored.keys())
    ]
    if not renamed:
        return SelectBlock(table)
    return make_block_over(
        exp.Select(expressions=renamed, from_=exp.From(this=table)), sorted(needed & stored.keys())
    )
