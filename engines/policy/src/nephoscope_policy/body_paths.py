"""Paths into a resource body: `properties.rules[*].access`, `tags['a b']`, `items[0].name`."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, overload


class Mark(Enum):
    """Marks that no JSON value can be."""

    STAR = "[*]"
    MISSING = "missing"


STAR: Final = Mark.STAR
"""The segment `[*]`: every element of an array."""
MISSING: Final = Mark.MISSING
"""Stands for an absent property, which differs from an explicit null."""

Segment = str | int | Mark
Segments = tuple[Segment, ...]


@lru_cache(maxsize=32768)
def split_path(text: str) -> Segments:
    """The segments of a path as spelled; raises ValueError for unbalanced brackets or an empty segment."""
    result: list[Segment] = []
    position, length = 0, len(text)
    while position < length:
        if text[position] == "[":
            end = _find_closing_bracket(text, position)
            result.append(_parse_bracketed_segment(text[position + 1 : end], text))
            position = end + 1
            if position < length and text[position] == ".":
                position += 1
                if position == length:
                    raise ValueError(f"the path ends with a dot: {text!r}")
            continue
        end = position
        while end < length and text[end] not in ".[":
            end += 1
        if end == position:
            raise ValueError(f"an empty segment in the path {text!r}")
        result.append(text[position:end])
        position = end + 1 if end < length and text[end] == "." else end
        if position == length and text[-1] == ".":
            raise ValueError(f"the path ends with a dot: {text!r}")
    if not result:
        raise ValueError("an empty path")
    return tuple(result)


def _find_closing_bracket(text: str, start: int) -> int:
    quote = text[start + 1 : start + 2]
    if quote in {"'", '"'}:
        end = text.find(f"{quote}]", start + 2)
        if end >= 0:
            return end + 1
    end = text.find("]", start)
    if end < 0:
        raise ValueError(f"'[' is not closed in the path {text!r}")
    return end


def _parse_bracketed_segment(inner: str, text: str) -> Segment:
    if inner == "*":
        return STAR
    if len(inner) >= 2 and inner[0] in "'\"" and inner[-1] == inner[0]:
        return inner[1:-1].replace("''", "'") if inner[0] == "'" else inner[1:-1]
    if inner.isdecimal():
        return int(inner)
    if not inner:
        raise ValueError(f"'[]' is empty in the path {text!r}")
    return inner


@lru_cache(maxsize=32768)
def fold_segments(segments: Segments) -> Segments:
    """Return the same path with lower-cased keys, for bodies whose keys were lower-cased."""
    return tuple(segment.lower() if isinstance(segment, str) else segment for segment in segments)


@overload
def fold_keys(value: dict[str, object]) -> dict[str, object]: ...
@overload
def fold_keys(value: object) -> object: ...
def fold_keys(value: object) -> object:
    """A copy of a JSON value with lower-cased object keys; of two keys that differ in case the first wins."""
    if isinstance(value, dict):
        result: dict[str, object] = {}
        for key, item in value.items():
            lowered = key.lower()
            if lowered not in result:
                result[lowered] = fold_keys(item) if isinstance(item, (dict, list)) else item
        return result
    if isinstance(value, list):
        return [fold_keys(item) if isinstance(item, (dict, list)) else item for item in value]
    return value


def step_into_value(value: object, segment: Segment) -> object:
    """One step into a JSON value whose keys may have any case; MISSING where it does not lead anywhere."""
    if isinstance(segment, str):
        if not isinstance(value, dict):
            return MISSING
        wanted, size = segment.lower(), len(segment)
        for key in value:
            if len(key) == size and (key == segment or key.lower() == wanted):
                return value[key]
        return MISSING
    if isinstance(segment, int):
        return value[segment] if isinstance(value, list) and segment < len(value) else MISSING
    return MISSING


def walk_path(value: object, segments: Segments) -> object:
    """Follow segments without `[*]`; MISSING where they end early."""
    for segment in segments:
        value = step_into_value(value, segment)
        if value is MISSING:
            return MISSING
    return value


def split_at_elements(segments: Segments) -> tuple[Segments, Segments | None]:
    """Split at the first `[*]`: what is before it, and what is after it (None where there is none)."""
    for index, segment in enumerate(segments):
        if segment is STAR:
            return segments[:index], segments[index + 1 :]
    return segments, None


def gather_values(value: object, segments: Segments) -> list[object]:
    """Every value that a path with `[*]` selects, in order; absent leaves and absent arrays are left out."""
    head, rest = split_at_elements(segments)
    found = walk_path(value, head)
    if rest is None:
        return [] if found is MISSING else [found]
    if not isinstance(found, list):
        return []
    return [item for element in found for item in gather_values(element, rest)]
