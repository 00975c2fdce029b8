"""Arbitrary and mutated queries: only KqlError; generated ones keep their tree when they are formatted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nephoscope_kql.errors import KqlError
from nephoscope_kql.formatter import format_query
from nephoscope_kql.parser import parse
from nephoscope_kql.parser.lexer import split_words

QUERIES = yaml.load(
    (Path(__file__).parent / "cases" / "parse.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)["accept"]
WORDS = sorted({token.text for query in QUERIES for token in split_words(query).tokens if token.text})


def refusal(text: str) -> KqlError | None:
    """The parser's error; any other exception fails the test."""
    try:
        assert parse(text).statements
    except KqlError as error:
        return error
    return None


names = st.sampled_from(["a", "b", "Title", "['c d']", "count_", "$left", "_x", "regex"])
constants = st.sampled_from(
    [
        "1",
        "2.5",
        "1d",
        "'x'",
        '"y\\n"',
        "@'z'",
        "true",
        "datetime(2024-01-31)",
        "dynamic([1, 'a'])",
        "int(null)",
    ]
)
texts = st.sampled_from(
    ["has", "!has", "contains_cs", "=~", "startswith", "matches regex", "!endswith", "hasprefix"]
)


def _grown(inner):
    two = st.tuples(inner, inner)
    return st.one_of(
        st.builds(
            lambda pair, mark: f"({pair[0]}) {mark} ({pair[1]})",
            two,
            st.sampled_from(["+", "-", "*", "/", "%"]),
        ),
        st.builds(lambda pair, mark: f"({pair[0]}) {mark} ({pair[1]})", two, texts),
        st.builds(lambda pair, mark: f"{pair[0]} {mark} {pair[1]}", two, st.sampled_from(["and", "or"])),
        st.builds(lambda pair: f"({pair[0]}) between ({pair[1]} .. 5)", two),
        st.builds(
            lambda pair, word: f"({pair[0]}) {word} ({pair[1]}, 'x')",
            two,
            st.sampled_from(["in", "!in~", "has_any"]),
        ),
        st.builds(lambda pair: f"f({pair[0]}, x={pair[1]})", two),
        st.builds(lambda one: f"-({one})", inner),
        st.builds(lambda one, name: f"({one}).a[0]['k'].{name}", inner, st.sampled_from(["b", "c"])),
        st.builds(lambda one: f"toscalar(T | where {one} | count)", inner),
    )


expressions = st.recursive(st.one_of(names, constants), _grown, max_leaves=8)
operators = st.one_of(
    st.builds("where {}".format, expressions),
    st.builds("extend x = {}, {}".format, expressions, expressions),
    st.builds("summarize n = count(), max({}) by {}, bin(t, 1h)".format, expressions, expressions),
    st.builds("join kind=inner (U | where {}) on a, $left.b == $right.c".format, expressions),
    st.builds("sort by {} asc nulls last, b desc".format, expressions),
    st.builds("mv-expand x = {} to typeof(long), b limit 3".format, expressions),
    st.builds("mv-apply e = a on (where {} | take 1)".format, expressions),
    st.builds("make-series s = avg({}) default = 0 on t from a to b step 1h by c".format, expressions),
    st.builds("union isfuzzy=true U, (V | where {}), W*".format, expressions),
    st.builds("scan declare (n:long = 0) with (step s: {} => n = s.n + 1;)".format, expressions),
    st.sampled_from(
        ["project-away a, b*", "take 5 // five", "distinct *", "parse a with * 'k=' b:long ' ' *", "render timechart",
         "partition by a (top 1 by b)", "top-nested 2 of a by count()", "evaluate bag_unpack(d) : (*, z:string)", "count"]
    ),
)  # fmt: skip
queries = st.builds(
    lambda value, parts: (
        f"let v = {value}; // about v\nlet f = (T:(*), n:long = 1) {{ T | take n }};\nf(T)"
        + "".join(f"\n| {part}" for part in parts)
    ),
    expressions,
    st.lists(operators, max_size=5),
)


@given(queries)
def test_generated_queries_keep_their_tree(query):
    tree = parse(query)
    laid_out = format_query(query)
    assert parse(laid_out) == tree
    assert format_query(laid_out) == laid_out


@given(st.text(max_size=200))
def test_arbitrary_text_gives_only_kql_errors(text):
    error = refusal(text)
    assert error is None or all(one.line >= 1 and one.format_caret(text) for one in error.all)


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from(["", " ", "\n"]))
def test_arbitrary_words_give_only_kql_errors(chosen, blank):
    error = refusal(blank.join(chosen))
    assert error is None or error.line >= 1


@given(st.sampled_from(QUERIES), st.data())
def test_mutated_queries_give_only_kql_errors(query, data):
    found = [token.text for token in split_words(query).tokens]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(found) - 1))
        found[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.lists(st.sampled_from(WORDS), max_size=2)
        )
        found = found or ["T"]
    error = refusal(" ".join(found))
    assert error is None or error.message


@pytest.mark.parametrize("query", QUERIES)
def test_every_prefix_gives_only_kql_errors(query):
    for end in range(len(query)):
        error = refusal(query[:end])
        assert error is None or error.line >= 1
