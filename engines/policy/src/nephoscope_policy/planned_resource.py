"""Planned resource as conditions read it: properties that its body omits may still be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.body_paths import MISSING, Segments, walk_path
from nephoscope_policy.resource_view import NotCollected, View

if TYPE_CHECKING:
    from nephoscope_policy.model.resource import Resource


class Proposed(View):
    """A view whose absent fields are unknown, but for those at or below `absent`; what needs an unknown one ends Unknown."""

    __slots__ = ("absent",)

    def __init__(self, resource: Resource, absent: Segments = ()) -> None:
        super().__init__(resource)
        self.absent = absent
        self.type = str(resource.body.get("type") or "").lower()

    def get_special_field(self, name: str) -> object:
        """Type and name as the body says them; an id that is not made yet is unknown."""
        said = self.body.get(name)
        if isinstance(said, str) and said:
            return said
        return self._open_value((name,))

    def follow(self, segments: Segments) -> object:
        """Follow segments in the body; raises NotCollected for what may still come."""
        found = walk_path(self.body, segments)
        return self._open_value(segments) if found is MISSING else found

    def _open_value(self, segments: Segments) -> object:
        if self.absent and segments[: len(self.absent)] == self.absent:
            return MISSING
        raise NotCollected(f"{'.'.join(map(str, segments))} (not decided yet)")
