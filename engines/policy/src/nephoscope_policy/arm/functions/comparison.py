"""Functions that compare two values of one type: equality by code point, order by the invariant culture."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.collation import build_collation_key
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.value import Value, are_equal, is_number


@declare_function("equals(arg1, arg2)")
def equals(arguments: list[object]) -> Value:
    """Say whether two values are deeply equal; strings by code point, a number never equals its text."""
    return are_equal(arguments[0], arguments[1])


@declare_function("less(arg1, arg2)")
def less(arguments: list[object]) -> Value:
    """Say whether the first of two numbers or two strings is less."""
    return _compare_arguments(arguments) < 0


@declare_function("lessOrEquals(arg1, arg2)")
def less_or_equals(arguments: list[object]) -> Value:
    """Say whether the first of two numbers or two strings is less or equal."""
    return _compare_arguments(arguments) <= 0


@declare_function("greater(arg1, arg2)")
def greater(arguments: list[object]) -> Value:
    """Say whether the first of two numbers or two strings is greater."""
    return _compare_arguments(arguments) > 0


@declare_function("greaterOrEquals(arg1, arg2)")
def greater_or_equals(arguments: list[object]) -> Value:
    """Say whether the first of two numbers or two strings is greater or equal."""
    return _compare_arguments(arguments) >= 0


def _compare_arguments(arguments: list[object]) -> int:
    left = arguments[0]
    if isinstance(left, str):
        one, other = build_collation_key(left), build_collation_key(given.get_text(arguments, 1))
        return int(one > other) - int(one < other)
    if is_number(left):
        number = given.get_number(arguments, 1)
        return int(left > number) - int(left < number)
    raise given.make_argument_type_error(arguments, 0, "a number or a string")
