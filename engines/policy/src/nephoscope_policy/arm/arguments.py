"""Typed access to the arguments of a function: each returns the value or raises a FunctionError that says which type it wants."""

from __future__ import annotations

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.lambdas import LambdaArgument
from nephoscope_policy.arm.unknown import UndecidedError, Unknown
from nephoscope_policy.arm.value import Value, describe_type, is_number


def make_argument_type_error(arguments: list[Value], position: int, wanted: str) -> FunctionError:
    """The FunctionError for an argument (0-based position) of the wrong type; an UndecidedError where it is unknown."""
    value = arguments[position]
    if isinstance(value, Unknown):
        return UndecidedError(value)
    return FunctionError(
        f"argument {position + 1} must be {wanted}, not {describe_type(arguments[position])}"
    )


def get_text(arguments: list[Value], position: int) -> str:
    """A string."""
    value = arguments[position]
    if isinstance(value, str):
        return value
    raise make_argument_type_error(arguments, position, "a string")


def get_optional_text(arguments: list[Value], position: int, default: str) -> str:
    """A string, or the default where the argument is not given."""
    return get_text(arguments, position) if position < len(arguments) else default


def get_integer(arguments: list[Value], position: int) -> int:
    """An integer; a float counts where it is whole."""
    value = arguments[position]
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise make_argument_type_error(arguments, position, "an integer")


def get_number(arguments: list[Value], position: int) -> float:
    """An integer or a float, as it is."""
    value = arguments[position]
    if is_number(value):
        return value
    raise make_argument_type_error(arguments, position, "a number")


def get_boolean(arguments: list[Value], position: int) -> bool:
    """A boolean."""
    value = arguments[position]
    if isinstance(value, bool):
        return value
    raise make_argument_type_error(arguments, position, "a boolean")


def get_array(arguments: list[Value], position: int) -> list[Value]:
    """An array."""
    value = arguments[position]
    if isinstance(value, list):
        return value
    raise make_argument_type_error(arguments, position, "an array")


def get_object(arguments: list[Value], position: int) -> dict[str, Value]:
    """An object."""
    value = arguments[position]
    if isinstance(value, dict):
        return value
    raise make_argument_type_error(arguments, position, "an object")


def require_lambda(arguments: list[object], position: int, least: int, most: int) -> LambdaArgument:
    """A lambda with a number of parameters in a range."""
    value = arguments[position]
    if not isinstance(value, LambdaArgument):
        raise make_argument_type_error(arguments, position, "a lambda")
    count = len(value.parameters)
    if least <= count <= most:
        return value
    wanted = str(least) if least == most else f"{least} or {most}"
    raise FunctionError(f"argument {position + 1} must be a lambda with {wanted} parameters, not {count}")
