"""DDoS protection should cover virtual networks that hold an application gateway with a public address.

Healthy when the network has a protection plan switched on, or when each of those public addresses is protected by itself
(ddosSettings.protectionMode Enabled). A network without such a gateway is NotApplicable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import (
    assess_all,
    join_names,
    make_finding,
    report_healthy,
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.estate.application_gateways import GATEWAY_TYPE, list_gateway_subnets, map_public_addresses
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import PUBLIC_ADDRESS_TYPE
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.subnets import NETWORK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

PROTECTED = Key(
    "e3de1cc0-f4dd-3b34-e496-8b5381ba2d70",
    "Public application gateways should be protected against DDoS",
    (NETWORK_TYPE,),
    ("a7aca53f-2ed4-4466-a25e-0b45ade68efd",),
)
KEYS = index_keys(PROTECTED)
TYPES = (NETWORK_TYPE, GATEWAY_TYPE, PUBLIC_ADDRESS_TYPE)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual network."""
    public = _group_public_gateways(view)
    unread = next((gateway for gateway in view.list_resources(GATEWAY_TYPE) if not gateway.complete), None)

    def assess(network: Resource, key: Key) -> Assessment:
        id_ = str(network.body["id"])
        body = get_properties(network)
        if body.get("enableDdosProtection") is True and get_reference(body.get("ddosProtectionPlan")):
            return report_healthy(id_, key, "a DDoS protection plan is switched on")
        addresses = public.get(network.key)
        if addresses is None:
            view.require_collected(GATEWAY_TYPE, network.id.subscription_id)
            if unread is not None:
                require_complete(unread)
            return report_not_applicable(
                id_, key, "no-public-gateway", "no application gateway with a public address lives here"
            )
        bare = [address for address in addresses if not _is_address_protected(view, address)]
        if bare:
            found = [
                make_finding(address, f"{address} has no DDoS protection", "Medium", address=address)
                for address in bare
            ]
            return report_unhealthy(id_, key, f"no DDoS protection for {join_names(bare)}", found)
        return report_healthy(id_, key, "every public address of its application gateways is protected")

    return assess_all(view.list_resources(NETWORK_TYPE), PROTECTED, assess)


def _group_public_gateways(view: EstateView) -> dict[str, list[str]]:
    """Network -> the public addresses of the application gateways in its subnets."""
    found: dict[str, list[str]] = {}
    for gateway in view.list_resources(GATEWAY_TYPE):
        addresses = list(map_public_addresses(gateway).values())
        for subnet in list_gateway_subnets(gateway) if addresses else ():
            found.setdefault(subnet.split("/subnets/")[0], []).extend(addresses)
    return found


def _is_address_protected(view: EstateView, address: str) -> bool:
    resource = view.estate.resources.get(address)
    if resource is None or not resource.complete:
        raise DataNotCollectedError(address)
    settings: object = get_properties(resource).get("ddosSettings")
    return isinstance(settings, dict) and str(settings.get("protectionMode", "")).lower() == "enabled"
