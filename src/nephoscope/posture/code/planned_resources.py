"""Planned resources that a repository deploys, with their places and passed rules."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nephoscope.posture.code.finding import Region


class PlannedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that a template makes, and the place that makes it.

    `id` has unknown parts in braces; `conditional` where it is not known whether it is made. `passed` are the ids of the rules that it
    meets, sorted; a rule that could not be decided is not among them.
    """

    id: str
    type: str
    region: Region
    conditional: bool = False
    passed: tuple[str, ...] = ()


def merge_places(places: Iterable[PlannedPlace]) -> list[PlannedPlace]:
    """Return one place for each id and region, sorted; what passes with one parameters file and fails with another is not passed."""
    found: dict[tuple[str, Region], PlannedPlace] = {}
    for one in places:
        key = (one.id.lower(), one.region)
        before = found.get(key)
        found[key] = one if before is None else _merge_places(before, one)
    return [found[key] for key in sorted(found)]


def _merge_places(first: PlannedPlace, second: PlannedPlace) -> PlannedPlace:
    passed = sorted({*first.passed} & {*second.passed})
    conditional = first.conditional or second.conditional
    return msgspec.structs.replace(first, passed=tuple(passed), conditional=conditional)
