"""Internet exposure of many machines by the network model: `python bench/network_model.py [--machines N] [--groups N] [--rules N]`.

Each machine has an interface with a public address and one of the groups, no two of which are alike; rules name prefixes, tags and
port ranges. Processor seconds and the peak of resident memory are those of the analysis without the generating. Exit 1 where a machine
has no answer, or above 60 processor seconds or 1 GB.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from datetime import UTC, datetime

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.posture.exposure.internet_exposure import find_exposure
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
NET = f"{GROUP}/providers/Microsoft.Network"
MOST_SECONDS, MOST_BYTES = 60.0, 1 << 30


def resource_of(id_: str, properties: dict[str, object], **more: object) -> Resource:
    """A resource of an id."""
    parts = id_.rsplit("/providers/", maxsplit=1)[-1].split("/")
    type_ = "/".join([parts[0], *parts[1::2]])
    return Resource.of({"id": id_, "name": parts[-1], "type": type_, "properties": properties, **more})


def make_rule(chance: random.Random, priority: int) -> dict[str, object]:
    """A rule between others."""
    low = chance.randrange(1, 65_000)
    sources = [
        "*",
        "Internet",
        "VirtualNetwork",
        f"{chance.randrange(1, 223)}.{chance.randrange(256)}.0.0/16",
    ]
    sources += [
        f"203.0.{chance.randrange(256)}.0/{chance.choice((24, 28, 32))}",
        f"10.{chance.randrange(256)}.0.0/16",
    ]
    return {
        "name": f"r{priority}",
        "properties": {
            "priority": priority, "access": chance.choice(("Allow", "Allow", "Deny")), "direction": "Inbound",
            "protocol": chance.choice(("Tcp", "Tcp", "Udp", "*")), "sourcePortRange": "*",
            "sourceAddressPrefix": chance.choice(sources),
            "destinationAddressPrefix": "*", "destinationPortRange": chance.choice(("22", "443", "3389", f"{low}-{low + 500}")),
        },
    }  # fmt: skip


def generate(machines: int, groups: int, rules: int) -> list[Resource]:
    """The estate; the same for the same numbers."""
    chance = random.Random(7)
    subnets = [
        {
            "id": f"{NET}/virtualNetworks/main/subnets/s{n}",
            "name": f"s{n}",
            "properties": {"addressPrefix": f"10.0.{n}.0/24"},
        }
        for n in range(machines // 250 + 1)
    ]
    found = [
        resource_of(
            f"{NET}/virtualNetworks/main",
            {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets},
        )
    ]
    for number in range(groups):
        listed = [make_rule(chance, 100 + 10 * place) for place in range(rules)]
        found.append(resource_of(f"{NET}/networkSecurityGroups/g{number}", {"securityRules": listed}))
    for number in range(machines):
        card, address = f"{NET}/networkInterfaces/n{number}", f"{NET}/publicIPAddresses/p{number}"
        inner = {
            "subnet": {"id": subnets[number // 250]["id"]}, "privateIPAddress": f"10.0.{number // 250}.{4 + number % 250}",
            "publicIPAddress": {"id": address},
        }  # fmt: skip
        found += [
            resource_of(address, {"ipAddress": f"20.{number >> 16}.{number >> 8 & 255}.{number & 255}"}, sku={"name": "Standard"}),
            resource_of(card, {
                "networkSecurityGroup": {"id": f"{NET}/networkSecurityGroups/g{number % groups}"},
                "ipConfigurations": [{"name": "ip", "properties": inner}],
            }),
            resource_of(
                f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm{number}",
                {"networkProfile": {"networkInterfaces": [{"id": card}]}},
            ),
        ]  # fmt: skip
    return found


def main() -> int:
    """Generate, analyze and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=2_000)
    parser.add_argument("--rules", type=int, default=20)
    options = parser.parse_args()
    estate = Estate.of(generate(options.machines, options.groups, options.rules), Coverage.cover_everything())
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    view = EstateView(estate, datetime(2026, 6, 1, tzinfo=UTC))
    states: Counter[str] = Counter()
    openings = 0
    for one in view.list_resources("microsoft.compute/virtualmachines"):
        found = find_exposure(one, view)
        assert found is not None
        states["unknown" if found.not_collected else "open" if found.openings else "closed"] += 1
        openings += len(found.openings)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{dict(states)}, {openings:,} openings; the estate itself {base / 1024:,.0f} MB")
    what = f"{options.machines:,} interfaces, {options.groups:,} groups of {options.rules} rules"
    print(f"network_model: {what}: {seconds:.1f} CPU s, peak {peak / 2**20:,.0f} MB")
    return 0 if not states["unknown"] and seconds <= MOST_SECONDS and peak <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
