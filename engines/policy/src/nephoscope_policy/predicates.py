"""Operators specialised for a known right side: texts folded, sets built, patterns turned into the cheapest test.

Each predicate equals `operators.assess` with the same operator and right side; tests hold that on random values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.operators import (
    are_equal,
    assess,
    compile_like_pattern,
    compile_pattern,
    contains,
    contains_key,
    exists,
    format_scalar,
    is_member,
    is_number,
    parse_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.engine_differences import Switches

Predicate = "Callable[[object], bool]"


def make_predicate(operator: str, right: object, switches: Switches) -> Callable[[object], bool]:
    """The test of a left side; `operator` is lower-cased. Raises OrderError from the test only where the switches say so."""
    if operator.startswith("not"):
        return _compile_negated_test(operator[3:], right, switches)
    builder = _BUILDERS.get(operator)
    return builder(right, switches) if builder else lambda left: assess(operator, left, right, switches)


def _compile_negated_test(operator: str, right: object, switches: Switches) -> Callable[[object], bool]:
    if operator == "equals" and isinstance(right, str):
        return _make_text_inequality(right, switches)
    test = _BUILDERS[operator](right, switches)
    return lambda left: not test(left)


def _make_equality(right: object, switches: Switches) -> Callable[[object], bool]:
    if isinstance(right, str):
        return _make_text_equality(right, switches)
    if isinstance(right, bool):
        return _make_boolean_equality(right)
    if right is None:
        return lambda left: left is MISSING or left is None or left == ""
    return lambda left: left is not MISSING and are_equal(left, right, switches)


def _make_text_equality(right: str, switches: Switches) -> Callable[[object], bool]:
    folded = right.casefold()

    def test(left: object) -> bool:
        if type(left) is str:
            return left == right or left.casefold() == folded
        return left is not MISSING and are_equal(left, right, switches)

    return test


def _make_text_inequality(right: str, switches: Switches) -> Callable[[object], bool]:
    folded = right.casefold()

    def test(left: object) -> bool:
        if type(left) is str:
            return left != right and left.casefold() != folded
        return left is MISSING or not are_equal(left, right, switches)

    return test


def _make_boolean_equality(right: bool) -> Callable[[object], bool]:
    word = "true" if right else "false"

    def test(left: object) -> bool:
        if left is right:
            return True
        return type(left) is str and left.lower() == word

    return test


def _make_in_test(right: object, switches: Switches) -> Callable[[object], bool]:
    if not isinstance(right, list) or not all(isinstance(item, str) for item in right):
        return lambda left: is_member(left, right, switches)
    folded = frozenset(item.casefold() for item in right)

    def test(left: object) -> bool:
        if type(left) is str:
            return left.casefold() in folded
        return left is not MISSING and is_member(left, right, switches)

    return test


def _exists(right: object, _: Switches) -> Callable[[object], bool]:
    if exists(0, right):
        return lambda left: left is not MISSING and left is not None
    return lambda left: left is MISSING or left is None


def _test_like(right: object, switches: Switches) -> Callable[[object], bool]:
    text = format_scalar(right)
    if text is None:
        return lambda _: False
    found = _make_text_test(re.sub(r"\*+", "*", text.casefold()), switches)

    def test(left: object) -> bool:
        if type(left) is str:
            return found(left.casefold())
        given = None if left is MISSING else format_scalar(left)
        return given is not None and found(given.casefold())

    return test


def _make_text_test(pattern: str, switches: Switches) -> Callable[[str], bool]:
    """The cheapest test of a case-folded text against a case-folded like pattern."""
    question_mark = switches.like_question_mark == "one-character"
    core = pattern.strip("*")
    if "*" in core or (question_mark and "?" in core):
        full = lru_cache(maxsize=4096)(compile_like_pattern(pattern, question_mark).fullmatch)
        return lambda text: full(text) is not None
    before, after = pattern.startswith("*"), pattern.endswith("*")
    if pattern == "*":
        return lambda _: True
    if before and after:
        return lambda text: core in text
    if after:
        return lambda text: text.startswith(core)
    return (lambda text: text.endswith(core)) if before else (lambda text: text == core)


def _make_match(right: object, *, insensitive: bool) -> Callable[[object], bool]:
    pattern = format_scalar(right)
    if pattern is None:
        return lambda _: False
    full = compile_pattern(pattern.casefold() if insensitive else pattern).fullmatch

    def test(left: object) -> bool:
        text = None if left is MISSING else format_scalar(left)
        return text is not None and full(text.casefold() if insensitive else text) is not None

    return test


def _contains(right: object, switches: Switches) -> Callable[[object], bool]:
    folded = right.casefold() if isinstance(right, str) else None

    def test(left: object) -> bool:
        if folded is not None and type(left) is str:
            return folded in left.casefold()
        return left is not MISSING and contains(left, right, switches)

    return test


def _make_key_test(right: object, switches: Switches) -> Callable[[object], bool]:
    return lambda left: left is not MISSING and contains_key(left, right, switches)


def _compile_ordered_test(operator: str, right: object, switches: Switches) -> Callable[[object], bool]:
    if not is_number(right):
        return lambda left: assess(operator, left, right, switches)
    compare = _COMPARISONS[operator]

    def test(left: object) -> bool:
        if type(left) is int or type(left) is float:
            return compare(left, right)
        if type(left) is str:
            number = parse_number(left)
            if number is not None:
                return compare(number, right)
        return assess(operator, left, right, switches)

    return test


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "less": lambda left, right: left < right,
    "lessorequals": lambda left, right: left <= right,
    "greater": lambda left, right: left > right,
    "greaterorequals": lambda left, right: left >= right,
}
_BUILDERS: dict[str, Callable[[object, Switches], Callable[[object], bool]]] = {
    "equals": _make_equality,
    "in": _make_in_test,
    "exists": _exists,
    "like": _test_like,
    "match": lambda right, _: _make_match(right, insensitive=False),
    "matchinsensitively": lambda right, _: _make_match(right, insensitive=True),
    "contains": _contains,
    "containskey": _make_key_test,
    "less": lambda right, switches: _compile_ordered_test("less", right, switches),
    "lessorequals": lambda right, switches: _compile_ordered_test("lessorequals", right, switches),
    "greater": lambda right, switches: _compile_ordered_test("greater", right, switches),
    "greaterorequals": lambda right, switches: _compile_ordered_test("greaterorequals", right, switches),
}
