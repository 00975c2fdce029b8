"""Addresses and ports as the properties of a security rule have them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.estate.addresses import AddressSet, Interval

_EVERY = (0, 65535)


def format_prefixes(addresses: AddressSet, family: int) -> Iterator[str]:
    """Yield the fewest prefixes that are all addresses of a family (4 or 6), a single address without its length."""
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    for low, high in addresses.get_intervals(family):
        for network in ipaddress.summarize_address_range(kind(low), kind(high)):
            yield str(network.network_address) if network.num_addresses == 1 else str(network)


def format_ranges(ports: Iterable[Interval]) -> list[str]:
    """List ports as `443`, `8000-8010` or `*`."""
    return [
        "*" if one == _EVERY else f"{one[0]}" if one[0] == one[1] else f"{one[0]}-{one[1]}" for one in ports
    ]


def write_list(name: str, values: Sequence[str]) -> dict[str, object]:
    """Write one value under the singular name of a property, several under its plural."""
    plural = f"{name}es" if name.endswith("x") else f"{name}s"
    return {name: values[0]} if len(values) == 1 else {plural: list(values)}
