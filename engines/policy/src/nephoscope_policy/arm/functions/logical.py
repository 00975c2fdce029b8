"""Logical functions; those that choose evaluate only what they need."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.function import Thunk, declare_function
from nephoscope_policy.arm.value import Value

_TRUE = {"true": True, "1": True, "false": False, "0": False}


@declare_function("if(condition, trueValue, falseValue)", lazy=True)
def if_(arguments: list[Thunk]) -> Value:
    """Give the second or third argument; the other is not evaluated."""
    return arguments[1]() if given.get_boolean([arguments[0]()], 0) else arguments[2]()


@declare_function("and(...)", lazy=True)
def and_(arguments: list[Thunk]) -> Value:
    """Say whether all arguments are true; none after the first false one is evaluated."""
    return all(given.get_boolean({place: thunk()}, place) for place, thunk in enumerate(arguments))  # type: ignore[arg-type]


@declare_function("or(...)", lazy=True)
def or_(arguments: list[Thunk]) -> Value:
    """Say whether an argument is true; none after the first true one is evaluated."""
    return any(given.get_boolean({place: thunk()}, place) for place, thunk in enumerate(arguments))  # type: ignore[arg-type]


@declare_function("not(condition)")
def not_(arguments: list[object]) -> Value:
    """Negate a boolean."""
    return not given.get_boolean(arguments, 0)


@declare_function("bool(valueToConvert)")
def bool_(arguments: list[object]) -> Value:
    """Convert true, false, 1, 0 or their text to a boolean; any other number than 0 is true."""
    value = arguments[0]
    if isinstance(value, str) and value.lower() in _TRUE:
        return _TRUE[value.lower()]
    if isinstance(value, bool | int | float):
        return bool(value)
    raise given.make_argument_type_error(arguments, 0, "a boolean, a number or the text true or false")


@declare_function("true()")
def true(_: list[object]) -> Value:
    """Give true."""
    return True


@declare_function("false()")
def false(_: list[object]) -> Value:
    """Give false."""
    return False


@declare_function("null()")
def null(_: list[object]) -> Value:
    """Give null."""
    return None


@declare_function("coalesce(arg1, ...)", lazy=True)
def coalesce(arguments: list[Thunk]) -> Value:
    """Give the first argument that is not null, null where all are; none after it is evaluated."""
    for thunk in arguments:
        value = thunk()
        if value is not None:
            return value
    return None
