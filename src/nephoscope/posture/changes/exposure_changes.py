"""Exposure changes: resources that the Internet reaches otherwise than in the snapshot before, with the changes behind that."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.public_endpoint import find_endpoint_access
from nephoscope.posture.changes.activity_events import find_owner
from nephoscope.posture.exposure.address_text import EVERYBODY
from nephoscope.posture.exposure.internet_exposure import MACHINES
from nephoscope.posture.exposure.opening_changes import NO_ONE, OpeningChange, compare_openings
from nephoscope.posture.exposure.reachable_traffic import ReachableTraffic, find_reachable_traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.changes.change_attribution import AttributedChange
    from nephoscope_policy.model.resource import Resource

NETWORK = "microsoft.network/"
#: Whom endpoints answer, from the fewest to the most, in the words of openings.
_RANKED = {
    EndpointAccess.NOBODY: NO_ONE,
    EndpointAccess.LISTED: EndpointAccess.LISTED.value,
    EndpointAccess.EVERYBODY: EVERYBODY,
}


class ExposureCause(msgspec.Struct, frozen=True, rename="camel"):
    """A change that the openings depend on; who made it is in the change, for readers of the changed resource's activity log."""

    change_id: str
    target_resource_id: str


class ExposureChange(msgspec.Struct, frozen=True, rename="camel"):
    """A change of the exposure of one resource between two snapshots; `descriptions` are its openings in words."""

    target_resource_id: str
    previous_timestamp: datetime
    timestamp: datetime
    widened: bool
    openings: tuple[OpeningChange, ...]
    descriptions: tuple[str, ...]
    causes: tuple[ExposureCause, ...] = ()
    not_collected: tuple[str, ...] = ()


def find_exposure_changes(
    old: EstateView, new: EstateView, several: Sequence[AttributedChange]
) -> Iterator[ExposureChange]:
    """Yield the exposure changes from one estate to another, by the changes between them."""
    network = [one for one in several if _may_move_machines(one)]
    if network:
        for machine in _list_machines(old, new):
            found = _compare_machine(machine, old, new, network)
            if found is not None:
                yield found
    for key in sorted({find_owner(one.change.key) for one in several}):
        found = _compare_service(key, old, new, several)
        if found is not None:
            yield found


def _may_move_machines(one: AttributedChange) -> bool:
    type_ = str(one.change.body.get("type") or "").lower()
    return type_.startswith(NETWORK) or type_ in MACHINES


def _list_machines(*views: EstateView) -> Iterable[Resource]:
    found = {one.key: one for view in views for type_ in MACHINES for one in view.list_resources(type_)}
    return found.values()


def _compare_machine(
    machine: Resource, old: EstateView, new: EstateView, several: Sequence[AttributedChange]
) -> ExposureChange | None:
    before, after = _find_traffic(machine.key, old), _find_traffic(machine.key, new)
    moved = any(one.change.key == machine.key and None in (one.change.old, one.change.new) for one in several)
    if (before is None or after is None) and not moved:
        return None  # it came into view, or is no longer looked for
    before, after = before or ReachableTraffic(), after or ReachableTraffic()
    openings = [
        msgspec.structs.replace(one, widened=one.widened and not before.missing)
        for one in compare_openings(before.regions, after.regions)
        if one.widened or not after.missing
    ]
    missing = tuple(dict.fromkeys((*before.missing, *after.missing)))
    ids = before.depends_on | after.depends_on
    return _build_change(machine, openings, [*_select_causes(ids, several)] or several, missing)


def _find_traffic(key: str, view: EstateView) -> ReachableTraffic | None:
    machine = view.estate.resources.get(key)
    return None if machine is None else find_reachable_traffic(machine, view)


def _select_causes(ids: frozenset[str], several: Iterable[AttributedChange]) -> Iterator[AttributedChange]:
    """Yield the changes of what the openings depend on, or of what holds it."""
    for one in several:
        key = one.change.key
        if any(id_ == key or id_.startswith(f"{key}/") or key.startswith(f"{id_}/") for id_ in ids):
            yield one


def _compare_service(
    key: str, old: EstateView, new: EstateView, several: Sequence[AttributedChange]
) -> ExposureChange | None:
    resource, earlier = new.estate.resources.get(key), old.estate.resources.get(key)
    if resource is None or earlier is None or resource.type in MACHINES:
        return None
    try:
        before, after = find_endpoint_access(earlier, old), find_endpoint_access(resource, new)
    except DataNotCollectedError:
        return None
    if before is None or after is None or before is after:
        return None
    ranks = list(_RANKED)
    wider = ranks.index(after) > ranks.index(before)
    opening = OpeningChange("tcp", "service endpoint", _RANKED[before], _RANKED[after], wider)
    return _build_change(
        resource, [opening], [one for one in several if find_owner(one.change.key) == key], ()
    )


def _build_change(
    resource: Resource,
    openings: Sequence[OpeningChange],
    causes: Sequence[AttributedChange],
    missing: tuple[str, ...],
) -> ExposureChange | None:
    if not openings:
        return None
    first = causes[0].change
    return ExposureChange(
        str(resource.body.get("id") or resource.key),
        first.before,
        first.after,
        any(one.widened for one in openings),
        tuple(openings),
        tuple(one.text(resource.name) for one in openings),
        tuple(map(_build_cause, causes)),
        missing,
    )


def _build_cause(one: AttributedChange) -> ExposureCause:
    target = str(one.change.body.get("id") or one.change.key)
    return ExposureCause(one.change.id, target)
