"""The network model against a walker of single packets: `python tests/oracle/network_packets.py [CORPUS] [--flows N] [--seed S] [-v]`.

Estates are generated from seeds; each packet is decided by the model (paths of flows, openings from the Internet) and by the
walker, which shares no code with it. End and deciding rule must be equal. CORPUS is not read. `N/M match`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from network_estates import FIREWALL_ADDRESS, NETWORKS, PORTS, STRANGERS, STRANGERS_OF_SIX, generate
from network_walker import Packet, Walker, inside, number

from nephoscope.estate.addresses import PUBLIC
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.flow_path import Endpoint, FlowPaths, PathFlow
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 1, 1, tzinfo=UTC)
#: Packets of one estate; a new one is generated behind them.
EACH = 2000


class Difference(NamedTuple):
    """A packet that the two decide differently."""

    seed: int
    packet: str
    model: str
    walker: str


class Comparison:
    """Both sides of one estate."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        bodies = generate(seed)
        self.walker = Walker(bodies)
        estate = Estate.of([Resource.of(one) for one in bodies], Coverage.cover_everything())
        self.view = EstateView(estate, NOW)
        self.paths = FlowPaths(self.view.network)
        self.ends: dict[str, Endpoint] = {}
        self.ends_of_six: dict[str, Endpoint] = {}
        for machine in estate.list_of_type("microsoft.compute/virtualmachines"):
            for end in self.paths.list_endpoints(machine):
                ends = self.ends_of_six if ":" in end.configuration.address else self.ends
                ends[end.configuration.address] = end

    def from_machine(self, chance: random.Random) -> tuple[str, str, str]:
        """A packet from a machine: what it is, and how each side ends it."""
        if chance.random() < 0.2:
            return self.of_six(chance)
        source = chance.choice(sorted(self.ends))
        others = [
            *sorted(self.ends),
            *STRANGERS,
            "10.0.1.99",
            "10.0.77.1",
            "10.1.2.200",
            "10.200.0.1",
            "172.16.3.4",
            "192.168.10.7",
            "192.168.11.7",
            "10.200.0.77",
            "10.201.3.4",
            "172.31.0.9",
            "10.77.1.1",
            "192.168.99.1",
        ]
        return self._sent(chance, self.ends[source], chance.choice([one for one in others if one != source]))

    def of_six(self, chance: random.Random) -> tuple[str, str, str]:
        """A packet of IPv6: within a network or to a peer, to a machine or to an address that none has, or to the Internet."""
        source = chance.choice(sorted(self.ends_of_six))
        home = self.walker.network_of(self.walker.addresses[source][1]["subnet"]["id"].lower())
        spaces = [
            *self.walker.networks[home]["addressSpace"]["addressPrefixes"],
            *(prefix for _, several, _ in self.walker.peers(home) for prefix in several),
        ]
        others = [*sorted(self.ends_of_six), "fd00:0:0:1::99", "fd00:0:1:77::1"]
        near = [one for one in others if any(inside(number(one), prefix) for prefix in spaces)]
        near += [*STRANGERS_OF_SIX, "fd00:0:77::5", "fd00:0:78:1::5"]
        return self._sent(
            chance, self.ends_of_six[source], chance.choice([one for one in near if one != source])
        )

    def _sent(self, chance: random.Random, end: Endpoint, target: str) -> tuple[str, str, str]:
        source = end.configuration.address
        protocol, port = chance.choice(("tcp", "udp")), chance.choice(PORTS)
        source_port = chance.choice((50000, 1025))
        verdict = self.walker.send(Packet(source, target, protocol, port, source_port))
        found = self.paths.walk(end, PathFlow(target, protocol, port, source_port))
        what = f"{source}:{source_port} > {target}:{port}/{protocol}"
        return what, f"{found.disposition.name} {found.decided_by}", f"{verdict.end} {verdict.rule}"

    def from_internet(self, chance: random.Random) -> tuple[str, str, str]:
        """A stranger's packet at a public address, a load balancer or the firewall."""
        protocol, port = chance.choice(("tcp", "udp")), chance.choice(PORTS)
        if chance.random() < 0.3:
            return self.from_six(chance, protocol, port)
        target, source = chance.choice(sorted(self.ends)), chance.choice(STRANGERS)
        kind = chance.choice(("public address", "load balancer", "firewall translation"))
        wanted = getattr(self, f"_by_{kind.split()[0]}")(target, source, protocol, port)
        found = self._openings(target, source, protocol, port, kind)
        what = f"{source} > {target}:{port}/{protocol} by {kind}"
        rules = {rule for _, rule in wanted} | {rule for _, rule in found}
        if "" in rules:  # no group on the way: there is no rule to name
            return what, str(bool(found)), str(bool(wanted))
        return what, str(sorted(found)), str(sorted(wanted))

    def from_six(self, chance: random.Random, protocol: str, port: int) -> tuple[str, str, str]:
        """A stranger's packet of either family at the public address of a machine: those of the other family reach none."""
        target = chance.choice(sorted(self.ends_of_six | self.ends))
        source = chance.choice(STRANGERS_OF_SIX if chance.random() < 0.7 else STRANGERS)
        wanted = (
            self._by_public(target, source, protocol, port) if (":" in source) == (":" in target) else set()
        )
        found = self._openings(target, source, protocol, port, "public address")
        what = f"{source} > {target}:{port}/{protocol} by public address"
        if "" in {rule for _, rule in (*wanted, *found)}:
            return what, str(bool(found)), str(bool(wanted))
        return what, str(sorted(found)), str(sorted(wanted))

    def _by_public(self, target: str, source: str, protocol: str, port: int) -> set[tuple[bool, str]]:
        _, told = self.walker.addresses[target]
        if "publicIPAddress" not in told:
            return set()
        sku = self.walker.bodies[told["publicIPAddress"]["id"].lower()]["sku"]["name"]
        found = self.walker.arrive(source, target, protocol, port, sku=sku)
        return {found} if found[0] else set()

    def _by_load(self, target: str, source: str, protocol: str, port: int) -> set[tuple[bool, str]]:
        """Through a rule whose backend port it is."""
        if "loadBalancerBackendAddressPools" not in self.walker.addresses[target][1]:
            return set()
        found = set()
        for key, one in self.walker.bodies.items():
            for rule in one["properties"]["loadBalancingRules"] if "/loadbalancers/" in key else ():
                told = rule["properties"]
                if told["protocol"] == "All" or (
                    told["protocol"].lower() == protocol and told["backendPort"] == port
                ):
                    found.add(self.walker.arrive(source, target, protocol, port, sku="Standard"))
        return {one for one in found if one[0]}

    def _by_firewall(self, target: str, source: str, protocol: str, port: int) -> set[tuple[bool, str]]:
        """Through a translation that leads to the port; security rules see the firewall as the source."""
        found = set()
        home = self.walker.network_of(self.walker.addresses[target][1]["subnet"]["id"].lower())
        for front in range(5000, 5003):
            translated = self.walker.translate(source, protocol, front)
            if translated is None or translated[:2] != (target, port) or translated[2]:
                continue
            hub = next(key for key in self.walker.networks if key.endswith("/a"))
            near = {hub, *(peer for peer, _, _ in self.walker.peers(hub))}
            if home in near:
                found.add(
                    self.walker.rules(target, Packet(FIREWALL_ADDRESS, target, protocol, port), "Inbound")
                )
        return {one for one in found if one[0]}

    def _openings(
        self, target: str, source: str, protocol: str, port: int, kind: str
    ) -> set[tuple[bool, str]]:
        """What the model lets through of the packet by ways of one kind: the last rule of each."""
        end, family = (self.ends | self.ends_of_six)[target], 6 if ":" in source else 4
        network, found = self.view.network, set()
        ways, missing = self.view.exposure.find_ingress_paths(end.interface, end.configuration)
        assert not missing, missing
        grouped = bool(network.list_security_groups(end.interface, end.configuration))
        for way in ways:
            if way.kind != kind or not way.covers(protocol, port) or source not in way.clients:
                continue
            if way.closed_by_default and not grouped:
                continue
            remote = (
                way.clients & network.find_internet_addresses(end.configuration)
                if way.seen_as is None
                else way.seen_as
            )
            seen = number(source if way.seen_as is None else FIREWALL_ADDRESS) & ((1 << 128) - 1)
            for one in network.find_openings(
                end.interface, end.configuration, protocol, remote, ((port, port),)
            ):
                region = one.region
                if (
                    one.family == family
                    and _holds(region.remote, seen)
                    and _holds(region.source_ports, 50000)
                ):
                    found.add((True, one.rules[-1].name if one.rules else ""))
        return found


def _holds(intervals: Any, value: int) -> bool:
    return any(low <= value <= high for low, high in intervals)


def compare(seed: int, flows: int) -> Iterator[Difference | None]:
    """A difference, or None, a packet; estates follow each other from a seed on."""
    while flows > 0:
        comparison, chance = Comparison(seed), random.Random(seed)
        for _ in range(min(EACH, flows)):
            ask = comparison.from_machine if chance.random() < 0.7 else comparison.from_internet
            what, model, walker = ask(chance)
            yield Difference(seed, what, model, walker) if model != walker else None
        flows, seed = flows - EACH, seed + 1


def main() -> int:
    """Compare the packets and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?")
    parser.add_argument("--flows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    assert all(one in PUBLIC for one in (*STRANGERS, *STRANGERS_OF_SIX))
    assert len(NETWORKS) == 3
    total, missed = 0, []
    ends = Counter[str]()
    for one in compare(given.seed, given.flows):
        total += 1
        if one is not None:
            missed.append(one)
            ends[f"{one.model.split()[0]} / {one.walker.split()[0]}"] += 1
    for one in missed[: 40 if given.verbose else 0]:
        print(f"seed {one.seed} {one.packet}: model {one.model}, walker {one.walker}")
    for pair, count in ends.most_common(20):
        print(f"{pair:<50}{count:>8}")
    print(f"{total - len(missed)}/{total} match")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
