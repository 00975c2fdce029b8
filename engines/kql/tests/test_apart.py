"""A union of many tables gives the same rows as a statement a table as it does as one statement."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from nephoscope_kql.compile import CompiledQuery, compile_query
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.result_limit import ResultLimit
from nephoscope_kql.errors import KqlError

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def _moments(*hours: int) -> pa.Array:
    return pa.array([NOW - dt.timedelta(hours=one) for one in hours], pa.timestamp("us", "UTC"))


#: Columns of one name and two types (`n`), of one table alone, with nulls, and a table without rows.
TABLES = {
    "A": pa.table({"t": _moments(1, 5, 9), "s": ["one", "two", None], "n": pa.array([1, None, 3], pa.int64())}),
    "B": pa.table({"t": _moments(2, 6), "s": ["two", "x one y"], "r": [0.5, float("nan")]}),
    "C": pa.table({"t": _moments(3, 7), "n": ["1", "one"], "b": [True, None]}),
    "D": pa.table({"t": _moments(4), "g": ["only here"], "d": pa.array([7], pa.int32())}),
    "E": pa.table({"t": _moments(), "s": pa.array([], pa.string()), "z": pa.array([], pa.int64())}),
}  # fmt: skip
#: Query -> whether it is run a table at a time.
CASES = {
    "union *": True,
    "search *": True,
    "union withsource=T *": True,
    "union kind=inner *": True,
    "union withsource=T A, B, C, D": True,
    "union A, B, C": False,
    'search "one"': True,
    'search kind=case_sensitive "One"': True,
    'search "2026" or "true"': True,
    'search * | where s has "one" and t > ago(4h)': True,
    'search s:"one"': False,
    'find "one"': True,
    "find where t > ago(4h) project s, g, t": True,
    'find withsource=W "one" | project W, pack_': True,
    'union * | search "one"': True,
    "union * | where t between (ago(5h) .. now()) | extend x = strcat(s, g), y = r + 1": True,
    "union * | extend a = z, b2 = s | project a, b2, z, g": True,
    "union * | project now = now(), t | where t < now()": True,
    "union * | where isempty(s) and isnull(r)": True,
    "union (A | take 2), (B | where r > 0), (print s = 'p'), (datatable(n: long)[1, 2])": True,
    "union * | top 4 by t": True,
    "union * | sort by s asc nulls last, t desc | take 5 | project t": True,
    "union * | extend h = strlen(s) | sort by h desc, t asc | take 6": True,
    "union * | sort by r desc, t asc | take 30 | project-away r": True,
    "union * | sort by z asc, t asc | take 3": True,
    "set query_take_max_records = 4; union * | sort by t desc": True,
    "union * | sort by t desc": False,
    "union * | sort by t asc | take 5 | sort by s desc, t asc": False,
    "union * | take 5 | where true | count": False,
    "union * | summarize count() by s": False,
    "union * | where s in (A | project s)": False,
    "union * | extend m = toscalar(A | count)": False,
    "let x = materialize(A); union x, B, C, D": False,
}


def _compiled(query: str) -> CompiledQuery:
    return compile_query(query, build_arrow_catalog(TABLES), now=NOW)


def _rows(found: pa.Table) -> list[Any]:
    return [tuple(map(str, row.values())) for row in found.to_pylist()]


@pytest.mark.parametrize("query", CASES)
def test_the_same_rows(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = _compiled(query)
    assert (compiled.parts is not None) == CASES[query]
    monkeypatch.setattr("nephoscope_kql.plan.union_partitions.LEAST", 1_000)
    plain = _compiled(query)
    assert plain.parts is None
    with DuckDBEngine(TABLES) as engine:
        apart, one, wanted = map(engine.run, (compiled, replace(compiled, parts=None), plain))
    ordered = compiled.parts is not None and compiled.parts.keys
    for found in (apart, one):
        assert found.schema.equals(wanted.schema, check_metadata=True)
        if ordered:
            assert _rows(found) == _rows(wanted)
        else:
            assert Counter(_rows(found)) == Counter(_rows(wanted))


@pytest.mark.parametrize(
    ("query", "rows"), [("union * | take 4", 4), ("search * | take 0", 0), ("find '1' | take 7 | take 1", 1)]
)
def test_as_many_rows_as_are_asked_for(query: str, rows: int) -> None:
    with DuckDBEngine(TABLES) as engine:
        assert len(engine.run(_compiled(query))) == rows


@pytest.mark.parametrize("step", [2, 2048])
def test_all_rows_of_wide_results_are_put_in_order(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "union withsource=T * | sort by t desc"
    plain = _compiled(query)
    monkeypatch.setattr("nephoscope_kql.plan.union_partitions.WIDE", 3)
    monkeypatch.setattr("nephoscope_kql.engines.multi_statement_results.STEP", step)
    compiled = _compiled(query)
    assert plain.parts is None
    assert compiled.parts is not None
    assert compiled.parts.keys
    with DuckDBEngine(TABLES) as engine:
        assert _rows(engine.run(compiled)) == _rows(engine.run(plain))
    most = ResultLimit(3, 1_000_000)
    with DuckDBEngine(TABLES, most=most) as engine:
        assert engine.run(compiled)["T"].to_pylist() == ["A", "B", "C"]
        assert most.cut


def test_no_further_table_is_read_than_is_needed() -> None:
    # the other tables are known to the catalog alone: whoever reads them fails
    with DuckDBEngine({"A": TABLES["A"]}) as engine:
        assert len(engine.run(_compiled("union withsource=T * | take 3"))) == 3
        with pytest.raises(Exception, match="B"):
            engine.run(_compiled("union withsource=T * | take 4"))


def test_the_largest_result_is_kept_to() -> None:
    most = ResultLimit(3, 1_000_000)
    with DuckDBEngine(TABLES, most=most) as engine:
        assert len(engine.run(_compiled("union *"))) == 3
        assert most.cut
        assert len(engine.run(_compiled("A | count"))) == 1


def test_an_error_of_a_share_is_the_querys() -> None:
    with DuckDBEngine(TABLES) as engine, pytest.raises(KqlError, match="longer than"):
        engine.run(_compiled("union * | extend x = array_length(range(1, 1000000, 1)) | where x > 0"), 0.0)
