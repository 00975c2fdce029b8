"""Load balancers: what their rules send to which address of which machine.

Source: https://learn.microsoft.com/rest/api/load-balancer/load-balancers/get
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.network_interfaces import get_reference, list_references
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.security_rules import EVERY_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.estate.addresses import Interval
    from nephoscope_policy.model.resource import Resource

LOAD_BALANCER_TYPE = "microsoft.network/loadbalancers"


class Forwarding(msgspec.Struct, frozen=True):
    """A rule of a load balancer: lower-cased `protocol` ('*' = every one), ports at the frontend and at the machine.

    `public` is the lower-cased id of the frontend's public address or prefix ('' = an internal frontend), `private` its
    private address. `standard` is the SKU that stays closed until a network security group allows.
    """

    rule: str
    public: str
    private: str
    standard: bool
    protocol: str
    frontend_ports: tuple[Interval, ...]
    ports: tuple[Interval, ...]


class Forwardings(msgspec.Struct):
    """Forwardings by what they lead to: pool id, IP configuration id, rule id, and (network id, address) of a pool member."""

    pools: dict[str, list[Forwarding]] = msgspec.field(default_factory=lambda: defaultdict(list))
    configurations: dict[str, list[Forwarding]] = msgspec.field(default_factory=lambda: defaultdict(list))
    rules: dict[str, Forwarding] = msgspec.field(default_factory=dict)
    members: dict[str, list[tuple[str, str]]] = msgspec.field(default_factory=lambda: defaultdict(list))

    def add(self, balancer: Resource) -> None:
        """Read one load balancer."""
        body = get_properties(balancer)
        fronts = _index_frontends(balancer)
        for entry, kind in _list_rules(body):
            rule = _parse_forwarding(balancer, entry, kind, fronts)
            self.rules[rule.rule] = rule
            inner = entry.get("properties") or {}
            for pool in {
                get_reference(inner.get("backendAddressPool")),
                *list_references(inner.get("backendAddressPools")),
            }:
                if pool:
                    self.pools[pool].append(rule)
            target = get_reference(inner.get("backendIPConfiguration"))
            if target:
                self.configurations[target].append(rule)
        for pool_entry in _read_entries(body, "backendAddressPools"):
            self._list_members(
                _build_part_id(balancer, "backendaddresspools", pool_entry),
                pool_entry.get("properties") or {},
            )

    def _list_members(self, pool: str, body: dict[str, object]) -> None:
        network = get_reference(body.get("virtualNetwork"))
        for entry in _read_entries(body, "loadBalancerBackendAddresses"):
            inner = entry.get("properties") or {}
            own = (
                get_reference(inner.get("virtualNetwork"))
                or network
                or get_reference(inner.get("subnet")).split("/subnets/")[0]
            )
            if inner.get("ipAddress"):
                self.members[pool].append((own, str(inner["ipAddress"])))


def _read_entries(body: dict[str, object], name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _build_part_id(owner: Resource, kind: str, entry: dict[str, object]) -> str:
    return str(entry.get("id") or f"{owner.key}/{kind}/{entry.get('name', '')}").lower()


def _list_rules(body: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for kind in ("loadBalancingRules", "inboundNatRules", "inboundNatPools"):
        for entry in _read_entries(body, kind):
            yield entry, kind


def _index_frontends(balancer: Resource) -> dict[str, tuple[str, str]]:
    """Frontend id -> (id of its public address or prefix, private address)."""
    found = {}
    for entry in _read_entries(get_properties(balancer), "frontendIPConfigurations"):
        inner = entry.get("properties") or {}
        public = get_reference(inner.get("publicIPAddress")) or get_reference(inner.get("publicIPPrefix"))
        found[_build_part_id(balancer, "frontendipconfigurations", entry)] = (
            public,
            str(inner.get("privateIPAddress") or ""),
        )
    return found


def _parse_forwarding(
    balancer: Resource, entry: dict[str, Any], kind: str, fronts: dict[str, tuple[str, str]]
) -> Forwarding:
    inner = entry.get("properties") or {}
    public, private = fronts.get(get_reference(inner.get("frontendIPConfiguration")), ("", ""))
    protocol = str(inner.get("protocol", "All")).lower()
    sku = balancer.body.get("sku")
    front = _read_frontend_ports(inner)
    floating = inner.get("enableFloatingIP") is True
    return Forwarding(
        rule=_build_part_id(balancer, kind.lower(), entry),
        public=public,
        private=private,
        standard=isinstance(sku, dict) and str(sku.get("name", "")).lower() in ("standard", "gateway"),
        protocol="*" if protocol in ("all", "*") else protocol,
        frontend_ports=front,
        ports=front if floating else _read_ports(inner.get("backendPort")),
    )


def _read_ports(port: object) -> tuple[Interval, ...]:
    return ((port, port),) if isinstance(port, int) and port > 0 else EVERY_PORT


def _read_frontend_ports(inner: Mapping[str, object]) -> tuple[Interval, ...]:
    start, end = inner.get("frontendPortRangeStart"), inner.get("frontendPortRangeEnd")
    if isinstance(start, int) and isinstance(end, int) and 0 < start <= end:
        return ((start, end),)
    return _read_ports(inner.get("frontendPort"))
