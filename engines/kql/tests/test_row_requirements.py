"""A window that the plan of a query leaves out has no row: each case is run window by window beside its plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from nephoscope_kql.compile import compile_derived_relations, compile_query
from nephoscope_kql.engines.arrow_types import build_arrow_catalog
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.plan.required_tables import has_no_rows
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.row_requirements import find_candidates
from nephoscope_kql.types import UNIX_EPOCH_TICKS
from nephoscope_kql.window_cadence import Cadence

HOUR = timedelta(hours=1)
TICKS = 36_000_000_000
START = datetime(2026, 11, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS = 24
#: The windows that are run: those with rows of each kind, and the ones beside them.
RUN = (1, 5, 6, 7, 11, 18, 19)
#: (hour, minute, user, result): kim is there every third hour, jo twice, mallory in one hour five times.
ROWS = [
    *((hour, 10, "kim", "0") for hour in range(0, 24, 3)),
    (4, 59, "jo", "1"), (5, 0, "jo", "0"),
    *((17, minute, "mallory", "1") for minute in range(5)),
]  # fmt: skip
#: Query, hours that it looks back: how many of 24 windows may have rows.
CASES = [
    ("T", 1, 11),
    ("T | where Result == '1'", 1, 2),
    ("T | where TimeGenerated >= ago(1h) and Result == '1'", 6, 2),
    ("T | where Result == '1' and TimeGenerated > ago(2h)", 6, 4),
    ("T | where TimeGenerated between (ago(1h) .. now()) | where Result == '1'", 6, 2),
    ("T | where Result == '1'", 6, 12),
    ("T | summarize n = count() by User | where n >= 3", 1, 1),
    ("T | where TimeGenerated > ago(1h) | summarize n = count(), t = max(TimeGenerated) by User | where n >= 3", 6, 1),
    ("T | where TimeGenerated >= bin(now(), 1h) - 1h | summarize n = count() by User | where n >= 3", 6, 1),
    ("T | summarize n = count(), Last = max(TimeGenerated) by User | where Last > ago(1h) and User == 'jo'", 6, 2),
    ("T | summarize n = count() by Who = toupper(User) | where Who == 'JO'", 1, 2),
    ("let before = T | where TimeGenerated < ago(1h) | distinct User; T | where TimeGenerated >= ago(1h) and Result == '1'"
     " | join kind=leftanti before on User", 6, 2),
    ("T | where Result == '1' | join kind=inner (T | where Result == '0') on User", 1, 0),
    ("T | where Result == '1' | join kind=leftsemi (T | summarize n = count() by User | where n > 2) on User", 1, 1),
    ("T | where Result == '1' | join kind=leftanti (T | summarize n = count() by User | where n > 2) on User", 1, 1),
    ("T | where User in (T | where Result == '1' | project User)", 1, 3),
    ("union (T | where User == 'jo'), (T | where User == 'mallory')", 1, 3),
    ("union (T | where User == 'jo'), (T | where User == 'mallory') | where TimeGenerated > ago(1h)", 6, 3),
    ("T | where User == 'jo' | extend Age = now() - TimeGenerated | where Age < 30m", 1, 1),
    ("T | where User == 'jo' | extend Age = now() - TimeGenerated | where Age < 30m", 2, 4),
    ("T | sort by TimeGenerated asc | extend Before = prev(Result) | where Before == '1' and Result == '1'", 1, 3),
    ("T | where Result == '1' | make-series n = count() on TimeGenerated step 1h by User", 1, 2),
    ("let shared = materialize(T | where Result == '1'); shared | join kind=inner (shared | summarize n = count() by User"
     " | where n > 2) on User", 1, 1),
    ("T | where User == 'mallory' | mv-expand One = pack_array(User, Result) to typeof(string) | where One == 'none'", 1, 1),
    ("T | summarize arg_max(TimeGenerated, *) by User | where Result == '1'", 1, 11),
    ("T | top 3 by TimeGenerated | where User == 'jo'", 1, 2),
    ("T | where User == 'jo' | join kind=inner (datatable(User: string) ['jo', 'kim']) on User", 1, 2),
]  # fmt: skip


def rows() -> pa.Table:
    moments = [START + timedelta(hours=hour, minutes=minute) for hour, minute, *_ in ROWS]
    return pa.table(
        {
            "TimeGenerated": pa.array(moments, pa.timestamp("us", "UTC")),
            "User": [one[2] for one in ROWS],
            "Result": [one[3] for one in ROWS],
        }
    )


def planned(text: str, period: timedelta, table: pa.Table) -> set[datetime]:
    """The ends of the windows of an hour that may have rows."""
    ends = {START + n * HOUR for n in range(1, WINDOWS + 1)}
    cadence, reaches = Cadence(TICKS, int(period / HOUR) * TICKS), []

    def derive(relation: Relation) -> list[Relation]:
        found = find_candidates(relation, cadence)
        reaches.extend(since for _, since in found)
        return [one for one, _ in found]

    for query, since in zip(
        compile_derived_relations(text, build_arrow_catalog({"T": table}), derive), reaches, strict=True
    ):
        with DuckDBEngine({"T": table}) as engine:
            ticks = engine.run(query).column(0).to_pylist()
        moments = [EPOCH + timedelta(microseconds=(one - UNIX_EPOCH_TICKS) // 10) for one in ticks]
        grain, reach = timedelta(minutes=5), timedelta(microseconds=since // 10)
        ends = {end for end in ends if any(end - reach - grain < one < end for one in moments)}
    return ends


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("text", "hours", "most"), CASES)
def test_no_window_that_is_left_out_has_a_row(text: str, hours: int, most: int) -> None:
    table, period = rows(), hours * HOUR
    found = planned(text, period, table)
    assert len(found) <= most
    times = table.column("TimeGenerated").to_pylist()
    for end in (START + n * HOUR for n in RUN):
        within = table.filter(pa.array([end - period <= one < end for one in times]))
        with DuckDBEngine({"T": within}) as engine:
            count = engine.run(compile_query(text, build_arrow_catalog({"T": within}), now=end)).num_rows
        assert not count or end in found, end


@pytest.mark.parametrize(
    "text",
    [
        "T | count",
        "T | summarize n = count() | where n > 3",
        "print x = 1",
        "T | join kind=fullouter T on User",
    ],
)
def test_what_may_have_rows_of_nothing_is_not_planned(text: str) -> None:
    assert len(planned(text, HOUR, rows())) == WINDOWS


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("T | where User == 'kim' | summarize count() by User", True),
        ("U | join kind=inner T on User", True),
        ("U | join kind=leftouter T on User", False),
        ("U | join kind=leftanti T on User", False),
        ("union T, U", False),
        ("U | where User in (T | project User)", True),
        ("U | where User !in (T | project User)", False),
        ("T | count", False),
        ("U | join kind=inner (union T, (datatable(User: string) [])) on User", True),
    ],
)
def test_without_rows_of_a_table_there_are_none(text: str, empty: bool) -> None:
    found: list[bool] = []

    def derive(relation: Relation) -> list[Relation]:
        found.append(has_no_rows(relation, frozenset({"T"})))
        return []

    compile_derived_relations(text, build_arrow_catalog({"T": rows(), "U": rows()}), derive)
    assert found == [empty]
