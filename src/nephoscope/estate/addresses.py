"""IP addresses as integers, prefixes as intervals, and sets of them."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]

FAMILIES = (4, 6)
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def merge_intervals(intervals: Iterable[Interval]) -> Intervals:
    """Sort closed intervals and join those that touch or overlap."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def intersect_intervals(left: Intervals, right: Intervals) -> Intervals:
    """The integers that lie in both of two merged sets."""
    if left == right:
        return left
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low = max(left[i][0], right[j][0])
        high = min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract_intervals(left: Intervals, right: Intervals) -> Intervals:
    """The integers of one merged set that are not in another."""
    if left == right:
        return ()
    found: list[Interval] = []
    j = 0
    for low, high in left:
        while j < len(right) and right[j][1] < low:
            j += 1
        k = j
        while k < len(right) and right[k][0] <= high:
            if low < right[k][0]:
                found.append((low, right[k][0] - 1))
            low = right[k][1] + 1
            k += 1
        if low <= high:
            found.append((low, high))
    return tuple(found)


def count_addresses(intervals: Iterable[Interval]) -> int:
    """Count how many integers a merged set of intervals holds."""
    return sum(high - low + 1 for low, high in intervals)


class AddressSet(msgspec.Struct, frozen=True):
    """A set of IPv4 and IPv6 addresses as merged intervals of integers."""

    v4: tuple[Interval, ...] = ()
    v6: tuple[Interval, ...] = ()

    @classmethod
    def include_everything(cls) -> AddressSet:
        """Every IPv4 and IPv6 address."""
        return cls(((0, LAST[4]),), ((0, LAST[6]),))

    @classmethod
    def of(cls, prefixes: Iterable[str]) -> AddressSet:
        """The union of addresses, prefixes and `a-b` ranges; raises ValueError on anything else."""
        found: dict[int, list[Interval]] = {4: [], 6: []}
        for text in prefixes:
            family, interval = parse_prefix(text)
            found[family].append(interval)
        return cls(merge_intervals(found[4]), merge_intervals(found[6]))

    def select_family(self, version: int) -> AddressSet:
        """The addresses of one family, 4 or 6."""
        return AddressSet(self.v4) if version == 4 else AddressSet((), self.v6)

    def get_intervals(self, version: int) -> tuple[Interval, ...]:
        """The intervals of one family, 4 or 6."""
        return self.v4 if version == 4 else self.v6

    def __or__(self, other: AddressSet) -> AddressSet:
        return AddressSet(merge_intervals(self.v4 + other.v4), merge_intervals(self.v6 + other.v6))

    def __and__(self, other: AddressSet) -> AddressSet:
        return AddressSet(intersect_intervals(self.v4, other.v4), intersect_intervals(self.v6, other.v6))

    def __sub__(self, other: AddressSet) -> AddressSet:
        return AddressSet(subtract_intervals(self.v4, other.v4), subtract_intervals(self.v6, other.v6))

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)

    def covers(self, other: AddressSet) -> bool:
        """Return whether every address of `other` is in this set."""
        return not other - self

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, str):
            return False
        family, (low, high) = parse_prefix(address)
        return any(first <= low and high <= last for first, last in self.get_intervals(family))


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
    """Return whether the text is an address, a prefix or a range (and not a tag)."""
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
PUBLIC = AddressSet.include_everything() - NOT_PUBLIC
#: Public addresses by family: traffic of one family does not reach an address of the other.
PUBLIC_OF_FAMILY = {family: PUBLIC.select_family(family) for family in FAMILIES}
