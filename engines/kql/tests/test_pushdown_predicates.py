"""Conditions of a filter: the same rows as elsewhere, and written so that a reader of files can skip parts."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.types import UNIX_EPOCH_TICKS

KINDS = [
    pa.timestamp("s"),
    pa.timestamp("ms", "Europe/Berlin"),
    pa.timestamp("us"),
    pa.timestamp("us", "UTC"),
    pa.timestamp("ns"),
    pa.timestamp("ns", "UTC"),
]
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())


def table(kind: pa.DataType, moments: list[int | None]) -> pa.Table:
    """Rows at moments in seconds since 1970; `x` numbers them."""
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    values = [None if moment is None else moment * per for moment in moments]
    return pa.table({"t": pa.array(values, type=kind), "x": pa.array(range(len(moments)), pa.int64())})


def literal(ticks: int) -> str:
    """A datetime literal of ticks."""
    whole, rest = divmod(ticks, 10_000_000)
    return f"datetime({dt.datetime(1, 1, 1) + dt.timedelta(seconds=whole)}.{rest:07})"


OPERATORS = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=12, deadline=None)
@given(
    offset=st.integers(-25, 25),
    operator=st.sampled_from(sorted(OPERATORS)),
    second=st.integers(0, 3),
    column_first=st.booleans(),
)
def test_a_limit_between_two_units_of_the_store(
    kind: pa.DataType, offset: int, operator: str, second: int, column_first: bool
) -> None:
    moments = [SECONDS + place for place in range(4)]
    limit = (SECONDS + second) * 10_000_000 + UNIX_EPOCH_TICKS + offset
    sides = ("t", literal(limit)) if column_first else (literal(limit), "t")
    rows = kql.run(
        f"T | where {sides[0]} {operator} {sides[1]} | project x", {"T": table(kind, [*moments, None])}
    )
    ticks = [moment * 10_000_000 + UNIX_EPOCH_TICKS for moment in moments]
    compare = OPERATORS[operator]
    wanted = [
        place
        for place, own in enumerate(ticks)
        if (compare(own, limit) if column_first else compare(limit, own))
    ]
    assert rows["x"].to_pylist() == wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("t > ago(1d)", [2, 3]),
        ("ago(1d) < t and x < 3", [2]),
        ("t between (ago(1d) .. now())", [1, 2]),
        ("t between (datetime(2026-02-28 11:00) .. 2h)", [1, 2]),
        ("t >= startofday(now())", [3]),
        ("t > datetime(null)", []),
        ("not(t > ago(1d))", [0, 1]),
        ("t > ago(1d) or x == 0", [0, 2, 3]),
        ("t < now(10000000d)", []),
    ],
)
def test_windows(condition: str, wanted: list[int]) -> None:
    moments = [SECONDS - 200_000, SECONDS - 86_400, SECONDS - 86_399, SECONDS + 1, None]
    rows = kql.run(f"T | where {condition} | project x", {"T": table(KINDS[3], moments)}, now=NOW)
    assert rows["x"].to_pylist() == wanted


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC")], ids=str)
def test_the_stored_column_is_compared(kind: pa.DataType) -> None:
    compiled = kql.compile("T | where t > ago(1d) and x > 1", build_arrow_catalog({"T": table(kind, [])}))
    assert '."t" > MAKE_TIMESTAMP' in compiled.sql


TEXTS = pa.table({"s": pa.array(["abc", "ABC", "", None, "a b"]), "x": [0, 1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("s == 'abc'", [0]),
        ("'abc' == s", [0]),
        ("s == ''", [2, 3]),
        ("s != 'abc'", [1, 2, 3, 4]),
        ("s =~ 'abc'", [0, 1]),
        ("s in ('abc', 'a b')", [0, 4]),
        ("s in ('abc', '')", [0, 2, 3]),
        ("s in~ ('abc')", [0, 1]),
        ("s !in ('abc')", [1, 2, 3, 4]),
        ("s has 'b'", [4]),
        ("s has ''", [0, 1, 2, 3, 4]),
        ("strcat('xsun \u017fun', s) has 'sun'", []),
        ("strcat('x.\u212aey.', s) has 'key'", [0, 1, 2, 3, 4]),
        ("'xsun \u017fun' has strcat('su', iff(x < 9, 'n', s))", []),
        ("'xsun \u017funny' hasprefix strcat('su', iff(x < 9, 'n', s))", []),
        ("'sunx y\u017fun' hassuffix strcat('su', iff(x < 9, 'n', s))", []),
        ("'x.\u212aey.' has strcat('ke', iff(x < 9, 'Y', s))", [0, 1, 2, 3, 4]),
        ("s contains 'B'", [0, 1, 4]),
        ("s !contains 'B'", [2, 3]),
        ("s startswith_cs 'a'", [0, 4]),
        ("s has_any ('b', 'abc')", [0, 1, 4]),
        ("s has_all ('b', 'a')", [4]),
        ("not(s == 'abc')", [1, 2, 3, 4]),
        ("s == 'abc' or s == ''", [0, 2, 3]),
        ("not(s == 'abc' or x == 4)", [1, 2, 3]),
        ("(s == 'abc') == false", [1, 2, 3, 4]),
    ],
)
def test_a_missing_text_is_an_empty_one(condition: str, wanted: list[int]) -> None:
    rows = kql.run(f"T | where {condition} | project x", {"T": TEXTS})
    assert rows["x"].to_pylist() == wanted
