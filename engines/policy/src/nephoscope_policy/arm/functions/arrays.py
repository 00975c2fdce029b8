"""Functions that make and take apart arrays (and strings, where they are seen as arrays of characters)."""

from __future__ import annotations

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.dotnet.composite import format_plain
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.unknown import UndecidedError, Unknown
from nephoscope_policy.arm.value import (
    Spelling,
    Value,
    are_equal,
    build_identity,
    find_key,
    require_bounded_length,
)

MAX_RANGE = 10_000
MAX_RANGE_END = 2_147_483_647


@declare_function("array(convertToArray)")
def array(arguments: list[object]) -> Value:
    """Wrap a value in an array; an array stays as it is."""
    value = arguments[0]
    return value if isinstance(value, list) else [value]


@declare_function("createArray(...)")
def create_array(arguments: list[object]) -> Value:
    """Make an array of the arguments."""
    return list(arguments)


@declare_function("range(startIndex, count)")
def range_(arguments: list[object]) -> Value:
    """Make an array of consecutive integers; at most 10,000, the end at most 2,147,483,647."""
    start, count = given.get_integer(arguments, 0), given.get_integer(arguments, 1)
    if not 0 <= count <= MAX_RANGE:
        raise FunctionError(f"the count must be between 0 and {MAX_RANGE}, not {count}")
    if start + count > MAX_RANGE_END:
        raise FunctionError(f"startIndex + count must not exceed {MAX_RANGE_END}")
    return list(range(start, start + count))


@declare_function("first(arrayOrString)")
def first(arguments: list[object]) -> Value:
    """Give the first element or character; null for an empty array, '' for an empty string."""
    return _read_sliced_end(arguments, 0)


@declare_function("last(arrayOrString)")
def last(arguments: list[object]) -> Value:
    """Give the last element or character; null for an empty array, '' for an empty string."""
    return _read_sliced_end(arguments, -1)


def _read_sliced_end(arguments: list[object], place: int) -> Value:
    value = arguments[0]
    if isinstance(value, list):
        return value[place] if value else None
    if isinstance(value, str):
        return value[place] if value else ""
    raise given.make_argument_type_error(arguments, 0, "an array or a string")


@declare_function("length(arrayStringOrObject)")
def length(arguments: list[object]) -> Value:
    """Count the elements of an array, the characters of a string or the top-level keys of an object."""
    if isinstance(arguments[0], list | str | dict):
        return len(arguments[0])
    raise given.make_argument_type_error(arguments, 0, "an array, a string or an object")


@declare_function("empty(itemToTest)")
def empty(arguments: list[object]) -> Value:
    """Say whether an array, object or string is empty; null is empty, a number or boolean never."""
    value = arguments[0]
    return value is None or (isinstance(value, list | str | dict) and not value)


@declare_function("take(originalValue, numberToTake)")
def take(arguments: list[object]) -> Value:
    """Give the first elements or characters: none for a number below 1, all where there are fewer."""
    return _require_sliceable_value(arguments)[: max(given.get_integer(arguments, 1), 0)]


@declare_function("skip(originalValue, numberToSkip)")
def skip(arguments: list[object]) -> Value:
    """Give what follows the first elements or characters: all for a number below 1."""
    return _require_sliceable_value(arguments)[max(given.get_integer(arguments, 1), 0) :]


def _require_sliceable_value(arguments: list[object]) -> str | list[Value]:
    if isinstance(arguments[0], list | str):
        return arguments[0]
    raise given.make_argument_type_error(arguments, 0, "an array or a string")


@declare_function("contains(container, itemToFind)")
def contains(arguments: list[object]) -> Value:
    """Say whether an array has an element, an object a key (ignoring case) or a string a part; strings by code point."""
    container, item = arguments
    if isinstance(container, list):
        return any(are_equal(own, item) for own in container)
    if isinstance(container, dict):
        return find_key(container, given.get_text(arguments, 1)) is not None
    if isinstance(container, str):
        return given.get_text(arguments, 1) in container
    raise given.make_argument_type_error(arguments, 0, "an array, an object or a string")


@declare_function("indexFromEnd(sourceArray, reverseIndex)")
def index_from_end(arguments: list[object]) -> Value:
    """Give an element counted from the end, which is 1."""
    items, place = given.get_array(arguments, 0), given.get_integer(arguments, 1)
    if 1 <= place <= len(items):
        return items[-place]
    raise FunctionError(f"index {place} is out of bounds of an array of {len(items)}")


@declare_function("tryIndexFromEnd(sourceArray, reverseIndex)")
def try_index_from_end(arguments: list[object]) -> Value:
    """Give an element counted from the end, which is 1; null where there is none, or no array."""
    items, place = arguments
    if isinstance(items, list) and type(place) is int and 1 <= place <= len(items):
        return items[-place]
    return None


@declare_function("flatten(arrayToFlatten)")
def flatten(arguments: list[object]) -> Value:
    """Join the arrays inside an array, one level."""
    result: list[Value] = []
    for position, item in enumerate(given.get_array(arguments, 0)):
        if isinstance(item, Unknown):
            raise UndecidedError(item)
        if not isinstance(item, list):
            raise FunctionError(f"element {position} is not an array")
        require_bounded_length(len(result) + len(item))
        result.extend(item)
    return result


@declare_function("intersection(first, ...)")
def intersection(arguments: list[object]) -> Value:
    """Give what all arrays, or all objects (key with an equal value), have in common, in the order of the first."""
    if isinstance(arguments[0], dict):
        return _select_common_members([given.get_object(arguments, place) for place in range(len(arguments))])
    if not isinstance(arguments[0], list):
        raise given.make_argument_type_error(arguments, 0, "an array or an object")
    others = [
        {build_identity(item) for item in given.get_array(arguments, place)}
        for place in range(1, len(arguments))
    ]
    distinct = {build_identity(item): item for item in reversed(arguments[0])}
    order = dict.fromkeys(build_identity(item) for item in arguments[0])
    return [distinct[key] for key in order if all(key in other for other in others)]


def _select_common_members(objects: list[dict[str, Value]]) -> dict[str, Value]:
    result = {}
    others = [(other, Spelling(other)) for other in objects[1:]]
    for key, value in objects[0].items():
        found = [(other, spelling.find(key)) for other, spelling in others]
        if all(own is not None and are_equal(other[own], value) for other, own in found):
            result[key] = value
    return result


@declare_function("union(first, ...)")
def union(arguments: list[object]) -> Value:
    """Give the distinct elements of arrays, or objects merged: nested objects too, else the later value wins; null is left out."""
    arguments = [one for one in arguments if one is not None] or [None]
    if isinstance(arguments[0], dict):
        merged: dict[str, Value] = {}
        for place in range(len(arguments)):
            merged = merge(merged, given.get_object(arguments, place))
        return merged
    if not isinstance(arguments[0], list):
        raise given.make_argument_type_error(arguments, 0, "an array or an object")
    require_bounded_length(sum(len(given.get_array(arguments, place)) for place in range(len(arguments))))
    distinct: dict[object, Value] = {}
    for place in range(len(arguments)):
        for item in given.get_array(arguments, place):
            distinct.setdefault(build_identity(item), item)
    return list(distinct.values())


def merge(base: dict[str, Value], overlay: dict[str, Value]) -> dict[str, Value]:
    """Merge two objects recursively; keys are one where they are equal ignoring case, spelled as in `base`."""
    result = dict(base)
    spelling = Spelling(result)
    for key, value in overlay.items():
        own = spelling.find(key)
        known = None if own is None else result[own]
        if isinstance(known, dict) and isinstance(value, dict):
            value = merge(known, value)
        spelling.put(key, value)
    require_bounded_length(len(result))
    return result


@declare_function("concat(...)")
def concat(arguments: list[object]) -> Value:
    """Join strings (numbers and booleans as text), or arrays; nothing gives ''."""
    if arguments and isinstance(arguments[0], list):
        arrays = [given.get_array(arguments, place) for place in range(len(arguments))]
        require_bounded_length(sum(map(len, arrays)))
        return [item for items in arrays for item in items]
    pieces = [_format_piece(arguments, place) for place in range(len(arguments))]
    require_bounded_length(sum(map(len, pieces)), unit="characters")
    return "".join(pieces)


def _format_piece(arguments: list[object], place: int) -> str:
    value = arguments[place]
    if isinstance(value, list | dict) or callable(value):
        raise given.make_argument_type_error(arguments, place, "a string, a number or a boolean")
    return format_plain(value)
