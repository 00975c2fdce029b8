"""A web application firewall should stand before web applications at application gateways and Front Doors.

An application gateway is healthy with a firewall policy attached (to itself, or to each of its HTTP listeners) or with its own
webApplicationFirewallConfiguration enabled. A classic Front Door is healthy when each of its frontend endpoints has a policy; a
Front Door profile (Microsoft.Cdn/profiles of a Front Door SKU) when a security policy of the profile names each of its enabled
endpoints. No built-in reads these keys: its policies read the bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import (
    assess_all,
    join_names,
    make_finding,
    report_healthy,
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.estate.application_gateways import GATEWAY_TYPE
from nephoscope.estate.network_interfaces import get_reference, list_references
from nephoscope.estate.resource_lookup import require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

FRONT_DOOR = "microsoft.network/frontdoors"
PROFILE = "microsoft.cdn/profiles"
ENDPOINT = "microsoft.cdn/profiles/afdendpoints"
SECURITY_POLICY = "microsoft.cdn/profiles/securitypolicies"

GATEWAY = Key(
    "efe75f01-6fff-5d9d-08e6-092b98d3fb3f",
    "Application gateways should have a web application firewall",
    (GATEWAY_TYPE,),
)
DOOR = Key(
    "0c02a769-03f1-c4d7-85a5-db5dca505c49",
    "Front Doors should have a web application firewall",
    (FRONT_DOOR, PROFILE),
)
KEYS = index_keys(GATEWAY, DOOR)
TYPES = (GATEWAY_TYPE, FRONT_DOOR, PROFILE, ENDPOINT, SECURITY_POLICY)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every application gateway and every Front Door."""
    yield from assess_all(view.list_resources(GATEWAY_TYPE), GATEWAY, _assess_gateway)
    yield from assess_all(view.list_resources(FRONT_DOOR), DOOR, _assess_classic_door)
    yield from assess_all(
        [profile for profile in view.list_resources(PROFILE) if _is_front_door(profile)],
        DOOR,
        lambda profile, key: _assess_profile(view, profile, key),
    )


def _list_objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _assess_gateway(gateway: Resource, key: Key) -> Assessment:
    id_ = str(gateway.body["id"])
    body = require_complete(gateway)
    own: object = body.get("webApplicationFirewallConfiguration")
    if get_reference(body.get("firewallPolicy")) or (isinstance(own, dict) and own.get("enabled") is True):
        return report_healthy(id_, key, "a web application firewall is enabled")
    listeners = _list_objects(body.get("httpListeners"))
    bare = [
        str(entry.get("name", ""))
        for entry in listeners
        if not get_reference((entry.get("properties") or {}).get("firewallPolicy"))
    ]
    if listeners and not bare:
        return report_healthy(id_, key, "every listener has a firewall policy")
    return report_unhealthy(
        id_,
        key,
        f"no web application firewall before {join_names(bare) or 'the gateway'}",
        _find_unprotected_gateways(bare),
    )


def _find_unprotected_gateways(names: list[str]) -> Iterable[Any]:
    return [
        make_finding(name, f"no web application firewall before {name}", "Medium", name=name)
        for name in names
    ]


def _assess_classic_door(door: Resource, key: Key) -> Assessment:
    id_ = str(door.body["id"])
    endpoints = _list_objects(require_complete(door).get("frontendEndpoints"))
    bare = [
        str(entry.get("name", ""))
        for entry in endpoints
        if not get_reference((entry.get("properties") or {}).get("webApplicationFirewallPolicyLink"))
    ]
    if bare or not endpoints:
        return report_unhealthy(
            id_,
            key,
            f"no web application firewall before {join_names(bare) or 'the Front Door'}",
            _find_unprotected_gateways(bare),
        )
    return report_healthy(id_, key, "every frontend endpoint has a firewall policy")


def _is_front_door(profile: Resource) -> bool:
    sku: object = profile.body.get("sku")
    return isinstance(sku, dict) and str(sku.get("name", "")).lower().endswith("_azurefrontdoor")


def _assess_profile(view: EstateView, profile: Resource, key: Key) -> Assessment:
    id_ = str(profile.body["id"])
    for type_ in (ENDPOINT, SECURITY_POLICY):
        view.require_collected(type_, profile.key)
    guarded = {
        domain
        for policy in view.list_children(SECURITY_POLICY, profile.key)
        for domain in _list_domains(policy)
    }
    endpoints = [
        endpoint
        for endpoint in view.list_children(ENDPOINT, profile.key)
        if str(require_complete(endpoint).get("enabledState", "Enabled")).lower() == "enabled"
    ]
    bare = [endpoint.name for endpoint in endpoints if endpoint.key not in guarded]
    if bare:
        return report_unhealthy(
            id_,
            key,
            f"no web application firewall before {join_names(bare)}",
            _find_unprotected_gateways(bare),
        )
    if not endpoints:
        return report_not_applicable(id_, key, "no-endpoint", "the profile has no enabled endpoint")
    return report_healthy(id_, key, "every endpoint is in a security policy")


def _list_domains(policy: Resource) -> Iterable[str]:
    parameters: object = require_complete(policy).get("parameters")
    if not isinstance(parameters, dict) or not get_reference(parameters.get("wafPolicy")):
        return ()
    return [
        domain
        for entry in _list_objects(parameters.get("associations"))
        for domain in list_references(entry.get("domains"))
    ]
