"""In a pattern `*` stands for any text, every other character for itself."""

from __future__ import annotations

import pytest

from nephoscope.model.wildcard import matches_wildcard

BOT = "49699333+dependabot[bot]@users.noreply.example"


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("a/b/c", "a/*", True),
        ("a/", "a/*", True),
        ("b/a/c", "a/*", False),
        ("a/b\nc", "a/*", True),
        ("A", "a", False),
        (BOT, BOT, True),
        ("49699333+dependabotb@users.noreply.example", BOT, False),
        ("https://ci.example/run?id=1", "https://ci.example/run?id=*", True),
        ("https://ci.example/runs/id=1", "https://ci.example/run?/id=*", False),
    ],
)
def test_a_pattern(text: str, pattern: str, matches: bool) -> None:
    assert matches_wildcard(text, pattern) is matches
