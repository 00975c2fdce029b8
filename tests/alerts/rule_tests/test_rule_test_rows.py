"""The short form of rows in test files of rules."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope.alerts.rule_tests.rule_test_rows import RowItemError, expand_rows

BASE = {"Caller": "kim", "Claims": {"upn": "kim", "app": "a"}}
EXPANDED: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({}, [BASE]),
    ({"Caller": "lee"}, [{**BASE, "Caller": "lee"}]),
    ({"Caller": None, "Claims": {"app": None}}, [{"Claims": {"upn": "kim"}}]),
    ({"Claims": {"app": "b"}}, [{**BASE, "Claims": {"upn": "kim", "app": "b"}}]),
    ({"repeat": 2, "Bytes": "{5+10*n}"}, [{**BASE, "Bytes": 5}, {**BASE, "Bytes": 15}]),
    ({"repeat": 2, "Time": "-{9-n}m"}, [{**BASE, "Time": "-9m"}, {**BASE, "Time": "-8m"}]),
    ({"repeat": 2, "Day": "{9+n:02}"}, [{**BASE, "Day": "09"}, {**BASE, "Day": "10"}]),
    ({"repeat": 1, "Path": ["/p{n}"]}, [{**BASE, "Path": ["/p0"]}]),
    ({"Path": "/p{n}"}, [{**BASE, "Path": "/p{n}"}]),
    (
        {"each": {"Caller": ["a", "b"]}, "N": "{n}"},
        [{**BASE, "Caller": "a", "N": 0}, {**BASE, "Caller": "b", "N": 1}],
    ),
    ({"repeat": 1, "N": 1, "rows": [{}, {"N": 2}]}, [{**BASE, "N": 1}, {**BASE, "N": 2}]),
]


@pytest.mark.parametrize(("item", "rows"), EXPANDED)
def test_rows_are_expanded_over_their_base(item: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    found = expand_rows([{"Caller": "x"}, item], BASE)
    assert list(found.rows[1:]) == rows
    assert list(found.items) == [0, *[1] * len(rows)]


def test_rows_without_a_base_keep_nulls() -> None:
    assert list(expand_rows([{"Caller": None}], None).rows) == [{"Caller": None}]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"repeat": 10_001}, "from 1 to 10000"),
    ({"repeat": 5_001, "rows": [{}, {}]}, "more than 10000 rows"),
    ({"repeat": 2, "rows": [{"repeat": 2}]}, "cannot have its own repetition"),
    ({"repeat": 2, "rows": []}, "must be a list of rows"),
    ({"each": ["a"]}, "must map columns to lists of values"),
    ({"each": {"A": [1], "B": []}}, "the same length"),
    ({"rows": [{}]}, "needs repeat or each"),
]


@pytest.mark.parametrize(("item", "reason"), WRONG)
def test_an_item_that_stands_for_no_rows_is_named(item: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowItemError, match=reason) as error:
        expand_rows([{}, item], BASE)
    assert error.value.item == 1
