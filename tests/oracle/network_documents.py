"""Documented network rules of the oracle: each record is put into ARM bodies and asked of the model."""

from __future__ import annotations

from typing import Any

from network_flows import SUBSCRIPTION

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.effective_routes import LOCAL, EffectiveRoute, build_system_routes, select_route
from nephoscope.estate.estate import Estate
from nephoscope.estate.firewall_rules import FirewallFlow, evaluate_firewall_rules, list_firewall_rules
from nephoscope.estate.network import Network
from nephoscope.estate.rule_stages import passes
from nephoscope.ingest.logs.flow_tuple import parse_nsg_values, parse_vnet_values
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NET = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network"
MANAGER = f"{NET}/networkManagers/manager"
CONFIGURATION = f"{MANAGER}/securityAdminConfigurations/configuration"
#: The firewall's public address in a record.
PUBLIC = "203.0.113.200"
#: The pages write the next hop as the portal shows it.
HOPS = {LOCAL: "VirtualNetwork"}
COUNTERS = ("PacketsSrcToDest", "PacketsDestToSrc"), ("BytesSrcToDest", "BytesDestToSrc")


def assess_rule(value: dict[str, Any]) -> str:
    """What differs between a record and the model."""
    return KINDS[value["kind"]](value)


def _equal(found: object, wanted: object) -> str:
    return "" if found == wanted else f"wanted {wanted}, found {found}"


def next_hop(value: dict[str, Any]) -> str:
    routes = [
        EffectiveRoute(
            one["source"],
            one["prefix"],
            LOCAL if one["next_hop"] == "VirtualNetwork" else one["next_hop"],
            one.get("next_hop_ip") or "",
        )
        for one in value["routes"]
    ]
    found = select_route(routes, value["destination"])
    hop = (HOPS.get(found.next_hop, found.next_hop), found.next_hop_ip or None) if found else (None, None)
    return _equal(hop, (value["next_hop"], value.get("next_hop_ip")))


def system(value: dict[str, Any]) -> str:
    """The system routes of a network, without 10.0.0.0/8, of which the page says two things."""
    space: Any = value.get("address_space") or value.get("vnet") or value.get("space") or []
    found = {
        (route.prefix, HOPS.get(route.next_hop, route.next_hop))
        for route in build_system_routes([space] if isinstance(space, str) else space)
        if "." in route.prefix and route.prefix != "10.0.0.0/8"
    }
    listed: Any = value.get("routes") or value.get("expected") or []
    wanted = {(one["prefix"], one["next_hop"]) for one in listed if one["prefix"] != "10.0.0.0/8"}
    return _equal(found, wanted)


def tag_order(value: dict[str, Any]) -> str:
    """The order of routes with an equal prefix: service tags from the narrow to the wide."""
    listed: Any = value.get("order") or value.get("expected") or []
    ranks = [EffectiveRoute("User", text, "Internet", addresses=("52.0.0.0/16",)).tag_rank for text in listed]
    return "" if ranks and ranks == sorted(set(ranks)) else f"{listed} has the ranks {ranks}"


def bandwidth(value: dict[str, Any]) -> str:
    """The packets and bytes of a conversation: counters are what came since the tuple before."""
    tuples: Any = value.get("tuples") or value.get("flow_tuples") or []
    rows = [
        (parse_nsg_values if text.split(",")[5:6][0] in ("T", "U") else parse_vnet_values)(text)
        for text in tuples
    ]
    packets, size = (
        sum(int(str(row.get(name) or 0)) for row in rows for name in names) for names in COUNTERS
    )
    return _equal((packets, size), (value.get("packets", packets), value.get("bytes", size)))


def _body(id_: str, properties: dict[str, Any]) -> Resource:
    return Resource.of({"id": id_, "name": id_.rsplit("/", 1)[-1], "location": "x", "properties": properties})


def _group(name: str, rules: list[dict[str, Any]]) -> Resource:
    listed = [
        {
            "name": one["name"],
            "properties": {
                "priority": one["priority"],
                "direction": one["direction"],
                "access": one["access"],
                "protocol": one["protocol"],
                "sourceAddressPrefix": one["source"],
                "sourcePortRange": "*",
                "destinationAddressPrefix": one["destination"],
                "destinationPortRange": str(one["port"]),
            },
        }
        for one in rules
    ]
    return _body(f"{NET}/networkSecurityGroups/{name}", {"securityRules": listed})


def _admin_rules(rules: list[dict[str, Any]], network: str) -> list[Resource]:
    """Security admin rules over a network, deployed."""
    group = f"{MANAGER}/networkGroups/all"
    collection = f"{CONFIGURATION}/ruleCollections/rules"
    found = [
        _body(MANAGER, {"networkManagerScopes": {"subscriptions": [SUBSCRIPTION]}}),
        _body(f"{group}/staticMembers/one", {"resourceId": network}),
        _body(collection, {"appliesToGroups": [{"networkGroupId": group}]}),
        _body(
            f"{MANAGER}/deploymentStatus/x",
            {"deploymentStatus": "Deployed", "configurationIds": [CONFIGURATION]},
        ),
    ]
    for one in rules:
        sides = {
            f"{side}s": [{"addressPrefix": one[side], "addressPrefixType": "IPPrefix"}]
            for side in ("source", "destination")
        }
        told = {
            "priority": one["priority"],
            "direction": one["direction"],
            "access": one["access"],
            "protocol": one["protocol"].replace("*", "Any"),
            "destinationPortRanges": [str(one["port"])],
            **sides,
        }
        found.append(_body(f"{collection}/rules/{one['name']}", told))
    return found


def nsg_flow(value: dict[str, Any]) -> str:
    """Security rules before one machine: whether a flow passes, and by which rule of which level."""
    network, card = f"{NET}/virtualNetworks/net", f"{NET}/networkInterfaces/card"
    subnet = f"{network}/subnets/sub"
    resources, levels = [], {}
    groups = {}
    for level in ("subnet", "nic"):
        rules = value.get(f"{level}_nsg")
        if rules is not None:
            resources.append(_group(level, rules))
            groups[level] = {"networkSecurityGroup": {"id": f"{NET}/networkSecurityGroups/{level}"}}
            levels[f"{NET}/networkSecurityGroups/{level}".lower()] = level
    part = {
        "id": subnet,
        "name": "sub",
        "properties": {"addressPrefix": value["vnet"], **groups.get("subnet", {})},
    }
    resources.append(
        _body(network, {"addressSpace": {"addressPrefixes": [value["vnet"]]}, "subnets": [part]})
    )
    address = {"name": "one", "properties": {"privateIPAddress": value["local"], "subnet": {"id": subnet}}}
    resources.append(_body(card, {"ipConfigurations": [address], **groups.get("nic", {})}))
    machine = _body(
        f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm",
        {"networkProfile": {"networkInterfaces": [{"id": card}]}},
    )
    resources += [machine, *_admin_rules(value.get("admin_rules") or [], network)]
    model = Network(Estate.of(resources, Coverage.cover_everything()))
    (interface,) = model.list_interfaces(machine)
    stages = model.decide(
        interface,
        interface.configurations[0],
        value["protocol"].lower(),
        value["remote"],
        int(value["port"]),
        inbound=value["direction"] == "Inbound",
    )
    last = next((one for one in stages if one[1].allow is False), stages[-1] if stages else None)
    decided = f"{levels.get(last[0], 'admin')}:{last[1].rule.name}" if last and last[1].rule else None
    return _equal((passes(stages), decided), (value["allowed"], value["decided_by"]))


def firewall(value: dict[str, Any]) -> str:
    """The rules of a firewall's own collections: what becomes of a flow, and by which rule."""
    names = {
        "Nat": "natRuleCollections",
        "Network": "networkRuleCollections",
        "Application": "applicationRuleCollections",
    }
    body: dict[str, Any] = {name: [] for name in names.values()}
    for number, one in enumerate(value["collections"]):
        rules = [_firewall_rule(rule) for rule in one["rules"]]
        told = {"priority": one["priority"], "action": {"type": one["action"]}, "rules": rules}
        body[names[one["type"]]].append({"name": f"c{number}", "properties": told})
    resource = _body(f"{NET}/azureFirewalls/fw", body)
    flow = value["flow"]
    given = FirewallFlow(
        flow.get("source", "10.9.0.4"),
        PUBLIC if flow.get("inbound") else flow.get("destination", "198.51.100.7"),
        flow["protocol"].lower(),
        int(flow["port"]),
        flow.get("fqdn", ""),
    )
    listed = list_firewall_rules(resource, Estate.of([resource], Coverage.cover_everything()))
    found = evaluate_firewall_rules(listed, given, {"internet": AddressSet.include_everything()})
    action = "Allow" if found.allow else "Deny"
    wanted = "Allow" if value["action"] in ("Allow", "Dnat") else value["action"]
    return _equal((action, found.rule.name if found.rule else None), (wanted, value["decided_by"]))


def _firewall_rule(rule: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": rule["name"], "sourceAddresses": [rule.get("source", "*")]}
    if "fqdns" in rule:
        pairs = [text.partition(":") for text in rule["protocols"]]
        told |= {
            "targetFqdns": rule["fqdns"],
            "protocols": [{"protocolType": scheme.title(), "port": int(port)} for scheme, _, port in pairs],
        }
        return told
    destination = str(rule["destination"]).replace("PUBLIC", PUBLIC)
    told |= {
        "protocols": [rule["protocol"]],
        "destinationAddresses": [destination],
        "destinationPorts": [str(port) for port in rule["ports"]],
    }
    address, _, port = str(rule.get("translated", "")).partition(":")
    return told | {"translatedAddress": address, "translatedPort": port} if address else told


KINDS = {
    "next_hop": next_hop,
    "nsg_flow": nsg_flow,
    "firewall": firewall,
    "system_routes": system,
    "route_tag_order": tag_order,
    "flow_bandwidth": bandwidth,
}
