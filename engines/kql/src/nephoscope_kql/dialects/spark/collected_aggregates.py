"""Collected aggregates: collect the rows of a group and run DuckDB's aggregate where Spark has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from nephoscope_kql.dialects import duckdb
from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.values import Bound, Column, Constant
from nephoscope_kql.sql import nodes

if TYPE_CHECKING:
    from nephoscope_kql.dialects.spark.emitter import SparkEmitter

E = exp.Expr


def collect_ordered_values(call: AggregateCall, given: Arguments, emitter: SparkEmitter) -> E:
    """`function(collect_list(struct(arguments, keys of the order)))`."""
    places = [place for place, item in enumerate(given.bound) if not isinstance(item, Constant)]
    keys = [key for key in given.order if isinstance(key, exp.Ordered)]
    fields = [given[place] for place in places] + [key.this for key in keys]
    packed: list[E] = [
        exp.Alias(this=node, alias=exp.Identifier(this=f"a{at}")) for at, node in enumerate(fields)
    ]
    rows = nodes.build_call("collect_list", nodes.build_call("struct", *(packed or [nodes.build_number(1)])))
    inside = Emitter("duckdb")
    node = _write_over_structs(call, given, places, keys, inside)
    value = exp.Alias(this=nodes.build_cast(node, call.type.physical), alias=exp.Identifier(this="v"))
    batch = exp.From(this=exp.Table(this=exp.Identifier(this="batch")))
    grouped = exp.Select(expressions=[nodes.build_name("row"), value], from_=batch)
    grouped.set("group", exp.Group(expressions=[nodes.build_name("row")]))
    empty = exp.Select(expressions=[value], from_=batch)
    routine = vectorised_functions.make_vectorised_routine(
        duckdb.format_node(grouped),
        call.type.physical,
        tuple(inside.routines.values()),
        duckdb.format_node(empty),
    )
    return nodes.build_call(emitter.use_routine(routine), rows)


def _write_over_structs(
    call: AggregateCall, given: Arguments, places: list[int], keys: list[exp.Ordered], inside: Emitter
) -> E:
    """The aggregate as DuckDB writes it over the fields of the structs."""
    names = {place: f"a{at}" for at, place in enumerate(places)}
    bound = tuple(_build_column(item, names.get(place)) for place, item in enumerate(given.bound))
    sql = [nodes.build_name(names[place]) if place in names else given[place] for place in range(len(given))]
    order = [
        exp.Ordered(
            this=nodes.build_name(f"a{len(places) + at}"),
            desc=key.args.get("desc"),
            nulls_first=key.args.get("nulls_first"),
        )
        for at, key in enumerate(keys)
    ]
    arguments = Arguments(sql, bound, call.type, call.span, inside.use_routine, order)
    return call.aggregate.find_builder("duckdb", call.span)(arguments)


def _build_column(item: Bound, name: str | None) -> Bound:
    if name is None:
        return item
    return ColumnRef(type=item.type, span=item.span, column=Column(name, name, item.type))
