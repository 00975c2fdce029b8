"""A bound query as DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.duckdb import DuckDB

from nephoscope.kql.bound import Column
from nephoscope.kql.dialects import (
    combining,
    expanding,
    grouping,
    mining,
    series,
    sources,
    stepping,
    windows,
)
from nephoscope.kql.dialects.relational import Emitter
from nephoscope.kql.relations import Relation

__all__ = ["combining", "expanding", "grouping", "mining", "series", "sources", "stepping", "windows"]


def written(relation: Relation, hidden: Sequence[str] = ()) -> tuple[str, Emitter]:
    """The SQL of a relation: its columns under their ids, in order, then `hidden` ones; and what the text uses."""
    emitter = Emitter("duckdb")
    ids = list(dict.fromkeys([*(column.id for column in relation.columns), *hidden]))
    block = emitter.rows(relation, frozenset(ids))
    select = block.select(block.columns(ids), emitter.keys(relation.order, block))
    if emitter.shared:
        select.set("with_", exp.With(expressions=list(emitter.shared.values()), recursive=emitter.recursive))
    return printed(select), emitter


def printed(node: exp.Expr) -> str:
    """The text of a node."""
    return DuckDB().generator(unsupported_level=ErrorLevel.RAISE, comments=False).generate(node, copy=False)


def result_columns(relation: Relation) -> list[Column]:
    """The columns of the result, in order."""
    return list(relation.columns)
