"""Functions on objects, and on values by key."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import Thunk, declare_function
from nephoscope_policy.arm.value import Spelling, Value, find_key, parse_value, require_bounded_length


@declare_function("createObject(...)")
def create_object(arguments: list[object]) -> Value:
    """Make an object of keys and values in turn."""
    if len(arguments) % 2:
        raise FunctionError(f"takes keys and values in pairs, not {len(arguments)} arguments")
    result: dict[str, Value] = {}
    spelling = Spelling(result)
    for place in range(0, len(arguments), 2):
        spelling.put(given.get_text(arguments, place), arguments[place + 1])
    return result


@declare_function("json(stringToParse)")
def json_(arguments: list[object]) -> Value:
    """Parse JSON text."""
    return parse_value(given.get_text(arguments, 0))


@declare_function("items(objectToConvert)")
def items(arguments: list[object]) -> Value:
    """Give an object as an array of `{"key", "value"}`, sorted by key."""
    members = sorted(given.get_object(arguments, 0).items())
    return [{"key": key, "value": value} for key, value in members]


@declare_function("objectKeys(object)")
def object_keys(arguments: list[object]) -> Value:
    """Give the keys of an object, sorted."""
    return sorted(given.get_object(arguments, 0))


@declare_function("shallowMerge(inputArray)")
def shallow_merge(arguments: list[object]) -> Value:
    """Merge an array of objects by their top-level keys; the later value wins."""
    result: dict[str, Value] = {}
    spelling = Spelling(result)
    entries = given.get_array(arguments, 0)
    for place in range(len(entries)):
        for key, value in given.get_object(entries, place).items():
            spelling.put(key, value)
        require_bounded_length(len(result))
    return result


@declare_function("tryGet(itemToTest, keyOrIndex, ...)", lazy=True)
def try_get(arguments: list[Thunk]) -> Value:
    """Walk by keys and 0-based indexes; null as soon as something is missing, and nothing more is evaluated."""
    value = arguments[0]()
    for place, thunk in enumerate(arguments[1:], 1):
        if value is None:
            return None
        value = step_into_value(value, thunk(), place)
    return value


def step_into_value(value: Value, step: Value, place: int) -> Value:
    """A member or an element, None where there is none; raises FunctionError for a step (argument `place`) that is neither."""
    if isinstance(value, dict) and isinstance(step, str):
        own = find_key(value, step)
        return None if own is None else value[own]
    if isinstance(step, dict):
        return _step_from_end(value, step, place)
    if isinstance(value, list) and type(step) is int:
        return value[step] if 0 <= step < len(value) else None
    if isinstance(step, str) or type(step) is int:
        return None
    raise FunctionError(f"argument {place + 1} must be a string or an integer")


def _step_from_end(value: Value, step: dict[str, Value], place: int) -> Value:
    """Return what `{"value": step, "fromEnd": true}` leads to, as compilers write it: the last element is 1."""
    inner, counted = step.get("value"), step.get("fromEnd") is True
    if not counted or not isinstance(value, list) or type(inner) is not int:
        return step_into_value(value, inner, place)
    return value[-inner] if 1 <= inner <= len(value) else None
