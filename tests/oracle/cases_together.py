"""Runs all cases of a rule in one statement: DuckDB plans it once, which is nearly all that a case costs.

DuckDB 2.0 plans a prepared statement again at every EXECUTE; what it plans once and runs again and again is the recursive term of
`WITH RECURSIVE`. Each turn is a case: the rule's SQL, as it is, over tables that hold the rows of this turn's case alone.
A case with its own `now` or watchlists, and a query that is compiled in steps, runs by itself as in production.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from nephoscope.alerts.rule_tests.rule_test import NOW, RuleTestRunner, find_problem, raise_alerts
from nephoscope.alerts.rule_tests.rule_test_file import RuleTestCase
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.model.alert import Alert
from nephoscope_kql.compile import CompiledQuery
from nephoscope_kql.engines.duckdb import DuckDBEngine, build_table
from nephoscope_kql.types import KqlType

TYPES: Mapping[KqlType, str] = {
    KqlType.BOOL: "BOOLEAN",
    KqlType.INT: "INTEGER",
    KqlType.LONG: "BIGINT",
    KqlType.REAL: "DOUBLE",
    KqlType.DECIMAL: "DECIMAL(38, 17)",
    KqlType.STRING: "VARCHAR",
    KqlType.DATETIME: "BIGINT",
    KqlType.TIMESPAN: "BIGINT",
    KqlType.GUID: "VARCHAR",
    KqlType.DYNAMIC: "VARCHAR",
}
CASE = "nephoscope case"


def find_failures(ground: RuleTestRunner, rule: AnalyticRule, cases: Sequence[RuleTestCase]) -> list[str]:
    """Return what is wrong with cases of a rule, a line each.

    The order of rows is another in one statement, and of more values than a set may have it decides which are kept: what counts of a
    case that fails among others is what it raises by itself.
    """
    found = alerts_together(ground, rule, cases)
    failed = [case for case, alerts in zip(cases, found, strict=True) if find_problem(case, alerts)]
    problems = [(case, find_problem(case, ground.raise_alerts(rule, case))) for case in failed]
    return [f"{case.place} {case.note}: {problem}" for case, problem in problems if problem]


def alerts_together(
    ground: RuleTestRunner, rule: AnalyticRule, cases: Sequence[RuleTestCase]
) -> list[list[Alert]]:
    """Return the alerts that a rule raises for each case."""
    together = [case for case in cases if not case.now and not case.watchlists]
    compiled = ground.compile(rule, together[0], NOW) if len(together) > 1 else None
    if compiled is None or compiled.resume is not None or compiled.parts is not None:
        return [ground.raise_alerts(rule, case) for case in cases]
    found = iter(run_together(ground, rule, together, compiled))
    return [
        ground.raise_alerts(rule, case)
        if case.now or case.watchlists
        else raise_alerts(rule, next(found), NOW)
        for case in cases
    ]


def run_together(
    ground: RuleTestRunner, rule: AnalyticRule, cases: Sequence[RuleTestCase], compiled: CompiledQuery
) -> list[pa.Table]:
    """Return what a rule's query finds in the rows of each case."""
    return find_together(
        ground.engine, compiled, [ground.build_case_tables(rule, case, compiled) for case in cases]
    )


def find_together(
    engine: DuckDBEngine, compiled: CompiledQuery, several: Sequence[Mapping[str, pa.Table]]
) -> list[pa.Table]:
    """Return what a query finds in each of several sets of tables."""
    names = sorted({name for rows in several for name in rows})
    tables = {
        f"cases/{name}": pa.concat_tables(
            rows[name].append_column(CASE, pa.repeat(pa.scalar(number, pa.int32()), len(rows[name])))
            for number, rows in enumerate(several)
            if name in rows
        )
        for name in names
    }
    sql = statement(compiled, [name for name in names if f'"{name}"' in compiled.sql], len(several))
    whole = replace(compiled, sql=sql, columns=(("case", KqlType.INT), *compiled.columns))
    with engine.register_temporarily(tables):
        values = fetch(engine, whole)
    return [
        build_table([row[1:] for row in values if row[0] == number], compiled.columns)
        for number in range(len(several))
    ]


def fetch(engine: DuckDBEngine, compiled: CompiledQuery) -> list[tuple[object, ...]]:
    """Return the rows of a statement as values."""
    found = engine.run(compiled)
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def statement(compiled: CompiledQuery, tables: Sequence[str], cases: int) -> str:
    """Return SQL that runs a query for each of so many cases: the case's number, then the query's columns."""
    columns = [f"c{number}" for number, _ in enumerate(compiled.columns)]
    types = [TYPES[kind] for _, kind in compiled.columns]
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in zip(columns, types, strict=True))
    typed = ", ".join(
        f"CAST(found.{name} AS {kind}) AS {name}" for name, kind in zip(columns, types, strict=True)
    )
    listed = ", ".join(columns)
    return (
        f"WITH RECURSIVE run AS (SELECT -1 AS k, FALSE AS hit, {nothing} UNION ALL "
        f"SELECT turn.k, found.hit IS NOT NULL, {typed} "
        f"FROM (SELECT MAX(k) + 1 AS k FROM run HAVING MAX(k) + 1 < {cases}) AS turn "
        f"LEFT JOIN (SELECT TRUE AS hit, rows.* FROM ({of_this_turn(compiled.sql, tables)}) AS rows({listed})) AS found ON TRUE) "
        f"SELECT k, {listed} FROM run WHERE hit"
    )


def of_this_turn(sql: str, tables: Sequence[str]) -> str:
    """Return a query over tables that hold the rows of this turn's case alone: names of WITH hide those of tables."""
    hiding = ", ".join(_hiding(tables))
    if not hiding:
        return sql
    return (
        f"WITH {hiding}, {sql.removeprefix('WITH ')}" if sql.startswith("WITH ") else f"WITH {hiding} {sql}"
    )


def _hiding(tables: Sequence[str]) -> Iterator[str]:
    for name in tables:
        yield (
            f'"{name}" AS (SELECT * EXCLUDE ("{CASE}") FROM "cases/{name}" '
            f'WHERE "{CASE}" = (SELECT MAX(k) + 1 FROM run))'
        )


def by_table(given: Mapping[str, Any]) -> str:
    """Tell the kind of a case about a rule: the first table that the rule reads."""
    return min(given["rule"].tables, default="")
