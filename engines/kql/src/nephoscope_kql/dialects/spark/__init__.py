"""A bound query as Spark's SQL (4.1 or newer, ANSI mode off)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.dialects.joins_and_unions import write_concatenated
from nephoscope_kql.dialects.relational import write_filter, write_shared, write_sorted
from nephoscope_kql.dialects.row_sources import write_external, write_kept
from nephoscope_kql.dialects.spark import (
    aggregation,
    joins,
    make_series,
    mv_expand,
    relational,
    row_sources,
    single_worker_queries,
    window_functions,
)
from nephoscope_kql.dialects.spark.emitter import SparkEmitter, SparkWriter
from nephoscope_kql.dialects.spark.sql_printer import format_node
from nephoscope_kql.plan.relations import (
    Aggregated,
    Assign,
    Concatenated,
    Expanded,
    External,
    Filter,
    FirstOf,
    Joined,
    Limited,
    Materialized,
    Mined,
    Numbered,
    Numbers,
    Rows,
    Scanned,
    Series,
    Shared,
    Sorted,
    TableScan,
    Windowed,
)
from nephoscope_kql.plan.values import Relation

WRITERS: Mapping[type[Relation], SparkWriter] = MappingProxyType(
    {
        TableScan: row_sources.write_scan,
        External: write_external,
        Materialized: write_kept,
        Rows: row_sources.write_rows,
        Numbers: row_sources.write_numbers,
        Numbered: row_sources.write_numbered_rows,
        Filter: write_filter,
        Assign: relational.write_assign,
        Sorted: write_sorted,
        Limited: relational.write_limited_rows,
        Shared: write_shared,
        Aggregated: aggregation.write_aggregated_rows,
        FirstOf: aggregation.write_first_of,
        Joined: joins.write_joined_rows,
        Concatenated: write_concatenated,
        Expanded: mv_expand.write_expanded_rows,
        Windowed: window_functions.write_windowed_rows,
        Scanned: single_worker_queries.write_gathered_rows,
        Mined: single_worker_queries.write_gathered_rows,
        Series: make_series.write_series,
    }
)
"""Who writes each kind of relation; a kind that is not here is refused by name."""


def write_relation(relation: Relation, hidden: Sequence[str] = ()) -> tuple[str, SparkEmitter]:
    """The SQL of a relation: its columns under their ids, in order, then `hidden` ones; and what the text uses."""
    emitter = SparkEmitter(WRITERS)
    ids = list(dict.fromkeys([*(column.id for column in relation.columns), *hidden]))
    block = emitter.write_rows(relation, frozenset(ids))
    select = block.build_select(block.list_columns(ids), emitter.write_keys(relation.order, block))
    if emitter.shared:
        for one in emitter.shared.values():
            one.set("materialized", None)
        select.set("with_", exp.With(expressions=emitter.tables(), recursive=emitter.recursive))
    return format_node(select), emitter
