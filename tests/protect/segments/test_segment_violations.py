"""Segments: flows that the network lets through and the plan does not allow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.analyze.world import estate

from nephoscope.estate.estate_view import EstateView
from nephoscope.posture.exposure.address_text import format_ports
from nephoscope.protect.segments.segment_block import build_block
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


def reached(more: dict[str, Any]) -> Any:
    """A machine whose rules let everything in, and what lies around it."""
    spec: dict[str, Any] = {
        "vnets": {"main": {"space": ["10.0.0.0/16"], "subnets": {
            "db": {"prefix": "10.0.2.0/24", "nsg": "db"}, "edge": {"prefix": "10.0.9.0/24"},
            "GatewaySubnet": {"prefix": "10.0.8.0/24"},
        }}},
        "nsgs": {"db": ["100 Allow In Tcp * * -> * *"]},
        "vms": {"db1": {"subnet": "main/db", "ip": "10.0.2.4", **more.pop("vm", {})}},
        **more,
    }  # fmt: skip
    return EstateView(estate(spec), NOW)


def site_gateway(kind: str = "Vpn") -> list[dict[str, Any]]:
    subnet = "~net/virtualNetworks/main/subnets/GatewaySubnet"
    return [
        {"id": "~net/virtualNetworkGateways/hub", "type": "Microsoft.Network/virtualNetworkGateways", "properties": {
            "gatewayType": kind, "ipConfigurations": [{"name": "x", "properties": {"subnet": {"id": subnet}}}]}},
        {"id": "~net/localNetworkGateways/site", "type": "Microsoft.Network/localNetworkGateways", "properties": {
            "localNetworkAddressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}},
        {"id": "~net/connections/site", "type": "Microsoft.Network/connections", "properties": {
            "virtualNetworkGateway1": {"id": "~net/virtualNetworkGateways/hub"},
            "localNetworkGateway2": {"id": "~net/localNetworkGateways/site"}}},
    ]  # fmt: skip


PUBLIC = {"vm": {"public": "pip"}, "publics": {"pip": {}}}
PROXY = {
    "gateways": {"web": {"subnet": "main/edge", "public": "pip", "backends": ["10.0.2.4"]}},
    "publics": {"pip": {}},
}
#: What lies around the machine, the addresses of the segment, the ports that they reach, whether translated, what is missing.
WAYS: list[tuple[str, dict[str, Any], str, list[tuple[str, bool]], str]] = [
    ("no public address", {}, "198.51.100.0/24", [], ""),
    ("a public address", PUBLIC, "198.51.100.0/24", [("any", False)], ""),
    ("an application gateway", PROXY, "198.51.100.0/24", [("80", True)], ""),
    ("in the network", {}, "10.0.7.0/24", [("any", False)], ""),
    ("in no network that is joined", {}, "10.9.3.0/24", [], ""),
    ("a public address is no way for a private one", PUBLIC, "10.9.3.0/24", [], ""),
    ("behind a VPN gateway", {"extra": site_gateway()}, "10.9.3.0/24", [("any", False)], ""),
    ("not behind a VPN gateway", {"extra": site_gateway()}, "10.7.0.0/24", [], ""),
    (
        "perhaps behind ExpressRoute",
        {"extra": site_gateway("ExpressRoute")},
        "10.7.0.0/24",
        [],
        "learned by BGP",
    ),
]


@pytest.mark.parametrize(
    ("around", "addresses", "want", "missing"), [one[1:] for one in WAYS], ids=[one[0] for one in WAYS]
)
def test_addresses_reach_a_machine_by_a_way_alone(
    around: dict[str, Any], addresses: str, want: list[tuple[str, bool]], missing: str
) -> None:
    plan = parse_segment_plan(
        f"segments: {{far: {{addresses: [{addresses}]}}, data: {{addresses: [10.0.2.4]}}}}".encode()
    )
    view = reached(dict(around))
    found = analyze_segments(plan, view)
    tcp = [one for one in found.violations if one.protocol == "tcp"]
    told = [(format_ports(one.ports), one.translated) for one in tcp]
    assert (told, [missing in one for one in found.missing]) == (want, [True] if missing else [])
    block = build_block(plan, view, found)
    assert [one.translated for one in block.left] == [True for _, translated in want if translated]


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
