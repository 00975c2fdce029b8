"""The condition operators, read plainly: what the explain interpreter uses and what the compiled forms must equal.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#conditions
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeGuard

from nephoscope_policy.body_paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.engine_differences import Switches

NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)


class OrderError(ValueError):
    """Two values that have no order met in less or greater, and the switches ask for an error."""


def parse_number(text: str) -> int | float | None:
    """The number that a whole text spells, None where it spells none."""
    if not NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        value = float(text)
        return None if value in {float("inf"), float("-inf")} else value


def format_scalar(value: object) -> str | None:
    """The text of a scalar as the string operators see it; None for null, arrays, objects and absence."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return None


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a JSON value is a number (a boolean is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def strip_spaces(given: object) -> object:
    """A location, or an array of them, without spaces."""
    if isinstance(given, str):
        return given.replace(" ", "")
    return [strip_spaces(item) for item in given] if isinstance(given, list) else given


def parse_boolean(value: object) -> bool | None:
    """True and False, also as text in any case; None for everything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None


def are_equal(left: object, right: object, switches: Switches) -> bool:
    """Equality of two present values: text in any case, 'true' is true, '5' is 5, an explicit null is ''."""
    if left is None or right is None:
        return (left is None or left == "") and (right is None or right == "")
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if isinstance(left, bool) or isinstance(right, bool):
        first = parse_boolean(left)
        return first is not None and first is parse_boolean(right)
    if isinstance(left, str) and is_number(right):
        return _does_text_equal_number(left, right, switches)
    if isinstance(right, str) and is_number(left):
        return _does_text_equal_number(right, left, switches)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            are_equal(a, b, switches) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return _are_objects_equal(left, right, switches)
    return is_number(left) and is_number(right) and left == right


def _does_text_equal_number(text: str, number: float, switches: Switches) -> bool:
    if switches.numeric_strings == "text":
        return text.casefold() == format_scalar(number)
    return parse_number(text) == number


def _are_objects_equal(left: dict[str, object], right: dict[str, object], switches: Switches) -> bool:
    first = {key.casefold(): value for key, value in reversed(left.items())}
    second = {key.casefold(): value for key, value in reversed(right.items())}
    return first.keys() == second.keys() and all(
        are_equal(value, second[key], switches) for key, value in first.items()
    )


def compare(left: object, right: object, switches: Switches) -> int | None:
    """-1, 0 or 1; None where the two have no order (switches: or OrderError)."""
    if isinstance(left, str) and isinstance(right, str):
        one, other = left.casefold(), right.casefold()
        return int(one > other) - int(one < other)
    if isinstance(left, bool) and isinstance(right, bool):
        return int(left) - int(right)
    first, second = _find_number_beside(left, right), _find_number_beside(right, left)
    if first is None or second is None:
        if switches.mixed_order == "error":
            raise OrderError(f"{left!r} and {right!r} have no order")
        return None
    return int(first > second) - int(first < second)


def _find_number_beside(value: object, other: object) -> float | None:
    """A number, or the number that a text spells where it stands against one."""
    if isinstance(value, str) and is_number(other):
        return parse_number(value)
    return value if is_number(value) else None


@lru_cache(maxsize=4096)
def compile_like_pattern(pattern: str, question_mark: bool) -> re.Pattern[str]:
    """The regular expression of a case-folded like pattern.

    Between two `*` the first place that fits is as good as any later one, so it is never given back (an atomic group): a hostile
    pattern with many `*` costs its length times the text's, not a power of it.
    """

    def escape_literal(text: str) -> str:
        return "".join("." if char == "?" and question_mark else re.escape(char) for char in text)

    first, *rest = map(escape_literal, re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}", re.DOTALL)


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a match pattern: `#` a digit, `?` a letter, `.` any character."""
    parts = {"#": "[0-9]", "?": "[a-zA-Z]", ".": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL)


def matches_like(left: object, right: object, switches: Switches) -> bool:
    """`*` any run of characters, `?` one character, any case."""
    text, pattern = format_scalar(left), format_scalar(right)
    if text is None or pattern is None:
        return False
    question_mark = switches.like_question_mark == "one-character"
    return compile_like_pattern(pattern.casefold(), question_mark).fullmatch(text.casefold()) is not None


def matches_pattern(left: object, right: object, *, insensitive: bool) -> bool:
    """The whole text against a match pattern."""
    text, pattern = format_scalar(left), format_scalar(right)
    if text is None or pattern is None:
        return False
    if insensitive:
        text, pattern = text.casefold(), pattern.casefold()
    return compile_pattern(pattern).fullmatch(text) is not None


def contains(left: object, right: object, switches: Switches) -> bool:
    """A text contains a text, an array a member, an object a key."""
    if isinstance(left, list):
        return any(are_equal(item, right, switches) for item in left)
    if isinstance(left, dict):
        return contains_key(left, right, switches)
    text, part = format_scalar(left), format_scalar(right)
    if text is None or part is None or not (isinstance(left, str) or isinstance(right, str)):
        return False
    return part.casefold() in text.casefold()


def contains_key(left: object, right: object, switches: Switches) -> bool:
    """An object has the key, in any case."""
    return isinstance(left, dict) and any(are_equal(key, right, switches) for key in left)


def is_member(left: object, right: object, switches: Switches) -> bool:
    """`in`: an absent value is in a list that holds null; an explicit null is in none; one value stands for a list of it."""
    items = right if isinstance(right, list) else [right]
    if left is MISSING:
        return isinstance(right, list) and any(item is None for item in right)
    return left is not None and any(item is not None and are_equal(item, left, switches) for item in items)


def exists(left: object, right: object) -> bool:
    """Return whether presence (neither absent nor null) is what was asked for."""
    return (left is not MISSING and left is not None) is (parse_boolean(right) or False)


def _match_positive(operator: str, left: object, right: object, switches: Switches) -> bool:
    if operator == "equals":
        return right is None if left is MISSING else are_equal(left, right, switches)
    if operator == "in":
        return is_member(left, right, switches)
    if left is MISSING:
        return False
    if operator == "contains":
        return contains(left, right, switches)
    if operator == "containskey":
        return contains_key(left, right, switches)
    if operator == "like":
        return matches_like(left, right, switches)
    return matches_pattern(left, right, insensitive=operator == "matchinsensitively")


_ORDERS: dict[str, Callable[[int], bool]] = {
    "less": lambda sign: sign < 0,
    "lessorequals": lambda sign: sign <= 0,
    "greater": lambda sign: sign > 0,
    "greaterorequals": lambda sign: sign >= 0,
}


def assess(operator: str, left: object, right: object, switches: Switches) -> bool:
    """Return what `left operator right` yields; `operator` is lower-cased, `left` may be MISSING.

    Raises OrderError only where the switches say so.
    """
    if operator == "exists":
        return exists(left, right)
    test = _ORDERS.get(operator)
    if test is not None:
        sign = None if left is MISSING else compare(left, right, switches)
        return sign is not None and test(sign)
    if operator.startswith("not"):
        return not _match_positive(operator[3:], left, right, switches)
    return _match_positive(operator, left, right, switches)
