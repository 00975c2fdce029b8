"""Body schema: a table of fields that validates a request body and names the JSON path of an invalid value.

A shape takes a value and its path, and gives the value to keep: words are written as Azure spells them, whatever their case. Fields
that a table does not name are kept as they are, as clients of other versions send more; null is a field that is not there.

Source: https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md (error response body, `target`)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.alerts.documents.duration import format_duration, parse_duration
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

#: (value, path) -> the value to keep; raises Fault.
Shape = Callable[[object, str], Any]


def read(shape: Shape, body: dict[str, object]) -> dict[str, Any]:
    """A document whose properties have a shape; Fault with the path of what has not."""
    return {**body, "properties": shape(body.get("properties"), "properties")}


def check_shape(call: ApiCall, shape: Shape) -> ApiCall:
    """A call as if it had been sent in Azure's spelling; Fault where its properties have not the shape."""
    return replace(call, raw=msgspec.json.encode(read(shape, call.body)))


def declare_object(needed: Mapping[str, Shape], may: Mapping[str, Shape] | None = None) -> Shape:
    """An object with the fields that are needed, and those that it may have; their names in any case."""
    spelled = {name.lower(): (name, one) for name, one in {**needed, **(may or {})}.items()}

    def shape(value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise _make_shape_error(path, "an object", value)
        found: dict[str, Any] = {}
        for given, one in value.items():
            name, of = spelled.get(given.lower(), (given, accept_anything))
            found[name] = one if one is None else of(one, f"{path}.{name}")
        for name in needed:
            if found.get(name) is None:
                raise make_bad_request_error(f"'{name}' is missing.", f"{path}.{name}")
        return found

    return shape


def declare_array(of: Shape, least: int = 0, most: int | None = None) -> Shape:
    """A list of at least and at most so many."""

    def shape(value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            raise _make_shape_error(path, "a list", value)
        if len(value) < least:
            raise make_bad_request_error(f"{_format_name(path)} needs at least {least}.", path)
        if most is not None and len(value) > most:
            raise make_bad_request_error(
                f"{_format_name(path)} has {len(value)} items; the maximum is {most}.", path
            )
        return [of(one, f"{path}[{at}]") for at, one in enumerate(value)]

    return shape


def accept_object(of: Shape) -> Shape:
    """An object of names that clients choose."""

    def shape(value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise _make_shape_error(path, "an object", value)
        return {name: of(one, f"{path}.{name}") for name, one in value.items()}

    return shape


def declare_enumeration(*several: str) -> Shape:
    """One of some words, in any case."""
    known = {one.lower(): one for one in several}

    def shape(value: object, path: str) -> str:
        found = known.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise _make_shape_error(path, f"one of {', '.join(several)}", value)
        return found

    return shape


def accept_text(pattern: str = "", description: str = "a text", least: int = 0) -> Shape:
    """A text of so many characters, or one that a pattern fits as a whole; `description` says which."""
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)

    def shape(value: object, path: str) -> str:
        if not isinstance(value, str) or (pattern and compiled.fullmatch(value) is None):
            raise _make_shape_error(path, description, value)
        if len(value.strip()) < least:
            raise make_bad_request_error(f"{_format_name(path)} is empty.", path)
        return value

    return shape


def parse_boolean(value: object, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _make_shape_error(path, "true or false", value)
    return value


def declare_integer(least: int, most: int) -> Shape:
    """A whole number within bounds."""

    def shape(value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _make_shape_error(path, f"a whole number from {least} to {most}", value)
        return value

    return shape


def accept_number(least: float, most: float) -> Shape:
    """A number within bounds."""

    def shape(value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise _make_shape_error(path, f"a number from {least:g} to {most:g}", value)
        return value

    return shape


def accept_duration(least: timedelta, most: timedelta) -> Shape:
    """A duration within bounds."""

    def shape(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise _make_shape_error(path, "a duration such as PT5H or P1D", value)
        try:
            found = parse_duration(value)
        except ValueError as error:
            raise make_bad_request_error(f"{_format_name(path)}: {error}.", path) from error
        if not least <= found <= most:
            raise _make_shape_error(
                path, f"a duration from {format_duration(least)} to {format_duration(most)}", value
            )
        return value

    return shape


def check_datetime(value: Any, path: str) -> str:
    """A time of ISO 8601."""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _make_shape_error(path, "a time such as 2026-11-24T10:00:00Z", value) from error
    return str(value)


def accept_anything(value: object, _: str) -> object:
    """Whatever is sent, so long as it is there."""
    return value


def choose_by_type(shapes: Mapping[type, Shape]) -> Shape:
    """Return what has another shape as a text than as an object or a list; the last is meant where it is neither."""

    def shape(value: object, path: str) -> object:
        return shapes.get(type(value), list(shapes.values())[-1])(value, path)

    return shape


def choose_by_member(by: str, shapes: Mapping[str, Shape]) -> Shape:
    """An object whose shape a word in it decides."""
    word = declare_enumeration(*shapes)

    def shape(value: object, path: str) -> object:
        found = declare_object({by: word})(value, path)
        return shapes[found[by]](found, path)

    return shape


def _make_shape_error(path: str, wanted: str, value: object) -> ApiError:
    shown = "nothing" if value is None else f"{value!r:.60}"
    return make_bad_request_error(f"{_format_name(path)} must be {wanted}, not {shown}.", path)


def _format_name(path: str) -> str:
    return f"'{path.rpartition('.')[2] or path}'"
