"""The reference page of operators, functions and aggregates, from the registries: docs/reference/kql-functions.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType

from nephoscope_kql.binder.built_in_calls import WINDOWS
from nephoscope_kql.binder.environment import CALLS
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import compile_query
from nephoscope_kql.dialects.spark import aggregates as spark_aggregates
from nephoscope_kql.dialects.spark import functions as spark_functions
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.pipes import REFUSED
from nephoscope_kql.plan.function_signatures import Aggregate, Callee, ScalarFunction
from nephoscope_kql.registry import load_aggregates, load_functions
from nephoscope_kql.types import KqlType

_INTRODUCTION = """# KQL: operators and functions

*Generated from the code by `make docs`; do not edit.* The forms of the language are in [what is parsed](kql-syntax.md),
the plugins of evaluate on [a page of their own](kql-plugins.md).

Each dialect: **yes**, **no** (such a query is refused by name, class *unsupported*), or what it needs. On Spark, *native* is said in
Spark's own SQL; *vectorised* is evaluated over Arrow batches by the same expression that DuckDB runs; an aggregate that is *collected*
gathers a group's values first.

In a signature: `[x: type]` may be left out, `...` repeats what stands before it, `T` is one common type, `number` is int, long, real
or decimal, `text` is a string or any value as tostring() writes it, `const` must be known when the query is compiled. Names match in
their case. No value of a row makes a function raise: it gives null ('' for text), or what is said here.

Arithmetic on numbers is done in the wider type of both sides, decimal over real over long; an int is computed as a long, so that it
leaves 32 bits without harm. A long that leaves 64 bits wraps around. Division of whole numbers cuts towards zero, and by zero is null.
A test holds the types of every operator, function and aggregate against those of Microsoft's analyzer (engines/kql/tests/analyzer);
the deliberate differences, each with its reason, stand in engines/kql/tests/cases/types/differences.yaml.
"""
EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "where": ("T | where n > 1 and s has 'x'", "Keep the rows for which a condition is true."),
        "filter": ("T | filter n > 1", "The same as where."),
        "extend": ("T | extend m = n * 2", "Add columns; a known name takes the place of its column."),
        "project": ("T | project n, m = n * 2", "Choose, name and compute the columns."),
        "project-away": ("T | project-away s*", "Leave columns out, by name or pattern."),
        "project-keep": ("T | project-keep n, s", "Keep columns, by name or pattern, in their order."),
        "project-rename": ("T | project-rename m = n", "Name columns anew."),
        "project-reorder": ("T | project-reorder s, * asc", "Put columns first; the others follow."),
        "project-by-names": (
            "T | project-by-names 's', 'n*'",
            "Choose columns by constant names or patterns; unknown ones are passed over.",
        ),
        "summarize": (
            "T | summarize count(), max(n) by s",
            "One row a group, with aggregates; without groups one row in all.",
        ),
        "distinct": ("T | distinct s", "The distinct rows of some columns."),
        "count": ("T | count", "The number of rows."),
        "take": ("T | take 5", "So many rows, any where they have no order."),
        "limit": ("T | limit 5", "The same as take."),
        "sort": (
            "T | sort by n asc nulls last",
            "Order the rows: descending, nulls first where ascending, unless said otherwise.",
        ),
        "order": ("T | order by n", "The same as sort."),
        "top": ("T | top 3 by n desc", "The first rows of an order."),
        "top-nested": (
            "T | top-nested 2 of s by sum(n)",
            "The greatest groups of a value, within each the greatest of the next value, and so on.",
        ),
        "top-hitters": (
            "T | top-hitters 2 of s by n",
            "The values with the greatest weight. Kusto estimates, this counts.",
        ),
        "sample": ("T | sample 5", "So many rows; any will do."),
        "sample-distinct": ("T | sample-distinct 5 of s", "So many distinct values; any will do."),
        "join": (
            "T | join kind=leftouter (T) on n",
            "Rows of two sides with equal keys: innerunique (the default), inner, leftouter, rightouter, "
            "fullouter, leftsemi, rightsemi, leftanti, rightanti.",
        ),
        "lookup": ("T | lookup (T) on n", "A left outer (or inner) join without the right side's keys."),
        "union": (
            "T | union withsource=Source (T)",
            "The rows of several sources, by name and type; isfuzzy passes over what is not there.",
        ),
        "search": (
            "search in (T) 'x' or n == 1",
            "The rows of tables in which a term stands in some column.",
        ),
        "find": ("find in (T) where n == 1 project s", "The rows of tables for which a condition is true."),
        "mv-expand": (
            "T | mv-expand x = d to typeof(long)",
            "One row an element of an array or bag, several side by side; a null is one element, `[]` and `{}` have none.",
        ),
        "mvexpand": ("T | mvexpand d", "The old name of mv-expand."),
        "mv-apply": (
            "T | mv-apply x = d on (where x > 1)",
            "A pipe over each row's elements; its rows stand beside the row's columns, in the order of the rows and the pipe.",
        ),
        "mvapply": ("T | mvapply x = d on (where x > 1)", "The old name of mv-apply."),
        "parse": (
            "T | parse s with 'a=' a: long ' b=' b",
            "Columns from a text by a pattern: simple, relaxed or regex.",
        ),
        "parse-where": (
            "T | parse-where s with 'a=' a: long",
            "As parse, without the rows that do not match.",
        ),
        "parse-kv": (
            "T | parse-kv s as (a: long, b: string) with (pair_delimiter=' ')",
            "Columns from the key-value pairs of a text.",
        ),
        "make-graph": (
            "T | extend u = toupper(s) | make-graph s --> u with_node_id=id | graph-to-table nodes",
            "Make a graph of rows that are its edges: their ends are its nodes, with the properties of tables of nodes.",
        ),
        "graph-match": (
            "T | extend u = toupper(s) | make-graph s --> u with_node_id=id "
            "| graph-match (a)-[e]->(b)-[p*1..3]->(c) where e.n > 1 project a.id, c.id",
            "Find a pattern of nodes, edges and paths.",
        ),
        "graph-shortest-paths": (
            "T | extend u = toupper(s) | make-graph s --> u with_node_id=id "
            "| graph-shortest-paths output=all (a)-[p*1..3]->(b) project a.id, b.id",
            "Find the shortest paths between nodes.",
        ),
        "graph-mark-components": (
            "T | extend u = toupper(s) | make-graph s --> u with_node_id=id "
            "| graph-mark-components kind=strong | graph-to-table nodes",
            "Number the nodes that reach each other, by edges in any direction or in theirs.",
        ),
        "graph-to-table": (
            "T | extend u = toupper(s) | make-graph s --> u | graph-to-table edges",
            "Give the nodes or the edges of a graph as rows.",
        ),
        "graph-where-nodes": (
            "T | extend u = toupper(s) | make-graph s --> u with_node_id=id | graph-where-nodes id has 'x' | graph-to-table edges",
            "Keep the nodes for which a condition is true, and the edges between them.",
        ),
        "graph-where-edges": (
            "T | extend u = toupper(s) | make-graph s --> u | graph-where-edges n > 1 | graph-to-table edges",
            "Keep the edges for which a condition is true.",
        ),
        "make-series": (
            "T | make-series c = count() default = 0 on t from datetime(2024-01-01) to datetime(2024-01-08) step 1d by s",
            "One row a group, an aggregate a bin as an array.",
        ),
        "serialize": (
            "T | serialize m = row_number()",
            "Keep the rows in the order they have, for functions of neighboring rows.",
        ),
        "scan": (
            "T | sort by t asc | scan with (step a: s == 'x'; step b: n > a.n;)",
            "Rows that match a chain of steps.",
        ),
        "partition": ("T | partition by s (top 1 by n)", "A pipe over the rows of each value."),
        "__partitionby": ("T | __partitionby s (top 1 by n)", "Another name of partition."),
        "fork": ("T | fork (count) (take 1)", "Several results of one input."),
        "facet": (
            "T | facet by s with (take 1)",
            "A result a column with its values' counts, and one of the rows.",
        ),
        "as": ("T | as A | union A", "Name the rows so far."),
        "invoke": (
            "let F = (R: (n: long)) { R | count }; T | invoke F()",
            "Call a function of rows with the rows so far.",
        ),
        "evaluate": (
            "T | evaluate bag_unpack(g) : (n: long, a: string)",
            "Call a plugin: [the plugins](kql-plugins.md).",
        ),
        "getschema": ("T | getschema", "One row a column: name, place, types."),
        "render": ("T | render timechart", "Kept as a hint for whoever shows the rows."),
        "consume": ("T | consume", "Run, and give no rows."),
        "print": ("print n = 1, s = 'x'", "One row of values."),
        "range": ("range n from 1 to 10 step 2", "Numbers, times or timespans from a start to an end."),
        "assert-schema": (
            "T | project n | assert-schema (n: long)",
            "The rows as they are; an error where they have other columns.",
        ),
        "macro-expand": (
            "macro-expand entity_group [T] as X (X | count)",
            "A query for each table, database or workspace of a group, and the rows of all; isfuzzy passes over what is not there.",
        ),
        "reduce": ("T | reduce by s", "Patterns of free text."),
    }
)
"""An example and a contract for each word that starts an operator; whether a dialect has it is asked by compiling the example."""
FORMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "now": ("now([offset: timespan]): datetime", "The moment of the query, the same wherever it stands."),
        "ago": ("ago(back: timespan): datetime", "The moment of the query less a timespan."),
        "ingestion_time": (
            "ingestion_time(): datetime",
            "When the row arrived; null where its table does not say.",
        ),
        "bin_auto": (
            "bin_auto(value: T): T",
            "bin() by the query's options query_bin_auto_size and query_bin_auto_at.",
        ),
        "toscalar": ("toscalar(rows): T", "The first value of the first row; null where there is none."),
        "typeof": ("typeof(type): string", "A type as an argument."),
        "assert": (
            "assert(condition: bool, message: const string): bool",
            "Refuse the query where a constant condition is false.",
        ),
        "column_ifexists": (
            "column_ifexists(name: const string, default: any): T",
            "A column, or a default where it is not there.",
        ),
        "columnifexists": (
            "columnifexists(name: const string, default: any): T",
            "The old name of column_ifexists().",
        ),
        "column_names_of": ("column_names_of(rows): dynamic", "The names of the columns of rows."),
        "pack_all": ("pack_all([ignore_empty: const bool]): dynamic", "A bag of all columns of the row."),
        "bag_pack_columns": (
            "bag_pack_columns(column: any, ...): dynamic",
            "A bag of columns under their names.",
        ),
        "estimate_data_size": (
            "estimate_data_size(value: any, ...): long",
            "About how many bytes values take; `*` is every column.",
        ),
        "prev": (
            "prev(value: T, [offset: const long], [default: const T]): T",
            "A value of an earlier row of serialized rows.",
        ),
        "next": (
            "next(value: T, [offset: const long], [default: const T]): T",
            "A value of a later row of serialized rows.",
        ),
        "row_number": ("row_number([start: long], [restart: bool]): long", "The number of the row, from 1."),
        "row_cumsum": ("row_cumsum(value: number, [restart: bool]): number", "The sum up to the row."),
        "row_rank": ("row_rank(value: any, [restart: bool]): long", "The old name of row_rank_dense()."),
        "row_rank_dense": (
            "row_rank_dense(value: any, [restart: bool]): long",
            "The rank of the row: one more where the value is another than in the row before.",
        ),
        "row_rank_min": (
            "row_rank_min(value: any, [restart: bool]): long",
            "The rank of the row: the number of the first of the adjacent rows with its value.",
        ),
        "row_window_session": (
            "row_window_session(time: datetime, longest: timespan, between: timespan, [restart: bool]): datetime",
            "When the session of the row began.",
        ),
    }
)
"""Signature and contract of what the binder treats by itself, and of the functions over neighboring rows."""
_CATALOG = MemoryCatalog(
    {
        "T": TableSchema(
            "T",
            (
                ("n", KqlType.LONG),
                ("s", KqlType.STRING),
                ("t", KqlType.DATETIME),
                ("d", KqlType.DYNAMIC),
                ("g", KqlType.DYNAMIC),
            ),
        )
    }
)
_MOMENT = dt.datetime(2024, 1, 8, tzinfo=dt.UTC)


DIALECTS = ("duckdb", "spark")


def render_page() -> str:
    """The Markdown of the page."""
    return "\n".join(
        [_INTRODUCTION, *_list_operators(), *_list_forms(), *_list_functions(), *_list_aggregates()]
    )


def _build_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(columns)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(cells)} |" for cells in rows), ""]


def _format_code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _list_operators() -> list[str]:
    rows = [
        (
            f"`{word}`",
            _format_code(EXAMPLES[word][0]),
            EXAMPLES[word][1],
            *(_try_compile(word, one) for one in DIALECTS),
        )
        for word in sorted(OPERATORS)
    ]
    refused = ", ".join(f"`{word}`" for word in sorted(REFUSED))
    return [
        "## Operators\n",
        *_build_table(("operator", "example", "what it does", *DIALECTS), rows),
        f"Refused by name: {refused}.\n",
    ]


def _try_compile(word: str, dialect: str) -> str:
    try:
        compile_query(EXAMPLES[word][0], _CATALOG, dialect, _MOMENT)
    except KqlError as error:
        if error.kind != "unsupported":
            raise
        return "no"
    return "yes"


def _list_forms() -> list[str]:
    names = sorted({*CALLS, *WINDOWS})
    return [
        "## Forms that look like functions\n",
        "`prev`, `next` and the `row_` functions need rows in an order: `sort`, `top`, `range` or `serialize` before.\n",
        *_build_table(
            ("form", "what it gives"), [(_format_code(FORMS[name][0]), FORMS[name][1]) for name in names]
        ),
    ]


def _is_callee_documented(item: Callee) -> bool:
    return not item.hidden and not item.name.startswith("_")


def _list_functions() -> list[str]:
    known = [item for item in dict.fromkeys(load_functions().values()) if _is_callee_documented(item)]
    lines = ["## Functions\n"]
    for family, members in groupby(sorted(known, key=attrgetter("family", "name")), key=attrgetter("family")):
        lines += _format_family(family, list(members))
    return lines


def _format_family(family: str, members: list[ScalarFunction]) -> list[str]:
    module = import_module(f"nephoscope_kql.functions.{family}")
    about = (module.__doc__ or "").strip().partition("\n")[0]
    rows = [
        (_format_signatures(one), one.summary, *(describe_support(one, dialect) for dialect in DIALECTS))
        for one in members
    ]
    return [f"### {family}\n", f"{about}\n", *_build_table(("function", "what it gives", *DIALECTS), rows)]


def _format_signatures(item: ScalarFunction | Aggregate) -> str:
    text = "<br>".join(_format_code(one.text) for one in item.signatures)
    also = ", ".join(f"`{name}`" for name in item.aliases)
    return f"{text}<br>also {also}" if also else text


def _list_aggregates() -> list[str]:
    known = sorted(dict.fromkeys(load_aggregates().values()), key=attrgetter("name"))
    rows = [
        (
            _format_signatures(one),
            one.summary,
            f"`{one.label}`",
            *(describe_support(one, dialect) for dialect in DIALECTS),
        )
        for one in known
    ]
    return [
        "## Aggregates\n",
        "Without a name in the query the column is named as shown, `{0}` standing for the name of the first argument. "
        "`percentiles` and `percentilesw` give a column a percentile. Distinct counts and percentiles are exact.\n",
        *_build_table(("aggregate", "what it gives", "column", *DIALECTS), rows),
    ]


def describe_support(item: Callee, dialect: str) -> str:
    """Return whether a dialect has a function or aggregate, and what it needs."""
    if "refused" in item.extra:
        return f"no: {item.extra['refused']}"
    needs = f", needs {item.extra['needs']}" if "needs" in item.extra else ""
    if dialect == "spark":
        return _choose_spark_support(item) + needs
    return ("yes" if dialect in item.builders else "no") + needs


def _choose_spark_support(item: Callee) -> str:
    if isinstance(item, Aggregate):
        return "native" if item.name in spark_aggregates.NATIVE else "collected"
    return "native" if item.name in spark_functions.NATIVE else "vectorised"
