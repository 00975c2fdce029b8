"""JSON as templates have it: what is taken, what is refused and where, and that every mark covers its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope_policy.arm.json_text import MAX_DEPTH, ArmJsonError, TextMark, mark_strict_json, parse_json
from nephoscope_policy.arm.lazy_json_places import StrictMark, mark_strictly


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("\ufeff [1, 2.5, -3e2, true, null]", [1, 2.5, -300.0, True, None]),
        ('// first\n{"a": 1 /* one */, "b": [1, 2,], }', {"a": 1, "b": [1, 2]}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ("{'a': 'it\\'s \"x\"'}", {"a": 'it\'s "x"'}),
        ('{a: 1, $b: {"c": 2}}', {"a": 1, "$b": {"c": 2}}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"\\u0061\\n": "\\\\"}', {"a\n": "\\"}),
        ('{"a" /* x */ : /* y */ 1}', {"a": 1}),
        ("\"[parameters('x')]\"", "[parameters('x')]"),
    ],
)
def test_taken(text: str, value: Any) -> None:
    assert parse_json(text)[0] == value


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "the text is empty", 0),
        ("// only a comment", "the text is empty", 0),
        ('{"a" 1}', "expected ':' after a key, found '1}'", 5),
        ('{"a": 1 "b": 2}', "expected ',' or '}', found", 8),
        ("[1, ?]", "expected a JSON value, found '?]'", 4),
        ("{} {}", "unexpected text after the end", 3),
        ('{"a": "x}', "a string is not closed", 6),
        ('{"a": 1, /* x', "a comment is not closed", 9),
        ('["\\x"]', "a string has a bad escape sequence", 1),
        ("[" * (MAX_DEPTH + 2), f"nested deeper than {MAX_DEPTH}", MAX_DEPTH + 1),
        ("[" + "9" * 50 + "]", "too many digits", 1),
        ("{?: 1}", "expected a key in double quotes", 1),
    ],
)
def test_refused(text: str, message: str, offset: int) -> None:
    with pytest.raises(ArmJsonError) as caught:
        parse_json(text)
    assert message in str(caught.value)
    assert caught.value.offset == offset


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


def marked(value: Any, mark: StrictMark | TextMark) -> Iterator[tuple[Any, StrictMark | TextMark]]:
    yield value, mark
    if isinstance(value, dict):
        for key, item in value.items():
            below = mark.find_child_mark(key)
            assert below is not None
            yield from marked(item, below)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            below = mark.find_child_mark(place)
            assert below is not None
            yield from marked(item, below)


def spans(value: Any, mark: StrictMark | TextMark) -> list[tuple[int, int]]:
    return [(where.start, where.end) for _, where in marked(value, mark)]


@given(VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_strict_json_is_read_as_it_is_and_marks_cover_their_values(
    value: Any, indent: int | None, plain: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    found, mark = parse_json(text)
    assert found == value
    for part, where in marked(found, mark):
        assert json.loads(text[where.start : where.end]) == part
    assert mark_strict_json(text) == mark
    assert spans(found, mark_strictly(text)) == spans(found, mark)


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff {"a\\"b" : [1.5e3,"x\\\\", {}], "c":"d: \\"{\\" , e" }',
        '"alone"',
        '{"a": 1, "a": {"b": null}}',
        '{"\\u0061": "a:", "": []}',
        '[{"a": 1, "b": [2], "a": 1}, {"a": 12, "b": "\\",", "a": "b"}, 3]',
        '{"a": [[], {}, [ {"a": 0 , "a":\t1} ] ],\r\n "b": "x"}\n ',
    ],
)
def test_marks_of_strict_json_are_those_of_the_tolerant_parser(text: str) -> None:
    value, mark = parse_json(text)
    assert mark_strict_json(text) == mark
    assert spans(value, mark_strictly(text)) == spans(value, mark)


def refused_at(text: str) -> int:
    try:
        parse_json(text)
    except ArmJsonError as error:
        return error.offset
    return 0


@given(st.text(alphabet="{}[]\":,/*\\ \n'a1e.-tn", max_size=30))
def test_any_text_is_json_or_refused_at_a_place_in_it(text: str) -> None:
    assert 0 <= refused_at(text) <= len(text)
