"""Addresses and ports of openings as text."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import PUBLIC_OF_FAMILY
from nephoscope.estate.security_rules import EVERY_PORT
from nephoscope.estate.service_tags import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.addresses import AddressSet, Interval

EVERYBODY = "everybody"
#: Prefixes that are written out.
MOST = 8


def format_ports(intervals: Iterable[Interval]) -> str:
    """Merged intervals as `22, 8080-8090`, or `any`."""
    listed = tuple(intervals)
    if listed == EVERY_PORT:
        return "any"
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in listed)


def format_addresses(addresses: AddressSet) -> str:
    """Addresses as prefixes; `everybody` where they are all of the Internet's of a family."""
    everything = [
        family
        for family in (4, 6)
        if addresses.get_intervals(family) and not _is_family_missing(addresses, family)
    ]
    if everything:
        return EVERYBODY
    texts: list[str] = []
    for family in (4, 6):
        for interval in addresses.get_intervals(family):
            texts += _list_prefixes(family, interval, MOST + 1 - len(texts))
            if len(texts) > MOST:
                return ", ".join(texts[:MOST]) + " and more"
    return ", ".join(texts)


def _is_family_missing(addresses: AddressSet, family: int) -> bool:
    """Return whether a public address of a family is missing, that of the platform aside."""
    return bool(PUBLIC_OF_FAMILY[family] - PLATFORM - addresses)


def _list_prefixes(family: int, interval: Interval, most: int) -> list[str]:
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    found: list[str] = []
    for network in ipaddress.summarize_address_range(kind(interval[0]), kind(interval[1])):
        if len(found) >= most:
            break
        found.append(str(network.network_address) if network.num_addresses == 1 else str(network))
    return found
