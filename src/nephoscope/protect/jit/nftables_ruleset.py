"""Ruleset of nftables for a machine: guarded ports refuse new connections but from sets whose elements the kernel expires.

Nothing has to run for access to end. A connection that is established when its grant ends is kept, as in Azure. The chain only
refuses: what it lets through is still judged by the chains of other tables.

Source: nft(8), sections "Sets" and "Chains".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from math import ceil

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess, parse_source

TABLE = "nephoscope_jit"
_PRIORITY = -5
IPV4 = 4
_FAMILIES = {4: ("ipv4_addr", "ip", "0.0.0.0/0"), 6: ("ipv6_addr", "ip6", "::/0")}


def render_ruleset(access: MachineAccess, now: datetime) -> str:
    """Return a ruleset for `nft -f` that replaces the one before in one step."""
    grants = [one for one in access.grants if one.ends > now]
    lines = [f"table inet {TABLE} {{}}", f"delete table inet {TABLE}"]
    if not access.guarded:
        return "\n".join(lines) + "\n"
    lines.append(f"table inet {TABLE} {{")
    rules: list[str] = []
    for number, grant in enumerate(grants):
        for version in _FAMILIES:
            if elements := list(_list_elements(grant, version, now)):
                name = f"grant{number}_v{version}"
                lines += _format_set(name, version, elements)
                match = _format_match(GuardedPort(grant.number, grant.protocol))
                rules.append(
                    f'    {match} {_FAMILIES[version][1]} saddr @{name} accept comment "{grant.request}"'
                )
    lines += _format_chain(access.guarded, rules)
    return "\n".join([*lines, "}"]) + "\n"


def _list_elements(grant: AccessGrant, version: int, now: datetime) -> Iterator[str]:
    """Yield the networks of a grant of one IP version, each with the seconds that are left."""
    seconds = max(1, ceil((grant.ends - now).total_seconds()))
    for network in _list_networks(grant.sources, version):
        yield f"{network} timeout {seconds}s"


def _list_networks(sources: Iterable[str], version: int) -> list[str]:
    """Return the networks of one IP version, none within another: a set holds no overlap."""
    everywhere = _FAMILIES[version][2]
    found = [parse_source(everywhere if one == "*" else one) for one in sources]
    if version == IPV4:
        return [str(one) for one in collapse_addresses(one for one in found if isinstance(one, IPv4Network))]
    return [str(one) for one in collapse_addresses(one for one in found if isinstance(one, IPv6Network))]


def _format_set(name: str, version: int, elements: list[str]) -> list[str]:
    return [
        f"  set {name} {{",
        f"    type {_FAMILIES[version][0]}",
        "    flags interval, timeout",
        f"    elements = {{ {', '.join(elements)} }}",
        "  }",
    ]


def _format_chain(guarded: Iterable[GuardedPort], rules: list[str]) -> list[str]:
    refusals = []
    for port in guarded:
        if port.protocol in ("TCP", "*"):
            refusals.append(f"    tcp dport {port.number} reject with tcp reset")
        if port.protocol in ("UDP", "*"):
            refusals.append(f"    udp dport {port.number} reject")
    return [
        "  chain guard {",
        f"    type filter hook input priority {_PRIORITY}; policy accept;",
        "    ct state established,related accept",
        "    iif lo accept",
        *rules,
        *refusals,
        "  }",
    ]


def _format_match(port: GuardedPort) -> str:
    if port.protocol == "*":
        return f"meta l4proto {{ tcp, udp }} th dport {port.number}"
    return f"{port.protocol.lower()} dport {port.number}"
