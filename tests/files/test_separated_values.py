"""Rows of separated values: cells, lines on which rows end, and rows that are none."""

from __future__ import annotations

import csv

import pytest

from nephoscope.files.separated_values import (
    LONGEST_CELL,
    SeparatedValuesError,
    read_separated_rows,
    split_first_line,
)

ROWS: dict[str, tuple[str, str, bool, list[tuple[int, list[str], str]]]] = {
    "commas": ('a,"b,c"\n', ",", True, [(1, ["a", "b,c"], "")]),
    "tabs": ("a\tb", "\t", True, [(1, ["a", "b"], "")]),
    "ends of lines": ("a\r\nb\rc\n", ",", True, [(1, ["a"], ""), (2, ["b"], ""), (3, ["c"], "")]),
    "an empty line": ("a\n\nb\n", ",", True, [(1, ["a"], ""), (2, [], ""), (3, ["b"], "")]),
    "a cell over lines": ('"a\nb",c\nd,e\n', ",", True, [(2, ["a\nb", "c"], ""), (3, ["d", "e"], "")]),
    "a wrong quote": ('"a"b\nc\n', ",", True, [(1, [], "',' expected after '\"'"), (2, ["c"], "")]),
    "a wrong quote is borne": ('"a"b\nc\n', ",", False, [(1, ["ab"], ""), (2, ["c"], "")]),
    "an open quote": ('a\n"b\nc', ",", True, [(1, ["a"], ""), (3, [], "unexpected end of data")]),
    "an open quote is borne": ('a\n"b\nc', ",", False, [(1, ["a"], ""), (3, ["b\nc"], "")]),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_have_their_lines(name: str) -> None:
    text, separator, strict, wanted = ROWS[name]
    assert [tuple(row) for row in read_separated_rows(text, separator, strict=strict)] == wanted


def test_no_more_lines_are_taken_than_a_row_has() -> None:
    lines = iter(["a\n", "b\n"])
    next(read_separated_rows(lines))
    assert list(lines) == ["b\n"]


def test_a_row_that_is_none_is_told_with_its_line() -> None:
    rows = list(read_separated_rows('a\n"b"c\n'))
    assert rows[0].require_cells() == ["a"]
    with pytest.raises(SeparatedValuesError, match="line 2: ',' expected"):
        rows[1].require_cells()


def test_the_cells_of_a_line() -> None:
    assert split_first_line('a;"b;c"', ";") == ["a", "b;c"]
    assert split_first_line("", ",") == []


def test_the_limit_of_cells_is_set_once() -> None:
    assert csv.field_size_limit() == LONGEST_CELL
