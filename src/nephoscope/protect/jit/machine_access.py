"""Access to a machine: the ports that policies guard, and those that requests hold open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from nephoscope.state.hosts.access_requests import AccessRequest


class PolicyPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port in a policy: `*` is every protocol; sources are addresses, ranges, or `*`."""

    number: int
    protocol: str
    max_request_access_duration: str
    allowed_source_address_prefix: str = ""
    allowed_source_address_prefixes: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the addresses that may ask."""
        return self.allowed_source_address_prefixes or (self.allowed_source_address_prefix or "*",)


class PolicyMachine(msgspec.Struct, frozen=True):
    """A machine in a policy."""

    id: str
    ports: tuple[PolicyPort, ...]


class GuardedPort(msgspec.Struct, frozen=True, order=True):
    """A port that is closed unless a grant opens it."""

    number: int
    protocol: str


class AccessGrant(msgspec.Struct, frozen=True):
    """An open port: the request that opened it, and for whom until when."""

    request: str
    number: int
    protocol: str
    sources: tuple[str, ...]
    ends: datetime


class MachineAccess(msgspec.Struct, frozen=True):
    """Guarded ports and open grants of a machine, by its lower-cased id."""

    machine: str
    guarded: tuple[GuardedPort, ...]
    grants: tuple[AccessGrant, ...]


class EnforcedAccess(msgspec.Struct, frozen=True):
    """Enforcement that a machine reported last: the guarded ports, the requests of the grants, by what, and when."""

    guarded: tuple[GuardedPort, ...]
    requests: tuple[str, ...]
    mechanism: str
    applied: datetime


def parse_source(text: str) -> IPv4Network | IPv6Network:
    """Return an address or range that access may come from; raises ValueError, also for an address with a zone.

    A zone is any text (`fe80::%...`), which would otherwise reach the rulesets and scripts that are made of sources.
    """
    if "%" in text:
        raise ValueError(f"{text[:60]!r} has a zone")
    return ip_network(text, strict=False)


def read_machines(policy: Mapping[str, object]) -> tuple[PolicyMachine, ...]:
    """Return the machines of a policy document."""
    properties = policy.get("properties")
    found = properties.get("virtualMachines") if isinstance(properties, dict) else None
    return msgspec.convert(found or [], tuple[PolicyMachine, ...])


def find_access(
    machine: str, policies: Iterable[Mapping[str, object]], requests: Iterable[AccessRequest], now: datetime
) -> MachineAccess:
    """Return what policies and requests come to at a machine at a time."""
    key = machine.lower()
    guarded = {
        GuardedPort(port.number, port.protocol)
        for policy in policies
        for one in read_machines(policy)
        if one.id.lower() == key
        for port in one.ports
    }
    grants = [
        AccessGrant(request.id, port.number, port.protocol, port.sources, port.ends)
        for request in requests
        for port in request.open_ports(now)
        if port.machine == key and GuardedPort(port.number, port.protocol) in guarded
    ]
    return MachineAccess(
        key, tuple(sorted(guarded)), tuple(sorted(grants, key=lambda one: (one.ends, one.request)))
    )


def is_access_enforced(
    access: MachineAccess, applied: EnforcedAccess | None, revoked: frozenset[str]
) -> bool:
    """Return whether what was applied last is what holds now: a grant that ran out left by itself, one that was revoked did not."""
    if applied is None or applied.guarded != access.guarded:
        return False
    current = {one.request for one in access.grants}
    return current <= set(applied.requests) and not revoked & set(applied.requests)
