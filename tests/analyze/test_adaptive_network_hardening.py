"""Adaptive network hardening: trained on 30 days of a generated estate and tested on the next 30, and single verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from tests.analyze.hardening_traffic import (
    BEGIN,
    DAYS,
    FlowLogs,
    TrafficFlow,
    address_of,
    described,
    generated,
)
from tests.analyze.world import estate

from nephoscope.analyze import adaptive_network_hardening as hardening
from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.log_queries import DeclaredReads
from nephoscope.estate.network import MACHINE_TYPE, Network
from nephoscope.estate.rule_changes import count_openings, replace_rules
from nephoscope.estate.rule_stages import passes
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.state import ComplianceState


@cache
def a_month() -> tuple[Estate, list[TrafficFlow]]:
    return generated(1)


def judged(view: EstateView) -> dict[str, Assessment]:
    view.declared = DeclaredReads(hardening.TABLES, hardening.TYPES)
    return {one.resource.rsplit("/", 1)[-1]: one for one in hardening.analyze(view)}


def hardened(view: EstateView, found: Sequence[Assessment]) -> Network:
    added: dict[str, list[Any]] = {}
    for one in found:
        for sub in one.sub_assessments:
            added.setdefault(str(sub.details["group"]), []).extend(sub.details["securityRules"])
    return replace_rules(view.network, added)


def decisions(network: Network, flows: Sequence[TrafficFlow]) -> dict[tuple[str, str, int], bool | None]:
    ends = {
        configuration.address: (interface, configuration)
        for machine in network.estate.list_of_type(MACHINE_TYPE)
        for interface in network.list_interfaces(machine)
        for configuration in interface.configurations
    }
    asked = {(one.source, one.address, one.port) for one in flows}
    return {key: passes(network.decide(*ends[key[1]], "tcp", key[0], key[2])) for key in asked}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_next_month_is_let_through(seed: int) -> None:
    """Trained on days 1 to 30: of the legitimate flows of days 31 to 60 less than 0.1 % is cut, of the exposure more than 60 %."""
    world, flows = generated(seed)
    logs = FlowLogs(flows, DAYS)
    view = EstateView(world, logs.now, logs=logs)
    found = judged(view)
    network = hardened(view, list(found.values()))
    later = [one for one in flows if one.day >= DAYS]
    before, after = decisions(view.network, later), decisions(network, later)
    assert all(before.values())
    legitimate = [one for one in later if one.legitimate]
    cut = [one for one in legitimate if not after[one.source, one.address, one.port]]
    attacks = [one for one in later if not one.legitimate]
    stopped = [one for one in attacks if not after[one.source, one.address, one.port]]
    assert len(cut) < 0.001 * len(legitimate)
    assert len(stopped) > 0.9 * len(attacks)
    assert count(network) < 0.1 * count(view.network)
    # what would have been blocked in the days of learning is listed, with the reason
    reasons = {
        one["reason"]
        for finding in found.values()
        for sub in finding.sub_assessments
        for one in sub.details["cutFlows"]
    }
    assert "no flow was longer than a login attempt" in reasons


def count(network: Network) -> int:
    """IPv4 addresses times ports that all machines let in."""
    return sum(
        count_openings(
            network.find_openings(interface, configuration, protocol, AddressSet.include_everything())
        )
        for machine in network.estate.list_of_type(MACHINE_TYPE)
        for interface in network.list_interfaces(machine)
        for configuration in interface.configurations
        for protocol in ("tcp", "udp")
    )


def test_a_proposal_narrows_one_rule_for_one_address() -> None:
    world, flows = a_month()
    logs = FlowLogs(flows, DAYS)
    found = judged(EstateView(world, logs.now, logs=logs))
    assert found["mail"].state is ComplianceState.COMPLIANT
    (ssh,) = found["web"].sub_assessments
    assert ssh.details["allowed"][0]["sources"] == ("198.51.100.0/24",)
    allow, deny = (one["properties"] for one in ssh.details["securityRules"])
    assert (allow["priority"], deny["priority"], deny["access"]) == (198, 199, "Deny")
    assert {one["destinationAddressPrefix"] for one in (allow, deny)} == {address_of("web")}
    # the rule with the first priority moves to make room
    partners = next(one for one in found["api"].sub_assessments if "r100" in one.title)
    assert [one["properties"]["priority"] for one in partners.details["securityRules"]] == [102, 100, 101]
    assert "203.0.113.200" in partners.details["allowed"][0]["sources"]


def listed(address: str) -> dict[str, pa.Table]:
    row = {
        "TimeGenerated": BEGIN, "Id": "i1", "ObservableKey": "ipv4-addr:value", "ObservableValue": address, "IsActive": True,
        "Confidence": 90, "ValidUntil": BEGIN + timedelta(days=400), "Revoked": False,
    }  # fmt: skip
    return {"ThreatIntelIndicators": pa.Table.from_pylist([row])}


def test_a_listed_source_is_no_need() -> None:
    world, flows = a_month()
    logs = FlowLogs(flows, DAYS, listed("203.0.113.9"))
    found = judged(EstateView(world, logs.now, logs=logs))
    partners = next(one for one in found["api"].sub_assessments if "r100" in one.title)
    assert "203.0.113.9" not in partners.details["allowed"][0]["sources"]
    assert {one["reason"] for one in partners.details["cutFlows"] if one["source"] == "203.0.113.9"} == {
        "threat intelligence lists the source"
    }
    assert "no threat intelligence" not in found["api"].description


ALONE = {"subnet": "main/front", "ip": "10.0.1.10", "public": "web", "nsg": "web"}
OTHER = {"other": {"space": ["10.0.0.0/16"], "subnets": {"front": {"prefix": "10.0.1.0/24"}}}}


def without(name: str) -> dict[str, Any]:
    return {"vms": {"web": {key: value for key, value in ALONE.items() if key != name}}}


ELSEWHERE = {"vnets": OTHER, "vms": {"web": {**ALONE, "subnet": "other/front"}}}
VERDICTS: list[tuple[str, int, dict[str, Any], str, str]] = [
    ("29 days", 29, {}, "Unknown", "30 days of flow logs"),
    ("no way in", DAYS, without("public"), "NotApplicable", "no way in"),
    ("no group", DAYS, without("nsg"), "NotApplicable", "no network security group"),
    ("another network", DAYS, ELSEWHERE, "Unknown", "flow logs of"),
]


@pytest.mark.parametrize(
    ("note", "days", "change", "state", "text"), VERDICTS, ids=[one[0] for one in VERDICTS]
)
def test_verdicts_without_a_proposal(
    note: str, days: int, change: dict[str, Any], state: str, text: str
) -> None:
    assert note
    _, flows = a_month()
    logs = FlowLogs(flows, days)
    found = judged(EstateView(estate({**described(), **change}), logs.now, logs=logs))["web"]
    assert (found.state.value, text in found.description) == (state, True), found.description


@pytest.mark.parametrize(("gap", "state"), [(range(10, 13), "NonCompliant"), (range(10, 14), "Unknown")])
def test_a_month_with_a_gap_is_no_month(gap: range, state: str) -> None:
    """Flow logs that were off for four days do not show what would have been blocked in them."""
    world, flows = a_month()
    logs = FlowLogs([one for one in flows if one.day not in gap], DAYS)
    found = judged(EstateView(world, logs.now, logs=logs))["web"]
    assert found.state.value == state, found.description
    if state == "Unknown":
        assert "4 of 30 days, such as 2026-04-11" in found.description


def test_without_flow_logs_it_is_unknown() -> None:
    world, _ = a_month()
    found = judged(EstateView(world, BEGIN + timedelta(days=DAYS)))["web"]
    assert found.state is ComplianceState.UNKNOWN
