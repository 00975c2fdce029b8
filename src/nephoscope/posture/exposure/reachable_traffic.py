"""Reachable traffic: what the Internet gets through to a machine as exact sets, to compare two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, Interval
from nephoscope.estate.admitted_traffic import list_admitted_traffic
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.security_rules import SecurityRuleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.ingress_paths import IngressPath
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening
    from nephoscope_policy.model.resource import Resource


class ReachableRegion(msgspec.Struct, frozen=True):
    """Sources (addresses, or a service tag whose prefixes are not known) that reach ports."""

    protocol: str
    ports: tuple[Interval, ...]
    sources: AddressSet
    tag: str = ""


class ReachableTraffic(msgspec.Struct, frozen=True):
    """Regions of one machine, the lower-cased ids that they depend on, and what was not collected."""

    regions: tuple[ReachableRegion, ...] = ()
    depends_on: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()


def find_reachable_traffic(machine: Resource, view: EstateView) -> ReachableTraffic:
    """Return what the Internet reaches of a machine, by all of its ways in."""
    regions: list[ReachableRegion] = []
    ids: set[str] = {machine.key}
    missing: list[str] = []
    try:
        for interface in view.network.list_interfaces(machine):
            ids.add(interface.id.lower())
            for configuration in interface.configurations:
                ids |= {configuration.subnet, *configuration.public_addresses}
                ways, gaps = view.exposure.find_ingress_paths(interface, configuration)
                missing += gaps
                for way in ways:
                    ids |= {one.lower() for one in way.via}
                    regions += _list_regions(view, interface, configuration, way, ids)
    except DataNotCollectedError as gap:
        missing.append(gap.what)
    except SecurityRuleError as error:
        missing.append(str(error))
    return ReachableTraffic(tuple(dict.fromkeys(regions)), frozenset(ids), tuple(dict.fromkeys(missing)))


def _list_regions(
    view: EstateView, interface: Interface, configuration: IpConfiguration, way: IngressPath, ids: set[str]
) -> Iterator[ReachableRegion]:
    for protocol, let_in in list_admitted_traffic(view.network, interface, configuration, way):
        for one in let_in:
            ids |= {rule.id.lower() for rule in one.rules}
            yield _build_region(one, protocol, way)


def _build_region(one: Opening, protocol: str, way: IngressPath) -> ReachableRegion:
    if way.seen_as is not None:
        return ReachableRegion(protocol, one.region.ports, way.clients)
    if one.tag:
        return ReachableRegion(protocol, one.region.ports, AddressSet(), one.tag)
    remote = one.region.remote
    sources = AddressSet(remote) if one.family == 4 else AddressSet((), remote)
    return ReachableRegion(protocol, one.region.ports, sources)
