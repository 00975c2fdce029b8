"""Rows in groups: bounded by their number and by what they take in memory."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.lake.maintenance.compaction import sort_rows
from nephoscope.lake.schema.column_types import TIME
from nephoscope.lake.storage import parquet_parts
from nephoscope.lake.storage.parquet_parts import group_rows

ROWS, BYTES = 100, 10_000
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True, scope="module")
def small_groups() -> object:
    """Groups of a hundred rows or ten thousand bytes, which show the same as larger ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_parts, "ROW_GROUP", ROWS)
        patch.setattr(parquet_parts, "GROUP_BYTES", BYTES)
        yield


def _rows(first: int, sizes: list[int], *, packed: bool = False) -> pa.Table:
    texts = pa.array(["x" * size for size in sizes], pa.string())
    times = [NOON + dt.timedelta(seconds=(first + place) * 7 % 1009) for place in range(len(sizes))]
    return pa.table(
        {
            TIME: pa.array(times, pa.timestamp("us", "UTC")),
            "Number": pa.array(range(first, first + len(sizes)), pa.int64()),
            "Text": texts.dictionary_encode() if packed else texts,
        }
    )


def _several(blocks: list[list[int]], *, packed: bool = False) -> list[pa.Table]:
    found, first = [], 0
    for sizes in blocks:
        found.append(_rows(first, sizes, packed=packed))
        first += len(sizes)
    return found


def test_few_large_rows_are_a_group() -> None:
    found = list(group_rows(iter(_several([[1000] * 20] * 10))))
    assert sum(one.num_rows for one in found) == 200
    assert max(one.nbytes for one in found) <= BYTES
    assert len(found) <= 25


def test_many_small_rows_are_a_group() -> None:
    assert [one.num_rows for one in group_rows(iter(_several([[1] * 30] * 11)))] == [100, 100, 100, 30]


def test_a_row_that_is_larger_than_a_group_is_one() -> None:
    found = list(group_rows(iter(_several([[50_000], [50_000], [1, 1]]))))
    assert [one["Number"].to_pylist() for one in found] == [[0], [1], [2, 3]]


def test_a_join_holds_two_groups_and_a_block() -> None:
    held: list[int] = []

    def arranged(tables: list[pa.Table]) -> pa.Table:
        held.append(sum(one.nbytes for one in tables))
        return pa.concat_tables(tables)

    assert (
        sum(one.num_rows for one in group_rows(iter(_several([[1000] * 5] * 60)), arranged, reach=2)) == 300
    )
    assert max(held) < 2 * BYTES + 6_000


@given(st.lists(st.lists(st.integers(0, 12_000), max_size=30), max_size=8), st.booleans())
def test_every_row_is_in_one_group(blocks: list[list[int]], packed: bool) -> None:
    tables = _several(blocks, packed=packed)
    count = sum(map(len, blocks))
    for found in (list(group_rows(iter(tables))), list(sort_rows(iter(tables)))):
        assert all(one.num_rows <= ROWS for one in found)
        assert sorted(number for one in found for number in one["Number"].to_pylist()) == list(range(count))
    assert [number for one in group_rows(iter(tables)) for number in one["Number"].to_pylist()] == list(
        range(count)
    )
