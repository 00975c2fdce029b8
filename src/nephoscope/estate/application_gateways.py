"""Application gateways: which backend pools their public listeners lead to, and on which ports.

Source: https://learn.microsoft.com/rest/api/application-gateway/application-gateways/get
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.addresses import is_prefix
from nephoscope.estate.network_interfaces import get_reference, list_references
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.model.resource import Resource

GATEWAY_TYPE = "microsoft.network/applicationgateways"


class GatewayRoute(msgspec.Struct, frozen=True):
    """A path from a public listener to a backend pool: ids, the port at the backend, addresses named in the pool."""

    gateway: str
    public: str
    pool: str
    port: int
    addresses: tuple[str, ...]
    configurations: tuple[str, ...]


def list_gateway_subnets(gateway: Resource) -> tuple[str, ...]:
    """The lower-cased ids of the subnets that a gateway's instances live in."""
    entries = get_properties(gateway).get("gatewayIPConfigurations")
    return tuple(
        subnet
        for entry in (entries if isinstance(entries, list) else [])
        if (subnet := get_reference((entry.get("properties") or {}).get("subnet")))
    )


def map_public_addresses(gateway: Resource) -> dict[str, str]:
    """Frontend id -> public address id, for the frontends that have one."""
    return {
        id_: public
        for id_, inner in _index_gateway_parts(gateway, "frontendIPConfigurations").items()
        if (public := get_reference(inner.get("publicIPAddress")))
    }


def iterate_public_routes(gateway: Resource) -> Iterator[GatewayRoute]:
    """Every route from a public listener to a backend pool."""
    fronts = map_public_addresses(gateway)
    listeners = _index_gateway_parts(gateway, "httpListeners") | _index_gateway_parts(gateway, "listeners")
    settings = _index_gateway_parts(gateway, "backendHttpSettingsCollection") | _index_gateway_parts(
        gateway, "backendSettingsCollection"
    )
    pools = _index_gateway_parts(gateway, "backendAddressPools")
    for listener, pool, setting in _list_targets(gateway):
        public = fronts.get(get_reference(listeners.get(listener, {}).get("frontendIPConfiguration")))
        if public is None:
            continue
        body = pools.get(pool, {})
        yield GatewayRoute(
            gateway=gateway.key,
            public=public,
            pool=pool,
            port=_read_port(settings.get(setting, {})),
            addresses=tuple(_list_addresses(body)),
            configurations=list_references(body.get("backendIPConfigurations")),
        )


def _index_gateway_parts(gateway: Resource, name: str) -> dict[str, dict[str, Any]]:
    """Lower-cased id -> properties of one of a gateway's lists."""
    entries = get_properties(gateway).get(name)
    found: dict[str, dict[str, object]] = {}
    for entry in entries if isinstance(entries, list) else []:
        id_ = str(entry.get("id") or f"{gateway.key}/{name}/{entry.get('name', '')}").lower()
        found[id_] = entry.get("properties") or {}
    return found


def _read_port(setting: dict[str, object]) -> int:
    port = setting.get("port")
    if isinstance(port, int):
        return port
    return 443 if str(setting.get("protocol", "")).lower() == "https" else 80


def _list_addresses(pool: dict[str, Any]) -> Iterator[str]:
    for entry in pool.get("backendAddresses") or []:
        for text in (entry.get("ipAddress"), entry.get("fqdn")):
            if isinstance(text, str) and is_prefix(text):
                yield text


def _list_targets(gateway: Resource) -> Iterator[tuple[str, str, str]]:
    """(listener, pool, settings) of every routing rule, path maps included."""
    maps = _index_gateway_parts(gateway, "urlPathMaps")
    for inner in (
        _index_gateway_parts(gateway, "requestRoutingRules") | _index_gateway_parts(gateway, "routingRules")
    ).values():
        listener = get_reference(inner.get("httpListener")) or get_reference(inner.get("listener"))
        yield from _list_listener_pairs(
            listener, inner, "backendAddressPool", "backendHttpSettings", "backendSettings"
        )
        paths = maps.get(get_reference(inner.get("urlPathMap")), {})
        yield from _list_listener_pairs(
            listener, paths, "defaultBackendAddressPool", "defaultBackendHttpSettings"
        )
        for rule in paths.get("pathRules") or []:
            yield from _list_listener_pairs(
                listener, rule.get("properties") or {}, "backendAddressPool", "backendHttpSettings"
            )


def _list_listener_pairs(
    listener: str, body: dict[str, object], pool: str, *settings: str
) -> Iterator[tuple[str, str, str]]:
    target = get_reference(body.get(pool))
    if target:
        yield (
            listener,
            target,
            next((found for name in settings if (found := get_reference(body.get(name)))), ""),
        )
