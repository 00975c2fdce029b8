"""IP addresses as integers, prefixes as intervals, and sets of them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Interval = tuple[int, int]

FAMILIES = (4, 6)
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sort closed intervals and join those that touch or overlap."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def intersect(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """The integers that lie in both sets of closed intervals."""
    others = tuple(right)
    return merge(
        (max(low, other_low), min(high, other_high))
        for low, high in left
        for other_low, other_high in others
        if low <= other_high and other_low <= high
    )


def subtract(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """The integers of `left` that are not in `right`."""
    rest = merge(left)
    for cut_low, cut_high in merge(right):
        rest = tuple(piece for interval in rest for piece in _without(interval, cut_low, cut_high))
    return rest


def _without(interval: Interval, cut_low: int, cut_high: int) -> list[Interval]:
    low, high = interval
    if cut_high < low or high < cut_low:
        return [interval]
    pieces = [(low, cut_low - 1), (cut_high + 1, high)]
    return [piece for piece in pieces if piece[0] <= piece[1]]


def size(intervals: Iterable[Interval]) -> int:
    """How many integers a merged set of intervals holds."""
    return sum(high - low + 1 for low, high in intervals)


@dataclass(frozen=True, slots=True)
class AddressSet:
    """A set of IPv4 and IPv6 addresses as merged intervals of integers."""

    v4: tuple[Interval, ...] = ()
    v6: tuple[Interval, ...] = ()

    @classmethod
    def everything(cls) -> AddressSet:
        """Every IPv4 and IPv6 address."""
        return cls(((0, LAST[4]),), ((0, LAST[6]),))

    @classmethod
    def of(cls, prefixes: Iterable[str]) -> AddressSet:
        """The union of addresses, prefixes and `a-b` ranges; raises ValueError on anything else."""
        found: dict[int, list[Interval]] = {4: [], 6: []}
        for text in prefixes:
            family, interval = parse_prefix(text)
            found[family].append(interval)
        return cls(merge(found[4]), merge(found[6]))

    def family(self, version: int) -> tuple[Interval, ...]:
        """The intervals of one family, 4 or 6."""
        return self.v4 if version == 4 else self.v6

    def __or__(self, other: AddressSet) -> AddressSet:
        return AddressSet(merge(self.v4 + other.v4), merge(self.v6 + other.v6))

    def __and__(self, other: AddressSet) -> AddressSet:
        return AddressSet(intersect(self.v4, other.v4), intersect(self.v6, other.v6))

    def __sub__(self, other: AddressSet) -> AddressSet:
        return AddressSet(subtract(self.v4, other.v4), subtract(self.v6, other.v6))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def covers(self, other: AddressSet) -> bool:
        """Whether every address of `other` is in this set."""
        return not other - self

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, str):
            return False
        family, (low, high) = parse_prefix(address)
        return any(first <= low and high <= last for first, last in self.family(family))


@lru_cache(maxsize=65536)
def parse_prefix(text: str) -> tuple[int, Interval]:
    """`10.0.0.0/8`, `10.1.2.3`, `10.0.0.1-10.0.0.9` or IPv6 -> (family, closed interval); raises ValueError."""
    text = text.strip()
    first, dash, last = text.partition("-")
    if dash:
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"not an address range: {text!r}")
        return low.version, (int(low), int(high))
    network = ipaddress.ip_network(text, strict=False)
    return network.version, (int(network.network_address), int(network.broadcast_address))


def is_prefix(text: str) -> bool:
    """Whether the text is an address, a prefix or a range (and not a tag)."""
    try:
        parse_prefix(text)
    except ValueError:
        return False
    return True


# Not routed on the Internet: RFC 6890 (special-purpose registries), RFC 5771, RFC 4291.
NOT_PUBLIC = AddressSet.of(
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/3", "4000::/2", "8000::/1",
    ]
)  # fmt: skip
PUBLIC = AddressSet.everything() - NOT_PUBLIC
