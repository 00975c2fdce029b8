"""Functions on numbers: 64-bit integers; floats where an operand is one."""

from __future__ import annotations

import re
from collections.abc import Callable

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.value import INT_MAX, INT_MIN, Value, is_number, require_finite, require_int64

_DIGITS = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_REAL = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?", re.ASCII
)


@declare_function("add(operand1, operand2)")
def add(arguments: list[object]) -> Value:
    """Add two numbers."""
    return _check_result(given.get_number(arguments, 0) + given.get_number(arguments, 1))


@declare_function("sub(operand1, operand2)")
def sub(arguments: list[object]) -> Value:
    """Subtract the second number from the first."""
    return _check_result(given.get_number(arguments, 0) - given.get_number(arguments, 1))


@declare_function("mul(operand1, operand2)")
def mul(arguments: list[object]) -> Value:
    """Multiply two numbers."""
    return _check_result(given.get_number(arguments, 0) * given.get_number(arguments, 1))


def _check_result(number: float) -> float:
    return require_int64(number) if isinstance(number, int) else require_finite(number)


@declare_function("div(operand1, operand2)")
def div(arguments: list[object]) -> Value:
    """Divide integers, rounding toward zero (a float operand counts by its integer part)."""
    dividend, divisor = _read_operands(arguments)
    quotient = abs(dividend) // abs(divisor)
    return require_int64(quotient if (dividend < 0) == (divisor < 0) else -quotient)


@declare_function("mod(operand1, operand2)")
def mod(arguments: list[object]) -> Value:
    """Give the remainder of div(); it has the sign of the first number."""
    dividend, divisor = _read_operands(arguments)
    remainder = abs(dividend) % abs(divisor)
    return -remainder if dividend < 0 else remainder


def _read_operands(arguments: list[object]) -> tuple[int, int]:
    dividend, divisor = int(given.get_number(arguments, 0)), int(given.get_number(arguments, 1))
    if divisor == 0:
        raise FunctionError("division by zero")
    return dividend, divisor


@declare_function("int(valueToConvert)")
def int_(arguments: list[object]) -> Value:
    """Convert a number or its text to an integer, cutting off decimals."""
    value = arguments[0]
    if isinstance(value, str):
        value = read_number(value)
    if is_number(value):
        return require_int64(int(value))
    raise given.make_argument_type_error(arguments, 0, "a number or its text")


@declare_function("float(valueToConvert)")
def float_(arguments: list[object]) -> Value:
    """Convert a number or its text to a float."""
    value = arguments[0]
    if isinstance(value, str):
        value = read_number(value)
    if is_number(value):
        return float(value)
    raise given.make_argument_type_error(arguments, 0, "a number or its text")


def read_number(content: str) -> float:
    """The number that a text spells, blanks around it allowed; raises FunctionError for anything else."""
    stripped = content.strip()
    if _DIGITS.fullmatch(stripped):
        number = int(stripped)
        return number if INT_MIN <= number <= INT_MAX else float(number)
    if _REAL.fullmatch(stripped):
        return require_finite(float(stripped))
    raise FunctionError(f"{content[:60]!r} is not a number")


@declare_function("min(integersOrArray, ...)")
def min_(arguments: list[object]) -> Value:
    """Give the smallest of some numbers, or of arrays of numbers."""
    return _choose_extreme(arguments, min)


@declare_function("max(integersOrArray, ...)")
def max_(arguments: list[object]) -> Value:
    """Give the largest of some numbers, or of arrays of numbers."""
    return _choose_extreme(arguments, max)


def _choose_extreme(arguments: list[object], choose: Callable[[list[float]], float]) -> float:
    numbers = [item for one in arguments for item in (one if isinstance(one, list) else (one,))]
    if not numbers:
        raise FunctionError("the array is empty")
    return choose([given.get_number(numbers, place) for place in range(len(numbers))])
