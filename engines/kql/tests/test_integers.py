"""Whole numbers around the edges of 32 and 64 bits against Python's: an int is computed as a long, and a long wraps at 64 bits."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql

INT, LONG = 2**31, 2**63
few = settings(max_examples=6, deadline=None)


def near(edge: int) -> st.SearchStrategy[int]:
    """Values of a width: small ones, and those at its edges."""
    close = st.integers(0, 3)
    return st.one_of(
        st.integers(-3, 3),
        st.integers(-edge, edge - 1),
        close.map(lambda value: value - edge),
        close.map(lambda value: edge - 1 - value),
    )


ROWS = st.lists(st.tuples(near(INT), near(INT), near(LONG)), min_size=1, max_size=30)


def wrapped(value: int) -> int:
    return (value + LONG) % (2 * LONG) - LONG


def divided(one: int, other: int) -> int | None:
    """Towards zero; null by zero."""
    if other == 0:
        return None
    return wrapped(abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1))


def remainder(one: int, other: int) -> int | None:
    """Never negative; null by zero."""
    return None if other == 0 else one % abs(other)


OPERATIONS = {
    "+": lambda one, other: wrapped(one + other),
    "-": lambda one, other: wrapped(one - other),
    "*": lambda one, other: wrapped(one * other),
    "/": divided,
    "%": remainder,
}


def table(rows: list[tuple[int, int, int]]) -> pa.Table:
    kinds = {"i": pa.int32(), "j": pa.int32(), "l": pa.int64()}
    columns = [
        pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds.values(), strict=True)
    ]
    return pa.table(columns, names=list(kinds))


def answered(query: str, rows: list[tuple[int, int, int]]) -> tuple[set[str], list[list[object]]]:
    """The types of the columns, and the rows."""
    found = kql.run(query, tables={"T": table(rows)})
    kinds = {field.metadata[b"kql.type"].decode() for field in found.schema}
    return kinds, [list(row.values()) for row in found.to_pylist()]


@few
@given(ROWS)
def test_an_operation_on_whole_numbers_is_that_of_longs(rows: list[tuple[int, int, int]]) -> None:
    pairs = [("i", "j"), ("i", "l"), ("l", "i"), ("l", "l")]
    asked = [(one, sign, other) for sign in OPERATIONS for one, other in pairs]
    items = ", ".join(f"x{at} = {one} {sign} {other}" for at, (one, sign, other) in enumerate(asked))
    kinds, got = answered(f"T | project {items}", rows)
    assert kinds == {"long"}
    for row, cells in zip(rows, got, strict=True):
        values = dict(zip("ijl", row, strict=True))
        for (one, sign, other), cell in zip(asked, cells, strict=True):
            assert cell == OPERATIONS[sign](values[one], values[other]), (one, sign, other, values)


@few
@given(ROWS)
def test_chains_and_signs_wrap_only_at_64_bits(rows: list[tuple[int, int, int]]) -> None:
    kinds, got = answered(
        "T | project -i, +i, -l, abs(i), i + j - i * j, i * j * j * i, -(i * j) + l, i - i + l - j, i * -j",
        rows,
    )
    assert kinds == {"long"}
    assert got == [
        [
            -i, i, wrapped(-k), abs(i), i + j - i * j, wrapped(i * j * j * i), wrapped(-(i * j) + k), wrapped(k - j), i * -j,
        ]
        for i, j, k in rows
    ]  # fmt: skip


@few
@given(ROWS)
def test_aggregates_of_ints_are_longs(rows: list[tuple[int, int, int]]) -> None:
    kinds, got = answered(
        "T | summarize sum(i), sum(i * j), sumif(i * j, j > 0), max(i * j), percentile(i, 100), take_any(j + 0 * i), sum(l)",
        rows,
    )
    products = [i * j for i, j, _ in rows]
    positive = [i * j for i, j, _ in rows if j > 0]
    assert kinds == {"long"}
    assert [row[:5] + row[6:] for row in got] == [
        [
            sum(i for i, _, _ in rows), wrapped(sum(products)), wrapped(sum(positive)), max(products), max(i for i, _, _ in rows),
            wrapped(sum(k for _, _, k in rows)),
        ]
    ]  # fmt: skip
    assert got[0][5] in {j for _, j, _ in rows}


@few
@given(ROWS)
def test_bins_of_ints_are_longs(rows: list[tuple[int, int, int]]) -> None:
    kinds, got = answered(
        "T | project bin(i, toint(7)), bin(i, 7), bin_at(i, toint(7), toint(3)), i % toint(-7)", rows
    )
    assert kinds == {"long"}
    assert got == [[i // 7 * 7, i // 7 * 7, (i - 3) // 7 * 7 + 3, i % 7] for i, _, _ in rows]
