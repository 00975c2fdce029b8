"""Captures of response rules by Network Watcher, on virtual machines without an agent: planned, started once, stopped, spared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.automation.test_capture_action import capture, enrol, orders_of, tick
from tests.service.replayed_resource_manager import (
    MACHINE,
    OPERATOR,
    STORAGE,
    WATCHER,
    ReplayedManager,
    manager,
    prepare_captures,
)

from nephoscope.automation.actions.capture import KIND
from nephoscope.automation.automation_readiness import Readiness
from nephoscope.automation.network_watcher import STOP, WRITE, build_filters
from nephoscope.automation.operator_policy import CapturePolicy, OperatorPolicy
from nephoscope.connect.network_watcher_client import AzureCaptureFilter
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import RunStatus

__all__ = ["enrol", "manager"]
WEB = ("AzureResource", {"ResourceId": MACHINE})
WEB_NAME = ("Host", {"HostName": "web1"})


@pytest.fixture
def allowed(lake: Any, manager: ReplayedManager) -> dict[str, Any]:
    """The operator's file: captures of Network Watcher are allowed in the replayed cloud."""
    return {"captures": {**OPERATOR["captures"], "cloud": prepare_captures(lake.data, manager)}}


def audited(state: State) -> list[tuple[str, str, str]]:
    entries = state.audit.entries(most=100)
    return [
        (one.operation, one.outcome, one.author)
        for one in reversed(entries)
        if one.operation in (WRITE, STOP)
    ]


def writes(manager: ReplayedManager) -> list[tuple[str, str]]:
    return [
        (method, place.rpartition("/")[2])
        for method, place, _ in manager.requests
        if method == "PUT" or place.endswith("/stop")
    ]


def test_a_capture_is_approved_started_once_and_stopped(
    engine: Callable[..., Any],
    raise_alert: Callable[..., None],
    manager: ReplayedManager,
    allowed: Any,
    state: State,
) -> None:
    who = engine(capture(protocol="tcp", port=443, seconds=120, bytes=2048), operator=allowed)
    raise_alert("a1", entities=(WEB, WEB_NAME))
    run = tick(who)
    assert (run.status, run.detail) == (RunStatus.APPROVE, "would capture packets on web1")
    assert not [*run.plan["captures"], *run.plan["spared"]]
    assert writes(manager) == []

    who.approve(run.id, "kim", run.changed)
    done = tick(who, run.changed)
    assert (done.status, done.detail) == (RunStatus.DONE, "approved by kim; Network Watcher captures on web1")
    ((name, made),) = manager.captures.items()
    properties = made["properties"]
    assert (properties["target"], properties["timeLimitInSeconds"], properties["totalBytesPerSession"]) == (
        MACHINE.lower(),
        120,
        2048,
    )
    assert properties["storageLocation"]["storageId"] == STORAGE
    assert properties["filters"] == [
        {"protocol": "TCP", "localPort": "443"},
        {"protocol": "TCP", "remotePort": "443"},
    ]
    by = f"response rule {run.rule}"
    assert audited(state) == [(WRITE, "Started", by), (WRITE, "Succeeded", by)]
    # a try whose result nobody noted starts nothing a second time
    again = KIND.approve(KIND.parse({}), replace(done, by="kim"), who.build_context(done.changed))
    assert (again.detail, writes(manager)) == (done.detail, [("PUT", name)])

    who.undo(run.id, "jo", done.changed)
    undone = tick(who, done.changed)
    assert (undone.status, undone.detail) == (RunStatus.UNDONE, "undone by jo: stopped on web1")
    assert audited(state)[2:] == [(STOP, "Started", by), (STOP, "Succeeded", by)]
    nothing = KIND.undo(KIND.parse({}), undone, who.build_context(undone.changed))
    assert nothing.detail == "nothing to stop: the captures have ended"


def test_an_agent_captures_where_there_is_one_and_network_watcher_elsewhere(
    engine: Callable[..., Any],
    raise_alert: Callable[..., None],
    manager: ReplayedManager,
    allowed: Any,
    enrol: Any,
    state: State,
) -> None:
    enrol("web01")
    who = engine(capture(), operator={"captures": {**allowed["captures"], "approval": False}})
    raise_alert("a1", entities=(WEB, ("Host", {"HostName": "web01"})))
    done = list(who.tick())[-1]
    assert (
        done.detail
        == "approved by operator.yaml; ordered captures on web01; Network Watcher captures on web1"
    )
    assert (len(orders_of(state)), len(manager.captures)) == (1, 1)


OTHER = {
    "properties": {"target": MACHINE, "storageLocation": {"storageId": STORAGE}},
    "id": f"{WATCHER}/packetCaptures/x",
    "name": "x",
}
SPARED = [
    ("ring", {"ring": True}, {}, {}, "keeps the first packets"), ("threshold", {"times": 3}, {}, {}, "waits for no threshold"),
    ("protocol", {"protocol": "icmp"}, {}, {}, "no filter for icmp"), ("interface", {"interface": "eth0"}, {}, {}, "all interfaces"),
    ("excluded by name", {}, {"never": ["WEB1"]}, {}, "operator.yaml excludes it"),
    ("excluded by ID", {}, {"never": [MACHINE]}, {}, "operator.yaml excludes it"),
    ("no sign-in", {}, {"sign_in": ""}, {}, "it has no agent, and operator.yaml names no sign-in"),
    ("no storage account", {}, {"storage": ""}, {}, "names no storage account"),
    ("another capture", {}, {}, {"x": OTHER}, "a capture is under way"),
    ("not in the estate", {}, {}, None, "not found in the stored estate"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("note", "settings", "policy", "captures", "reason"), SPARED, ids=[one[0] for one in SPARED]
)
def test_machines_are_spared_with_the_reason(
    engine: Callable[..., Any], raise_alert: Callable[..., None], manager: ReplayedManager, allowed: Any,
    note: str, settings: dict[str, Any], policy: dict[str, Any], captures: dict[str, Any] | None, reason: str,
) -> None:  # fmt: skip
    assert note
    manager.captures.update(captures or {})
    who = engine(capture(**settings), operator={"captures": {**allowed["captures"], **policy}})
    resource = MACHINE if captures is not None else MACHINE.replace("web1", "gone")
    raise_alert("a1", entities=(("AzureResource", {"ResourceId": resource}),))
    run = tick(who)
    assert run.status is RunStatus.DONE
    assert run.detail.startswith("no machine to capture on: ")
    assert reason in run.detail
    assert writes(manager) == []


def test_a_capture_of_another_meanwhile_and_a_refusal_of_azure(
    engine: Callable[..., Any],
    raise_alert: Callable[..., None],
    manager: ReplayedManager,
    allowed: Any,
    state: State,
) -> None:
    who = engine(capture(), operator=allowed)
    raise_alert("a1", entities=(WEB,))
    run = tick(who)
    who.approve(run.id, "kim", run.changed)
    planned, context = replace(run, by="kim"), who.build_context(run.changed)
    manager.captures["x"] = OTHER
    assert (
        KIND.approve(KIND.parse({}), planned, context).detail
        == "approved by kim; a capture is under way on web1"
    )
    manager.captures.clear()
    manager.refusal = (403, {"error": {"code": "AuthorizationFailed", "message": "no right"}})
    done = tick(who, run.changed)
    assert (done.status, "returned 403" in done.detail, "secret-token" in done.detail) == (
        RunStatus.DEAD,
        True,
        False,
    )
    assert writes(manager) == []


def test_filters_let_through_what_has_the_address_and_the_port_at_either_end() -> None:
    assert build_filters("", "", 0) == ()
    assert build_filters("udp", "", 0) == (AzureCaptureFilter(protocol="UDP"),)
    several = build_filters("tcp", "2001:DB8::1", 22)
    ends = {(one.local_address, one.remote_address, one.local_port, one.remote_port) for one in several}
    assert ends == {
        ("2001:db8::1", "", "22", ""), ("2001:db8::1", "", "", "22"), ("", "2001:db8::1", "22", ""), ("", "2001:db8::1", "", "22"),
    }  # fmt: skip


def test_readiness_names_the_storage_account(engine: Callable[..., Any], lake: Any, state: State) -> None:
    (rule,) = engine(capture()).rules
    policy = OperatorPolicy(captures=CapturePolicy(sign_in="default"))
    (missing,) = Readiness(lake.data, state, policy, (), None).list_missing_requirements(rule)
    assert missing.startswith(
        "captures of Network Watcher need a storage account: add `captures.storage` in "
    )
