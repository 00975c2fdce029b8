"""Network map: machines with their subnets, how far the Internet reaches them, and the ways that lead to them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.exposure.exposure_rows import STATES
from nephoscope.posture.exposure.internet_exposure import MACHINES
from nephoscope.posture.published.kinds.topologies import TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.exposure.exposure_rows import ExposureRow
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot


class _Linked(msgspec.Struct, frozen=True, rename="camel"):
    resource_id: str


class _TopologyResource(msgspec.Struct, frozen=True, rename="camel"):
    resource_id: str
    children: tuple[_Linked, ...] = ()


class _TopologyProperties(msgspec.Struct, frozen=True, rename="camel"):
    topology_resources: tuple[_TopologyResource, ...] = ()


class _TopologyDocument(msgspec.Struct, frozen=True):
    properties: _TopologyProperties


class MapWay(msgspec.Struct, frozen=True):
    """A way in: its kind and the lower-cased id of the resource that it begins with."""

    kind: str
    id: str


class MapMachine(msgspec.Struct, frozen=True):
    """A machine in one of its subnets ('' = that is not known); `state` is one of the states of exposure."""

    id: str
    name: str
    subnet: str
    state: str
    openings: tuple[str, ...]
    ways: tuple[MapWay, ...]
    why: str

    @property
    def key(self) -> str:
        """Name the row."""
        return f"{self.id} {self.subnet}".lower()

    @property
    def subnet_name(self) -> str:
        """The subnet as `network/subnet`."""
        return "/".join(self.subnet.split("/")[-3::2]) if self.subnet else ""


def list_map_machines(snapshot: PublishedSnapshot, reach: Reach, places: Reach) -> Sequence[MapMachine]:
    """Return the machines of a reach, the most exposed first; `places` is what may be read of the networks around them."""
    return snapshot.get_or_compute(
        ("network map", reach, places),
        lambda: tuple(sorted(_read_map_machines(snapshot, reach, places), key=_build_sort_key)),
    )


def _build_sort_key(one: MapMachine) -> tuple[int, str, str]:
    return STATES.index(one.state), one.subnet.lower(), one.name.lower()


def _read_map_machines(snapshot: PublishedSnapshot, reach: Reach, places: Reach) -> Iterable[MapMachine]:
    rows: defaultdict[str, list[ExposureRow]] = defaultdict(list)
    for row in snapshot.internet_exposures.rows(reach):
        if row.type in MACHINES:
            rows[row.resource.lower()].append(row)
    subnets = _read_subnets(snapshot, places)
    for id_, several in rows.items():
        for subnet in subnets.get(id_, ("",)):
            yield _build_machine(id_, subnet, several)


def _read_subnets(snapshot: PublishedSnapshot, places: Reach) -> dict[str, list[str]]:
    """Lower-cased id of a machine -> its subnets."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for body in snapshot.listing.iterate_documents((TYPE.lower(),), places):
        for one in msgspec.convert(body, _TopologyDocument).properties.topology_resources:
            if "/subnets/" in one.resource_id.lower():
                for child in one.children:
                    found[child.resource_id.lower()].append(one.resource_id)
    return found


def _build_machine(id_: str, subnet: str, rows: Sequence[ExposureRow]) -> MapMachine:
    worst = min(rows, key=lambda one: STATES.index(one.state))
    opened = [one for one in rows if one.path]
    return MapMachine(
        id_,
        worst.name,
        subnet,
        worst.state,
        tuple(dict.fromkeys(f"{one.protocol} {one.ports}".strip() for one in opened)),
        tuple(dict.fromkeys(MapWay(one.path, one.via[0].lower()) for one in opened if one.via)),
        "; ".join(dict.fromkeys(one.why for one in rows if one.why)),
    )
