"""The network model against a walker of single packets that shares no code with it (a million: `tests/oracle/network_packets.py`)."""

from __future__ import annotations

from collections import Counter
from random import Random

from network_estates import generate
from network_packets import Comparison, compare
from network_walker import Packet, Walker

from nephoscope.estate.flow_path import FlowDisposition, PathFlow

FLOWS = 6000


def test_both_decide_every_packet_alike_by_the_same_rule() -> None:
    assert [one for one in compare(1, FLOWS) if one is not None] == []


def test_generated_packets_end_in_every_way() -> None:
    ends: Counter[str] = Counter()
    for seed in range(12):
        comparison = Comparison(seed)
        targets = [*comparison.ends, "8.8.8.8", "52.10.1.1", "10.0.1.99", "10.0.77.1", "172.16.3.4"]
        for end in comparison.ends.values():
            for target in targets:
                ends[comparison.paths.walk(end, PathFlow(target, "tcp", 443)).disposition.name] += 1
    assert set(ends) >= {one.name for one in FlowDisposition} - {"NO_LISTENER"}


def test_a_rule_that_is_taken_away_changes_a_verdict() -> None:
    """The comparison can fail: on one estate less its rules the walker decides otherwise."""
    comparison = Comparison(1)
    bodies = generate(1)
    for one in bodies:
        if "securityRules" in one["properties"]:
            one["properties"]["securityRules"] = []
    walker = Walker(bodies)
    packets = [
        Packet(source, target, "tcp", port)
        for source in comparison.ends
        for target in comparison.ends
        for port in (22, 443)
        if source != target
    ]
    assert any(walker.send(one) != comparison.walker.send(one) for one in packets)


def test_packets_of_ipv6_end_in_every_way_that_they_can() -> None:
    ends: Counter[str] = Counter()
    for seed in range(30):
        comparison, chance = Comparison(seed), Random(seed)
        for _ in range(40):
            what, model, walker = comparison.of_six(chance)
            assert model == walker, what
            ends[model.split()[0]] += 1
    assert set(ends) == {
        "ACCEPTED", "DENIED_IN", "DENIED_OUT", "DROPPED", "EXITS", "NO_HOST", "NO_OUTBOUND", "NO_ROUTE",
    }  # fmt: skip


def test_packets_of_ipv6_reach_public_addresses_of_their_family_alone() -> None:
    ends: Counter[tuple[str, bool]] = Counter()
    for seed in range(60):
        comparison, chance = Comparison(seed), Random(seed)
        for _ in range(20):
            what, model, walker = comparison.from_six(chance, "tcp", chance.choice((22, 443)))
            assert model == walker, what
            source, _, rest = what.partition(" > ")
            same = (":" in source) == rest.startswith("fd")
            ends["same" if same else "other", model not in ("[]", "False")] += 1
    assert ends["same", True] > 5
    assert ends["other", True] == 0 < ends["other", False]
