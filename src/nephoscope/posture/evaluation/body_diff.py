"""Body diff: the paths in which two states of a resource differ, which select the rules to reevaluate."""

from __future__ import annotations

from nephoscope.estate.resource_diff import is_exactly_equal
from nephoscope_policy.body_paths import MISSING, Segments
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.read_paths import IDENTITY

Paths = frozenset[Segments]


def find_difference(old: Resource, new: Resource) -> Paths | None:
    """The paths (keys lower-cased, never into an array) at which two states of one resource differ; None where rules may see it
    whatever they read: other members name it, or only one state was read in full."""
    if (old.complete, old.derived) != (new.complete, new.derived):
        return None
    found: set[Segments] = set()
    _compare_bodies(old.body, new.body, (), found)
    return None if any(not path or path[0] in IDENTITY for path in found) else frozenset(found)


def _compare_bodies(
    old: dict[str, object], new: dict[str, object], at: Segments, found: set[Segments]
) -> None:
    if not _is_equally_ordered(old, new):
        found.add(at)
        return
    for key, value in old.items():
        other = new.get(key, MISSING)
        if value is other or _is_equal(value, other):
            continue
        below = (*at, key.lower())
        if type(value) is dict and type(other) is dict:
            _compare_bodies(value, other, below, found)
        else:
            found.add(below)
    found.update((*at, key.lower()) for key in new if key not in old)


def _is_equal(value: object, other: object) -> bool:
    return other is not MISSING and (
        value == other if type(value) is str is type(other) else is_exactly_equal(value, other)
    )


def _is_equally_ordered(old: dict[str, object], new: dict[str, object]) -> bool:
    """Return whether the members that both have stand in the same order, and no two keys of either differ in case alone."""
    if list(old) != list(new) and [key for key in old if key in new] != [key for key in new if key in old]:
        return False
    return all(len({key.lower() for key in one}) == len(one) for one in (old, new))
