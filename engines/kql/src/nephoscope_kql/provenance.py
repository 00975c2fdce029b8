"""Provenance: compile a query so that each result row names the table row it comes from."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql.catalog import Catalog
from nephoscope_kql.compile import CompiledQuery, compile_transformed_query
from nephoscope_kql.errors import NOWHERE, KqlError
from nephoscope_kql.plan.relations import (
    Assign,
    Expanded,
    Filter,
    Joined,
    Limited,
    Numbered,
    Shared,
    Sorted,
    TableScan,
    Windowed,
)
from nephoscope_kql.plan.values import Column, Relation
from nephoscope_kql.types import KqlType

_PASSING = (Assign, Expanded, Filter, Limited, Numbered, Sorted, Windowed)
_SAID = {
    "Aggregated": "summarize, count or distinct", "Concatenated": "union", "FirstOf": "distinct or a join", "Joined": "join",
    "Mined": "a plugin", "Numbers": "range", "Rows": "print or datatable", "Scanned": "scan", "Series": "make-series",
}  # fmt: skip
_LEFT = frozenset({"inner", "innerunique", "leftouter", "leftsemi", "leftanti"})


class _UntraceableError(Exception):
    """A relation that makes rows of several, or of none."""


def compile_traced_query(text: str, catalog: Catalog, ordinal: str) -> CompiledQuery:
    """Compile a query of one table; its last column, `ordinal`, is the row's value of the table's column of that name.

    The table is to have that column (a long) behind those that the catalog knows: the query itself does not see it. KqlError where
    the query is wrong, where rows of its result are made of several rows (summarize, union, distinct) or of none (print).
    """
    return compile_transformed_query(text, catalog, lambda relation: _build_trace(relation, ordinal))


def _build_trace(relation: Relation, ordinal: str) -> Relation:
    try:
        return _Tracing(ordinal).trace_relation(relation)[0]
    except _UntraceableError as error:
        why = f"every row must be made of one row of the table alone, which {error} does not do"
        raise KqlError(why, NOWHERE, "unsupported") from None


class _Tracing:
    """Carries the column through relations; shared ones name it anew."""

    def __init__(self, ordinal: str) -> None:
        self._ordinal = ordinal
        self._made = 0

    def trace_relation(self, relation: Relation) -> tuple[Relation, Column]:
        """The relation with the column behind its own, and the column."""
        if isinstance(relation, TableScan):
            return self._trace_scan(relation)
        if isinstance(relation, Shared):
            inner, _ = self.trace_relation(relation.input)
            here = self._build_column()
            name = f"{relation.name}{here.id}"
            return replace(relation, input=inner, name=name, columns=(*relation.columns, here)), here
        if isinstance(relation, Joined) and relation.kind in _LEFT:
            left, column = self.trace_relation(relation.left)
            return replace(relation, left=left, columns=(*relation.columns, column)), column
        if isinstance(relation, _PASSING):
            within, column = self.trace_relation(relation.input)
            return replace(relation, input=within, columns=(*relation.columns, column)), column
        raise _UntraceableError(_SAID.get(type(relation).__name__, "one of its operators"))

    def _trace_scan(self, scan: TableScan) -> tuple[Relation, Column]:
        column = self._build_column()
        table = scan.table
        storage = (*table.storage, "") if table.storage else ()
        wider = replace(table, columns=(*table.columns, (self._ordinal, KqlType.LONG)), storage=storage)
        return replace(scan, table=wider, columns=(*scan.columns, column)), column

    def _build_column(self) -> Column:
        self._made += 1
        return Column(f"traced{self._made}", self._ordinal, KqlType.LONG)
