"""Segments: flows that the network lets through and the plan does not allow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.analyze.world import estate

from nephoscope.estate.estate_view import EstateView
from nephoscope.posture.exposure.address_text import format_ports
from nephoscope.protect.segments.segment_plan import SegmentPlanError, parse_segment_plan
from nephoscope.protect.segments.segment_violations import analyze_segments

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def world(*rules: str, out: tuple[str, ...] = ()) -> Any:
    subnets = {"web": {"prefix": "10.0.1.0/24", "nsg": "web"}, "db": {"prefix": "10.0.2.0/24", "nsg": "db"}}
    spec = {
        "vnets": {"main": {"space": ["10.0.0.0/16"], "subnets": subnets}},
        "nsgs": {"web": list(out), "db": [*rules, "4000 Deny In * * * -> * *"]},
        "vms": {
            "web1": {"subnet": "main/web", "ip": "10.0.1.4"},
            "db1": {"subnet": "main/db", "ip": "10.0.2.4"},
        },
    }
    return estate(spec)


PLAN = """
segments:
  web: {{addresses: [10.0.1.4]}}
  data: {{addresses: [10.0.2.0/24]}}
allowed:
- {{from: data, to: web, protocol: '*'}}
{}
"""
SQL = "- {from: web, to: data, ports: [1433]}"
OPEN = "100 Allow In Tcp 10.0.1.0/24 * -> * {}"
CASES: list[tuple[str, list[str], tuple[str, ...], str, list[tuple[str, str, str, str]]]] = [
    ("closed", [], (), "", []),
    ("allowed", [OPEN.format(1433)], (), SQL, []),
    ("not allowed", [OPEN.format(1433)], (), "", [("web1", "db1", "tcp", "1433")]),
    (
        "wider than allowed",
        [OPEN.format("1430-1440")],
        (),
        SQL,
        [("web1", "db1", "tcp", "1430-1432, 1434-1440")],
    ),
    ("stopped where it leaves", [OPEN.format(22)], ("100 Deny Out * * * -> * 22",), "", []),
    ("another protocol", ["100 Allow In Udp * * -> * 53"], (), "", [("web1", "db1", "udp", "53")]),
    ("another source", ["100 Allow In Tcp 10.0.1.9 * -> * 22"], (), "", []),
]


@pytest.mark.parametrize(("note", "rules", "out", "allowed", "want"), CASES, ids=[case[0] for case in CASES])
def test_violations(
    note: str, rules: list[str], out: tuple[str, ...], allowed: str, want: list[tuple[str, str, str, str]]
) -> None:
    assert note
    plan = parse_segment_plan(PLAN.format(allowed).encode())
    found = analyze_segments(plan, EstateView(world(*rules, out=out), NOW))
    # an address range of a segment stands for hosts that are no machines: they are sources alone
    told = [
        (one.source.name, one.target.name, one.protocol, format_ports(one.ports)) for one in found.violations
    ]
    assert (told, found.missing) == (want, ())
    assert all(one.rules for one in found.violations)


BAD = [
    ("segments: {a: {addresses: [x]}}", r"segments\.a\.addresses"),
    ("segments: {a: {}}\nallowed: [{from: a, to: b}]", "no segment is named b"),
    ("segments: {a: {}}\nallowed: [{from: a, to: a, protocol: icmp}]", "must be tcp, udp or"),
    ("segments: {a: {}}\nallowed: [{from: a, to: a, ports: [9-1]}]", "ports must rise"),
    ("segments: {a: {subnet: x}}", "subnet"),
    ("segments: [", "line"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_wrong_plan_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SegmentPlanError, match=message):
        parse_segment_plan(text.encode())
