"""Learned sources: which sources a service of a machine needs, from observed flows, and which flows it does not need.

Sources are generalised only as far as new ones keep arriving. In the last third of the window, addresses that are new and come again
mean that the set still grows; then ranges are tried, /28 before /24 and so on, until none arrives. Where even /16 networks keep
arriving, the service is public. Sources that were seen on a single day are kept (a monthly job has no other day) and do not count
as growth, unless they are many.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.hardening.observed_traffic import LogWindow, ObservedFlow, ObservedTraffic
from nephoscope.estate.addresses import NOT_PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from nephoscope.estate.addresses import AddressSet

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network
_LEVELS = {4: (32, 28, 24, 20, 16), 6: (128, 64, 56, 48, 32)}
#: Ports of remote administration and data, where a flow as short as a login attempt proves nothing.
#: Source: https://learn.microsoft.com/azure/defender-for-cloud/adaptive-network-hardening (ports), 27017 and 6379 added
LOGIN_PORTS = frozenset(
    (
        20,
        21,
        22,
        23,
        53,
        66,
        139,
        445,
        1128,
        1433,
        1434,
        3306,
        3389,
        4333,
        5432,
        5439,
        5985,
        5986,
        6379,
        27017,
    )
)
#: Bytes both ways that a refused login does not reach (key exchange and a few tries).
SESSION_BYTES = 20_000
#: Single-day sources that do not count as growth: so many, or this share of all.
FEW, FEW_SHARE = 2, 0.1
#: Ports from which on a port may have been chosen by the moment, and how many distinct ones mean so.
DYNAMIC_FROM, MANY_PORTS = 1024, 10
_DYNAMIC = ((49152, 65535), (32768, 60999), (DYNAMIC_FROM, 65535))
#: More ranges than that are no narrower rule.
MOST_PREFIXES = 200


class LearnedService(msgspec.Struct, frozen=True):
    """Ports of a protocol and the sources that need them; `public` where they keep changing, so that no source can be named."""

    protocol: str
    ports: tuple[int, int]
    sources: tuple[str, ...]
    public: bool
    days: int


class RejectedFlow(msgspec.Struct, frozen=True):
    """A flow that counts as no need of the service, and why."""

    flow: ObservedFlow
    reason: str


class LearningContext(msgspec.Struct, frozen=True):
    """Context of sources: networks of the estate, trusted addresses, and the window of the logs."""

    window: LogWindow
    subnets: tuple[Prefix, ...] = ()
    trusted: AddressSet | None = None


def learn_services(
    flows: Iterable[ObservedFlow], traffic: ObservedTraffic, context: LearningContext
) -> tuple[tuple[LearnedService, ...], tuple[RejectedFlow, ...]]:
    """Return the services of one address with their sources, and the flows that none of them needs."""
    kept: list[ObservedFlow] = []
    rejected: list[RejectedFlow] = []
    for one in flows:
        why = _explain_rejected_flow(one, traffic, context)
        if why:
            rejected.append(RejectedFlow(one, why))
        else:
            kept.append(one)
    services = [
        _learn_service(protocol, ports, several, context)
        for (protocol, ports), several in _group_ports(kept, context).items()
    ]
    return tuple(services), tuple(rejected)


def _explain_rejected_flow(flow: ObservedFlow, traffic: ObservedTraffic, context: LearningContext) -> str:
    """Explain why a flow is no need, '' where it is one."""
    if traffic.is_listed_address(flow.source):
        return "threat intelligence lists the source"
    if flow.back == 0:
        return "the machine never answered"
    if not is_public(flow.source) or (context.trusted is not None and flow.source in context.trusted):
        return ""
    if flow.source in traffic.scanners:
        return "the source was refused elsewhere again and again"
    if flow.port in LOGIN_PORTS and flow.bytes is not None and flow.bytes < SESSION_BYTES:
        return "no flow was longer than a login attempt"
    return ""


@lru_cache(maxsize=65536)
def is_public(address: str) -> bool:
    """Return whether an address is one of the Internet."""
    return address not in NOT_PUBLIC


def _group_ports(
    flows: Sequence[ObservedFlow], context: LearningContext
) -> Mapping[tuple[str, tuple[int, int]], list[ObservedFlow]]:
    """Flows by port; ports that programs choose anew each time are one range."""
    ranges = {
        protocol: _find_dynamic([one for one in flows if one.protocol == protocol], context)
        for protocol in ("tcp", "udp")
    }
    found: dict[tuple[str, tuple[int, int]], list[ObservedFlow]] = defaultdict(list)
    for one in flows:
        dynamic = ranges[one.protocol]
        ports = dynamic[0] if dynamic and one.port in dynamic[1] else (one.port, one.port)
        found[one.protocol, ports].append(one)
    return found


def _find_dynamic(
    flows: Sequence[ObservedFlow], context: LearningContext
) -> tuple[tuple[int, int], frozenset[int]] | None:
    """The range of ports that are chosen by the moment and the ports seen of it, None where none are."""
    days: dict[int, int] = defaultdict(int)
    first: dict[int, datetime] = {}
    for one in flows:
        if one.port >= DYNAMIC_FROM:
            days[one.port] = max(days[one.port], one.days)
            first[one.port] = min(first.get(one.port, one.first), one.first)
    brief = frozenset(port for port, seen in days.items() if seen <= 3)
    late = sum(1 for port in brief if first[port] >= _compute_last_third(context.window))
    if len(brief) < MANY_PORTS or late < FEW:
        return None
    low, high = min(brief), max(brief)
    return next(one for one in _DYNAMIC if one[0] <= low and high <= one[1]), brief


def _compute_last_third(window: LogWindow) -> datetime:
    return window.first + (window.last - window.first) * 2 / 3


def _learn_service(
    protocol: str, ports: tuple[int, int], flows: Sequence[ObservedFlow], context: LearningContext
) -> LearnedService:
    days = max(one.days for one in flows)
    inner = [one for one in flows if not is_public(one.source)]
    outer = [one for one in flows if is_public(one.source)]
    found: set[Prefix] = {_find_subnet(one.source, context.subnets) for one in inner}
    for version in (4, 6):
        several = [one for one in outer if _detect_ip_version(one.source) == version]
        prefixes = _choose_prefixes(several, version, context.window)
        if prefixes is None:
            return LearnedService(protocol, ports, (), public=True, days=days)
        found |= prefixes
    collapsed = _collapse_prefixes(found)
    if len(collapsed) > MOST_PREFIXES:
        return LearnedService(protocol, ports, (), public=True, days=days)
    return LearnedService(protocol, ports, tuple(map(str, collapsed)), public=False, days=days)


def _detect_ip_version(address: str) -> int:
    return 6 if ":" in address else 4


def _collapse_prefixes(prefixes: Iterable[Prefix]) -> list[Prefix]:
    given = list(prefixes)
    four = ipaddress.collapse_addresses(one for one in given if isinstance(one, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(one for one in given if isinstance(one, ipaddress.IPv6Network))
    return [*four, *six]


def _find_subnet(address: str, subnets: Iterable[Prefix]) -> Prefix:
    """The subnet of the estate that has a private address, else its /24 (IPv6: /64)."""
    host = ipaddress.ip_address(address)
    for one in subnets:
        if host.version == one.version and host in one:
            return one
    return _widen_to_prefix(address, 24 if host.version == 4 else 64)


@lru_cache(maxsize=65536)
def _widen_to_prefix(address: str, level: int) -> Prefix:
    return ipaddress.ip_network(f"{address}/{level}", strict=False)


def _choose_prefixes(flows: Sequence[ObservedFlow], version: int, window: LogWindow) -> set[Prefix] | None:
    """The narrowest prefixes of sources of which no new ones keep arriving, None where they do at every level."""
    if not flows:
        return set()
    for level in _LEVELS[version]:
        by_prefix: dict[Prefix, list[ObservedFlow]] = defaultdict(list)
        for one in flows:
            by_prefix[_widen_to_prefix(one.source, level)].append(one)
        if not _grows(by_prefix, window):
            return set(by_prefix)
    return None


def _grows(by_prefix: Mapping[Prefix, Sequence[ObservedFlow]], window: LogWindow) -> bool:
    """Return whether new prefixes kept arriving in the last third of the window."""
    single = [several for several in by_prefix.values() if _count_days(several) == 1]
    if len(single) > max(FEW, FEW_SHARE * len(by_prefix)):
        return True
    late = _compute_last_third(window)
    return any(
        min(one.first for one in several) >= late and _count_days(several) > 1
        for several in by_prefix.values()
    )


def _count_days(flows: Sequence[ObservedFlow]) -> int:
    """The days on which a prefix was seen, at least."""
    dates = {one.first.date() for one in flows} | {one.last.date() for one in flows}
    return max(len(dates), *(one.days for one in flows))
