"""One packet through an estate, by Azure's documentation alone: route, peering, admin rules, groups, balancer, translation, firewall.

It reads ARM bodies itself and shares no code with the product's network model.
Sources: the pages on routing, network security groups, security admin rules, load balancers and firewall rule processing under
https://learn.microsoft.com/azure/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

Body = dict[str, Any]
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
NOT_INTERNET = (
    *PRIVATE, "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
    "fc00::/7", "fe80::/10", "ff00::/8", "::1",
)  # fmt: skip
PLATFORM = "168.63.129.16"
DEFAULTS = {
    "Inbound": (
        ("AllowVnetInBound", True, "VirtualNetwork", "VirtualNetwork"),
        ("AllowAzureLoadBalancerInBound", True, "AzureLoadBalancer", "*"),
        ("DenyAllInBound", False, "*", "*"),
    ),
    "Outbound": (
        ("AllowVnetOutBound", True, "VirtualNetwork", "VirtualNetwork"),
        ("AllowInternetOutBound", True, "*", "Internet"),
        ("DenyAllOutBound", False, "*", "*"),
    ),
}


def number(address: str) -> int:
    """An address as a number; of IPv6 with a bit before it, so that it is no number of IPv4."""
    if ":" in address:
        return 1 << 128 | int(IPv6Address(address))
    first, second, third, fourth = address.split(".")
    return int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)


def inside(address: int, prefix: str) -> bool:
    """Return whether an address is in a prefix, by its bits."""
    base, _, bits = prefix.partition("/")
    if address >> 128 != (":" in base):
        return False
    whole = 128 if ":" in base else 32
    shift = whole - int(bits or whole)
    return address >> shift == number(base) >> shift


def length(prefix: str) -> int:
    return int(prefix.partition("/")[2] or (128 if ":" in prefix else 32))


@dataclass(frozen=True)
class Packet:
    """A packet as its sender makes it."""

    source: str
    destination: str
    protocol: str
    port: int
    source_port: int = 50000


@dataclass(frozen=True)
class Verdict:
    """How a packet ends, and the name of the rule that decided last."""

    end: str
    rule: str = ""


class Walker:
    """Walks packets through the bodies of one estate."""

    def __init__(self, bodies: list[Body]) -> None:
        self.bodies = {one["id"].lower(): one for one in bodies}
        self.subnets: dict[str, Body] = {}
        self.networks: dict[str, Body] = {}
        self.addresses: dict[str, tuple[Body, Body]] = {}
        for key, one in self.bodies.items():
            if "/virtualnetworks/" in key:
                self.networks[key] = one["properties"]
                for subnet in one["properties"]["subnets"]:
                    self.subnets[subnet["id"].lower()] = subnet["properties"]
        for key, one in self.bodies.items():
            if "/networkinterfaces/" in key:
                for entry in one["properties"]["ipConfigurations"]:
                    self.addresses[entry["properties"]["privateIPAddress"]] = (one, entry["properties"])
        self.admin = sorted(
            (one for key, one in self.bodies.items() if "/rulecollections/" in key and "/rules/" in key),
            key=lambda one: one["properties"]["priority"],
        )
        self.members = {
            one["properties"]["resourceId"].lower()
            for key, one in self.bodies.items()
            if "/staticmembers/" in key
        }
        self.firewall = next((one for key, one in self.bodies.items() if "/azurefirewalls/" in key), None)

    def network_of(self, subnet: str) -> str:
        return subnet.partition("/subnets/")[0]

    def peers(self, network: str) -> Iterator[tuple[str, list[str], bool]]:
        """Connected peers: id, space, whether access is allowed."""
        for one in self.networks[network].get("virtualNetworkPeerings", []):
            told = one["properties"]
            if told["peeringState"] == "Connected":
                space = told["remoteVirtualNetworkAddressSpace"]["addressPrefixes"]
                yield told["remoteVirtualNetwork"]["id"].lower(), space, told["allowVirtualNetworkAccess"]

    def in_tag(self, address: int, tag: str, subnet: str) -> bool:
        """Return whether an address is meant by one of the three tags that follow from the network."""
        if tag == "AzureLoadBalancer":
            return address == number(PLATFORM)
        network = self.network_of(subnet)
        prefixes = [*self.networks[network]["addressSpace"]["addressPrefixes"], PLATFORM]
        for _, space, access in self.peers(network):
            prefixes += space if access else []
        prefixes += [one for one in self.sites(network) if length(one)]
        for route in self.routes(subnet):
            hop = route["nextHopType"]
            if hop in ("VirtualAppliance", "VirtualNetworkGateway", "VnetLocal") and length(
                route["addressPrefix"]
            ):
                prefixes.append(route["addressPrefix"])
        within = any(inside(address, prefix) for prefix in prefixes)
        if tag == "VirtualNetwork":
            return within
        return not within and not any(inside(address, prefix) for prefix in NOT_INTERNET)

    def sites(self, network: str) -> list[str]:
        """The prefixes on premises that a network reaches by its VPN gateway, or by that of a peer that lends it."""
        homes = {network}
        for one in self.networks[network].get("virtualNetworkPeerings", []):
            if one["properties"].get("useRemoteGateways"):
                homes.add(one["properties"]["remoteVirtualNetwork"]["id"].lower())
        found: list[str] = []
        for key, one in self.bodies.items():
            if "/virtualnetworkgateways/" not in key or "/learnedroutes/" in key:
                continue
            gateway = one["properties"]
            subnet = gateway["ipConfigurations"][0]["properties"]["subnet"]["id"].lower()
            if self.network_of(subnet) in homes:
                found += self.behind(key, gateway)
        return found

    def behind(self, key: str, gateway: Body) -> list[str]:
        """The prefixes behind a gateway: clients of point-to-site, sites, networks it is connected to, and what it learned by BGP."""
        clients = gateway.get("vpnClientConfiguration", {}).get("vpnClientAddressPool", {})
        found = list(clients.get("addressPrefixes", []))
        for one in self.bodies.values():
            told = one["properties"]
            if told.get("virtualNetworkGateway1", {}).get("id", "").lower() != key:
                continue
            if "localNetworkGateway2" in told:
                far = self.bodies[told["localNetworkGateway2"]["id"].lower()]["properties"]
                found += far["localNetworkAddressSpace"]["addressPrefixes"]
            elif "virtualNetworkGateway2" in told:
                far = self.bodies[told["virtualNetworkGateway2"]["id"].lower()]["properties"]
                home = self.network_of(far["ipConfigurations"][0]["properties"]["subnet"]["id"].lower())
                found += self.networks[home]["addressSpace"]["addressPrefixes"]
        learned = self.bodies.get(f"{key}/learnedroutes/default", {"properties": {"value": []}})
        return found + [
            one["network"] for one in learned["properties"]["value"] if one["origin"] in ("EBgp", "IBgp")
        ]

    def propagates(self, subnet: str) -> bool:
        """Return whether the route table of a subnet lets routes of gateways in."""
        table = self.subnets[subnet].get("routeTable")
        return not (
            table and self.bodies[table["id"].lower()]["properties"].get("disableBgpRoutePropagation")
        )

    def routes(self, subnet: str) -> list[Body]:
        table = self.subnets[subnet].get("routeTable")
        listed = self.bodies[table["id"].lower()]["properties"]["routes"] if table else []
        return [one["properties"] for one in listed]

    def means(self, address: int, texts: list[str], subnet: str) -> bool:
        """Return whether prefixes or tags of a rule mean an address."""
        for text in texts:
            if text == "*" or (
                inside(address, text)
                if text[0].isdigit() or ":" in text
                else self.in_tag(address, text, subnet)
            ):
                return True
        return False

    def matches(self, told: Body, packet: Packet, subnet: str) -> bool:
        """Return whether a security rule is about a packet."""
        if told["protocol"] not in ("*", "Any") and told["protocol"].lower() != packet.protocol:
            return False
        ports = told.get("destinationPortRanges") or [told.get("destinationPortRange", "*")]
        from_ports = told.get("sourcePortRanges") or [told.get("sourcePortRange", "*")]
        if not on_port(packet.port, ports) or not on_port(packet.source_port, from_ports):
            return False
        for side, address in (("source", packet.source), ("destination", packet.destination)):
            if f"{side}s" in told:
                texts = [one["addressPrefix"] for one in told[f"{side}s"]] or ["*"]
            else:
                texts = told.get(f"{side}AddressPrefixes") or [told[f"{side}AddressPrefix"]]
            if not self.means(number(address), texts, subnet):
                return False
        return True

    def group(self, id_: str, packet: Packet, direction: str, subnet: str) -> tuple[bool, str]:
        """The first rule of a group that is about a packet: whether it allows, and its name."""
        rules = [
            one
            for one in self.bodies[id_.lower()]["properties"]["securityRules"]
            if one["properties"]["direction"] == direction
        ]
        for one in sorted(rules, key=lambda one: one["properties"]["priority"]):
            if self.matches(one["properties"], packet, subnet):
                return one["properties"]["access"] == "Allow", one["name"]
        for name, allow, source, target in DEFAULTS[direction]:
            sides = ((packet.source, source), (packet.destination, target))
            if all(self.means(number(address), [text], subnet) for address, text in sides):
                return allow, name
        raise AssertionError("a group always ends with a rule that denies everything")

    def rules(self, address: str, packet: Packet, direction: str) -> tuple[bool, str]:
        """Admin rules, then the groups of a machine's address."""
        card, told = self.addresses[address]
        subnet = told["subnet"]["id"].lower()
        last = ""
        if self.network_of(subnet) in self.members:
            for one in self.admin:
                if one["properties"]["direction"] != direction:
                    continue
                if self.matches(one["properties"], packet, subnet):
                    last = one["name"]
                    if one["properties"]["access"] == "Deny":
                        return False, last
                    if one["properties"]["access"] == "AlwaysAllow":
                        return True, last
                    break
        levels = [
            self.subnets[subnet].get("networkSecurityGroup"),
            card["properties"].get("networkSecurityGroup"),
        ]
        for group in levels if direction == "Inbound" else levels[::-1]:
            if group:
                allow, last = self.group(group["id"], packet, direction, subnet)
                if not allow:
                    return False, last
        return True, last

    def hop(self, subnet: str, destination: str) -> str:
        """The next hop type of a packet: the longest prefix, a user route before a system route."""
        address = number(destination)
        network = self.network_of(subnet)
        own = self.routes(subnet)
        found = [
            (length(one["addressPrefix"]), 1, one["nextHopType"])
            for one in own
            if inside(address, one["addressPrefix"])
        ]
        system = [
            (prefix, "VnetLocal") for prefix in self.networks[network]["addressSpace"]["addressPrefixes"]
        ]
        system += [(prefix, "VNetPeering") for _, space, _ in self.peers(network) for prefix in space]
        system += [("0.0.0.0/0", "Internet"), ("::/0", "Internet")]
        if not any(one["addressPrefix"] == "0.0.0.0/0" for one in own):
            system += [(prefix, "None") for prefix in PRIVATE]
        found += [(length(prefix), -1, hop) for prefix, hop in system if inside(address, prefix)]
        # a system route inside networks comes before every route of a gateway, however specific
        is_near = any(hop in ("VnetLocal", "VNetPeering") and inside(address, one) for one, hop in system)
        if self.propagates(subnet) and not is_near:
            sites = [one for one in self.sites(network) if inside(address, one)]
            found += [(length(prefix), 0, "VirtualNetworkGateway") for prefix in sites]
        return max(found)[2] if found else "None"

    def through_firewall(self, packet: Packet) -> tuple[bool, str]:
        """The firewall's network rules on a packet."""
        assert self.firewall is not None
        collections = self.firewall["properties"]["networkRuleCollections"]
        for one in sorted(collections, key=lambda one: one["properties"]["priority"]):
            for rule in one["properties"]["rules"]:
                if firewall_matches(rule, packet):
                    return one["properties"]["action"]["type"] == "Allow", rule["name"]
        return False, ""

    def send(self, packet: Packet) -> Verdict:
        """A packet from a machine to its end."""
        allow, rule = self.rules(packet.source, packet, "Outbound")
        if not allow:
            return Verdict("DENIED_OUT", rule)
        card, told = self.addresses[packet.source]
        subnet = told["subnet"]["id"].lower()
        passed_firewall = False
        for _ in range(8):
            hop = self.hop(subnet, packet.destination)
            if hop == "None":
                return Verdict("DROPPED", rule)
            if hop == "Internet":
                if passed_firewall or self.speaks_out(card, told):
                    return Verdict("EXITS", rule)
                return Verdict("NO_OUTBOUND", rule)
            if hop == "VirtualNetworkGateway":
                return Verdict("EXITS", rule)
            if hop in ("VnetLocal", "VNetPeering"):
                return self.deliver(packet, subnet, rule)
            allow, rule = self.through_firewall(packet)
            if not allow:
                return Verdict("DENIED_BY_FIREWALL", rule)
            passed_firewall = True
            assert self.firewall is not None
            subnet = self.firewall["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"].lower()
        raise AssertionError("a loop")

    def speaks_out(self, card: Body, told: Body) -> bool:
        """Return whether a machine has a way out: an address, a balancer that translates, default outbound access."""
        if "publicIPAddress" in told:
            return True
        if card["properties"]["defaultOutboundConnectivityEnabled"] and ":" not in told["privateIPAddress"]:
            return True  # Azure gives no address of IPv6 by default
        pools = {one["id"].lower() for one in told.get("loadBalancerBackendAddressPools", [])}
        for key, one in self.bodies.items():
            if "/loadbalancers/" in key:
                for rule in one["properties"]["loadBalancingRules"]:
                    inner = rule["properties"]
                    if (
                        not inner["disableOutboundSnat"]
                        and inner["backendAddressPool"]["id"].lower() in pools
                    ):
                        return True
        return False

    def deliver(self, packet: Packet, subnet: str, rule: str) -> Verdict:
        """The end of a packet in its network or a peer."""
        network = self.network_of(subnet)
        own = any(
            inside(number(packet.destination), one)
            for one in self.networks[network]["addressSpace"]["addressPrefixes"]
        )
        homes = (
            {network, *(peer for peer, _, _ in self.peers(network))}
            if own
            else {peer for peer, _, _ in self.peers(network)}
        )
        held = [
            key
            for key, one in self.subnets.items()
            if self.network_of(key) in homes
            and any(inside(number(packet.destination), prefix) for prefix in one["addressPrefixes"])
        ]
        if not held:
            return Verdict("NO_ROUTE", rule)
        if packet.destination not in self.addresses:
            return Verdict("NO_HOST", rule)
        allow, last = self.rules(packet.destination, packet, "Inbound")
        return Verdict("ACCEPTED" if allow else "DENIED_IN", last or rule)

    def arrive(self, source: str, target: str, protocol: str, port: int, *, sku: str) -> tuple[bool, str]:
        """A stranger's packet at a machine's address; a Standard front is shut where no group is on the way."""
        card, told = self.addresses[target]
        grouped = (
            "networkSecurityGroup" in card["properties"]
            or "networkSecurityGroup" in self.subnets[told["subnet"]["id"].lower()]
        )
        if not grouped and sku == "Standard":
            return False, ""
        return self.rules(target, Packet(source, target, protocol, port), "Inbound")

    def translate(self, source: str, protocol: str, port: int) -> tuple[str, int, bool] | None:
        """The firewall's translation of a stranger's packet to it: address, port, whether a network rule denies it."""
        if self.firewall is None:
            return None
        for one in self.firewall["properties"]["natRuleCollections"][0]["properties"]["rules"]:
            packet = Packet(source, "203.0.113.1", protocol, port)
            if firewall_matches(one, packet):
                address, inner = one["translatedAddress"], int(one["translatedPort"])
                allow, rule = self.through_firewall(Packet(source, address, protocol, inner))
                return address, inner, bool(rule) and not allow
        return None


def on_port(port: int, texts: list[str]) -> bool:
    """Return whether a port is in ranges as text."""
    for text in texts:
        low, _, high = text.partition("-")
        if text == "*" or int(low) <= port <= int(high or low):
            return True
    return False


def firewall_matches(rule: Body, packet: Packet) -> bool:
    """Return whether a firewall rule is about a packet."""
    if not {"Any", packet.protocol.upper()} & set(rule["protocols"]) or not on_port(
        packet.port, rule["destinationPorts"]
    ):
        return False
    sides = ((packet.source, rule["sourceAddresses"]), (packet.destination, rule["destinationAddresses"]))
    return all(
        any(text == "*" or inside(number(address), text) for text in texts) for address, texts in sides
    )
