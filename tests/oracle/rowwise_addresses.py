"""The witness's functions on IPv4 and IPv6 addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, kinds, typed
from rowwise_values import listed, text

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall


def address(value: str) -> tuple[int, int] | None:
    """An IPv4 address (with an optional /suffix) and its prefix length."""
    base, _, suffix = value.strip().partition("/")
    try:
        number = int(ipaddress.IPv4Address(base))
    except ValueError:
        return None
    if suffix and not (suffix.isdigit() and int(suffix) <= 32):
        return None
    return number, int(suffix or 32)


def masked(number: int, prefix: int) -> int:
    return number >> (32 - prefix) if prefix else 0


@gives("ipv4_is_private")
def ipv4_is_private(value: str) -> Any:
    found = address(value)
    nets = [(0x0A000000, 8), (0xAC100000, 12), (0xC0A80000, 16)]
    return found and any(
        found[1] >= size and masked(found[0], size) == masked(net, size) for net, size in nets
    )


@gives("ipv4_is_in_range", "ipv4_is_match")
def ipv4_is_in_range(value: str, other: str, prefix: int = 32) -> Any:
    one, two = address(value), address(other)
    if one is None or two is None:
        return None
    size = min(one[1], two[1], max(prefix, 0))
    return masked(one[0], size) == masked(two[0], size)


@gives("parse_ipv4")
def parse_ipv4(value: str) -> Any:
    found = address(value)
    return found and masked(*found) << (32 - found[1])


def network(text: str) -> Any:
    """The IPv6 network of an IPv6 or IPv4 address, IPv4 mapped; None where it is none."""
    host, _, size = text.strip().partition("/")
    if ":" not in host:
        if address(host) is None:
            return None
        host, size = f"::ffff:{host}", str(96 + int(size)) if size.isdigit() else size
    elif "." in host:
        host = re.sub(r"\A::(?=\d+\.)", "::ffff:", host)
        size = str(96 + int(size)) if size.isdigit() else size
    try:
        return ipaddress.IPv6Network(f"{host}/{size or 128}" if size or "/" not in text else "", strict=False)
    except ValueError:
        return None


@gives("_ipv4_first")
def ipv4_first(value: str) -> Any:
    return parse_ipv4(value)


@gives("_ipv4_last")
def ipv4_last(value: str) -> Any:
    found = address(value)
    return found and parse_ipv4(value) + (1 << (32 - found[1])) - 1


@gives("_ipv6_first")
def ipv6_first(value: str) -> Any:
    found = network(value)
    return "~" if found is None else found[0].exploded


@gives("_ipv6_last")
def ipv6_last(value: str) -> Any:
    found = network(value)
    return "" if found is None else found[-1].exploded


def bounded(value: str, prefix: int) -> tuple[int, int] | None:
    """An address under the smaller of its own prefix and another; None where one is none."""
    found = address(value)
    return None if found is None or not 0 <= prefix <= 32 else (found[0], min(found[1], prefix))


@gives("ipv4_compare")
def ipv4_compare(one: str, other: str, prefix: int = 32) -> Any:
    first, second = bounded(one, prefix), bounded(other, prefix)
    if first is None or second is None:
        return None
    size = min(first[1], second[1])
    mine, yours = masked(first[0], size), masked(second[0], size)
    return (mine > yours) - (mine < yours)


@gives("ipv4_is_in_any_range")
def ipv4_is_in_any_range(value: str, *ranges: Any) -> Any:
    if address(value) is None:
        return None
    return any(ipv4_is_in_range(value, one) is True for one in listed(ranges))


@gives("ipv4_netmask_suffix")
def ipv4_netmask_suffix(value: str) -> Any:
    found = address(value)
    return found and found[1]


@gives("parse_ipv4_mask")
def parse_ipv4_mask(value: str, prefix: int) -> Any:
    found = bounded(value, prefix)
    return found and masked(*found) << (32 - found[1])


def written(value: Any, prefix: int) -> tuple[str, int] | None:
    """An address, a text or a number, under a prefix."""
    if isinstance(value, int):
        value = str(ipaddress.IPv4Address(value)) if 0 <= value < 2**32 else ""
    found = bounded(value, prefix)
    return found and (str(ipaddress.IPv4Address(masked(*found) << (32 - found[1]))), found[1])


@gives("format_ipv4")
def format_ipv4(value: Any, prefix: int = 32) -> Any:
    found = written(value, prefix)
    return found and found[0]


@gives("format_ipv4_mask")
def format_ipv4_mask(value: Any, prefix: int = 32) -> Any:
    found = written(value, prefix)
    return found and f"{found[0]}/{found[1]}"


@gives("ipv4_range_to_cidr_list")
def ipv4_range_to_cidr_list(start: str, end: str) -> Any:
    first, last = address(start), address(end)
    if first is None or last is None or first[0] > last[0]:
        return None
    ends = ipaddress.IPv4Address(first[0]), ipaddress.IPv4Address(last[0])
    return [str(one) for one in ipaddress.summarize_address_range(*ends)]


def prefixed(value: str, prefix: int) -> Any:
    """The IPv6 network of an address under a further prefix."""
    found = network(value)
    if found is None or not 0 <= prefix <= 128:
        return None
    size = min(found.prefixlen, prefix)
    return found.supernet(new_prefix=size)


@gives("ipv6_compare")
def ipv6_compare(one: str, other: str, prefix: int = 128) -> Any:
    first, second = prefixed(one, prefix), prefixed(other, prefix)
    if first is None or second is None:
        return None
    size = min(first.prefixlen, second.prefixlen)
    mine, yours = (int(each.supernet(new_prefix=size)[0]) for each in (first, second))
    return (mine > yours) - (mine < yours)


@gives("ipv6_is_match")
def ipv6_is_match(one: str, other: str, prefix: int = 128) -> Any:
    found = ipv6_compare(one, other, prefix)
    return None if found is None else found == 0


@gives("ipv6_is_in_range")
def ipv6_is_in_range(value: str, area: str) -> Any:
    return ipv6_is_match(value, area)


@gives("ipv6_is_in_any_range")
def ipv6_is_in_any_range(value: str, *ranges: Any) -> Any:
    return (
        None if network(value) is None else any(ipv6_is_match(value, one) is True for one in listed(ranges))
    )


@gives("parse_ipv6")
def parse_ipv6(value: str) -> Any:
    found = network(value)
    return found and found[0].exploded


@gives("parse_ipv6_mask")
def parse_ipv6_mask(value: str, prefix: int) -> Any:
    found = prefixed(value, prefix)
    return found and found[0].exploded


# addresses that stand in a text


def standing(source: str) -> list[str]:
    """The IPv4 addresses of a text, with no letter or digit against their ends."""
    found = re.finditer(r"(?<![^\W_])\d{1,3}(?:\.\d{1,3}){3}(?![^\W_])", source)
    return [one.group() for one in found if address(one.group()) is not None]


@typed("has_ipv4", "has_any_ipv4")
def has_any_ipv4(cells: list[Any], call: BoundCall, now: int) -> bool:
    source = text(kinds(call)[0], cells[0])
    return any(one.strip() in standing(source) for one in listed(cells[1:]))


@typed("has_ipv4_prefix", "has_any_ipv4_prefix")
def has_any_ipv4_prefix(cells: list[Any], call: BoundCall, now: int) -> bool:
    """A prefix is a whole address, or ends at a point."""
    source = text(kinds(call)[0], cells[0])
    wanted = [one for one in listed(cells[1:]) if one.endswith(".") or address(one) is not None]
    return any(one.startswith(part) for part in wanted for one in standing(source))
