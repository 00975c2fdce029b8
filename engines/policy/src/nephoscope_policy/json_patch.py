"""JSON patches (RFC 6902) over ARM bodies whose keys may have any case."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from nephoscope_policy.body_paths import MISSING, STAR, Segment, Segments, walk_path
from nephoscope_policy.engine_differences import SWITCHES
from nephoscope_policy.operators import are_equal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Change = dict[str, Any]
BodyT = TypeVar("BodyT")


class Draft:
    """A copy of a body that is changed step by step; `patch` holds the steps."""

    def __init__(self, body: dict[str, object]) -> None:
        self.body = copy.deepcopy(body)
        self.patch: list[Change] = []

    def get_value(self, segments: Segments) -> object:
        """Return what a path without `[*]` leads to now, MISSING where it ends early."""
        return walk_path(self.body, segments)

    def expand_wildcards(self, segments: Segments) -> list[Segments]:
        """The path without `[*]` for every element that it selects; a `[*]` at the end stays."""
        head: list[Segments] = [()]
        for number, segment in enumerate(segments):
            if segment is not STAR or number == len(segments) - 1:
                head = [(*place, segment) for place in head]
                continue
            head = [(*place, index) for place in head for index in range(_read_length(self.get_value(place)))]
        return head

    def put(self, segments: Segments, value: object) -> None:
        """Set a value, with the objects on the way where they are missing; an equal value is left alone."""
        held = self.get_value(segments)
        if held is not MISSING and type(held) is type(value) and held == value:
            return
        known = self._count_known_members(segments)
        if known == len(segments):
            self._apply_change({"op": "replace", "path": self._format_pointer(segments), "value": value})
            return
        for segment in reversed(segments[known + 1 :]):
            value = {_escape_key(segment): value}
        self._apply_change({"op": "add", "path": self._format_pointer(segments[: known + 1]), "value": value})

    def append(self, segments: Segments, value: object) -> None:
        """Add a member to the array at a path, made where it is missing; a member that is there already is not added again."""
        held = self.get_value(segments)
        if not isinstance(held, list):
            self.put(segments, [value])
        elif not any(are_equal(item, value, SWITCHES) for item in held):
            self._apply_change({"op": "add", "path": f"{self._format_pointer(segments)}/-", "value": value})

    def remove(self, segments: Segments) -> None:
        """Remove what a path leads to; nothing happens where it ends early."""
        if self.get_value(segments) is not MISSING:
            self._apply_change({"op": "remove", "path": self._format_pointer(segments)})

    def _apply_change(self, change: Change) -> None:
        self.patch.append(copy.deepcopy(change))
        self.body = apply_patch(self.body, [change])

    def _count_known_members(self, segments: Segments) -> int:
        """Count how many segments of the path exist (as something that can hold the next one)."""
        value: object = self.body
        for number, segment in enumerate(segments):
            inner = walk_path(value, (segment,))
            if inner is MISSING or (inner is None and number < len(segments) - 1):
                return number
            value = inner
        return len(segments)

    def _format_pointer(self, segments: Segments) -> str:
        """The JSON pointer of a path, with keys as the body spells them where it has them."""
        value: object = self.body
        parts: list[str] = []
        for segment in segments:
            key = _find_spelling(value, segment)
            parts.append(str(key).replace("~", "~0").replace("/", "~1"))
            value = walk_path(value, (segment,))
        return "".join(f"/{part}" for part in parts)


def _read_length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _escape_key(segment: Segment) -> str:
    if not isinstance(segment, str):
        raise ValueError("a missing array cannot be indexed")
    return segment


def _find_spelling(value: object, segment: Segment) -> Segment:
    if isinstance(segment, str) and isinstance(value, dict):
        return next((key for key in value if key.lower() == segment.lower()), segment)
    return segment


def apply_patch(body: BodyT, patch: Sequence[Change] | Iterable[Change]) -> BodyT:
    """A copy of a body with add, replace and remove operations applied; raises ValueError for one that does not fit."""
    result = copy.deepcopy(body)
    for change in patch:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:]]
        if not parts:
            raise ValueError("the whole body cannot be patched")
        holder: object = result
        for part in parts[:-1]:
            holder = _require_member(holder, part, change["path"])
        _apply_change(holder, parts[-1], change)
    return result


def _require_member(holder: object, part: str, path: str) -> object:
    try:
        if isinstance(holder, list):
            return holder[int(part)]
        if isinstance(holder, dict):
            return holder[part]
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"nothing at {path}") from error
    raise ValueError(f"nothing at {path}")


def _apply_change(holder: object, last: str, change: Change) -> None:
    operation = change["op"]
    if operation not in ("add", "replace", "remove"):
        raise ValueError(f"the operation '{operation}' is not supported")
    if operation != "add":
        _require_member(holder, last, change["path"])
    if isinstance(holder, list):
        _apply_to_list(holder, last, change)
    elif not isinstance(holder, dict):
        raise ValueError(f"nothing can be set at {change['path']}")
    elif operation == "remove":
        del holder[last]
    else:
        holder[last] = change["value"]


def _apply_to_list(holder: list[object], last: str, change: Change) -> None:
    if change["op"] == "remove":
        del holder[int(last)]
    elif change["op"] == "replace":
        holder[int(last)] = change["value"]
    else:
        holder.insert(len(holder) if last == "-" else int(last), change["value"])
