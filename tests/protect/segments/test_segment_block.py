"""Blocks of segments: every violation is closed and nothing else, by the model; and observed flows against the plan."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.analyze.world import NET, estate

from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.rule_changes import NoPriorityError, replace_rules
from nephoscope.estate.rule_stages import passes
from nephoscope.protect.segments.segment_block import build_block
from nephoscope.protect.segments.segment_flows import (
    MOST_EDGES,
    LoggedFlow,
    find_flow_violations,
    list_missing_flows,
)
from nephoscope.protect.segments.segment_plan import SegmentPlan, parse_segment_plan
from nephoscope.protect.segments.segment_violations import analyze_segments

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PLAN = """
segments:
  web: {addresses: [10.0.1.0/24]}
  data: {addresses: [10.0.2.0/24]}
  office: {addresses: [10.9.0.0/16]}
allowed:
- {from: web, to: data, ports: [1433]}
- {from: office, to: web, ports: [443]}
"""


def world(rules: list[str], more: dict[str, Any] | None = None) -> Any:
    return estate(
        {
            "vnets": {
                "main": {
                    "space": ["10.0.0.0/8"],
                    "subnets": {
                        "web": {"prefix": "10.0.1.0/24", "nsg": "web"},
                        "db": {"prefix": "10.0.2.0/24", "nsg": "db"},
                    },
                }
            },
            "nsgs": {"web": ["300 Allow In * * * -> * *"], "db": rules},
            "vms": {
                **{f"web{n}": {"subnet": "main/web", "ip": f"10.0.1.{n}"} for n in (4, 5)},
                **{f"db{n}": {"subnet": "main/db", "ip": f"10.0.2.{n}"} for n in (4, 5)},
                **(more or {}),
            },
        }
    )


def flows(seed: int) -> list[tuple[str, str, str, int]]:
    chance = random.Random(seed)
    far = [
        "10.0.1.4",
        "10.0.1.5",
        "10.9.3.3",
        "10.9.255.9",
        "10.0.3.7",
        "10.200.1.1",
        "8.8.8.8",
        "10.0.2.5",
        "10.0.2.4",
    ]
    ports = [22, 80, 443, 1432, 1433, 1434, 3389, 65535]
    return [
        (
            chance.choice(far),
            chance.choice(["web4", "web5", "db4", "db5"]),
            chance.choice(["tcp", "udp"]),
            chance.choice(ports),
        )
        for _ in range(400)
    ]


def is_violation(plan: SegmentPlan, source: str, target: str, protocol: str, port: int) -> bool:
    def segment(address: str) -> str:
        for prefix, name in (("10.0.1.", "web"), ("10.0.2.", "data"), ("10.9.", "office")):
            if address.startswith(prefix):
                return name
        return ""

    one, other = segment(source), segment(target)
    if not one or not other or one == other:
        return False
    return not any(low <= port <= high for low, high in plan.list_allowed_ports(one, other, protocol))


@pytest.mark.parametrize("rules", [
    ["300 Allow In * * * -> * *"],
    ["200 Allow In Tcp 10.0.0.0/16 * -> * 22,1433", "300 Deny In * * * -> * *"],
    ["150 Deny In Tcp 10.0.1.4 * -> * *", "300 Allow In * 10.0.0.0/8 * -> 10.0.2.4 *", "400 Deny In * * * -> * *"],
])  # fmt: skip
def test_a_block_closes_the_violations_and_nothing_else(rules: list[str]) -> None:
    plan = parse_segment_plan(PLAN.encode())
    view = EstateView(world(rules), NOW)
    found = analyze_segments(plan, view)
    assert found.violations
    block = build_block(plan, view, found)
    assert block.left == ()
    after = replace_rules(view.network, block.rules)
    ends = {
        machine.name: next(
            (interface, configuration)
            for interface in view.network.list_interfaces(machine)
            for configuration in interface.configurations
        )
        for machine in view.estate.list_of_type("microsoft.compute/virtualmachines")
    }
    for source, target, protocol, port in flows(7):
        address = ends[target][1].address
        before = passes(view.network.decide(*ends[target], protocol, source, port))
        wanted = before and not is_violation(plan, source, address, protocol, port)
        assert passes(after.decide(*ends[target], protocol, source, port)) is wanted, (
            source,
            target,
            protocol,
            port,
        )


def test_what_no_group_stands_before_is_left_and_named() -> None:
    plan = parse_segment_plan(PLAN.replace("10.9.0.0/16", "10.0.3.0/24").encode())
    spec = {
        "vnets": {"main": {"space": ["10.0.0.0/8"], "subnets": {"db": {"prefix": "10.0.2.0/24"}, "far": {"prefix": "10.0.3.0/24"}}}},
        "vms": {"db4": {"subnet": "main/db", "ip": "10.0.2.4"}, "far4": {"subnet": "main/far", "ip": "10.0.3.4"}},
    }  # fmt: skip
    view = EstateView(estate(spec), NOW)
    block = build_block(plan, view, analyze_segments(plan, view))
    assert block.rules == {}
    assert {one.target.name for one in block.left} == {"db4", "far4"}


def test_a_rule_with_the_first_priority_moves() -> None:
    plan = parse_segment_plan(PLAN.encode())
    view = EstateView(world(["100 Allow In * * * -> * *"]), NOW)
    block = build_block(plan, view, analyze_segments(plan, view))
    moved, *denied = block.rules[f"{NET}/networkSecurityGroups/db".lower()]
    assert moved["name"] == "r100"
    assert moved["properties"]["priority"] > max(one["properties"]["priority"] for one in denied)
    assert {one["properties"]["access"] for one in denied} == {"Deny"}


def test_no_room_is_said() -> None:
    plan = parse_segment_plan(PLAN.encode())
    rules = [f"{number} Allow In Tcp 192.0.2.1 * -> * {number}" for number in range(100, 106)]
    view = EstateView(world(["106 Allow In * * * -> * *", "107 Deny In * * * -> * *", *rules]), NOW)
    with pytest.raises(NoPriorityError, match="free priorities"):
        build_block(plan, view, analyze_segments(plan, view))


FLOWS = [
    ("10.0.1.4", "10.0.2.4", 1433, []),
    ("10.0.1.4", "10.0.2.4", 22, [("web", "data", "web4", "db4")]),
    ("10.9.1.1", "10.0.2.5", 443, [("office", "data", "", "db5")]),
    ("10.0.1.4", "10.0.1.5", 22, []),
    ("8.8.8.8", "10.0.1.5", 22, []),
    ("not an address", "10.0.1.5", 22, []),
]


@pytest.mark.parametrize(("source", "target", "port", "want"), FLOWS)
def test_observed_flows(source: str, target: str, port: int, want: list[tuple[str, str, str, str]]) -> None:
    plan = parse_segment_plan(PLAN.encode())
    members = analyze_segments(plan, EstateView(world(["300 Allow In * * * -> * *"]), NOW)).members
    given = LoggedFlow(source, target, port, "tcp", NOW, NOW, 3)
    found = find_flow_violations(plan, members, [given])
    assert [
        (one.source_segment, one.target_segment, one.source_name, one.target_name) for one in found
    ] == want


@pytest.mark.parametrize(
    ("first", "last", "edges", "missing"),
    [
        (6.9, 0.1, 5, []),
        (3, 0.1, 5, ["flow logs before 2026-10-29"]),
        (6.9, 2, 5, ["flow logs since 2026-10-30"]),
        (6.9, 0.1, MOST_EDGES, ["edges beyond the first 1,000,000"]),
    ],
)
def test_what_flow_logs_do_not_show_is_named(
    first: float, last: float, edges: int, missing: list[str]
) -> None:
    span = (NOW - timedelta(days=one) for one in (first, last))
    assert list(list_missing_flows(NOW, 7, *span, edges)) == missing


def test_an_address_reaches_none_of_the_other_family() -> None:
    """Two machines of two families each: what is open is within a family, and the block closes it."""
    spec: dict[str, Any] = {
        "vnets": {
            "main": {
                "space": ["10.0.0.0/8", "fd00::/48"],
                "subnets": {
                    "web": {"prefix": "10.0.1.0/24", "nsg": "all"}, "web6": {"prefix": "fd00:0:0:1::/64", "nsg": "all"},
                    "db": {"prefix": "10.0.2.0/24", "nsg": "all"}, "db6": {"prefix": "fd00:0:0:2::/64", "nsg": "all"},
                },
            }
        },
        "nsgs": {"all": ["300 Allow In * * * -> * *"]},
        "vms": {
            "web4": {"subnet": "main/web", "ip": "10.0.1.4"}, "web6": {"subnet": "main/web6", "ip": "fd00:0:0:1::4"},
            "db4": {"subnet": "main/db", "ip": "10.0.2.4"}, "db6": {"subnet": "main/db6", "ip": "fd00:0:0:2::4"},
        },
    }  # fmt: skip
    text = """
segments:
  web: {addresses: [10.0.1.4, "fd00:0:0:1::4"]}
  data: {addresses: [10.0.2.4, "fd00:0:0:2::4"]}
  far: {addresses: ["fd00:0:0:9::/64"]}
allowed:
- {from: data, to: web, protocol: '*'}
"""
    plan, view = parse_segment_plan(text.encode()), EstateView(estate(spec), NOW)
    found = analyze_segments(plan, view)
    pairs = {(one.source.name or one.source_segment, one.target.name) for one in found.violations}
    assert pairs == {("web4", "db4"), ("web6", "db6"), ("far", "web6"), ("far", "db6")}
    assert build_block(plan, view, found).left == ()
