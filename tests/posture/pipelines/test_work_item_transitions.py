"""A run opens, keeps, closes and reopens work items, and says nothing of what it did not judge."""

from __future__ import annotations

import pytest

from nephoscope.posture.code.finding import FindingState
from nephoscope.posture.pipelines.work_item_transitions import KnownItem, compare

FAILED, UNKNOWN, SUPPRESSED = FindingState.FAILED, FindingState.UNKNOWN, FindingState.SUPPRESSED
OPEN, CLOSED = KnownItem(is_open=True, file="a.json"), KnownItem(is_open=False, file="a.json")


@pytest.mark.parametrize(
    ("items", "reported", "more", "expected"),
    [
        ({}, {"x": FAILED}, {}, {"new": {"x"}}),
        ({}, {"x": UNKNOWN}, {}, {}),
        ({}, {"x": SUPPRESSED}, {}, {}),
        ({"x": OPEN}, {"x": FAILED}, {}, {"kept": {"x"}}),
        ({"x": OPEN}, {}, {}, {"fixed": {"x"}}),
        ({"x": CLOSED}, {}, {}, {}),
        ({"x": CLOSED}, {"x": FAILED}, {}, {"reopened": {"x"}}),
        ({"x": CLOSED}, {"x": UNKNOWN}, {}, {}),
        ({"x": OPEN}, {"x": UNKNOWN}, {}, {"undecided": {"x"}}),
        ({"x": OPEN}, {"x": SUPPRESSED}, {}, {"suppressed": {"x"}}),
        ({"x": CLOSED}, {"x": SUPPRESSED}, {}, {}),
        ({"x": OPEN}, {}, {"unread": ["a.json"]}, {"undecided": {"x"}}),
        ({"x": OPEN}, {}, {"unread": ["b.json"]}, {"fixed": {"x"}}),
        ({"x": OPEN}, {}, {"judged": ["b.json"]}, {"undecided": {"x"}}),
        ({"x": OPEN}, {}, {"judged": ["a.json"]}, {"fixed": {"x"}}),
        ({"x": OPEN}, {}, {"judged": []}, {"undecided": {"x"}}),
        (
            {"x": OPEN, "y": CLOSED, "z": OPEN},
            {"x": FAILED, "y": FAILED, "w": FAILED},
            {},
            {"kept": {"x"}, "reopened": {"y"}, "new": {"w"}, "fixed": {"z"}},
        ),
    ],
)
def test_what_becomes_of_items(items, reported, more, expected) -> None:
    found = compare(items, reported, **more)
    names = ("new", "reopened", "kept", "fixed", "suppressed", "undecided")
    assert {name: set(getattr(found, name)) for name in names if getattr(found, name)} == expected
