"""Patterns of any shape: what means "any one of these values" gives them, what means anything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.ingest.threat_intelligence.pattern_comparisons import PatternError, list_comparisons
from nephoscope.ingest.threat_intelligence.stix_pattern import LONGEST, Observable, list_observables

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    str.strip
)
_STEPS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda text: text not in ("true", "false")
)
_QUOTED = st.from_regex(r"'[A-Za-z0-9 -]{1,8}'", fullmatch=True)
_SPACE = st.sampled_from(["", " ", "\n", "\t ", " /* x AND y */ "])


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@st.composite
def equal(draw: st.DrawFn) -> tuple[str, list[Observable]]:
    """A comparison that holds for some values, with what it observes."""
    values = draw(st.lists(_TEXTS, min_size=1, max_size=3))
    found = [("mutex:name", value.strip()) for value in values]
    if len(values) == 1 and draw(st.booleans()):
        return f"mutex:name{draw(_SPACE)}={draw(_SPACE)}{quoted(values[0])}", found
    return f"mutex:name IN ({', '.join(map(quoted, values))})", found


def joined(
    word: str, within: st.SearchStrategy[tuple[str, list[Observable]]]
) -> st.SearchStrategy[tuple[str, list[Observable]]]:
    several = st.lists(within, min_size=1, max_size=3)
    return several.map(
        lambda parts: (
            f" {word} ".join(text for text, _ in parts),
            [one for _, some in parts for one in some],
        )
    )


def bracketed(
    left: str, right: str, within: st.SearchStrategy[tuple[str, list[Observable]]]
) -> st.SearchStrategy[tuple[str, list[Observable]]]:
    return within.map(lambda part: (f"{left}{part[0]}{right}", part[1]))


_ANY_OF = st.recursive(equal(), lambda inner: bracketed("(", ")", joined("OR", inner)), max_leaves=5)
_SEEN = bracketed("[", "]", joined("OR", _ANY_OF))
_EXPRESSIONS = st.recursive(_SEEN, lambda inner: bracketed("(", ")", joined("OR", inner)), max_leaves=4)
_HARMLESS = st.sampled_from(["", " REPEATS 1 TIMES", " WITHIN 5 SECONDS", " WITHIN 0.5 SECONDS"])
_SPOILING = st.sampled_from([
    "{} REPEATS 2 TIMES", "{} REPEATS 10 TIMES WITHIN 60 SECONDS", "({} WITHIN 60 SECONDS) REPEATS 3 TIMES",
    "{} START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'", "{} AND [a:b = 'c']", "[a:b = 'c'] FOLLOWEDBY {}",
    "{} OR [a:b = 'c' AND a:d = 'e']", "{} OR [a:b != 'c']", "{} OR [a:b NOT = 'c']", "{} OR [EXISTS a:b]", "{} OR [a:b NOT IN ('c')]",
    "{} OR [a:b LIKE 'c%']", "{} OR [a:b MATCHES 'c']", "{} OR [a:b < 5]", "{} OR [ipv4-addr:value ISSUPERSET '198.51.100.0/24']",
    "{} OR ([a:b = 'c'] REPEATS 2 TIMES)", "([a:b = 'c'] OR {}) AND [a:d = 'e']", "{} OR [a:b = h'ff']",
])  # fmt: skip


@settings(max_examples=40)
@given(_EXPRESSIONS, _HARMLESS)
def test_any_one_of_several_values_gives_them_all(
    pattern: tuple[str, list[Observable]], qualifier: str
) -> None:
    text, found = pattern
    assert list_observables(text + qualifier) == tuple(dict.fromkeys(found))


@settings(max_examples=40)
@given(_EXPRESSIONS, _SPOILING)
def test_what_means_anything_else_is_refused(pattern: tuple[str, list[Observable]], spoiled: str) -> None:
    with pytest.raises(
        PatternError, match=r"not matched|not supported|only single observations are supported"
    ):
        list_observables(spoiled.format(pattern[0].replace("{", "").replace("}", "")))


@given(_STEPS, st.lists(st.one_of(_STEPS, _QUOTED), min_size=1, max_size=3), _TEXTS, _SPACE)
def test_the_short_way_reads_what_the_grammar_reads(
    kind: str, steps: list[str], value: str, space: str
) -> None:
    text = f"{space}[{space}{kind}:{'.'.join(steps)}{space}={space}{quoted(value)}{space}]{space}"
    (one,) = list_comparisons(text)
    assert list_observables(text) == list_observables(f"({text})")
    assert (one.kind, one.path, one.value) == (kind, ".".join(steps).replace("'", ""), value)


_WORDS = st.sampled_from([
    "[", "]", "(", ")", "=", "!=", "IN", "NOT", "AND", "OR", "FOLLOWEDBY", "REPEATS", "TIMES", "WITHIN", "SECONDS", "START",
    "STOP", "EXISTS", "LIKE", "a:b", "ipv4-addr:value", "'x'", "'", "1", "-1", "0.5", "t'2026-01-01T00:00:00Z'", "h'ff'", "h'f'",
    "b'AA=='", "true", ",", "[*]", "\\", "/*", "\xe9", "\x00",
])  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=14).map(" ".join)))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        found = list_observables(text)
    except PatternError as error:
        assert str(error)  # noqa: PT017 - either is right, what matters is that nothing else is raised
    else:
        assert found
        assert all(key and value for key, value in found)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4_000 + "[a:b = 'x']" + ")" * 4_000,
        "[" + "(" * 4_000 + "a:b = 'x'" + ")" * 4_000 + "]",
        " OR ".join(["[a:b = 'x']"] * 1_100),
        "[a:b = 'x']" + " REPEATS 1 TIMES" * 900,
        "[a:b = 'x'] REPEATS " + "9" * 10_000 + " TIMES",
        "[a:b IN (" + ", ".join(f"'{number}'" for number in range(1_400)) + ")]",
        "(" * LONGEST,
    ],
    ids=["observations", "comparisons", "alternatives", "qualifiers", "digits", "values", "open"],
)
def test_patterns_made_to_hurt_are_refused_or_read(text: str) -> None:
    try:
        assert list_observables(text) == (("a:b", "x"),)
    except PatternError as error:
        assert str(error)  # noqa: PT017 - either is right, what matters is that nothing else is raised
