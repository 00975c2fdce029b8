"""Microsoft.Network: Network Watcher's diagnostics and the effective rules and routes of interfaces, from what was collected last.

Source: https://learn.microsoft.com/rest/api/network-watcher/network-watchers (2024-05-01)
"""

from __future__ import annotations

import ipaddress

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.effective_routes import EffectiveRoute
from nephoscope.estate.flow_path import Endpoint, FlowPath, FlowPaths, PathFlow
from nephoscope.estate.security_rules import RulePeers, SecurityRule
from nephoscope.service.network_watcher import NetworkWatcher
from nephoscope.state import NotFoundError

SURFACE = ApiSurface("Network Watcher", "Microsoft.Network")
_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network"
_WATCHER = f"{_GROUP}/networkWatchers/{{networkWatcherName}}"
_INTERFACE = f"{_GROUP}/networkInterfaces/{{networkInterfaceName}}"
_ACTIONS = "Microsoft.Network/networkWatchers"
READ = "Microsoft.Network/networkInterfaces/read"
SYSTEM_ROUTE = "System Route"
End = tuple[FlowPaths, Endpoint]


def _open_network_watcher(call: ApiCall) -> NetworkWatcher:
    return NetworkWatcher(call.instance.data, call.caller.find_reach(READ))


def _make_not_collected_error(gap: DataNotCollectedError) -> ApiError:
    return ApiError(
        409, "DataNotCollected", f"The answer depends on data that was not collected: {gap.what}."
    )


def _find_endpoint(call: ApiCall, target: str, interface: str = "", address: str = "") -> End:
    try:
        return _open_network_watcher(call).find_endpoint(target, interface, address)
    except ValueError as error:
        raise make_bad_request_error(f"{target[:200]!r} is not a resource id.", "targetResourceId") from error
    except NotFoundError as error:
        raise make_not_found_error(f"The resource '{target}'") from error
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap


def _read_address(call: ApiCall, name: str, *, needed: bool = True) -> str:
    text = call.get_text(name, needed=needed)
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError as error:
        raise make_bad_request_error(f"'{name}' must be an IP address.", name) from error


def _read_port(value: object, name: str, default: int = 0) -> int:
    if value in (None, "", "*"):
        return default
    text = str(value)
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise make_bad_request_error(f"'{name}' must be a port from 0 to 65535.", name)
    return int(text)


def _read_word(call: ApiCall, name: str, *words: str) -> str:
    text = call.get_text(name, needed=True)
    if text.lower() not in words:
        raise make_bad_request_error(
            f"'{name}' must be one of {', '.join(one.title() for one in words)}.", name
        )
    return text.lower()


@SURFACE.declare_post_query(
    f"{_WATCHER}/ipFlowVerify", "NetworkWatchers_VerifyIPFlow", f"{_ACTIONS}/ipFlowVerify/action"
)
def verify_ip_flow(call: ApiCall) -> ApiResponse:
    """Check whether security rules allow a flow, and return the deciding rule."""
    inbound = _read_word(call, "direction", "inbound", "outbound") == "inbound"
    protocol = _read_word(call, "protocol", "tcp", "udp")
    local, remote = (_read_port(call.body.get(f"{side}Port"), f"{side}Port") for side in ("local", "remote"))
    end = _find_endpoint(
        call,
        call.get_text("targetResourceId", needed=True),
        call.get_text("targetNicResourceId"),
        _read_address(call, "localIPAddress"),
    )
    port, other = (local, remote) if inbound else (remote, local)
    try:
        found = _open_network_watcher(call).verify_flow(
            end, protocol, _read_address(call, "remoteIPAddress"), port, other, inbound=inbound
        )
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap
    body = {"access": "Allow" if found.allowed else "Deny"}
    if found.rule is not None:
        body["ruleName"] = _format_rule_path(found.rule)
    return ApiResponse(body)


def _format_rule_path(rule: SecurityRule) -> str:
    """The name of a rule as Azure writes it: the list that it is in, then its own."""
    kind = next(
        (word for word in ("defaultSecurityRules", "securityRules") if f"/{word.lower()}/" in rule.id), ""
    )
    return f"{kind or 'securityAdminRules'}/{rule.name}"


@SURFACE.declare_post_query(f"{_WATCHER}/nextHop", "NetworkWatchers_GetNextHop", f"{_ACTIONS}/nextHop/action")
def find_next_hop(call: ApiCall) -> ApiResponse:
    """Get the next hop of a packet, and the route table that decides."""
    end = _find_endpoint(
        call,
        call.get_text("targetResourceId", needed=True),
        call.get_text("targetNicResourceId"),
        _read_address(call, "sourceIPAddress"),
    )
    try:
        found = _open_network_watcher(call).find_next_hop(end, _read_address(call, "destinationIPAddress"))
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap
    if found is None:
        return ApiResponse({"nextHopType": "None", "routeTableId": SYSTEM_ROUTE})
    body = {"nextHopType": found.next_hop, "routeTableId": found.table or SYSTEM_ROUTE}
    return ApiResponse(body | ({"nextHopIpAddress": found.next_hop_ip} if found.next_hop_ip else {}))


@SURFACE.declare_post_query(
    f"{_INTERFACE}/effectiveRouteTable",
    "NetworkInterfaces_GetEffectiveRouteTable",
    "Microsoft.Network/networkInterfaces/effectiveRouteTable/action",
)
def get_effective_routes(call: ApiCall) -> ApiResponse:
    """List the effective routes of a network interface."""
    end = _find_endpoint(call, call.path.rpartition("/")[0])
    try:
        found = _open_network_watcher(call).list_effective_routes(end)
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap
    overridden = {one.prefix for one in found if one.source == "User"}
    return ApiResponse({"value": [_build_route(one, overridden) for one in found]})


def _build_route(one: EffectiveRoute, overridden: set[str]) -> dict[str, object]:
    is_active = one.source == "User" or one.prefix not in overridden
    return {
        **({"name": one.name} if one.name else {}),
        "source": one.source,
        "state": "Active" if is_active else "Invalid",
        "addressPrefix": [one.prefix],
        "nextHopType": one.next_hop,
        "nextHopIpAddress": [one.next_hop_ip] if one.next_hop_ip else [],
    }


@SURFACE.declare_post_query(
    f"{_INTERFACE}/effectiveNetworkSecurityGroups",
    "NetworkInterfaces_ListEffectiveNetworkSecurityGroups",
    "Microsoft.Network/networkInterfaces/effectiveNetworkSecurityGroups/action",
)
def get_effective_groups(call: ApiCall) -> ApiResponse:
    """List the network security groups that apply to a network interface, with their rules."""
    end = _find_endpoint(call, call.path.rpartition("/")[0])
    try:
        levels = _open_network_watcher(call).group_rules_by_level(end)
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap
    places = {"subnet": end[1].configuration.subnet, "interface": end[1].interface.id}
    words = {"subnet": "subnet", "interface": "networkInterface"}
    return ApiResponse(
        {
            "value": [
                {
                    "networkSecurityGroup": {"id": group},
                    "association": {words[level]: {"id": places[level]}},
                    "effectiveSecurityRules": [_build_rule(one) for one in rules],
                }
                for level, (group, rules) in levels.items()
            ]
        }
    )


def _format_prefixes(peers: RulePeers) -> list[str]:
    return ["*"] if peers.any else [*peers.prefixes, *peers.tags, *peers.groups]


def _format_port_ranges(intervals: tuple[tuple[int, int], ...]) -> list[str]:
    return [f"{low}-{high}" for low, high in intervals]


def _build_rule(one: SecurityRule) -> dict[str, object]:
    """A rule as an effective security rule."""
    return {
        "name": _format_rule_path(one),
        "protocol": "All" if one.protocol == "*" else one.protocol.title(),
        "sourcePortRanges": _format_port_ranges(one.source_ports),
        "destinationPortRanges": _format_port_ranges(one.destination_ports),
        "sourceAddressPrefixes": _format_prefixes(one.source),
        "destinationAddressPrefixes": _format_prefixes(one.destination),
        "access": "Allow" if one.allow else "Deny",
        "priority": one.priority,
        "direction": "Inbound" if one.inbound else "Outbound",
    }


@SURFACE.declare_post_query(
    f"{_WATCHER}/securityGroupView",
    "NetworkWatchers_GetVMSecurityRules",
    f"{_ACTIONS}/securityGroupView/action",
)
def get_security_group_view(call: ApiCall) -> ApiResponse:
    """List the security rules on a machine's network interfaces, by their level of association."""
    end = _find_endpoint(call, call.get_text("targetResourceId", needed=True))
    try:
        levels = _open_network_watcher(call).group_rules_by_level(end)
    except DataNotCollectedError as gap:
        raise _make_not_collected_error(gap) from gap
    words = {"subnet": "subnetAssociation", "interface": "networkInterfaceAssociation"}
    places = {"subnet": end[1].configuration.subnet, "interface": end[1].interface.id}
    found: dict[str, object] = {"defaultSecurityRules": [], "effectiveSecurityRules": []}
    for level, (_, rules) in levels.items():
        own = [one for one in rules if "/defaultsecurityrules/" not in one.id]
        found[words[level]] = {"id": places[level], "securityRules": [_to_rule_body(one) for one in own]}
        found["defaultSecurityRules"] = [_to_rule_body(one) for one in rules if one not in own]
    found["effectiveSecurityRules"] = [_build_rule(one) for _, rules in levels.values() for one in rules]
    return ApiResponse(
        {"networkInterfaces": [{"id": end[1].interface.id, "securityRuleAssociations": found}]}
    )


def _to_rule_body(one: SecurityRule) -> dict[str, object]:
    return {"id": one.id, "name": one.name, "properties": _build_rule(one)}


@SURFACE.declare_post_query(
    f"{_WATCHER}/connectivityCheck",
    "NetworkWatchers_CheckConnectivity",
    f"{_ACTIONS}/connectivityCheck/action",
)
def check_connectivity(call: ApiCall) -> ApiResponse:
    """Check the path of a connection from a machine, and report what blocks it."""
    source, target = (call.body.get(name) or {} for name in ("source", "destination"))
    if not isinstance(source, dict) or not isinstance(target, dict):
        raise make_bad_request_error("'source' and 'destination' must be objects.", "destination")
    end = _find_endpoint(call, str(source.get("resourceId") or ""))
    address = str(target.get("address") or "")
    if target.get("resourceId"):
        address = _find_endpoint(call, str(target["resourceId"]))[1].configuration.address
    protocol = (call.get_text("protocol") or "Tcp").lower()
    destination = _resolve_address(call, end, address)
    flow = PathFlow(
        destination,
        "tcp" if protocol in ("http", "https") else protocol,
        _read_port(target.get("port"), "destination.port", 80),
        _read_port(source.get("port"), "source.port", 49152),
    )
    try:
        return ApiResponse(
            _build_connectivity(_open_network_watcher(call).check_connectivity(end, flow), end, flow)
        )
    except DataNotCollectedError as gap:
        return ApiResponse(
            {"connectionStatus": "Unknown", "hops": [], "reason": f"Not collected: {gap.what}"}
        )


def _resolve_address(call: ApiCall, end: End, address: str) -> str:
    """An address as it is, or what private DNS gives for a name."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as error:
        found = _open_network_watcher(call).resolve_name(end, address)
        if not found:
            words = "'destination.address' must be an IP address or a name in a private DNS zone that is linked to the network."
            raise make_bad_request_error(words, "destination.address") from error
        return found


def _build_connectivity(path: FlowPath, end: End, flow: PathFlow) -> dict[str, object]:
    hops: list[dict[str, object]] = []
    for number, one in enumerate(path.hops):
        is_last = number == len(path.hops) - 1
        stopped = is_last and not path.reaches
        hops.append(
            {
                "type": "Source" if number == 0 else one.kind.title().replace(" ", ""),
                "id": str(number),
                "address": end[1].configuration.address
                if number == 0
                else flow.destination
                if is_last
                else "",
                "resourceId": one.id,
                "nextHopIds": [] if is_last else [str(number + 1)],
                "issues": [_build_issue(path, one.decided_by)] if stopped else [],
            }
        )
    return {"connectionStatus": "Reachable" if path.reaches else "Unreachable", "hops": hops}


def _build_issue(path: FlowPath, rule: str) -> dict[str, object]:
    kind = "NetworkSecurityRule" if rule else "UserDefinedRoute"
    context = [
        {"key": "RuleName", "value": rule or path.decided_by},
        {"key": "Reason", "value": path.disposition.value},
    ]
    return {"origin": "Outbound", "severity": "Error", "type": kind, "context": context}
