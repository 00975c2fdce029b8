"""Paths of a body that are read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nephoscope_policy.body_paths import Segments

#: Members of a body that name the resource or pick alias paths; whatever reads them, a change of one concerns every rule.
IDENTITY = frozenset({"id", "name", "type", "fullname", "apiversion"})


class Reads(msgspec.Struct, frozen=True):
    """The paths that are read, keys lower-cased, each cut before its first array element; `everything`: they cannot be told.

    `above` are the paths and all that they lie under.
    """

    paths: frozenset[Segments] = frozenset()
    above: frozenset[Segments] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, paths: Iterable[Segments]) -> Reads:
        """The reads of some paths."""
        cut = frozenset(map(_build_path_before_elements, paths))
        return cls(cut, frozenset(path[:length] for path in cut for length in range(len(path) + 1)))

    def overlaps(self, changed: Segments) -> bool:
        """Return whether a change at a path may be seen: it lies on a path that is read, or under one."""
        if self.everything or changed in self.above:
            return True
        return any(changed[:length] in self.paths for length in range(len(changed)))


EVERYTHING = Reads(everything=True)
NOTHING = Reads()


def _build_path_before_elements(path: Segments) -> Segments:
    for index, segment in enumerate(path):
        if not isinstance(segment, str):
            return path[:index]
    return path
