"""What is said to tell the rows of a result apart does, whatever rows are added."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nephoscope_kql.compile import CompiledQuery, compile_query
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine

FEW = {
    "T": pa.table({"a": [1, 1, 2], "c": ["x", "y", "x"]}),
    "U": pa.table({"a": [1, 3], "d": ["p", "q"]}),
}
MORE = {
    "T": pa.table({"a": [2, 1, 1, 2, 3, 1], "c": ["x", "x", "y", "z", "x", "w"]}),
    "U": pa.table({"a": [3, 2, 1, 1], "d": ["q", "r", "p", "s"]}),
}
#: Query -> the columns that stay for a row; with a `!` where they tell every row from others.
CASES = {
    "T": "a c !",
    "T | where a > 0 | sort by c asc": "a c !",
    "T | project c": "c !",
    "T | extend b = strcat(c, a) | project b": "b !",
    "T | extend n = toscalar(T | count)": "a c",
    "T | extend n = rand()": "a c",
    "T | distinct a": "a !",
    "T | summarize n = count(), s = make_set(c) by a": "a !",
    "T | summarize n = count() by a | extend who = a | project who, n": "who !",
    "T | summarize n = count() by a, c | project a, n": "a",
    "T | summarize n = count()": "!",
    "T | summarize n = count() by a | summarize m = count() by n": "",
    "T | summarize arg_max(c, *) by a": "a !",
    "T | sort by a asc, c asc | extend n = row_number()": "a c",
    "T | summarize n = count() by a | join kind=inner (U | summarize m = count() by a, d) on a": "a a1 d !",
    "T | summarize n = count() by a | join kind=leftouter (U | summarize m = count() by a) on a": "a !",
    "T | join kind=inner U on a": "a c a1 d !",
    "T | join kind=leftouter U on a": "a c",
    "T | join kind=leftanti U on a": "a c !",
    "T | join kind=fullouter U on a": "",
    "T | union U": "a c d !",
    "T | mv-expand b = pack_array(a, c) to typeof(string)": "a c b !",
    "T | summarize s = make_set(c) by a | mv-expand s to typeof(string)": "a",
    "let X = T | summarize n = count() by a; X | join kind=inner X on a": "a a1 !",
    "T | make-series n = count() default = 0 on a from 0 to 5 step 1 by c": "c !",
    "T | evaluate basket()": "",
    "print x = 1": "x !",
}


def compiled(text: str) -> CompiledQuery:
    return compile_query(text, build_arrow_catalog(FEW))


@pytest.mark.parametrize("text", CASES)
def test_identity(text: str) -> None:
    found = compiled(text).identity
    assert " ".join([*found.columns, *(["!"] if found.whole else [])]) == CASES[text]


@pytest.mark.parametrize("text", [text for text, said in CASES.items() if "!" in said])
def test_whole_identities_stay_and_tell_rows_apart(text: str) -> None:
    """No identity of fewer rows is gone with more of them, but where an anti-join takes the row away."""
    names = compiled(text).identity.columns
    seen = []
    for tables in (FEW, MORE):
        with DuckDBEngine(tables) as engine:
            rows = engine.run(compiled(text)).to_pylist()
        told = [tuple(repr(row[name]) for name in names) for row in rows]
        if set(names) != set(rows[0] if rows else names):
            assert len(told) == len(set(told))
        seen.append(set(told))
    if "anti" not in text:
        assert seen[0] <= seen[1]


@pytest.mark.parametrize(
    ("text", "ordered"), [("T", False), ("T | sort by a asc", True), ("T | distinct a", False)]
)
def test_order(text: str, ordered: bool) -> None:
    assert compiled(text).identity.ordered is ordered
