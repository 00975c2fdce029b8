"""A bound query as DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.dialects import (
    aggregation,
    all_rows_functions,
    joins_and_unions,
    make_series,
    mv_expand,
    row_sources,
    scan_operator,
    window_functions,
)
from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.errors import NOWHERE, TooLargeError
from nephoscope_kql.plan.values import Relation

__all__ = [
    "aggregation",
    "all_rows_functions",
    "joins_and_unions",
    "make_series",
    "mv_expand",
    "row_sources",
    "scan_operator",
    "window_functions",
]


def write_relation(
    relation: Relation,
    hidden: Sequence[str] = (),
    instead: Mapping[int, Relation] = MappingProxyType({}),
) -> tuple[str, Emitter]:
    """The SQL of a relation: its columns under their ids, in order, then `hidden` ones; and what the text uses.

    `instead`: by id() of a relation, the one that is written in its place.
    """
    emitter = Emitter("duckdb", instead)
    ids = list(dict.fromkeys([*(column.id for column in relation.columns), *hidden]))
    block = emitter.write_rows(relation, frozenset(ids))
    select = block.build_select(block.list_columns(ids), emitter.write_keys(relation.order, block))
    if emitter.shared:
        select.set("with_", exp.With(expressions=emitter.tables(), recursive=emitter.recursive))
    printer = Printer()
    text = printer.generate(select, copy=False)
    emitter.parameters &= printer.placed
    return text, emitter


def format_node(node: exp.Expr) -> str:
    """The text of a node."""
    return Printer().generate(node, copy=False)


MAX_PATTERNS = 2_000
"""How many patterns the SQL of a query may have: DuckDB prepares each, in some 10 ms, before it looks at an interrupt."""


class Printer(DuckDBGenerator):
    """Prints nodes and notes which parameters the text has: one that only a dropped value used must not be given."""

    def __init__(self) -> None:
        super().__init__(dialect=DuckDB(), unsupported_level=ErrorLevel.RAISE, comments=False)
        self.placed: set[str] = set()
        self._calls = self._patterns = 0

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        """The text of a call; KqlError where there are too many patterns, or it takes too long."""
        self._calls += 1
        check_deadline(self._calls)
        self._patterns += str(expression.this).startswith("regexp_")
        if self._patterns > MAX_PATTERNS:
            message = f"the query has more than {MAX_PATTERNS:,} patterns as SQL"
            raise TooLargeError(message, NOWHERE, "unsupported")
        return super().anonymous_sql(expression)

    def placeholder_sql(self, expression: exp.Placeholder) -> str:
        """The text of a parameter."""
        self.placed.add(expression.name)
        return super().placeholder_sql(expression)
