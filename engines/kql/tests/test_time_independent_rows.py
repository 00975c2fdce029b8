"""A query that is split into rows for all windows and a rest for each gives in every window what it gives as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from nephoscope_kql.compile import PrecomputedQuery, compile_query, precompile_query, to_ticks
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.time_independent_rows import SINCE, UNTIL

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = 12
#: (hour, minute, user, result, address); the last has no time, and lies in no window.
ROWS: list[tuple[int | None, int, str, str, str]] = [
    *((hour, 10, "Kim", "0", "10.0.0.1") for hour in range(0, HOURS, 2)),
    *((hour, 40, "jo", str(hour % 3), f"10.0.0.{hour}") for hour in range(HOURS)),
    (5, 0, "mallory", "1", "192.0.2.7"), (5, 59, "mallory", "1", "192.0.2.8"), (6, 0, "mallory", "0", "192.0.2.7"),
    (None, 0, "nobody", "1", "192.0.2.7"),
]  # fmt: skip
LEARNS = "let before = T | where TimeGenerated < ago(1h) and Result == '0' | distinct Who = tolower(User);"
#: Query: how many tables are computed ahead.
CASES = {
    "T | where Result == '1'": 1,
    "T | where Result == '1' and TimeGenerated >= ago(1h) | project Who = tolower(User), Address": 1,
    "T | where TimeGenerated >= ago(1h) | where Result == '1' | extend Age = now() - TimeGenerated | where Age < 30m": 1,
    "T | extend Who = tolower(User), Age = now() - TimeGenerated | extend Old = Age > 1h, Two = strcat(Who, Who) | where not(Old)": 1,
    "T | extend User = tolower(User) | where User == 'kim' | summarize n = count() by User, bin(TimeGenerated, 1h)": 1,
    f"{LEARNS} T | where TimeGenerated >= ago(1h) | extend Who = tolower(User) | join kind=leftanti before on Who": 2,
    f"{LEARNS} T | where TimeGenerated >= ago(1h) and tolower(User) !in (before) | count": 1,
    "let since = toscalar(T | where Result == '1' | summarize min(TimeGenerated)); T | where User != 'jo' | extend Since = since": 2,
    "let many = T | where TimeGenerated >= ago(2h) and Result != '2' | summarize n = count() by User | where n > 1 | project User;"
    " T | where Result != '2' and User in (many)": 2,
    "union (T | where User == 'jo' | project TimeGenerated, A = Address), (U | where Result == '0' | project TimeGenerated, A = User)"
    " | summarize n = dcount(A)": 2,
    "union (T | where User == 'jo' | project TimeGenerated, A = Address), (U | where Result == '0' | project TimeGenerated, A = User)"
    " | where TimeGenerated >= ago(2h) | extend B = strcat(A, '!') | summarize n = count() by B": 1,
    "union withsource = Which (T | project When = TimeGenerated, A = Address), (U | where User == 'jo' | extend When = now())"
    " | where A startswith '10' | project Which, When, A": 1,
    "union (union T, U | project-away Address), (T | where Result == '2') | extend Who = toupper(User) | where Who != 'JO'": 1,
    "let shared = materialize(T | where Result == '1'); shared | join kind=inner (shared | summarize n = count() by User) on User": 1,
    "T | where Result == '0' | make-series n = count() on TimeGenerated from bin(ago(6h), 1h) to now() step 1h by User": 1,
    "T | where Result == '0' | summarize arg_max(TimeGenerated, *) by User": 1,
    "T | where Result != '9' | sort by TimeGenerated asc, User asc | extend Before = prev(Result) | where Before == '1'": 1,
    "T | where Result == '1' | mv-expand One = pack_array(User, Address) to typeof(string) | where One startswith '192'": 1,
    "T | where User in ((datatable(User: string) ['jo', 'mallory'])) | top 2 by TimeGenerated desc": 1,
    "T | extend Parts = split(Address, '.') | where tolong(Parts[3]) > 5 | project User, Last = Parts[3], TimeGenerated": 1,
}
#: Nothing of these is the same in every window.
WHOLE = (
    "T", "T | count", "T | take 3", "T | where TimeGenerated > ago(1h)", "print now()", "T | extend Age = now() - TimeGenerated",
    "T | serialize | where row_number() > 1", "T | extend Chance = rand()",
)  # fmt: skip


def table() -> pa.Table:
    moments = [
        None if hour is None else START + timedelta(hours=hour, minutes=minute) for hour, minute, *_ in ROWS
    ]
    texts = {
        name: [one[place] for one in ROWS]
        for place, name in enumerate(("User", "Result", "Address"), start=2)
    }
    return pa.table({"TimeGenerated": pa.array(moments, pa.timestamp("us", "UTC")), **texts})


def inside(rows: pa.Table, start: datetime, end: datetime) -> pa.Table:
    times = rows.column("TimeGenerated").to_pylist()
    return rows.filter(pa.array([one is not None and start <= one < end for one in times]))


def sorted_rows(found: pa.Table) -> list[str]:
    return sorted(map(repr, found.to_pylist()))


def whole(text: str, rows: pa.Table, start: datetime, end: datetime) -> pa.Table:
    seen = {name: inside(rows, start, end) for name in ("T", "U")}
    with DuckDBEngine(seen) as engine:
        return engine.run(compile_query(text, build_arrow_catalog(seen), now=end))


@contextmanager
def computed(ahead: PrecomputedQuery, rows: pa.Table) -> Iterator[DuckDBEngine]:
    with DuckDBEngine({"T": rows, "U": rows}) as engine:
        for name, one in ahead.tables.items():
            assert engine.load_rows(name, one, 1_000, None) is not None
        yield engine


@pytest.mark.sampled(3)
@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("hours", [1, 6])
def test_every_window_is_as_it_is_by_itself(text: str, hours: int) -> None:
    rows = table()
    ahead = precompile_query(text, build_arrow_catalog({"T": rows, "U": rows}))
    assert ahead is not None
    assert len(ahead.tables) == CASES[text]
    with computed(ahead, rows) as engine:
        for end in (START + n * HOUR for n in (1, 3, 6, 7, HOURS)):
            start = end - hours * HOUR
            parameters: dict[str, Any] = {SINCE: to_ticks(start), UNTIL: to_ticks(end)}
            parameters |= {"now": to_ticks(end)} if ahead.asks_now else {}
            for name in ("T", "U"):  # what is left may read tables as well
                engine.register(name, inside(rows, start, end))
            found = engine.run(replace(ahead.rest, parameters=parameters))
            assert sorted_rows(found) == sorted_rows(whole(text, rows, start, end)), end


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_not_the_same_in_every_window_is_not_computed_ahead(text: str) -> None:
    assert precompile_query(text, build_arrow_catalog({"T": table()})) is None


def test_rows_are_kept_without_columns_that_nothing_reads() -> None:
    ahead = precompile_query("T | where Result == '1' | project User", build_arrow_catalog({"T": table()}))
    assert ahead is not None
    (kept,) = ahead.tables.values()
    assert [name for name, _ in kept.columns] == ["User", "TimeGenerated"]


def test_more_rows_than_are_asked_for_are_not_kept() -> None:
    rows = table()
    ahead = precompile_query("T | where Result == '1'", build_arrow_catalog({"T": rows}))
    assert ahead is not None
    ((name, kept),) = ahead.tables.items()
    with DuckDBEngine({"T": rows}) as engine:
        assert engine.load_rows(name, kept, 2, None) is None
        assert engine.load_rows(name, kept, 100, None) == sum(one[3] == "1" for one in ROWS), (
            "its name is free again"
        )
