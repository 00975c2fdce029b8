"""Distinct bins of a time beside other aggregates, against Python's: bins in several runs of 63, nulls and conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import compile_query
from nephoscope_kql.engines.arrow_types import read_table_schema

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TYPES = {"T": pa.timestamp("us", "UTC"), "k": pa.string(), "n": pa.int64(), "s": pa.string()}
TIMES = st.one_of(
    st.none(),
    st.integers(-5000, 5000).map(lambda n: BEGIN + n * HOUR),
    st.just(datetime(1, 1, 1, tzinfo=UTC)),
)
ROWS = st.lists(
    st.tuples(TIMES, st.sampled_from("ab"), st.integers(-(2**63), 2**63 - 1), st.sampled_from("xyz")),
    max_size=40,
)
QUERY = """T | summarize Days = dcount(bin(T, 1d)), Rows = count(), Many = countif(n > 0), Sum = sum(n),
    First = min(T), Last = max(T), Least = minif(n, s != 'x'), Greatest = max(s), Some = sumif(n, s == 'y') by k"""


def make_table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(TYPES)
    return pa.table(
        {name: pa.array(one, kind) for (name, kind), one in zip(TYPES.items(), columns, strict=True)}
    )


def wrap(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def expected(rows: list[tuple[datetime | None, str, int, str]]) -> dict[str, object]:
    """One group's values."""
    times = [time for time, *_ in rows if time is not None]
    return {
        "k": rows[0][1],
        "Days": len({time.date() for time in times}),
        "Rows": len(rows),
        "Many": sum(n > 0 for _, _, n, _ in rows),
        "Sum": wrap(sum(n for _, _, n, _ in rows)),
        "First": min(times, default=None),
        "Last": max(times, default=None),
        "Least": min((n for _, _, n, s in rows if s != "x"), default=None),
        "Greatest": max(s for *_, s in rows),
        "Some": wrap(sum(n for _, _, n, s in rows if s == "y")),
    }


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_every_aggregate_is_that_of_its_group(rows: list[tuple[datetime | None, str, int, str]]) -> None:
    found = kql.run(f"{QUERY} | order by k asc", tables={"T": make_table(rows)}, now=BEGIN).to_pylist()
    groups = [[row for row in rows if row[1] == key] for key in "ab"]
    wanted = [expected(group) for group in groups if group]
    for one in wanted:
        for name in ("First", "Last"):
            time = one[name]
            if isinstance(time, datetime):
                one[name] = (time - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    assert found == wanted


@pytest.mark.parametrize(
    ("aggregates", "is_in_steps"),
    [
        ("dcount(bin(T, 1h)), count()", True),
        ("dcount(startofday(T))", True),
        ("dcount(bin(T, 1d)), sum(n), avg(n)", False),
        ("dcount(bin(T, 1d)), dcount(s)", False),
        ("dcount(bin(n, 10)), count()", False),
        ("dcount(bin(T, 1d)), min(todouble(n))", False),
    ],
)
def test_only_aggregates_with_parts_are_counted_in_steps(aggregates: str, is_in_steps: bool) -> None:
    catalog = MemoryCatalog({"T": read_table_schema("T", make_table([]))})
    sql = compile_query(f"T | summarize {aggregates} by k", catalog, now=BEGIN).sql
    assert ("DISTINCT" not in sql) is is_in_steps
