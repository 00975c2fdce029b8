"""Differences of documents: entries of lists by name, and the words of a path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.estate.value_diff import diff_values, escape_name, split_path


def rule(name: str, port: int) -> dict[str, object]:
    return {"name": name, "properties": {"port": port}}


CASES: list[tuple[str, Any, Any, list[tuple[str, object, object]]]] = [
    (
        "values of a kind of their own",
        {"a": 1, "b": [1, {"c": 2}]},
        {"a": True, "b": [1]},
        [("a", 1, True), ("b[1]", {"c": 2}, None)],
    ),
    (
        "a rule that is put first moves no other",
        {"rules": [rule("ssh", 22), rule("web", 443)]},
        {"rules": [rule("rdp", 3389), rule("ssh", 22), rule("web", 80)]},
        [
            ("rules['rdp']", None, rule("rdp", 3389)),
            ("rules['web'].properties.port", 443, 80),
        ],
    ),
    ("order of named entries", [rule("a", 1), rule("b", 2)], [rule("b", 2), rule("a", 1)], []),
    (
        "the first rule of all",
        {"rules": []},
        {"rules": [rule("ssh", 22)]},
        [("rules['ssh']", None, rule("ssh", 22))],
    ),
    ("a name in another case", [rule("SSH", 22)], [rule("ssh", 22)], [("['ssh'].name", "SSH", "ssh")]),
    ("entries by id", [{"id": "/a"}, {"id": "/b"}], [{"id": "/b"}], [("['/a']", {"id": "/a"}, None)]),
    (
        "a repeated name is no name",
        [rule("a", 1), rule("a", 2)],
        [rule("a", 1)],
        [("[1]", rule("a", 2), None)],
    ),
    ("texts stay in order", ["a", "b"], ["b"], [("[0]", "a", "b"), ("[1]", "b", None)]),
]


@pytest.mark.parametrize(("note", "old", "new", "want"), CASES, ids=[case[0] for case in CASES])
def test_values_that_differ(
    note: str, old: object, new: object, want: list[tuple[str, object, object]]
) -> None:
    assert note
    assert list(diff_values(old, new)) == want


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_names_on_a_path_are_read_back(names: list[str]) -> None:
    path = "properties" + "".join(f"['{escape_name(name)}'].of[3]" for name in names)
    assert split_path(path) == ["properties", *(word for name in names for word in (name, "of"))]


ENTRIES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)).map(
    lambda found: [rule(name, port) for name, port in found.items()]
)


@given(ENTRIES, ENTRIES)
def test_a_difference_is_a_difference_of_the_named_entries(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    before, after = ({one["name"]: one["properties"]["port"] for one in several} for several in (old, new))
    told = {split_path(path)[0] for path, _, _ in diff_values(old, new)}
    assert told == {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
