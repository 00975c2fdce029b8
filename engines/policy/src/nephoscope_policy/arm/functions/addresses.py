"""Functions on IP addresses and ranges."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.value import Value

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@declare_function("ipRangeContains(range, targetRange)", template=False)
def ip_range_contains(arguments: list[object]) -> Value:
    """Say whether a range lies in another; each is an address, a prefix or `first-last`, both of one family."""
    outer, inner = (_parse_bounds(given.get_text(arguments, place)) for place in range(2))
    if outer[0].version != inner[0].version:
        raise FunctionError("both ranges must be of one address family")
    return int(outer[0]) <= int(inner[0]) and int(inner[1]) <= int(outer[1])


def _parse_bounds(content: str) -> tuple[Address, Address]:
    first, dash, last = content.partition("-")
    if not dash:
        network = _parse_network(content.strip(), strict=False)
        return network[0], network[-1]
    low, high = _parse_address(first.strip()), _parse_address(last.strip())
    if low.version != high.version or int(low) > int(high):
        raise FunctionError(f"{content[:80]!r} is not a range: the first address must not be above the last")
    return low, high


def _parse_address(content: str) -> Address:
    try:
        return ipaddress.ip_address(content)
    except ValueError as error:
        raise FunctionError(f"{content[:60]!r} is not an IP address") from error


def _parse_network(content: str, *, strict: bool) -> Network:
    _, slash, prefix = content.partition("/")
    if slash and not (prefix.isascii() and prefix.isdigit()):
        raise FunctionError(f"{content[:60]!r} does not end with a prefix length")
    try:
        return ipaddress.ip_network(content, strict=strict)
    except ValueError as error:
        raise FunctionError(f"{content[:60]!r} is not an IP address or prefix") from error


@declare_function("parseCidr(network)")
def parse_cidr(arguments: list[object]) -> Value:
    """Take a prefix apart: network, netmask, broadcast (IPv4), firstUsable (IPv6: the network), lastUsable, cidr."""
    network = _build_prefix(arguments)
    first, last = _find_usable_bounds(network)
    if network.version == 6:
        first = network[0]
    result: dict[str, Value] = {"network": str(network[0]), "netmask": str(network.netmask)}
    if network.version == 4:
        result["broadcast"] = str(network[-1])
    return result | {"firstUsable": str(first), "lastUsable": str(last), "cidr": network.prefixlen}


def _build_prefix(arguments: list[object]) -> Network:
    content = given.get_text(arguments, 0)
    if "/" not in content:
        raise FunctionError(f"{content[:60]!r} is not a prefix such as 10.0.0.0/16")
    return _parse_network(content, strict=False)


def _find_usable_bounds(network: Network) -> tuple[Address, Address]:
    if network.version == 4 and network.prefixlen < 31:
        return network[1], network[-2]
    if network.version == 6 and network.prefixlen < 127:
        return network[1], network[-1]
    return network[0], network[-1]


@declare_function("cidrSubnet(network, newCIDR, subnetIndex)")
def cidr_subnet(arguments: list[object]) -> Value:
    """Give the 0-based n-th subnet with a prefix length from a network's start on."""
    network = _build_prefix(arguments)
    length, place = given.get_integer(arguments, 1), given.get_integer(arguments, 2)
    if not network.prefixlen <= length <= network.max_prefixlen:
        raise FunctionError(
            f"the new prefix length must be between {network.prefixlen} and {network.max_prefixlen}"
        )
    first = int(network[0]) + place * 2 ** (network.max_prefixlen - length)
    if place < 0 or first >= 2**network.max_prefixlen:
        raise FunctionError(f"{network} has no subnet /{length} with index {place}")
    return f"{type(network[0])(first)}/{length}"


@declare_function("cidrHost(network, hostIndex)")
def cidr_host(arguments: list[object]) -> Value:
    """Give the 0-based n-th usable host address inside a network."""
    network = _build_prefix(arguments)
    place = given.get_integer(arguments, 1)
    first, last = _find_usable_bounds(network)
    if not 0 <= place <= int(last) - int(first):
        raise FunctionError(f"{network} has no usable address with index {place}")
    return str(first + place)
