"""Where two states of a resource differ, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nephoscope.posture.evaluation.body_diff import find_difference
from nephoscope_policy.model.resource import Resource

ID = "/subscriptions/s/resourceGroups/g/providers/Contoso.App/sites/x"


def site(**members: Any) -> Resource:
    return Resource.of({"id": ID, **members})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"tags": {"a": "1"}}, {"tags": {"a": "1"}}, set()),
        ({"tags": {"a": "1"}}, {"tags": {"a": "1", "B": "2"}}, {("tags", "b")}),
        ({"tags": {"a": "1"}}, {}, {("tags",)}),
        ({"tags": {"a": "1"}}, {"tags": None}, {("tags",)}),
        ({"p": {"q": {"r": 1, "s": 2}}}, {"p": {"q": {"r": 1, "s": 3}}}, {("p", "q", "s")}),
        ({"p": {"q": 1}}, {"p": {"q": True}}, {("p", "q")}),
        ({"p": {"q": 1}}, {"p": {"q": 1.0}}, {("p", "q")}),
        ({"p": {"q": [1, {"r": 2}]}}, {"p": {"q": [1, {"r": 3}]}}, {("p", "q")}),
        ({"p": {"q": 1}}, {"p": {"Q": 1}}, {("p", "q")}),
        ({"p": {"q": 1, "r": 2}}, {"p": {"r": 2, "q": 1}}, {("p",)}),
        ({"p": {"q": 1, "Q": 2, "r": 3}}, {"p": {"q": 1, "Q": 2, "r": 4}}, {("p",)}),
        ({"name": "x"}, {"name": "y"}, None),
        ({"type": "a"}, {"Type": "a"}, None),
        ({"p": 1, "q": 2}, {"q": 2, "p": 1}, None),
    ],
)
def test_paths(old: dict[str, Any], new: dict[str, Any], expected: set[tuple[str, ...]] | None) -> None:
    assert find_difference(site(**old), site(**new)) == expected


def test_what_was_not_read_in_full_may_differ_anywhere() -> None:
    assert find_difference(site(tags={}), replace(site(tags={}), complete=False)) is None
