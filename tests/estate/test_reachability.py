"""First-match evaluation on intervals against a packet-by-packet evaluator, on random rule sets."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.estate.addresses import (
    AddressSet,
    count_addresses,
    intersect_intervals,
    merge_intervals,
    subtract_intervals,
)
from nephoscope.estate.reachability import (
    TrafficRegion,
    apply_first_match,
    build_clauses,
    combine_openings,
    decide,
    resolve_sides,
    select_rules,
)
from nephoscope.estate.security_rules import SecurityRule, build_default_rules, parse_rule
from nephoscope.estate.service_tags import ServiceTags

# A small world, so that random rules overlap: addresses 10.0.0.0-10.0.0.15 and 8.8.8.0-8.8.8.15, ports 0-15.
PREFIXES = [
    f"{base}.{low}/{bits}"
    for base in ("10.0.0", "8.8.8")
    for bits in (28, 29, 30, 32)
    for low in (0, 4, 8, 15)
]
SOURCES = st.one_of(
    st.just(["*"]),
    st.just(["Internet"]),
    st.just(["VirtualNetwork"]),
    st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=3),
)
PORTS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 3)).map(lambda pair: f"{pair[0]}-{pair[0] + pair[1]}"),
    min_size=1,
    max_size=2,
) | st.just(["*"])
TAGS = ServiceTags(AddressSet.of(["10.0.0.0/28"]))
LOCAL = "10.0.0.4"
PACKETS = [
    (address, source, port)
    for address in (
        "10.0.0.0",
        "10.0.0.4",
        "10.0.0.9",
        "10.0.0.15",
        "8.8.8.0",
        "8.8.8.5",
        "8.8.8.8",
        "8.8.8.15",
        "10.0.1.1",
    )
    for source in (0, 2, 7, 15, 40000)
    for port in (0, 1, 3, 8, 15, 17, 500)
]


@st.composite
def rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 8))
    priorities = draw(st.lists(st.integers(100, 4096), min_size=count, max_size=count, unique=True))
    return [
        {
            "name": f"r{priority}",
            "properties": {
                "priority": priority,
                "direction": "Inbound",
                "access": draw(st.sampled_from(["Allow", "Deny"])),
                "protocol": draw(st.sampled_from(["*", "Tcp", "Udp"])),
                "sourceAddressPrefixes": draw(SOURCES),
                "sourcePortRanges": draw(PORTS),
                "destinationAddressPrefix": draw(
                    st.sampled_from(["*", LOCAL, "10.0.0.0/29", "10.0.0.8/29", "VirtualNetwork"])
                ),
                "destinationPortRanges": draw(PORTS),
            },
        }
        for priority in priorities
    ]


def naive_peer(texts: list[str], address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    inside = parsed in ipaddress.ip_network("10.0.0.0/28") or address == "168.63.129.16"
    for text in texts:
        if text == "*" or (text == "VirtualNetwork" and inside):
            return True
        if text == "Internet" and not inside and not parsed.is_private:
            return True
        if "." in text and parsed in ipaddress.ip_network(text, strict=False):
            return True
    return False


def naive_port(texts: list[str], port: int) -> bool:
    return any(text == "*" or int(text.split("-")[0]) <= port <= int(text.split("-")[1]) for text in texts)


def naive(raw: list[dict[str, Any]], protocol: str, address: str, source: int, port: int) -> bool:
    for entry in sorted(raw, key=lambda entry: entry["properties"]["priority"]):
        body = entry["properties"]
        if (
            body["protocol"].lower() in ("*", protocol)
            and naive_peer(body["sourceAddressPrefixes"], address)
            and naive_peer([body["destinationAddressPrefix"]], LOCAL)
            and naive_port(body["sourcePortRanges"], source)
            and naive_port(body["destinationPortRanges"], port)
        ):
            return bool(body["access"] == "Allow")
    return naive_peer(["VirtualNetwork"], address)  # the defaults


def filtered(raw: list[dict[str, Any]]) -> Any:
    rules: list[SecurityRule] = [parse_rule(entry, "g") for entry in raw] + build_default_rules("g")
    rules.sort(key=lambda rule: rule.priority)
    local = AddressSet.of([LOCAL])
    kept = select_rules(resolve_sides(rules, inbound=True, tags=TAGS), local, ())
    return build_clauses(kept, TAGS, lambda _: AddressSet())


def lets(openings: Any, address: str, source: int, port: int) -> int:
    value = int(ipaddress.ip_address(address))
    return sum(
        any(low <= value <= high for low, high in opening.region.remote)
        and any(low <= source <= high for low, high in opening.region.source_ports)
        and any(low <= port <= high for low, high in opening.region.ports)
        for opening in openings
    )


EVERYTHING = TrafficRegion(AddressSet.include_everything().v4)


@settings(max_examples=40, deadline=None)
@given(rule_sets(), st.sampled_from(["tcp", "udp"]))
def test_openings_are_what_packets_pass(raw: list[dict[str, Any]], protocol: str) -> None:
    matching = filtered(raw)
    openings = apply_first_match(matching, protocol, 4, EVERYTHING)
    for address, source, port in PACKETS:
        want = naive(raw, protocol, address, source, port)
        assert lets(openings, address, source, port) == int(want), (address, source, port)
        assert decide(matching, protocol, address, source, port).allow is want


@settings(max_examples=40, deadline=None)
@given(rule_sets(), rule_sets())
def test_two_groups_in_turn(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    passed = combine_openings(
        apply_first_match(filtered(first), "tcp", 4, EVERYTHING),
        apply_first_match(filtered(second), "tcp", 4, EVERYTHING),
    )
    for address, source, port in PACKETS:
        want = naive(first, "tcp", address, source, port) and naive(second, "tcp", address, source, port)
        assert lets(passed, address, source, port) == int(want)


@settings(max_examples=40, deadline=None)
@given(rule_sets())
def test_a_smaller_question_gets_the_same_answer(raw: list[dict[str, Any]]) -> None:
    matching = filtered(raw)
    part = TrafficRegion(AddressSet.of(["8.8.8.0/24"]).v4, ports=((3, 8),))
    openings = apply_first_match(matching, "tcp", 4, part)
    for address, source, port in PACKETS:
        asked = address.startswith("8.8.8.") and 3 <= port <= 8
        assert lets(openings, address, source, port) == int(
            asked and naive(raw, "tcp", address, source, port)
        )


INTERVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=6,
)


def numbers(intervals: Any) -> set[int]:
    return {number for low, high in intervals for number in range(low, high + 1)}


@given(INTERVALS, INTERVALS)
def test_interval_arithmetic_is_set_arithmetic(left: Any, right: Any) -> None:
    assert numbers(merge_intervals(left)) == numbers(left)
    assert count_addresses(merge_intervals(left)) == len(numbers(left))
    assert numbers(intersect_intervals(merge_intervals(left), merge_intervals(right))) == numbers(
        left
    ) & numbers(right)
    assert numbers(subtract_intervals(merge_intervals(left), merge_intervals(right))) == numbers(
        left
    ) - numbers(right)
    for joined in (merge_intervals(left), subtract_intervals(merge_intervals(left), merge_intervals(right))):
        assert all(high + 1 < low for (_, high), (low, _) in pairwise(joined))
