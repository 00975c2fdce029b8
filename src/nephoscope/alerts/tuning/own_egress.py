"""Own egress: public addresses of the estate behind which its users and programs reach the Internet.

Source: Microsoft.Network/publicIPAddresses (`ipConfiguration`, `natGateway`), publicIPPrefixes and localNetworkGateways,
https://learn.microsoft.com/azure/templates/microsoft.network/publicipaddresses
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate
    from nephoscope_policy.model.resource import Resource

TAG = "estate"
_ADDRESS, _PREFIX = "microsoft.network/publicipaddresses", "microsoft.network/publicipprefixes"
_NAT, _SITE = "microsoft.network/natgateways", "microsoft.network/localnetworkgateways"
READS = (_ADDRESS, _PREFIX, _NAT, _SITE)
#: A part of the id of what an address is attached to -> what that is, and whether many go out through it on purpose.
_HOLDERS = {
    "/natgateways/": ("NAT gateway", True),
    "/virtualnetworkgateways/": ("VPN gateway", True),
    "/p2svpngateways/": ("VPN gateway", True),
    "/vpngateways/": ("VPN gateway", True),
    "/azurefirewalls/": ("firewall", True),
    "/loadbalancers/": ("load balancer", False),
    "/applicationgateways/": ("application gateway", False),
    "/bastionhosts/": ("bastion", False),
    "/networkinterfaces/": ("machine", False),
}


@dataclass(frozen=True, slots=True)
class EgressAddress:
    """An address or range, the name of the resource that has it, and what it is attached to.

    `shared`: many go out through it on purpose (a gateway or firewall). What is only one machine's own is no ground for trust.
    """

    address: str
    name: str
    kind: str
    shared: bool
    resource: str


def list_egress_addresses(estates: Iterable[Estate]) -> list[EgressAddress]:
    """Every public address of the tenants' estates, each once, those that many share first; what has no address yet is left out."""
    several = [one for estate in estates for one in _list_addresses(estate)]
    found = {one.address: one for one in sorted(several, key=lambda one: one.shared)}
    return sorted(found.values(), key=lambda one: (not one.shared, one.kind, one.address))


def _list_addresses(estate: Estate) -> Iterator[EgressAddress]:
    through_nat = {
        key
        for one in estate.list_of_type(_NAT)
        for field in ("publicIpAddresses", "publicIpPrefixes")
        for key in map(get_reference, _to_list(get_properties(one).get(field)))
    }
    yield from _list_egress_addresses(estate, through_nat)


def _list_egress_addresses(estate: Estate, through_nat: set[str]) -> Iterator[EgressAddress]:
    for type_, field in ((_ADDRESS, "ipAddress"), (_PREFIX, "ipPrefix")):
        for one in estate.list_of_type(type_):
            kind, shared = _describe_attachment(one, through_nat)
            yield from _make_egress(one, field, kind, shared=shared)
    for one in estate.list_of_type(_SITE):
        yield from _make_egress(one, "gatewayIpAddress", "site behind a VPN", shared=True)


def _describe_attachment(one: Resource, through_nat: set[str]) -> tuple[str, bool]:
    """Return what the address is attached to."""
    body = get_properties(one)
    if one.key.lower() in through_nat or get_reference(body.get("natGateway")):
        return "NAT gateway", True
    holder = get_reference(body.get("ipConfiguration"))
    return next((value for part, value in _HOLDERS.items() if part in holder), ("not attached", False))


def _make_egress(one: Resource, field: str, kind: str, *, shared: bool) -> Iterator[EgressAddress]:
    try:
        whole = ip_network(str(get_properties(one).get(field) or ""), strict=False)
    except ValueError:  # none is given until the resource runs
        return
    text = str(whole) if whole.num_addresses > 1 else str(whole.network_address)
    yield EgressAddress(text, one.key.rpartition("/")[2], kind, shared, one.key)


def _to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
