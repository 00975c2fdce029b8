"""The first and last address of the network that a text names, for joins by address; hidden, queries cannot name them."""

from __future__ import annotations

import ipaddress

from nephoscope_kql.functions.declaration import declare_macro, declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.ipv4 import MASK, V4, V4_PREFIX
from nephoscope_kql.functions.ipv6 import parse_address

NO_ADDRESS = "~"
"""Sorts behind every address: what is no address begins behind the end of every network."""

first_v4 = declare_scalar_macro(
    __name__,
    "_ipv4_first(address: string): long",
    summary="Give the first address of an IPv4 network; null where it is none.",
    routine=declare_macro(
        "kql_v4_first(x)", "kql_v4(x) & kql_v4_mask(kql_v4_prefix(x))", V4, V4_PREFIX, MASK
    ),
    hidden=True,
)
last_v4 = declare_scalar_macro(
    __name__,
    "_ipv4_last(address: string): long",
    summary="Give the last address of an IPv4 network; null where it is none.",
    routine=declare_macro(
        "kql_v4_last(x)", "kql_v4(x) | (4294967295 - kql_v4_mask(kql_v4_prefix(x)))", V4, V4_PREFIX, MASK
    ),
    hidden=True,
)


def _find_bounds(text: str) -> tuple[str, str] | None:
    found = parse_address(text)
    if found is None:
        return None
    number, prefix = found
    rest = (1 << (128 - prefix)) - 1
    low, high = number & ~rest, number | rest
    return ipaddress.IPv6Address(low).exploded, ipaddress.IPv6Address(high).exploded


def _find_first_address(text: str) -> str:
    found = _find_bounds(text)
    return found[0] if found else NO_ADDRESS


def _find_last_address(text: str) -> str:
    found = _find_bounds(text)
    return found[1] if found else ""


first_v6 = declare_scalar_macro(
    __name__,
    "_ipv6_first(address: string): string",
    summary="Write the first address of an IPv6 or IPv4 network in full; '~' where it is none.",
    routine=declare_rowwise("kql_v6_first", ("VARCHAR",), "VARCHAR", _find_first_address),
    nullable=False,
    hidden=True,
)
last_v6 = declare_scalar_macro(
    __name__,
    "_ipv6_last(address: string): string",
    summary="Write the last address of an IPv6 or IPv4 network in full; '' where it is none.",
    routine=declare_rowwise("kql_v6_last", ("VARCHAR",), "VARCHAR", _find_last_address),
    nullable=False,
    hidden=True,
)
