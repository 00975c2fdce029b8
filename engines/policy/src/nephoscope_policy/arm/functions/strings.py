"""Functions on strings."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.dotnet.composite import fill_composite_format
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.murmur_hash import compute_murmur64, encode_base32
from nephoscope_policy.arm.value import (
    Value,
    are_equal,
    limit_text,
    render_number,
    require_bounded_length,
    to_text,
)

GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace of the name-based (version 5) identifiers that guid() makes."""


@declare_function("string(valueToConvert)")
def string(arguments: list[object]) -> Value:
    """Give a value as text: arrays and objects as compact JSON, null as 'null'."""
    return limit_text(to_text(arguments[0]))


@declare_function("toLower(stringToChange)")
def to_lower(arguments: list[object]) -> Value:
    """Lower the case, independent of culture."""
    return given.get_text(arguments, 0).lower()


@declare_function("toUpper(stringToChange)")
def to_upper(arguments: list[object]) -> Value:
    """Raise the case, independent of culture."""
    return limit_text(given.get_text(arguments, 0).upper())


@declare_function("trim(stringToTrim)")
def trim(arguments: list[object]) -> Value:
    """Remove white space at both ends."""
    return given.get_text(arguments, 0).strip()


@declare_function("replace(originalString, oldString, newString)")
def replace(arguments: list[object]) -> Value:
    """Replace every occurrence, by code point."""
    original, old, new = (given.get_text(arguments, place) for place in range(3))
    if not old:
        raise FunctionError("argument 2 must not be empty")
    require_bounded_length(len(original) + original.count(old) * (len(new) - len(old)), unit="characters")
    return original.replace(old, new)


@declare_function("split(inputString, delimiter)")
def split(arguments: list[object]) -> Value:
    """Cut a string at a delimiter, or at any of an array of delimiters (the longest first)."""
    content = given.get_text(arguments, 0)
    if isinstance(arguments[1], str):
        delimiters = [arguments[1]]
    elif isinstance(arguments[1], list):
        delimiters = [given.get_text(arguments[1], place) for place in range(len(arguments[1]))]
    else:
        raise given.make_argument_type_error(arguments, 1, "a string or an array of strings")
    delimiters = sorted(filter(None, delimiters), key=len, reverse=True)
    if not delimiters:
        return [content]
    return content.split(delimiters[0]) if len(delimiters) == 1 else _split_at_any(content, delimiters)


def _split_at_any(content: str, delimiters: list[str]) -> list[str]:
    parts, start, place = [], 0, 0
    while place < len(content):
        found = next((item for item in delimiters if content.startswith(item, place)), "")
        if found:
            parts.append(content[start:place])
            start = place = place + len(found)
        else:
            place += 1
    return [*parts, content[start:]]


@declare_function("join(inputArray, delimiter)")
def join(arguments: list[object]) -> Value:
    """Join the elements of an array, each as string() gives it."""
    pieces = [to_text(item) for item in given.get_array(arguments, 0)]
    delimiter = given.get_text(arguments, 1)
    require_bounded_length(
        sum(map(len, pieces)) + len(delimiter) * max(len(pieces) - 1, 0), unit="characters"
    )
    return delimiter.join(pieces)


@declare_function("startsWith(stringToSearch, stringToFind)")
def starts_with(arguments: list[object]) -> Value:
    """Say whether a string starts with another, ignoring case."""
    return given.get_text(arguments, 0).casefold().startswith(given.get_text(arguments, 1).casefold())


@declare_function("endsWith(stringToSearch, stringToFind)")
def ends_with(arguments: list[object]) -> Value:
    """Say whether a string ends with another, ignoring case."""
    return given.get_text(arguments, 0).casefold().endswith(given.get_text(arguments, 1).casefold())


@declare_function("indexOf(stringToSearch, stringToFind)")
def index_of(arguments: list[object]) -> Value:
    """Give the 0-based place of the first occurrence, ignoring case; -1 where there is none; in an array, of an element."""
    if isinstance(arguments[0], list):
        return next(_find_item_places(arguments[0], arguments[1]), -1)
    folded, places = _fold_case(given.get_text(arguments, 0))
    found = folded.find(given.get_text(arguments, 1).casefold())
    return found if found < 0 else places[found]


@declare_function("lastIndexOf(stringToSearch, stringToFind)")
def last_index_of(arguments: list[object]) -> Value:
    """Give the 0-based place of the last occurrence, ignoring case; -1 where there is none; in an array, of an element."""
    if isinstance(arguments[0], list):
        return max(_find_item_places(arguments[0], arguments[1]), default=-1)
    folded, places = _fold_case(given.get_text(arguments, 0))
    found = folded.rfind(given.get_text(arguments, 1).casefold())
    return found if found < 0 else places[found]


def _find_item_places(items: list[Value], wanted: Value) -> Iterator[int]:
    return (place for place, item in enumerate(items) if are_equal(item, wanted))


def _fold_case(content: str) -> tuple[str, list[int]]:
    pieces = [character.casefold() for character in content]
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    return "".join(pieces), [*places, len(content)]


@declare_function("substring(stringToParse, startIndex, [length])")
def substring(arguments: list[object]) -> Value:
    """Give the part from a 0-based place, up to the end or of a length; a place outside the string is an error."""
    content, start = given.get_text(arguments, 0), given.get_integer(arguments, 1)
    count = given.get_integer(arguments, 2) if len(arguments) > 2 else len(content) - start
    if start < 0 or count < 0 or start + count > len(content):
        raise FunctionError(
            f"start {start} and length {count} lie outside a string of {len(content)} characters"
        )
    return content[start : start + count]


@declare_function("padLeft(valueToPad, totalLength, [paddingCharacter])")
def pad_left(arguments: list[object]) -> Value:
    """Pad a string or an integer on the left to a length, with blanks or one given character."""
    value = arguments[0]
    if type(value) is int:
        value = render_number(value)
    elif not isinstance(value, str):
        raise given.make_argument_type_error(arguments, 0, "a string or an integer")
    width = given.get_integer(arguments, 1)
    filler = given.get_optional_text(arguments, 2, " ")
    if len(filler) != 1:
        raise FunctionError("argument 3 must be one character")
    return value.rjust(require_bounded_length(width, unit="characters"), filler)


@declare_function("format(formatString, ...)")
def format_(arguments: list[object]) -> Value:
    """Fill `{index[,alignment][:formatString]}` as .NET's String.Format does in the invariant culture."""
    return fill_composite_format(given.get_text(arguments, 0), arguments[1:])


@declare_function("guid(baseString, ...)")
def guid(arguments: list[object]) -> Value:
    """Give the name-based identifier (RFC 4122 version 5) of the arguments joined by '-'."""
    name = "-".join(given.get_text(arguments, place) for place in range(len(arguments)))
    digest = hashlib.sha1(GUID_NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


@declare_function("uniqueString(baseString, ...)")
def unique_string(arguments: list[object]) -> Value:
    """Give the 13-character hash (MurmurHash of 64 bits in base 32) of the arguments joined by '-'."""
    name = "-".join(given.get_text(arguments, place) for place in range(len(arguments)))
    return encode_base32(compute_murmur64(name.encode()))
