"""Generated estates for the packet walker: ARM bodies from a seed, and packets that cross them.

Two peered networks, a third without a peer, machines, groups, security admin rules, route tables, a firewall, load balancers and
public addresses; every property that decides is drawn at random.
"""

from __future__ import annotations

import random
from typing import Any

SUBSCRIPTION = "/subscriptions/22222222-2222-2222-2222-222222222222"
NET = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network"
COMPUTE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute"
NETWORKS = {"a": "10.0", "b": "10.1", "c": "10.2"}
#: Sites behind the VPN gateway: their prefixes; one lies within a network's, whose own routes come first.
SITES = {
    "office": ("192.168.10.0/24", "172.16.0.0/16"),
    "plant": ("10.200.0.0/24", "10.1.1.0/25", "52.10.0.0/16"),
    "lab": ("fd00:0:77::/48", "2001:4860::/32"),
}
#: What gateways learn by BGP; some of it lies within networks, or is as long as a route of a table.
LEARNED = (
    "10.200.0.64/26", "10.201.0.0/16", "192.168.0.0/16", "91.10.0.0/25", "10.1.0.0/16", "10.0.2.0/25", "52.0.0.0/8", "0.0.0.0/0",
    "8.8.8.0/24", "fd00:0:78::/48", "fd00:0:0:2::/72", "2a00:1450:4001::/48",
)  # fmt: skip
#: The addresses of point-to-site clients.
CLIENTS = ("172.31.0.0/24",)
FIREWALL_ADDRESS = "10.0.9.4"
PORTS = (22, 53, 80, 443, 1433, 3389, 8080)
STRANGERS = ("8.8.8.8", "52.10.1.1", "91.10.0.9", "91.10.0.200", "203.0.114.5")
PREFIXES = (
    "*", "Internet", "VirtualNetwork", "10.0.0.0/16", "10.1.0.0/16", "10.0.1.0/24", "10.0.2.4", "10.1.1.0/24", "91.10.0.0/24",
    "91.10.0.0/25", "52.0.0.0/8", "10.0.0.0/8", "AzureLoadBalancer", "10.0.9.0/26",
)  # fmt: skip
STRANGERS_OF_SIX = ("2001:4860:4860::8888", "2a00:1450:4001::5", "2606:4700::1111")
#: Prefixes of rules about IPv6; both sides of a rule are of one family.
SIX = (
    "*", "VirtualNetwork", "Internet", "2001:4860::/32", "2a00:1450:4001::5", "2000::/3", "fd00::/40", "fd00::/48",
    "fd00:0:1::/48", "fd00:0:0:1::/64", "fd00:0:0:2::4", "fd00:0:1:1::/64",
)  # fmt: skip
Body = dict[str, Any]


def body(id_: str, properties: Body, **more: Any) -> Body:
    """An ARM body."""
    return {"id": id_, "name": id_.rsplit("/", 1)[-1], "location": "x", "properties": properties, **more}


def generate(seed: int) -> list[Body]:
    """The bodies of one estate."""
    return _Generator(
        *(random.Random(one) for one in (seed, f"{seed} of IPv6", f"{seed} of gateways"))
    ).bodies()


def space_of_six(network: str) -> str:
    """The IPv6 prefix of a network."""
    return f"fd00:0:{'abc'.index(network)}::/48"


def six(address: str) -> str:
    """The IPv6 address of a machine beside its IPv4 address."""
    _, network, subnet, host = address.split(".")
    return f"fd00:0:{network}:{subnet}::{host}"


class _Generator:
    def __init__(
        self, chance: random.Random, chance_of_six: random.Random, chance_of_gateways: random.Random
    ) -> None:
        self.chance, self.chance_of_six, self.chance_of_gateways = chance, chance_of_six, chance_of_gateways
        self.found: list[Body] = []

    def bodies(self) -> list[Body]:
        self.has_firewall = self.chance.random() < 0.7
        self.peered = self.chance.random() < 0.8
        self.has_gateway = self.chance.random() < 0.5
        self.transits = self.has_gateway and self.chance.random() < 0.6
        self.groups = [self._group(f"g{number}") for number in range(4)]
        self.tables = [self._table(f"t{number}") for number in range(3)]
        for name, start in NETWORKS.items():
            self._network(name, start)
        if self.has_firewall:
            self._firewall()
        if self.has_gateway:
            self._gateway()
            self._express_route()
            self._other_network()
        if self.chance.random() < 0.6:
            self._admin_rules()
        self._balancer()
        return self.found

    def _add(self, id_: str, properties: Body, **more: Any) -> str:
        self.found.append(body(id_, properties, **more))
        return id_

    def _ports(self) -> list[str]:
        few = [str(port) for port in self.chance.sample(PORTS, self.chance.randint(1, 3))]
        return self.chance.choice([["*"], few, ["0-1023"], ["1000-9000", "22"]])

    def _rule(self, number: int) -> Body:
        told = {
            "priority": 100 + number * 10,
            "direction": self.chance.choice(["Inbound", "Outbound"]),
            "access": self.chance.choice(["Allow", "Allow", "Deny"]),
            "protocol": self.chance.choice(["*", "Tcp", "Tcp", "Udp"]),
            "sourcePortRange": self.chance.choice(["*", "*", "*", "40000-65535"]),
            "destinationPortRanges": self._ports(),
        }
        for side in ("source", "destination"):
            if self.chance.random() < 0.2:
                prefixes = self.chance.sample([one for one in PREFIXES if one[0].isdigit()], 2)
                told[f"{side}AddressPrefixes"] = prefixes
            else:
                told[f"{side}AddressPrefix"] = self.chance.choice(PREFIXES)
        if self.chance_of_six.random() < 0.25:
            for side in ("source", "destination"):
                told.pop(f"{side}AddressPrefixes", None)
                told[f"{side}AddressPrefix"] = self.chance_of_six.choice(SIX)
        return {"name": f"r{number}", "properties": told}

    def _group(self, name: str) -> str:
        rules = [self._rule(number) for number in range(self.chance.randint(0, 8))]
        self.chance.shuffle(rules)
        return self._add(f"{NET}/networkSecurityGroups/{name}", {"securityRules": rules})

    def _table(self, name: str) -> str:
        prefixes = self.chance.sample(
            [
                "0.0.0.0/0",
                "10.1.0.0/16",
                "10.0.2.0/24",
                "52.0.0.0/8",
                "10.0.0.0/16",
                "10.2.0.0/16",
                "10.1.1.4/32",
            ],
            self.chance.randint(0, 3),
        )
        routes = []
        for prefix in prefixes:
            hop = self.chance.choice(["VirtualAppliance", "None", "Internet", "VnetLocal"])
            if hop == "VnetLocal" and not prefix.startswith("10.0."):
                hop = "None"
            told = {"addressPrefix": prefix, "nextHopType": hop}
            if hop == "VirtualAppliance":
                told["nextHopIpAddress"] = FIREWALL_ADDRESS
            if hop != "VirtualAppliance" or self.has_firewall:
                routes.append({"name": f"to-{prefix.replace('/', '-')}", "properties": told})
        if self.chance_of_six.random() < 0.3:
            far = self.chance_of_six.choice(["fd00:0:1::/48", "fd00:0:0:2::/64", "fd00:0:1:1::4/128"])
            closes = {"addressPrefix": far, "nextHopType": "None"}
            routes.append({"name": "six", "properties": closes})
        shuts = self.chance.random() < 0.3
        return self._add(f"{NET}/routeTables/{name}", {"routes": routes, "disableBgpRoutePropagation": shuts})

    def _network(self, name: str, start: str) -> None:
        id_ = f"{NET}/virtualNetworks/{name}"
        subnets = []
        for number in (1, 2):
            told: Body = {
                "addressPrefixes": [
                    f"{start}.{number}.0/24",
                    six(f"{start}.{number}.0").removesuffix("0") + "/64",
                ]
            }
            if self.chance.random() < 0.6:
                told["networkSecurityGroup"] = {"id": self.chance.choice(self.groups)}
            if self.chance.random() < 0.5:
                told["routeTable"] = {"id": self.chance.choice(self.tables)}
            subnets.append({"id": f"{id_}/subnets/s{number}", "name": f"s{number}", "properties": told})
            for host in (4, 5):
                self._machine(
                    name, f"{name}{number}{host}", f"{id_}/subnets/s{number}", f"{start}.{number}.{host}"
                )
        if name in ("a", "c") and self.has_gateway:
            told = {"addressPrefixes": [f"{start}.8.0/27"]}
            subnets.append(
                {"id": f"{id_}/subnets/GatewaySubnet", "name": "GatewaySubnet", "properties": told}
            )
        if name == "a" and self.has_firewall:
            told = {"addressPrefixes": [f"{start}.9.0/26"]}
            subnets.append(
                {
                    "id": f"{id_}/subnets/AzureFirewallSubnet",
                    "name": "AzureFirewallSubnet",
                    "properties": told,
                }
            )
        told = {
            "addressSpace": {"addressPrefixes": [f"{start}.0.0/16", space_of_six(name)]},
            "subnets": subnets,
        }
        told["virtualNetworkPeerings"] = self._peerings(name)
        self._add(id_, told)

    def _peerings(self, name: str) -> list[Body]:
        other = {"a": "b", "b": "a"}.get(name)
        if not other or not self.peered:
            return []
        told = {
            "remoteVirtualNetwork": {"id": f"{NET}/virtualNetworks/{other}"},
            "peeringState": "Connected",
            "allowVirtualNetworkAccess": self.chance.random() < 0.9,
            "remoteVirtualNetworkAddressSpace": {
                "addressPrefixes": [f"{NETWORKS[other]}.0.0/16", space_of_six(other)]
            },
            "allowGatewayTransit": name == "a" and self.transits,
            "useRemoteGateways": name == "b" and self.transits,
        }
        return [{"name": other, "properties": told}]

    def _machine(self, network: str, name: str, subnet: str, address: str) -> None:
        told: Body = {"privateIPAddress": address, "subnet": {"id": subnet}}
        if self.chance.random() < 0.3:
            sku = {"name": self.chance.choice(["Standard", "Basic"])}
            public = self._add(f"{NET}/publicIPAddresses/p-{name}", {"ipAddress": "198.51.100.1"}, sku=sku)
            told["publicIPAddress"] = {"id": public}
        if self.chance.random() < 0.4:
            told["loadBalancerBackendAddressPools"] = [
                {"id": f"{NET}/loadBalancers/lb/backendAddressPools/pool"}
            ]
        of_six: Body = {
            "privateIPAddress": six(address), "privateIPAddressVersion": "IPv6", "subnet": {"id": subnet},
        }  # fmt: skip
        if self.chance_of_six.random() < 0.5:
            sku, version = (
                {"name": "Standard"},
                {"ipAddress": "2001:db8::1", "publicIPAddressVersion": "IPv6"},
            )
            public = self._add(f"{NET}/publicIPAddresses/p6-{name}", version, sku=sku)
            of_six["publicIPAddress"] = {"id": public}
        card: Body = {
            "ipConfigurations": [
                {"name": "ip", "properties": told},
                {"name": "six", "properties": of_six},
            ],
            "defaultOutboundConnectivityEnabled": self.chance.random() < 0.5,
        }
        if self.chance.random() < 0.4:
            card["networkSecurityGroup"] = {"id": self.chance.choice(self.groups)}
        id_ = self._add(f"{NET}/networkInterfaces/n-{name}", card)
        self._add(
            f"{COMPUTE}/virtualMachines/{name}", {"networkProfile": {"networkInterfaces": [{"id": id_}]}}
        )

    def _gateway(self) -> None:
        """A VPN gateway: connections to sites, clients of point-to-site, and routes of BGP where it speaks it."""
        chance, has_bgp = self.chance_of_gateways, self.chance_of_gateways.random() < 0.5
        told = self._build_gateway("a", "Vpn", enableBgp=has_bgp)
        if chance.random() < 0.4:
            told["vpnClientConfiguration"] = {"vpnClientAddressPool": {"addressPrefixes": list(CLIENTS)}}
        gateway = self._add(f"{NET}/virtualNetworkGateways/vpn", told)
        if has_bgp:
            self._learned(gateway)
        for site, prefixes in SITES.items():
            if (self.chance_of_six if site == "lab" else self.chance).random() < 0.7:
                space = {"localNetworkAddressSpace": {"addressPrefixes": list(prefixes)}}
                far = self._add(f"{NET}/localNetworkGateways/{site}", space)
                ends = {"virtualNetworkGateway1": {"id": gateway}, "localNetworkGateway2": {"id": far}}
                self._add(f"{NET}/connections/{site}", {"connectionType": "IPsec", **ends})

    def _build_gateway(self, network: str, kind: str, **more: Any) -> Body:
        subnet = {"id": f"{NET}/virtualNetworks/{network}/subnets/GatewaySubnet"}
        configurations = [{"name": "ip", "properties": {"subnet": subnet}}]
        return {"gatewayType": kind, "ipConfigurations": configurations, **more}

    def _learned(self, gateway: str) -> None:
        """The routes that a gateway has: those that it learned, and its own network's."""
        found = self.chance_of_gateways.sample(LEARNED, self.chance_of_gateways.randint(0, 5))
        value = [{"network": one, "origin": "EBgp", "sourcePeer": "10.200.0.1"} for one in found]
        value += [{"network": one, "origin": "IBgp", "sourcePeer": "10.0.8.5"} for one in found[:2]]
        value.append({"network": "10.77.0.0/16", "origin": "Network", "sourcePeer": "10.0.8.4"})
        self._add(f"{gateway}/learnedRoutes/default", {"value": value})

    def _express_route(self) -> None:
        """An ExpressRoute gateway beside the VPN gateway, which always speaks BGP."""
        if self.chance_of_gateways.random() < 0.4:
            gateway = self._add(
                f"{NET}/virtualNetworkGateways/er", self._build_gateway("a", "ExpressRoute", enableBgp=False)
            )
            circuit = {"peer": {"id": f"{NET}/expressRouteCircuits/c"}}
            ends = {"virtualNetworkGateway1": {"id": gateway}, **circuit}
            self._add(f"{NET}/connections/er", {"connectionType": "ExpressRoute", **ends})
            self._learned(gateway)

    def _other_network(self) -> None:
        """A gateway of network c, with a connection of both to each other."""
        if self.chance_of_gateways.random() < 0.4:
            far = self._add(
                f"{NET}/virtualNetworkGateways/far", self._build_gateway("c", "Vpn", enableBgp=False)
            )
            near = f"{NET}/virtualNetworkGateways/vpn"
            for name, (one, other) in {"there": (near, far), "back": (far, near)}.items():
                ends = {"virtualNetworkGateway1": {"id": one}, "virtualNetworkGateway2": {"id": other}}
                self._add(f"{NET}/connections/{name}", {"connectionType": "Vnet2Vnet", **ends})

    def _firewall(self) -> None:
        collections = []
        for number in range(self.chance.randint(0, 3)):
            rules = [self._firewall_rule(f"f{number}{place}") for place in range(self.chance.randint(1, 3))]
            action = {"type": self.chance.choice(["Allow", "Allow", "Deny"])}
            told = {"priority": self.chance.randint(100, 900) * 10 + number, "action": action, "rules": rules}
            collections.append({"name": f"c{number}", "properties": told})
        translations = []
        for number in range(self.chance.randint(0, 3)):
            target = self.chance.choice(["10.0.1.4", "10.0.2.5", "10.1.1.4", "10.2.1.4"])
            translations.append(
                {
                    "name": f"d{number}",
                    "protocols": [self.chance.choice(["TCP", "UDP"])],
                    "sourceAddresses": [self.chance.choice(["*", "91.10.0.0/24", "8.8.8.8"])],
                    "destinationAddresses": ["203.0.113.1"],
                    "destinationPorts": [str(5000 + number)],
                    "translatedAddress": target,
                    "translatedPort": str(self.chance.choice(PORTS)),
                }
            )
        address = {
            "subnet": {"id": f"{NET}/virtualNetworks/a/subnets/AzureFirewallSubnet"},
            "privateIPAddress": FIREWALL_ADDRESS,
        }
        nat = [
            {
                "name": "nat",
                "properties": {"priority": 100, "action": {"type": "Dnat"}, "rules": translations},
            }
        ]
        told = {
            "ipConfigurations": [{"name": "ip", "properties": address}],
            "networkRuleCollections": collections,
            "natRuleCollections": nat,
        }
        self._add(f"{NET}/azureFirewalls/fw", told)

    def _firewall_rule(self, name: str) -> Body:
        plain = [one for one in PREFIXES if one == "*" or one[0].isdigit()]
        return {
            "name": name,
            "protocols": [self.chance.choice(["TCP", "UDP", "Any"])],
            "sourceAddresses": [self.chance.choice(plain)],
            "destinationAddresses": [self.chance.choice(plain)],
            "destinationPorts": self._ports(),
        }

    def _admin_rules(self) -> None:
        manager = self._add(
            f"{NET}/networkManagers/m", {"networkManagerScopes": {"subscriptions": [SUBSCRIPTION]}}
        )
        group, configuration = f"{manager}/networkGroups/g", f"{manager}/securityAdminConfigurations/c"
        for name in self.chance.sample(sorted(NETWORKS), self.chance.randint(1, 3)):
            self._add(f"{group}/staticMembers/{name}", {"resourceId": f"{NET}/virtualNetworks/{name}"})
        collection = self._add(
            f"{configuration}/ruleCollections/rc", {"appliesToGroups": [{"networkGroupId": group}]}
        )
        for number in range(self.chance.randint(1, 5)):
            told = {
                "priority": number + 1,
                "access": self.chance.choice(["Allow", "AlwaysAllow", "Deny"]),
                "direction": self.chance.choice(["Inbound", "Outbound"]),
                "protocol": self.chance.choice(["Any", "Tcp", "Udp"]),
                "sources": self._admin_side(),
                "destinations": self._admin_side(),
                "sourcePortRanges": ["0-65535"],
                "destinationPortRanges": self._ports(),
            }
            self._add(f"{collection}/rules/x{number}", told)
        deployed = {"deploymentStatus": "Deployed", "configurationIds": [configuration]}
        self._add(f"{manager}/deploymentStatus/x", deployed)

    def _admin_side(self) -> list[Body]:
        prefix = self.chance.choice([one for one in PREFIXES if one != "AzureLoadBalancer"])
        return [] if prefix == "*" else [{"addressPrefix": prefix, "addressPrefixType": "IPPrefix"}]

    def _balancer(self) -> None:
        id_ = f"{NET}/loadBalancers/lb"
        public = self._add(f"{NET}/publicIPAddresses/p-lb", {}, sku={"name": "Standard"})
        front = {
            "id": f"{id_}/frontendIPConfigurations/f",
            "name": "f",
            "properties": {"publicIPAddress": {"id": public}},
        }
        pool = {"id": f"{id_}/backendAddressPools/pool", "name": "pool", "properties": {}}
        rules = []
        for number, port in enumerate(self.chance.sample(PORTS, 2)):
            told = {
                "frontendIPConfiguration": {"id": front["id"]},
                "backendAddressPool": {"id": pool["id"]},
                "protocol": self.chance.choice(["Tcp", "Udp", "All"]),
                "frontendPort": port,
                "backendPort": self.chance.choice(PORTS),
                "disableOutboundSnat": self.chance.random() < 0.5,
            }
            if told["protocol"] == "All":
                told["frontendPort"] = told["backendPort"] = 0
            rules.append(
                {"id": f"{id_}/loadBalancingRules/l{number}", "name": f"l{number}", "properties": told}
            )
        told = {
            "frontendIPConfigurations": [front],
            "backendAddressPools": [pool],
            "loadBalancingRules": rules,
        }
        self._add(id_, told, sku={"name": "Standard"})
