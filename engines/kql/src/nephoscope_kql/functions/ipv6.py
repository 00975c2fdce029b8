"""IPv6 addresses, and IPv4 ones among them: comparison, ranges, masks. An address is a text of hexadecimal digits in full."""

from __future__ import annotations

import ipaddress
import json
from functools import lru_cache

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, declare_scalar_macro
from nephoscope_kql.functions.ipv4 import get_prefix_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


def parse_address(text: str) -> tuple[int, int] | None:
    """Number and prefix (of 128) of an IPv6 or IPv4 address; IPv4 is mapped. None where it is none."""
    host, slash, suffix = text.strip().partition("/")
    if slash and not suffix.isdigit():
        return None
    try:
        if ":" not in host:
            number, shift = 0xFFFF00000000 + int(ipaddress.IPv4Address(host)), 96
        else:
            number, shift = int(ipaddress.IPv6Address(host)), 96 if "." in host else 0
    except ValueError:
        return None
    prefix = int(suffix) + (shift if slash else 0) if slash else 128
    return (number, prefix) if prefix <= 128 else None


def _mask_address(number: int, prefix: int) -> int:
    return number >> (128 - prefix) << (128 - prefix)


def _parse_mapped_address(text: str) -> tuple[int, int] | None:
    """As `parse_address`, but `::1.2.3.4` is the IPv4 address that it spells."""
    found = parse_address(text)
    return (found[0] | 0xFFFF00000000, found[1]) if found and "." in text and found[0] < 2**32 else found


def _compare_v6(left: str, right: str, prefix: int) -> int | None:
    one, two = _parse_mapped_address(left), _parse_mapped_address(right)
    if one is None or two is None or not 0 <= prefix <= 128:
        return None
    least = min(one[1], two[1], prefix)
    a, b = _mask_address(one[0], least), _mask_address(two[0], least)
    return (a > b) - (a < b)


_V6_COMPARE = declare_rowwise("kql_ipv6_compare", ("VARCHAR", "VARCHAR", "BIGINT"), "BIGINT", _compare_v6)


@declare_function("ipv6_compare(left: string, right: string, [prefix: long]): long")
def ipv6_compare(call: Arguments) -> exp.Expr:
    """Compare two IPv6 or IPv4 addresses under the smallest of their prefixes; null where one is none."""
    return apply_routine(call, _V6_COMPARE, call[0], call[1], get_prefix_argument(call, 2, 128))


@declare_function("ipv6_is_match(left: string, right: string, [prefix: long]): bool")
def ipv6_is_match(call: Arguments) -> exp.Expr:
    """Tell whether two IPv6 or IPv4 addresses are equal under the smallest of their prefixes; null where one is none."""
    return nodes.build_binary(
        "=",
        apply_routine(call, _V6_COMPARE, call[0], call[1], get_prefix_argument(call, 2, 128)),
        nodes.build_number(0),
    )


def _is_v6_in_range(ip: str, range_: str) -> bool | None:
    one, two = parse_address(ip), parse_address(range_)
    if one is None or two is None:
        return None
    return _mask_address(one[0], two[1]) == _mask_address(two[0], two[1])


@lru_cache(maxsize=256)
def _parse_ranges(text: str) -> tuple[tuple[int, int], ...] | None:
    """The masked number and the prefix of each range in a JSON array; what is no range is left out, None for no array."""
    values = json.loads(text)
    if not isinstance(values, list):
        return None
    found = dict.fromkeys(one for one in map(parse_address, map(str, values)) if one is not None)
    return tuple((_mask_address(number, prefix), prefix) for number, prefix in found)


@lru_cache(maxsize=65_536)
def _is_v6_in_any(ip: str, ranges: str) -> bool | None:
    found, listed = parse_address(ip), _parse_ranges(ranges)
    if found is None or listed is None:
        return None
    return any(_mask_address(found[0], prefix) == masked for masked, prefix in listed)


_V6_IN_ANY = declare_rowwise("kql_ipv6_in_any", ("VARCHAR", "VARCHAR"), "BOOLEAN", _is_v6_in_any)
ipv6_is_in_range = declare_scalar_macro(
    __name__,
    "ipv6_is_in_range(ip: string, range: string): bool",
    summary="Tell whether an IPv6 or IPv4 address lies in a CIDR range; null where one is none.",
    routine=declare_rowwise("kql_ipv6_in_range", ("VARCHAR", "VARCHAR"), "BOOLEAN", _is_v6_in_range),
)


@declare_function(
    "ipv6_is_in_any_range(ip: string, range: string, ...): bool",
    "ipv6_is_in_any_range(ip: string, ranges: dynamic): bool",
)
def ipv6_is_in_any_range(call: Arguments) -> exp.Expr:
    """Tell whether an IPv6 or IPv4 address lies in one of several CIDR ranges; null where it is none."""
    ranges = call[1]
    if call.types[1] != KqlType.DYNAMIC:
        ranges = nodes.build_cast(nodes.build_call("to_json", nodes.build_array(list(call)[1:])), "VARCHAR")
    return apply_routine(call, _V6_IN_ANY, call[0], ranges)


def _canonicalize_address(text: str, prefix: int) -> str | None:
    found = parse_address(text)
    if found is None or not 0 <= prefix <= 128:
        return None
    return ipaddress.IPv6Address(_mask_address(found[0], min(prefix, found[1]))).exploded


_CANONICAL = declare_rowwise("kql_parse_ipv6", ("VARCHAR", "BIGINT"), "VARCHAR", _canonicalize_address)


@declare_function("parse_ipv6(ip: string): string")
def parse_ipv6(call: Arguments) -> exp.Expr:
    """Write an IPv6 or IPv4 address in full under its prefix; '' where it is none."""
    return nodes.build_coalesce(
        apply_routine(call, _CANONICAL, call[0], nodes.build_number(128)), nodes.build_text("")
    )


@declare_function("parse_ipv6_mask(ip: string, prefix: long): string")
def parse_ipv6_mask(call: Arguments) -> exp.Expr:
    """Write an IPv6 or IPv4 address in full under a prefix; '' where it is none."""
    return nodes.build_coalesce(apply_routine(call, _CANONICAL, call[0], call[1]), nodes.build_text(""))
