"""The comparer of recorded examples (tests/oracle/api_compare.py) rejects what is not as recorded."""

from __future__ import annotations

import pytest
from api_compare import difference, plain, uncovered

RECORDED = {
    "value": [
        {"id": "/a", "properties": {"on": True, "count": 1, "names": ["x", "y"], "none": None}},
        {"id": "/b", "properties": {"on": False}},
    ],
    "nextLink": None,
}


def changed(path, value):
    """The recorded answer with another value at a path ('gone' = none)."""

    def at(node, rest):
        if not rest:
            return value
        head, *others = rest
        if isinstance(node, list):
            return [at(one, others) if place == head else one for place, one in enumerate(node)]
        if not others and value == "gone":
            return {name: one for name, one in node.items() if name != head}
        return {**node, head: at(node.get(head), others)}

    return at(RECORDED, path)


def test_what_was_recorded_agrees():
    assert difference(RECORDED, RECORDED) == ""
    reversed_ = {**RECORDED, "value": RECORDED["value"][::-1]}
    assert difference(RECORDED, reversed_) == ""
    assert difference(RECORDED, {"value": RECORDED["value"]}) == ""
    assert difference({"a": 1}, {"a": 2.5}) == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("value", 0, "properties", "on"), "gone"),
        (("value", 0, "properties", "more"), 1),
        (("value", 0, "properties", "on"), 1),
        (("value", 0, "properties", "on"), None),
        (("value", 0, "properties", "count"), "1"),
        (("value", 0, "properties", "count"), True),
        (("value", 0, "properties", "none"), ""),
        (("value", 0, "properties", "names"), ["x"]),
        (("value", 0, "properties", "names"), ["x", "y", "z"]),
        (("value", 0, "properties", "names"), ["x", None]),
        (("value", 0, "Properties"), {}),
        (("value",), RECORDED["value"][:1]),
        (("value",), []),
        (("value",), {}),
        (("nextLink",), "https://x"),
    ],
)
def test_what_is_otherwise_does_not(path, value):
    assert difference(RECORDED, changed(path, value))


def test_an_answer_to_a_put_may_say_more_and_not_less():
    assert difference({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, more=True) == ""
    assert difference({"a": {"b": 1}}, {"a": {"c": 2}}, more=True)
    assert difference([{"a": 1}], [{"a": 1}, {"a": 2}], more=True) == ""
    assert difference([{"a": 1}], [{"a": "1"}], more=True)


def test_what_was_sent_is_kept():
    sent, shown = {"a": 1, "secret": "x", "l": [{"b": 1}]}, {"a": 9, "l": [{"b": 9}]}
    assert uncovered(sent, {"a": 1, "l": [{"b": 1, "c": 2}]}, shown) == ""
    assert uncovered(sent, {"a": 2, "l": [{"b": 1}]}, shown)
    assert uncovered(sent, {"l": [{"b": 1}]}, shown)
    assert uncovered(sent, {"a": 1, "l": [{"b": 2}]}, shown)
    assert uncovered(sent, {"a": 1, "l": []}, shown)


def test_values_are_compared_but_for_the_case_of_ids():
    assert plain({"id": "/A", "x": "B"}) == plain({"id": "/a", "x": "B"})
    assert plain({"id": "/A", "x": "B"}) != plain({"id": "/a", "x": "b"})
    assert plain([{"id": "/b"}, {"id": "/a"}]) == plain([{"id": "/A"}, {"id": "/B"}])
