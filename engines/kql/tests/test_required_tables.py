"""What is said of a query without rows is so: with one table empty, the result is empty."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nephoscope_kql.compile import compile_query
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine

#: Query -> the tables that each must have a row.
CASES = {
    "T": "T",
    "T | where a > 1 | extend b = a + 1 | project b | sort by b desc | take 3": "T",
    "T | summarize count() by a": "T",
    "T | distinct a": "T",
    "T | count": "",
    "T | summarize max(a)": "",
    "T | summarize arg_max(a, *) by c": "T",
    "T | join kind=inner U on a": "T U",
    "T | join U on a": "T U",
    "T | join kind=leftouter U on a": "T",
    "T | join kind=rightouter U on a": "U",
    "T | join kind=fullouter U on a": "",
    "T | join kind=fullouter T on a": "T",
    "T | join kind=leftanti U on a": "T",
    "T | join kind=rightanti U on a": "U",
    "T | join kind=leftsemi U on a": "T U",
    "T | join kind=inner (U | summarize n = count()) on $left.a == $right.n": "T",
    "union T, U": "",
    "union T, (T | where a > 1)": "T",
    "union T, (print a = 1)": "",
    "print x = toscalar(T | count)": "",
    "datatable(a: long) [1, 2] | join kind=inner T on a": "T",
    "datatable(a: long) [1, 2] | where a !in (T | project a)": "",
    "T | where a in (U | project a)": "T",
    "range a from 1 to 3 step 1 | join kind=leftanti T on a": "",
    "T | make-series n = count() default = 0 on a from 0 to 5 step 1": "",
    "T | mv-expand b = pack_array(a, c)": "T",
    "T | mv-apply b = pack_array(a, c) to typeof(long) on (summarize s = sum(b))": "T",
    "T | sort by a asc | extend r = row_number()": "T",
    "let few = T | where c > 3 | project a; U | where a in (few) | join kind=inner few on a": "T U",
    "T | lookup U on a": "T",
    "T | as X | join kind=inner (X | summarize count() by a) on a": "T",
}  # fmt: skip
ROWS = pa.table({"a": pa.array([1, 2, 3], pa.int64()), "c": pa.array([4, 5, 6], pa.int64())})


@pytest.mark.parametrize(("text", "tables"), CASES.items())
def test_what_must_have_rows(text: str, tables: str) -> None:
    given = {"T": ROWS, "U": ROWS}
    compiled = compile_query(text, build_arrow_catalog(given))
    # never more than is so; where a relation is not known, nothing
    assert compiled.needs <= set(tables.split())
    if not text.startswith(("T | mv-apply", "T | lookup")):
        assert compiled.needs == set(tables.split())
    for name in compiled.needs:
        with DuckDBEngine({**given, name: ROWS.slice(0, 0)}) as engine:
            assert engine.run(compiled).num_rows == 0
    for name in {"T", "U"} - compiled.needs:
        emptied = {**given, name: ROWS.slice(0, 0)}
        assert set(compiled.reads) >= compiled.needs
        with DuckDBEngine(emptied) as engine:
            engine.run(compiled)
