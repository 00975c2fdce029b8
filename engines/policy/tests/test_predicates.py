"""The specialised operators and paths equal the plain ones, on random values."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nephoscope_policy.body_paths import MISSING, STAR, fold_keys, gather_values, walk_path
from nephoscope_policy.engine_differences import SWITCHES, Switches
from nephoscope_policy.keywords import OPERATORS
from nephoscope_policy.operators import OrderError, assess
from nephoscope_policy.path_getters import compile_every_test, make_getter, make_path_condition
from nephoscope_policy.predicates import make_predicate

SWITCHES_OF_LIKE = (SWITCHES, replace(SWITCHES, like_question_mark="literal"))
WORDS = [
    "",
    "a",
    "A",
    "b*",
    "*b",
    "a?c",
    "abc",
    "ABC",
    "true",
    "False",
    "5",
    "05",
    "5.0",
    "-1",
    "x-##",
    "x-12",
    "ß",
    "SS",
    " 7 ",
]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from([1.5, 5.0, -0.5]), st.sampled_from(WORDS)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "A", "b", "5"]), inner, max_size=3)
    ),
    max_leaves=6,
)
lefts = st.one_of(st.just(MISSING), values)
profiles = st.sampled_from(
    [
        SWITCHES,
        replace(SWITCHES, mixed_order="error"),
        replace(SWITCHES, numeric_strings="text"),
        replace(SWITCHES, like_question_mark="literal"),
    ]
)


def outcome(test: Any) -> Any:
    try:
        return test()
    except OrderError:
        return "no order"


@given(st.sampled_from(sorted(OPERATORS)), lefts, values, profiles)
def test_a_predicate_is_the_operator(operator: str, left: Any, right: Any, switches: Any) -> None:
    slow = outcome(lambda: assess(operator, left, right, switches))
    assert outcome(lambda: make_predicate(operator, right, switches)(left)) == slow


@given(st.sampled_from(sorted(o for o in OPERATORS if o.startswith("not"))), lefts, values)
def test_a_negative_operator_is_the_opposite(operator: str, left: Any, right: Any) -> None:
    assert assess(operator, left, right, SWITCHES) is not assess(operator[3:], left, right, SWITCHES)


keys = st.sampled_from(["a", "A", "b", 0, 1])
paths = st.lists(keys, min_size=1, max_size=4).map(tuple)
starred = st.lists(st.one_of(keys, st.just(STAR)), min_size=1, max_size=4).map(tuple)


@given(values.filter(lambda value: isinstance(value, dict)), paths)
def test_a_getter_walks(body: Any, path: Any) -> None:
    lowered = tuple(part.lower() if isinstance(part, str) else part for part in path)
    found = make_getter(lowered)(fold_keys(body))
    wanted = walk_path(body, path)
    assert found == (wanted if wanted is MISSING else fold_keys(wanted))
    seen: list[Any] = []
    make_path_condition(lowered, lambda value: bool(seen.append(value)))(fold_keys(body), None)
    assert seen == [found]


@given(values.filter(lambda value: isinstance(value, dict)), starred)
def test_every_sees_what_gather_gathers(body: Any, path: Any) -> None:
    lowered = tuple(part.lower() if isinstance(part, str) else part for part in path)
    seen: list[Any] = []

    def note(value: Any) -> bool:
        seen.append(value)
        return True

    compile_every_test(lowered, note, True)(fold_keys(body))
    assert [value for value in seen if value is not MISSING] == gather_values(fold_keys(body), path)


@given(
    st.text(alphabet="ab?*", max_size=9),
    st.text(alphabet="ab?", max_size=12),
    st.sampled_from(list(SWITCHES_OF_LIKE)),
)
def test_like_finds_what_trying_every_split_finds(pattern: str, text: str, switches: Switches) -> None:
    def fits(wanted: str, given_: str) -> bool:
        if not wanted:
            return not given_
        if wanted[0] == "*":
            return any(fits(wanted[1:], given_[at:]) for at in range(len(given_) + 1))
        one = wanted[0] == "?" and switches.like_question_mark == "one-character"
        return bool(given_) and (one or wanted[0] == given_[0]) and fits(wanted[1:], given_[1:])

    assert assess("like", text, pattern, switches) is fits(pattern, text)
    assert make_predicate("like", pattern, switches)(text) is fits(pattern, text)


def test_like_does_not_blow_up_on_a_hostile_pattern() -> None:
    pattern = "*" + "a*" * 40 + "b"
    assert not assess("like", "a" * 20000, pattern, SWITCHES)
    assert assess("notlike", "a" * 20000, pattern, SWITCHES)
