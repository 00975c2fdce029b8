"""Rows for a rule and what DuckDB makes of them, in a worker process; and whether Spark makes the same."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import kql_engine
import kql_rule_engine
import kql_satisfy_rule
from kql_compare import Result, compare_rows
from kql_hostile import hostile
from kql_rule_files import literals
from kql_satisfy_rows import tables_of

import nephoscope_kql as kql
from nephoscope_kql.compile import bind_query
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kql_rule_files import Rule


@dataclass
class Made:
    """The tables of a rule, DuckDB's rows, or why there are none."""

    tables: dict[str, Result] = field(default_factory=dict)
    wanted: Result | None = None
    why: str = ""


def assess(corpus: Path, misses: int, plain: int) -> Callable[[Rule], Made]:
    """What a worker does with a rule: rows that satisfy it, near misses, and `plain` further rows a table."""
    sys.setrecursionlimit(20_000)
    known = kql_rule_engine.catalog(corpus)

    def run(rule: Rule) -> Made:
        asked = kql_rule_engine.Asked(known)
        try:
            compiled = kql.compile(rule.query, asked, now=kql_engine.NOW)
            relation = bind_query(parse(rule.query), known).relation
        except KqlError as error:
            return Made(why=f"compile: {error}")
        case = kql_satisfy_rule.Case(rule, compiled, relation, asked)
        maker = kql_satisfy_rule.attempt(case, 0)
        near = kql_satisfy_rule.near_misses(case, maker, 0, misses)
        tables = tables_of([maker, *near], asked.tables)
        for name, schema in asked.tables.items():
            columns = [(column, str(kind)) for column, kind in schema.columns]
            more = hostile(columns, plain, f"{rule.path}/{name}", literals(rule.query))
            tables[name] = Result(
                more.columns, (*tables[name].rows, *more.rows) if name in tables else more.rows
            )
        found, why = kql_rule_engine.failure(compiled, tables)
        return Made(tables, None, f"duckdb: {why}") if found is None else Made(tables, kql_engine.read(found))

    return run


def difference(got: Result, wanted: Result, query: str) -> tuple[str, bool]:
    """Why Spark's rows or types are not DuckDB's ('' where they are), and whether only the order inside arrays differs.

    A list that is collected from rows without an order has no order of its own: there, arrays are compared as multisets.
    """
    if got.columns != wanted.columns:
        return f"columns {got.columns}, wanted {wanted.columns}", False
    if len(got.rows) != len(wanted.rows):
        return f"{len(got.rows)} rows, wanted {len(wanted.rows)}", False
    strict = compare_rows(got, wanted.rows, query)
    if not strict:
        return "", False
    loose = compare_rows(_unordered(got), _unordered(wanted).rows, query)
    return (loose, False) if loose else ("", True)


def _unordered(result: Result) -> Result:
    rows = tuple(tuple(_sorted(cell) for cell in row) for row in result.rows)
    return Result(result.columns, rows)


def _sorted(cell: Any) -> Any:
    if isinstance(cell, list):
        return sorted((_sorted(item) for item in cell), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(cell, dict):
        return {key: _sorted(value) for key, value in cell.items()}
    return cell
