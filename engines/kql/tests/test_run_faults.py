"""What a run refuses: rows that depend on a row, and two routines of one name."""

from __future__ import annotations

import pyarrow as pa
import pytest

import nephoscope_kql as kql
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.sql.routines import Macro

TABLES = {"T": pa.table({"a": pa.array([1, 2], pa.int64())})}


@pytest.mark.parametrize(
    "query",
    [
        "let f = (x: long) { toscalar(T | where a == x | count) }; T | extend b = f(a)",
        "let f = (x: long) { x in ((T | where a == x)) }; T | extend b = f(a)",
        "let f = (x: long) { toscalar(T | where a == x | count) }; T | extend b = f(a + 1)",
    ],
)
def test_rows_that_depend_on_a_row_are_refused(query: str) -> None:
    with pytest.raises(kql.KqlError, match="'x' depends on a row") as refused:
        kql.run(query, tables=TABLES)
    assert refused.value.kind == "invalid"


def test_a_constant_reaches_the_rows() -> None:
    query = "let f = (x: long) { toscalar(T | where a == x | count) }; T | extend b = f(1)"
    assert kql.run(query, tables=TABLES).column("b").to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "range x from 1 to toscalar(T | summarize max(a) * 1000000000) step 1 | count",
            "at most 100,000,000 values",
        ),
        (
            "T | extend t = datetime(2026-01-01) + a * 1d | make-series n = count() on t step 1tick",
            "at most 1,048,576 bins",
        ),
    ],
)
def test_what_is_too_much_is_an_error_and_not_cut(query: str, message: str) -> None:
    with pytest.raises(kql.KqlError, match=message):
        kql.run(query, tables=TABLES)


@pytest.mark.parametrize(
    "query",
    [
        "T | summarize n = count(ago(1d))",
        "T | extend n = estimate_data_size(iff(a == 1, now(), ago(1d))) | project n",
        "T | extend x = now() | count",
        "T | extend x = strcat_array(dynamic([1])['k'], tostring(now()))",
        "T | extend x = strcat_array(dynamic(null), tostring(a))",
    ],
)
def test_a_dropped_moment_or_a_null_array_is_no_fault(query: str) -> None:
    assert kql.run(query, tables=TABLES).num_rows


def test_two_routines_of_one_name_never_replace_each_other() -> None:
    engine = DuckDBEngine()
    one = Macro("kql_twice", "CREATE OR REPLACE TEMP MACRO kql_twice(x) AS x + x")
    other = Macro("kql_twice", "CREATE OR REPLACE TEMP MACRO kql_twice(x) AS 2 * x")
    engine._install_routine(one)
    engine._install_routine(one)
    with pytest.raises(RuntimeError, match="two routines are named kql_twice"):
        engine._install_routine(other)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("a + toscalar(T | count)", 3),
        ("a * toscalar(T | count) - toscalar(T | summarize max(a))", 0),
        ("toscalar(T | count) - a", 1),
        ("iff(a < toscalar(T | count) + 1, 1, 0)", 1),
    ],
)
def test_arithmetic_with_rows_of_a_query(expression: str, wanted: int) -> None:
    rows = kql.run(f"T | where a == 1 | extend b = {expression} | project b", tables=TABLES)
    assert rows["b"].to_pylist() == [wanted]
