"""Functions that take a lambda; `lambda` and `lambdaVariables` are forms of the language itself."""

from __future__ import annotations

from functools import cmp_to_key

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.unknown import UndecidedError, Unknown
from nephoscope_policy.arm.value import Spelling, Value, describe_type, require_bounded_length


@declare_function("map(inputArray, lambda)", policy=False)
def map_(arguments: list[object]) -> Value:
    """Apply a lambda (element, [index]) to each element."""
    transform = given.require_lambda(arguments, 1, 1, 2)
    return [
        _require_value(transform(item, place)) for place, item in enumerate(given.get_array(arguments, 0))
    ]


@declare_function("filter(inputArray, lambda)", policy=False)
def filter_(arguments: list[object]) -> Value:
    """Keep the elements for which a lambda (element, [index]) is true."""
    test = given.require_lambda(arguments, 1, 1, 2)
    return [
        item for place, item in enumerate(given.get_array(arguments, 0)) if _require_truth(test(item, place))
    ]


@declare_function("reduce(inputArray, initialValue, lambda)", policy=False)
def reduce(arguments: list[object]) -> Value:
    """Fold an array with a lambda (accumulated, element, [index])."""
    step = given.require_lambda(arguments, 2, 2, 3)
    result = arguments[1]
    for place, item in enumerate(given.get_array(arguments, 0)):
        result = _require_value(step(result, item, place))
        step.charge_budget(result)
    return result


@declare_function("sort(inputArray, lambda)", policy=False)
def sort(arguments: list[object]) -> Value:
    """Sort by a lambda (left, right) that says whether left comes first; equal elements keep their order."""
    precedes = given.require_lambda(arguments, 1, 2, 2)

    def compare(left: Value, right: Value) -> int:
        if _require_truth(precedes(left, right)):
            return -1
        return 1 if _require_truth(precedes(right, left)) else 0

    return sorted(given.get_array(arguments, 0), key=cmp_to_key(compare))


@declare_function("toObject(inputArray, keyLambda, [valueLambda])", policy=False)
def to_object(arguments: list[object]) -> Value:
    """Make an object of an array by a key lambda (element) and a value lambda (element); the later element wins."""
    key_of = given.require_lambda(arguments, 1, 1, 1)
    value_of = given.require_lambda(arguments, 2, 1, 1) if len(arguments) > 2 else None
    result: dict[str, Value] = {}
    for item in given.get_array(arguments, 0):
        result[_format_key(key_of(item))] = _require_value(value_of(item)) if value_of else item
    return result


@declare_function("groupBy(inputArray, lambda)", policy=False)
def group_by(arguments: list[object]) -> Value:
    """Make an object of arrays: the elements by the key that a lambda (element, [index]) gives."""
    key_of = given.require_lambda(arguments, 1, 1, 2)
    result: dict[str, Value] = {}
    groups: dict[str, list[Value]] = {}
    spelling = Spelling(result)
    for place, item in enumerate(given.get_array(arguments, 0)):
        key = _format_key(key_of(item, place))
        own = spelling.find(key)
        if own is None:
            spelling.put(key, groups.setdefault(key, [item]))
        else:
            groups[own].append(item)
    return result


@declare_function("mapValues(inputObject, lambda)", policy=False)
def map_values(arguments: list[object]) -> Value:
    """Apply a lambda (value) to each value of an object."""
    transform = given.require_lambda(arguments, 1, 1, 1)
    members = given.get_object(arguments, 0)
    require_bounded_length(len(members))
    return {key: _require_value(transform(value)) for key, value in members.items()}


def _require_truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Unknown):
        raise UndecidedError(value)
    raise FunctionError(f"the lambda must give a boolean, not {describe_type(value)}")


def _format_key(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        raise UndecidedError(value)
    raise FunctionError(f"the key lambda must give a string, not {describe_type(value)}")


def _require_value(value: Value) -> Value:
    if callable(value):
        raise FunctionError("a lambda must give a value, not a lambda")
    return value
