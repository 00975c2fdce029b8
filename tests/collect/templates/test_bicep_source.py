"""The shape of Bicep texts: what is declared, where it stands, and that no text takes long or fails."""

from __future__ import annotations

import pytest

from nephoscope.collect.templates.bicep.bicep_source import BicepNode, BicepSource


def value(text: str) -> BicepNode:
    (one,) = BicepSource.parse(f"var x = {text}").declarations
    assert one.value is not None
    return one.value


#: text after `var x = `, what of it is the value
VALUES = [
    ("true // no", "true"),
    ("'a // b' // c", "'a // b'"),
    ("'it''s'", "'it''s'"),
    ("'${a ? '}' : 'b'} c' ", "'${a ? '}' : 'b'} c'"),
    ("'''\n{ '\n''' // c", "'''\n{ '\n'''"),
    ("{ a: 1 }.a", "{ a: 1 }.a"),
    ("f(\n1,\n2)\n", "f(\n1,\n2)"),
    ("[\n1\n2\n] /* c */", "[\n1\n2\n]"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "wanted"), VALUES, ids=[one[0] for one in VALUES])
def test_a_value_ends_where_its_expression_does(text: str, wanted: str) -> None:
    found = value(text)
    assert f"var x = {text}"[found.start : found.end] == wanted


def test_members_elements_loops_and_conditions_are_told() -> None:
    text = "{ a: [1, { 'b-c': 2 }]\n/* x: 1 */ d: [for i in list: if (i > 1) { e: i }]\n...other\nf: 3 }"
    found = value(text)
    assert list(found.members or {}) == ["a", "d", "f"]
    _, array = (found.members or {})["a"]
    assert [list(one.members or {}) for one in array.elements or []] == [[], ["b-c"]]
    _, loop = (found.members or {})["d"]
    assert list(loop.inner.members or {}) == ["e"]
    assert loop.body is not None
    assert loop.body.condition is not None


def test_declarations_are_told_with_children_and_types() -> None:
    text = (
        "using 'main.bicep'\n@allowed(['a', 'b'])\nparam p 'a' | 'b' = 'a'\nparam q { r: string }\noutput o string = p\n"
        "resource s 'T/s@1' = if (p == 'a') {\n  name: 'n'\n  resource c 'c' = {\n    name: 'm'\n  }\n}\n"
        "resource e 'T/e@1' existing = { name: 'x' }\nmodule m 'a/b.bicep' = [for i in p: { name: i }]\n"
    )
    found = BicepSource.parse(text).declarations
    assert [(one.kind, one.name, one.type, one.existing) for one in found] == [
        ("using", "", "main.bicep", False),
        ("param", "p", "", False),
        ("param", "q", "", False),
        ("output", "o", "", False),
        ("resource", "s", "T/s@1", False),
        ("resource", "e", "T/e@1", True),
        ("module", "m", "a/b.bicep", False),
    ]
    assert found[2].value is None
    assert found[4].value is not None
    assert [one.name for one in found[4].value.inner.children] == ["c"]
    assert text[found[4].start : found[4].end].endswith("  }\n}")


HOSTILE = [
    "{a: ",
    "[",
    "'${'",
    "/* ",
    "'''",
    "param ",
    "resource a 'b' = {",
    "@a(",
    "var x = [for ",
    "if (a) ",
    ",(((\n",
    "a\n",
    "'",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_closes_nothing_takes_no_long_time(text: str) -> None:
    source = BicepSource.parse("var x = " + text * 30_000)
    assert all(0 <= one.start <= one.end <= len(source.text) for one in source.declarations)
