"""Opening changes: from whom each port was and is reached, exact on sets of addresses and ports."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, merge_intervals
from nephoscope.posture.exposure.address_text import EVERYBODY, format_addresses, format_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.estate.addresses import Interval
    from nephoscope.posture.exposure.reachable_traffic import ReachableRegion

NO_ONE = "no one"


class Reachers(msgspec.Struct, frozen=True):
    """Sources that reach a port: addresses and opaque service tags."""

    addresses: AddressSet = AddressSet()
    tags: frozenset[str] = frozenset()

    def exceeds(self, other: Reachers) -> bool:
        """Return whether somebody is here who is not in the other."""
        if self.addresses - other.addresses:
            return True
        return bool(self.tags - other.tags) and format_addresses(other.addresses) != EVERYBODY

    def text(self) -> str:
        """Name them in words."""
        found = format_addresses(self.addresses)
        if found == EVERYBODY:
            return found
        return ", ".join(one for one in (found, *sorted(self.tags)) if one) or NO_ONE


class OpeningChange(msgspec.Struct, frozen=True, rename="camel"):
    """Ports that others reach than before, in words; `widened` where somebody new does."""

    protocol: str
    ports: str
    before: str
    after: str
    widened: bool

    def text(self, name: str) -> str:
        """Describe the change of a named machine: `TCP 22 of vm-web: from 91.10.0.0/24 to everybody`."""
        return f"{self.protocol.upper()} {self.ports} of {name}: from {self.before} to {self.after}"


def compare_openings(
    old: Sequence[ReachableRegion], new: Sequence[ReachableRegion]
) -> tuple[OpeningChange, ...]:
    """The changes from regions to others: ports with the same reachers before and after are one change."""
    found: dict[tuple[str, Reachers, Reachers], list[Interval]] = {}
    for protocol in sorted({one.protocol for one in (*old, *new)}):
        for ports in _split_at_boundaries([one for one in (*old, *new) if one.protocol == protocol]):
            before, after = _build_reachers(old, protocol, ports), _build_reachers(new, protocol, ports)
            if before != after:
                found.setdefault((protocol, before, after), []).append(ports)
    return tuple(
        OpeningChange(
            protocol, format_ports(merge_intervals(ports)), before.text(), after.text(), after.exceeds(before)
        )
        for (protocol, before, after), ports in found.items()
    )


def _split_at_boundaries(regions: Sequence[ReachableRegion]) -> Iterator[Interval]:
    """Ranges of ports that no region divides."""
    edges = {edge for one in regions for low, high in one.ports for edge in (low, high + 1)}
    yield from ((low, high - 1) for low, high in pairwise(sorted(edges)))


def _build_reachers(regions: Sequence[ReachableRegion], protocol: str, ports: Interval) -> Reachers:
    addresses, tags = AddressSet(), set()
    for one in regions:
        if one.protocol == protocol and any(low <= ports[0] <= high for low, high in one.ports):
            addresses |= one.sources
            tags |= {one.tag} if one.tag else set()
    return Reachers(addresses, frozenset(tags))
