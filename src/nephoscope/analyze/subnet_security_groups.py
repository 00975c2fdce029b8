"""A network security group should be attached to every subnet.

Subnets of the platform's own appliances (GatewaySubnet, AzureFirewallSubnet, AzureFirewallManagementSubnet,
RouteServerSubnet) cannot or must not have one and are NotApplicable. Subnets are read from their own resources and from the
bodies of virtual networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import (
    report_healthy,
    report_not_applicable,
    report_not_collected,
    report_unhealthy,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.subnets import NETWORK_TYPE, SUBNET_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.subnets import Subnet
    from nephoscope_policy.model.assessment import Assessment

ATTACHED = Key(
    "eade5b56-eefd-444f-95c8-23f29e5d93cb",
    "Subnets should be associated with a network security group",
    (SUBNET_TYPE,),
    ("e71308d3-144b-4262-b144-efdc3cc90517",),
)
KEYS = index_keys(ATTACHED)
TYPES = (NETWORK_TYPE, SUBNET_TYPE)

RESERVED = frozenset(
    {"gatewaysubnet", "azurefirewallsubnet", "azurefirewallmanagementsubnet", "routeserversubnet"}
)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every subnet."""
    for subnet in view.network.subnets.values():
        try:
            yield _assess_subnet(subnet)
        except DataNotCollectedError as gap:
            yield report_not_collected(subnet.id, ATTACHED, gap)


def _assess_subnet(subnet: Subnet) -> Assessment:
    if subnet.name in RESERVED:
        return report_not_applicable(
            subnet.id, ATTACHED, "reserved-subnet", f"{subnet.name} takes no network security group"
        )
    if not subnet.known:
        return report_not_collected(
            subnet.id, ATTACHED, DataNotCollectedError(f"the properties of {subnet.id}")
        )
    if subnet.security_group:
        return report_healthy(subnet.id, ATTACHED, f"{subnet.security_group} is attached")
    return report_unhealthy(subnet.id, ATTACHED, "no network security group is attached")
