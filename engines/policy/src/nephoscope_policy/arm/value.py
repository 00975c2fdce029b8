"""The values of the expression language: JSON, with the comparisons and conversions that the functions share."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from typing import TypeAlias, TypeGuard

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.json_text import ArmJsonError, parse_json
from nephoscope_policy.arm.unknown import Unknown, describe_unknown

Value: TypeAlias = object
"""None, bool, int (64 bit), float, str, list or dict with str keys; a Lambda only as an argument of a lambda function."""

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MAX_TEXT = 4 * 1024 * 1024
"""Characters that one string result may have."""
MAX_LEVELS = 200
"""Levels of nesting that a parsed or accumulated value may have."""
MAX_ITEMS = 1_000_000
"""Elements or keys that one array or object result may have."""

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def describe_type(value: Value) -> str:
    """The JSON type of a value with its article, for messages."""
    if isinstance(value, Unknown):
        return describe_unknown(value)
    return _KINDS.get(type(value)) or ("an object" if isinstance(value, dict) else "a lambda")


def is_number(value: Value) -> TypeGuard[int | float]:
    """Return whether the value is an integer or a float; a boolean is neither."""
    return type(value) in (int, float)


def require_int64(number: int) -> int:
    """The number, or a FunctionError where it does not fit a 64-bit integer."""
    if INT_MIN <= number <= INT_MAX:
        return number
    raise FunctionError("the result does not fit in a 64-bit integer")


def require_finite(number: float) -> float:
    """The number, or a FunctionError where it is infinite or not a number."""
    if math.isfinite(number):
        return number
    raise FunctionError("the result is not a finite number")


def limit_text(text: str) -> str:
    """The text, or a FunctionError where it is longer than MAX_TEXT."""
    if len(text) <= MAX_TEXT:
        return text
    raise FunctionError(f"the result has more than {MAX_TEXT} characters")


def require_bounded_length(length: int, *, unit: str = "elements") -> int:
    """The length, or a FunctionError where it exceeds what one result may have; call it before allocating."""
    limit = MAX_TEXT if unit == "characters" else MAX_ITEMS
    if length <= limit:
        return length
    raise FunctionError(f"the result has more than {limit} {unit}")


def find_key(container: dict[str, Value], key: str) -> str | None:
    """The key as the object spells it: exact case first, else the first that is equal ignoring case."""
    if key in container:
        return key
    folded = key.casefold()
    return next((own for own in container if own.casefold() == folded), None)


class Spelling:
    """The keys of an object that is read or built, found ignoring case in constant time."""

    def __init__(self, container: dict[str, Value]) -> None:
        self._container = container
        self._folded: dict[str, str] = {}
        for key in container:
            self._folded.setdefault(key.casefold(), key)

    def find(self, key: str) -> str | None:
        """The key as the object spells it, as find_key gives it."""
        return key if key in self._container else self._folded.get(key.casefold())

    def put(self, key: str, value: Value) -> None:
        """Set a member under the spelling that the object has, or under this one."""
        own = key if key in self._container else self._folded.setdefault(key.casefold(), key)
        self._container[own] = value


def build_identity(value: Value) -> Hashable:
    """A hashable that is equal for equal JSON values only: types told apart, 1 and 1.0 equal, keys unordered."""
    if isinstance(value, list):
        return ("array", tuple(build_identity(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((key, build_identity(item)) for key, item in value.items()))
    if isinstance(value, bool) or value is None:
        return ("boolean", value)
    return value


def are_equal(left: Value, right: Value) -> bool:
    """Deep JSON equality: strings by code point, 1 equals 1.0, a boolean never equals a number, key order is free."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(are_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(are_equal(item, right[key]) for key, item in left.items())
    return bool(left == right)


def render_number(number: float) -> str:
    """A number as .NET prints it in the invariant culture: no trailing `.0`, exponents as E+16."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number)) if number or math.copysign(1, number) > 0 else "-0"
    text = repr(number)
    if "e" not in text:
        return text if abs(number) < 1e15 else _format_scientific(number)
    return text if text.startswith("in") else _format_scientific(number)


def _format_scientific(number: float) -> str:
    digits = Decimal(repr(number)).as_tuple()
    exponent = int(digits.exponent) + len(digits.digits) - 1
    if -5 <= exponent < 15:
        return format(Decimal(repr(number)), "f")
    mantissa = "".join(map(str, digits.digits)).rstrip("0") or "0"
    point = "." + mantissa[1:] if len(mantissa) > 1 else ""
    return (
        f"{'-' if digits.sign else ''}{mantissa[0]}{point}E{'+' if exponent >= 0 else '-'}{abs(exponent):02d}"
    )


def format_json(value: Value) -> str:
    """The compact JSON of an array or object (no blanks, non-ASCII kept); a FunctionError where it exceeds MAX_TEXT."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in _list_chunks(value):
            size += len(piece)
            require_bounded_length(size, unit="characters")
            pieces.append(piece)
    except RecursionError as error:
        raise FunctionError("the value is nested too deeply") from error
    return "".join(pieces)


def _list_chunks(value: Value) -> Iterator[str]:
    if callable(value):
        raise FunctionError("a lambda is not a value")
    return json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).iterencode(value)


def to_text(value: Value) -> str:
    """A value as the function string() gives it: true, 42, null, compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return render_number(value) if is_number(value) else format_json(value)


def iterate_levels(value: Value) -> Iterator[list[Value]]:
    """The values at each level of nesting, from the outside in; a FunctionError beyond MAX_LEVELS."""
    level = [value]
    for _ in range(MAX_LEVELS):
        if not level:
            return
        yield level
        level = [item for outer in level for item in _iterate_members(outer)]
    if level:
        raise FunctionError(f"the value is nested deeper than {MAX_LEVELS} levels")


def _iterate_members(value: Value) -> Iterable[Value]:
    if isinstance(value, list):
        return value
    return value.values() if isinstance(value, dict) else ()


def parse_value(text: str) -> Value:
    """Parse JSON, also with single quotes; of equal keys the last wins; a FunctionError says what is wrong."""
    try:
        value = _load_json(text)
        for _ in iterate_levels(value):
            pass
        return value
    except RecursionError as error:
        raise FunctionError(f"the value is nested deeper than {MAX_LEVELS} levels") from error
    except FunctionError:
        raise
    except ValueError as error:
        raise FunctionError(f"not JSON: {error}") from error


def _load_json(text: str) -> Value:
    try:
        return json.loads(
            text, parse_constant=_build_constant, parse_int=_parse_integer, parse_float=_parse_float
        )
    except json.JSONDecodeError as error:
        if "'" not in text:
            raise
        try:
            return parse_json(text)[0]
        except ArmJsonError:
            raise error from None


def _build_constant(name: str) -> Value:
    raise FunctionError(f"not JSON: {name}")


def _parse_integer(digits: str) -> float:
    if len(digits) > 19 + digits.startswith("-"):
        return _parse_float(digits)
    number = int(digits)
    return number if INT_MIN <= number <= INT_MAX else float(number)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise FunctionError(f"the number {digits[:40]} is too large")
    return number
