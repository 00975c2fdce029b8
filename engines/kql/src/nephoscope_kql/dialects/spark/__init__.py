"""A bound query as Spark's SQL (4.1 or newer, ANSI mode off)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.dialects.combining import write_concatenated
from nephoscope_kql.dialects.relational import write_filter, write_shared, write_sorted
from nephoscope_kql.dialects.sources import write_external, write_kept
from nephoscope_kql.dialects.spark import (
    combining,
    expanding,
    gathered,
    grouping,
    relational,
    series,
    sources,
    windows,
)
from nephoscope_kql.dialects.spark.emitter import SparkEmitter, SparkWriter
from nephoscope_kql.dialects.spark.printing import print_node
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
        TableScan: sources.write_scan,
        External: write_external,
        Materialized: write_kept,
        Rows: sources.write_rows,
        Numbers: sources.write_numbers,
        Numbered: sources.write_numbered,
        Filter: write_filter,
        Assign: relational.write_assign,
        Sorted: write_sorted,
        Limited: relational.write_limited,
        Shared: write_shared,
        Aggregated: grouping.write_aggregated,
        FirstOf: grouping.write_first_of,
        Joined: combining.write_joined,
        Concatenated: write_concatenated,
        Expanded: expanding.write_expanded,
        Windowed: windows.write_windowed,
        Scanned: gathered.write_gathered,
        Mined: gathered.write_gathered,
        Series: series.write_series,
    }
)
"""Who writes each kind of relation; a kind that is not here is refused by name."""


def write_relation(relation: Relation, hidden: Sequence[str] = ()) -> tuple[str, SparkEmitter]:
    """The SQL of a relation: its columns under their ids, in order, then `hidden` ones; and what the text uses."""
    emitter = SparkEmitter(WRITERS)
    ids = list(dict.fromkeys([*(column.id for column in relation.columns), *hidden]))
    block = emitter.rows(relation, frozenset(ids))
    select = block.select(block.columns(ids), emitter.keys(relation.order, block))
    if emitter.shared:
        for one in emitter.shared.values():
            one.set("materialized", None)
        select.set("with_", exp.With(expressions=emitter.tables(), recursive=emitter.recursive))
    return print_node(select), emitter
