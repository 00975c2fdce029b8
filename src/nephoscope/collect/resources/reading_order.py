"""Readings of one tenant at different times: of two bodies of a resource the newer holds, and what a newer reading lacks is gone.

A reading is an argument whose manifest tells when it was read (`readAt`). Where one does not, its order in time is unknown: the better
body holds, then the last, and a line says for each file which records differ from those of another.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.model.resource import UNREAD
from nephoscope_policy.model.resource_id import get_parent_scope
from nephoscope_policy.model.source_location import Place, Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from nephoscope.collect.resources.body_precedence import BodyRank
    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource


class Reading(msgspec.Struct, frozen=True):
    """The claims of an argument: its manifest, and the types of which a record was lost ('*' = of some type)."""

    manifest: Coverage
    lost: frozenset[str] = frozenset()

    def would_hold(self, resource: Resource) -> bool:
        """Return whether everything of a resource's type was read where the resource is, and nothing of it was lost."""
        types = itertools.accumulate(resource.type.split("/"), "{}/{}".format)
        scope = get_parent_scope(resource.key)
        return self.lost.isdisjoint(("*", *types)) and self.manifest.covers(
            resource.type, scope, resource.id.name
        )


class RepeatedBody(msgspec.Struct, frozen=True):
    """A body of an id that stands in the files several times: its argument, the name of its file, and its rank."""

    resource: Resource
    root: Path
    file: str
    rank: BodyRank


class ReadingOrder(msgspec.Struct):
    """The bodies of ids that stand in the files several times; ask for what holds when everything was read."""

    repeated: dict[str, list[RepeatedBody]] = msgspec.field(default_factory=lambda: defaultdict(list))

    def iterate_newest_bodies(self, readings: Mapping[Path, Reading]) -> Iterator[RepeatedBody]:
        """Yield the body that holds of each id whose readings all tell their time.

        Of the readings that tell its properties the newest holds. What newer ones tell beside these replaces what that one did.
        """
        for several in self.repeated.values():
            if len({one.root for one in several}) > 1:
                times = [find_read_time(readings, one.root, one.resource) for one in several]
                dated = [(when, one) for one, when in zip(several, times, strict=True) if when is not None]
                if len(dated) == len(several):
                    dated.sort(key=lambda pair: (pair[0], pair[1].rank))
                    yield _merge_readings([one for _, one in dated])

    def find_conflicts(self, readings: Mapping[Path, Reading]) -> Iterator[Quarantined]:
        """Yield a line for each file that repeats records of equal rank with other properties, where no time tells which is newer."""
        files: defaultdict[str, list[str]] = defaultdict(list)
        for key, several in self.repeated.items():
            for one, other in itertools.pairwise(several):
                times = [find_read_time(readings, each.root, each.resource) for each in (one, other)]
                # a query that expands a list repeats a record within one answer
                if (
                    None in times
                    and one.file != other.file
                    and one.rank == other.rank
                    and is_contradiction(one.resource.body, other.resource.body)
                ):
                    files[other.file].append(key)
        for file, keys in files.items():
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            reason = (
                f"{keys[0]}{more}: the body differs from the one in another file, and no time tells which is newer, so the last "
                "holds; put each reading into a folder whose manifest has 'readAt'"
            )
            yield Quarantined(Place(file), reason)


def _merge_readings(several: Sequence[RepeatedBody]) -> RepeatedBody:
    """Return what readings of an id, the oldest first, tell together."""
    telling = [number for number, one in enumerate(several) if _has_properties(one.resource)]
    last = max(telling, default=len(several) - 1)
    held = several[last]
    newer = [one.resource.body for one in several[last + 1 :]]
    if not newer:
        return held
    beside = {
        key: value for body in newer for key, value in body.items() if key not in ("properties", UNREAD)
    }
    body = {**held.resource.body, **beside}
    return msgspec.structs.replace(held, resource=replace(held.resource, body=body, origin=b""))


def _has_properties(resource: Resource) -> bool:
    """Return whether a body tells its properties, though perhaps not all of them."""
    return resource.complete or bool(resource.body.get("properties"))


def is_contradiction(one: object, other: object) -> bool:
    """Return whether two values cannot both be whole or in part of the same thing: a member of both differs."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(is_contradiction(one[key], other[key]) for key in one.keys() & other.keys())
    return one != other


def is_gone(resource: Resource, roots: Iterable[Path], readings: Mapping[Path, Reading]) -> bool:
    """Return whether a reading that is newer than each that has a resource, the `roots`, would hold it."""
    seen = [find_read_time(readings, root, resource) for root in roots]
    times = [when for when in seen if when is not None]
    if len(times) < len(seen):
        return False
    latest = max(times)
    return any(
        (later := find_read_time(readings, root, resource)) is not None
        and later > latest
        and reading.would_hold(resource)
        for root, reading in readings.items()
    )


def find_read_time(readings: Mapping[Path, Reading], root: Path, resource: Resource) -> datetime | None:
    """Return when a body was read from an argument, None where nothing tells it."""
    reading = readings.get(root)
    return (
        None
        if reading is None
        else reading.manifest.find_read_time(resource.key, resource.type, resource.id.name)
    )
