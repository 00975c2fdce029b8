"""Ingress paths: ways from the Internet to a target, and when they are open to any address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, count_addresses
from nephoscope.estate.reachability import Opening, find_remote_addresses
from nephoscope.estate.service_tags import is_rentable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.addresses import Interval

# A source is "the Internet" when it is wider than the widest block that one organization holds: a /8 of IPv4, a /16 of IPv6.
BROAD = {4: 2**24, 6: 2**112}


class IngressPath(msgspec.Struct, frozen=True):
    """Path of inbound traffic from outside to an address of a machine.

    `kind` is a word of the field, `via` the ids on the way, `protocol` lower-cased ('*' = every one), `ports` those at the
    machine, `clients` who may come. Rules see the packet come from `seen_as` (None = from the client itself).
    `closed_by_default` marks a standard public address: shut until a network security group allows; `unread` is the id
    of an address whose SKU was not read.
    """

    kind: str
    via: tuple[str, ...]
    protocol: str
    ports: tuple[Interval, ...]
    clients: AddressSet
    seen_as: AddressSet | None = None
    closed_by_default: bool = False
    unread: str = ""

    def covers(self, protocol: str, port: int) -> bool:
        """Return whether the way carries the protocol to the port."""
        return self.protocol in ("*", protocol) and any(low <= port <= high for low, high in self.ports)


class ReachablePort(msgspec.Struct, frozen=True):
    """A port of a machine that the Internet reaches: the way, and the openings in the groups on it (none = no group)."""

    protocol: str
    port: int
    way: IngressPath
    openings: tuple[Opening, ...]
    broad: bool


def opens_port(opening: Opening, port: int) -> bool:
    """Return whether an opening leads to a port."""
    return any(low <= port <= high for low, high in opening.region.ports)


def is_broad(openings: Iterable[Opening], port: int) -> bool:
    """Return whether openings let the Internet at large to a port, and not only the networks of somebody known."""
    listed = tuple(openings)
    if any(opening.tag and is_rentable(opening.tag) and opens_port(opening, port) for opening in listed):
        return True
    return any(
        count_addresses(
            find_remote_addresses((opening for opening in listed if opening.family == family), port)
        )
        > limit
        for family, limit in BROAD.items()
    )


def is_broad_set(addresses: AddressSet) -> bool:
    """Return whether a set of addresses is the Internet at large."""
    return any(count_addresses(addresses.get_intervals(family)) > limit for family, limit in BROAD.items())
