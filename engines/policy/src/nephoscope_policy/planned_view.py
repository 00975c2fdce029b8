"""A planned resource as conditions read it: what it does not say is open where Azure may fill it in, and values may be Unknown.

Absent is decided outside of `properties` (but for `sku`), within the elements of an array, and where the resource's Planning says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.arm.unknown import OpenArray, OpenObject, Unknown, find_unknown
from nephoscope_policy.azure_defaults import load_type_defaults
from nephoscope_policy.body_paths import (
    MISSING,
    STAR,
    Segments,
    fold_keys,
    split_at_elements,
    step_into_value,
)
from nephoscope_policy.data_gap import KNOWN_LATER, NOT_SET
from nephoscope_policy.model.resource import Planning
from nephoscope_policy.resource_view import MARKS, NotCollected, View

if TYPE_CHECKING:
    from nephoscope_policy.aliases import FieldPath
    from nephoscope_policy.model.resource import Resource
    from nephoscope_policy.read_paths import Reads

_FILLED_IN = frozenset({"properties", "sku"})
"""Members of a body in which Azure writes what a template leaves out."""


class KnownLater(NotCollected):
    """An evaluation met a value that is known at deployment only."""

    cause = KNOWN_LATER

    def __init__(self, what: str, unknown: Unknown) -> None:
        reason = unknown.reason or "Azure answers it at deployment"
        super().__init__(f"{what} is not known before the deployment: {reason}")
        self.unknown = unknown


class NotSet(NotCollected):
    """An evaluation met a property that the template leaves to Azure."""

    cause = NOT_SET

    def __init__(self, segments: Segments) -> None:
        super().__init__(f"{format_segments(segments)} is not set, so that Azure's default decides: set it")


class Answered(NotCollected):
    """An evaluation met a property that Azure alone writes."""

    cause = KNOWN_LATER

    def __init__(self, segments: Segments) -> None:
        super().__init__(f"{format_segments(segments)} is known after the deployment: Azure alone writes it")


def format_segments(segments: Segments) -> str:
    """A path as messages have it."""
    text = "".join(
        f"[{'*' if one is STAR else one}]" if one is STAR or isinstance(one, int) else f".{one}"
        for one in segments
    )
    return text.removeprefix(".")


def require_known_value(value: object, what: str) -> object:
    """Return a value; raises KnownLater where it is or holds an Unknown."""
    unknown = find_unknown(value)
    if unknown is not None:
        raise KnownLater(what, unknown)
    return value


def make_view(resource: Resource) -> View:
    """The view of a resource: of a planned one it knows what is open."""
    return View(resource) if resource.planned is None else PlannedView(resource)


class PlannedView(View):
    """A view of a planned resource; it is never complete, so that the closures ask whether it answers what they read."""

    __slots__ = ("_absent", "_answered", "_unnamed")

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource)
        self.complete = False
        planned = resource.planned or Planning()
        self._absent, self._unnamed = planned.absent, planned.unnamed
        self._answered: dict[Segments, bool] = {}
        self.explanations = {}

    @property
    def folded_body(self) -> dict[str, object]:
        """The body with lower-cased keys, and the MARKS of what is known; only what `has_all` allows may be read of it."""
        found = self._folded
        if found is None:
            found = self._folded = fold_keys(self.body)
            for name in ("type", "name", "fullname", "id"):
                value = super().get_special_field(name)
                if value is not MISSING:
                    found[MARKS[name]] = value
            location = found.get("location")
            if isinstance(location, str):
                found[MARKS["location"]] = location.replace(" ", "")
        return found

    def has_all(self, reads: Reads) -> bool:
        """Return whether all that is read is known, or certainly absent."""
        if reads.everything or self.unread or self._unnamed:
            return False
        return all(map(self._is_known, reads.paths))

    def _is_known(self, segments: Segments) -> bool:
        found = self._answered.get(segments)
        if found is None:
            try:
                found = find_unknown(self._follow_segments(self.body, segments)) is None
            except NotCollected:
                found = False
            self._answered[segments] = found
        return found

    def get_special_field(self, name: str) -> object:
        """Type, name and id; raises KnownLater for a name or an id that has an unknown part."""
        if self._unnamed and name != "type":
            raise KnownLater(name, Unknown("string", "parameter", self._unnamed))
        return super().get_special_field(name)

    def peek(self, field: FieldPath) -> object:
        """The value of a field, which may be or hold an Unknown; raises NotCollected for what is open."""
        return (
            self.get_special_field(field.special)
            if field.special
            else self._follow_segments(self.body, field.segments)
        )

    def follow(self, segments: Segments) -> object:
        """The value of a path; raises NotCollected where it is open, or is or holds an Unknown."""
        return require_known_value(self._follow_segments(self.body, segments), format_segments(segments))

    def follow_to_elements(self, segments: Segments) -> object:
        """The value that a `[*]` goes over, whose elements may be or hold Unknowns, or an OpenArray."""
        found = self._follow_segments(self.body, segments)
        if isinstance(found, Unknown) and not isinstance(found, OpenArray):
            raise KnownLater(format_segments(segments), found)
        return found

    def resolve_path_within(self, value: object, segments: Segments) -> object:
        """Follow segments from a part of the body; raises NotCollected where they lead into something open."""
        return self._follow_segments(value, segments)

    def collect(self, value: object, segments: Segments) -> list[object]:
        """Every value that a path with `[*]` selects; raises NotCollected where one is open or Unknown."""
        head, rest = split_at_elements(segments)
        found = self._follow_segments(value, head)
        if rest is None:
            return [] if found is MISSING else [require_known_value(found, format_segments(segments))]
        if isinstance(found, Unknown):
            raise KnownLater(format_segments(head), found)
        if not isinstance(found, list):
            return []
        return [item for element in found for item in self.collect(element, rest)]

    def _follow_segments(self, value: object, segments: Segments) -> object:
        """Follow segments without `[*]`, from the whole body or from an element of one of its arrays."""
        whole = value is self.body
        for index, segment in enumerate(segments):
            if isinstance(value, Unknown):
                raise KnownLater(format_segments(segments[:index]), value)
            found = step_into_value(value, segment)
            if found is MISSING or (found is None and index + 1 < len(segments)):
                return self._read_missing_value(value, segments, index, whole=whole)
            value = found
        return value

    def _read_missing_value(self, around: object, segments: Segments, index: int, *, whole: bool) -> object:
        if isinstance(around, OpenObject):
            raise KnownLater(format_segments(segments[: index + 1]), around.rest)
        if not whole or not self._is_filled_in(segments):
            return MISSING
        path = tuple(str(one).lower() for one in segments)
        answered = load_type_defaults(self.type).answered
        if any(path[:length] in answered for length in range(1, len(path) + 1)):
            raise Answered(segments)
        raise NotSet(segments)

    def _is_filled_in(self, segments: Segments) -> bool:
        """Return whether Azure may write what the body lacks."""
        path = tuple(str(one).lower() for one in segments)
        if path[:1] and path[0] not in _FILLED_IN:
            return False
        return not any(path[:length] in self._absent for length in range(1, len(path) + 1))
