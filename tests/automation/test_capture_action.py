"""Captures that response rules start: planned, approved by a person or by operator.yaml, ordered once, stopped, refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.automation.conftest import NOW

from nephoscope.automation.actions.capture import KIND
from nephoscope.automation.automation_readiness import Readiness
from nephoscope.automation.operator_policy import CapturePolicy, OperatorPolicy
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder

MACHINES = (
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers"
    "/Microsoft.Compute/virtualMachines"
)
WEB = ("Host", {"HostName": "web01"})
WEB_BY_ID = ("AzureResource", {"ResourceId": f"{MACHINES}/web01/extensions/agent"})
ALLOWED = {"captures": {}}
#: When the window of another alert of the rule ends.
LATER_ON = NOW + timedelta(hours=2)


@pytest.fixture
def enrol(state: State) -> Callable[..., None]:
    """Put an agent: its machine, host name and what it allows."""

    def enrolling(
        name: str,
        computer: str = "",
        responses: tuple[str, ...] = ("capture",),
        workspace: str = "default",
    ) -> None:
        with as_product("test"), state.database.write() as session:
            principal = state.principals.add(session, PrincipalKind.PROGRAM, f"agent of {name}")
            agent = EnrolledAgent(
                f"{MACHINES}/{name}", computer or name, "0" * 32, principal.id, "dc1", workspace, "global", "Debian 12", "x86_64",
                "1.0", NOW, NOW, AgentHealth("1.0", responses=responses),
            )  # fmt: skip
            state.agents.put(session, agent)

    return enrolling


def capture(**settings: Any) -> dict[str, Any]:
    return {"actions": [{"action": "capture", **settings}]}


def orders_of(state: State, kind: ResponseKind = ResponseKind.CAPTURE) -> list[ResponseOrder]:
    return [one for one in state.response_orders.list_orders() if one.kind is kind]


def tick(who: Any, at: Any = None) -> AutomationRun:
    return next(iter(who.tick(at)))


def test_a_capture_is_approved_ordered_once_and_stopped(engine, raise_alert, enrol, state: State) -> None:
    enrol("web01")
    who = engine(capture(protocol="tcp", port=443, seconds=120, bytes=2048, wait=2), operator=ALLOWED)
    raise_alert("a1", entities=(WEB, WEB_BY_ID, ("Host", {"HostName": "other"})))
    run = tick(who, NOW)
    assert (run.status, run.detail) == (RunStatus.APPROVE, "would capture packets on web01")
    assert run.until == NOW + timedelta(hours=2)
    assert [one["machine"] for one in run.plan["captures"]] == [f"{MACHINES}/web01".lower()]
    assert [list(one) for one in run.plan["spared"]] == [["other", "it has no agent"]]
    assert orders_of(state) == []

    who.approve(run.id, "kim", run.changed)
    done = tick(who, run.changed)
    assert (done.status, done.detail, done.until) == (
        RunStatus.DONE, "approved by kim; ordered captures on web01", None,
    )  # fmt: skip
    (order,) = orders_of(state)
    assert (order.status, order.incident, order.decided_by, order.requester) == (
        OrderStatus.APPROVED, int(run.subject), "kim", f"response rule {run.rule}",
    )  # fmt: skip
    wanted = {
        "name": run.id,
        "protocol": "tcp",
        "port": "443",
        "seconds": "120",
        "bytes": "2048",
        "packets": "100000",
    }
    assert wanted.items() <= order.arguments.items()
    # a try whose result nobody noted orders nothing a second time
    KIND.approve(KIND.parse({}), replace(done, by="kim"), who.build_context(done.changed))
    assert orders_of(state) == [order]
    told = [one for one in state.audit.entries(most=100) if one.detail.get("order") == order.id]
    assert [(one.author, one.target, one.detail["run"], one.detail["approvedBy"]) for one in told] == [
        (order.requester, order.machine, run.id, "kim")
    ]

    who.undo(run.id, "jo", done.changed)
    undone = tick(who, done.changed)
    assert (undone.status, undone.detail) == (RunStatus.UNDONE, "undone by jo: stopped on web01")
    (stop,) = orders_of(state, ResponseKind.STOP_CAPTURE)
    assert (stop.arguments, stop.status, stop.decided_by) == ({"order": order.id}, OrderStatus.APPROVED, "jo")


def test_a_capture_that_ended_has_nothing_to_stop(engine, raise_alert, enrol, state: State) -> None:
    enrol("web01")
    who = engine(capture(), operator=ALLOWED)
    raise_alert("a1", entities=(WEB,))
    run = tick(who)
    who.approve(run.id, "kim", run.changed)
    done = tick(who, run.changed)
    (order,) = orders_of(state)
    ended = msgspec.structs.replace(order, status=OrderStatus.SUCCEEDED, message="9 packets")
    with as_product("test"), state.database.write() as session:
        state.response_orders.put(session, ended, b"pcap")
    who.undo(run.id, "jo", done.changed)
    assert tick(who, done.changed).detail == "undone by jo: nothing to stop: the captures have ended"
    assert orders_of(state, ResponseKind.STOP_CAPTURE) == []


def test_operator_yaml_may_approve_and_an_alert_gives_its_incident(
    engine, raise_alert, enrol, state: State
) -> None:
    enrol("web01")
    rule = {**capture(), "when": ["alert.created"]}
    who = engine(rule, operator={"captures": {"approval": False}})
    raise_alert("a1", entities=(WEB,))
    planned, done = list(who.tick())
    assert (planned.status, planned.by) == (RunStatus.PENDING, "operator.yaml")
    assert (done.status, done.detail) == (
        RunStatus.DONE, "approved by operator.yaml; ordered captures on web01",
    )  # fmt: skip
    (order,) = orders_of(state)
    with state.reading() as session:
        alert = state.alerts.find_alert(session, "a1")
    assert alert is not None
    assert (order.incident, order.justification) == (alert.incident, "alert.created a1")


SPARED = [
    ("the agent allows nothing", {"web01": ((), "")}, {}, "web01: its agent does not allow captures"),
    ("excluded by name", {"web01": (("capture",), "")}, {"never": ["WEB01"]}, "web01: operator.yaml excludes it"),
    ("excluded without its domain", {"web01": (("capture",), "web01.corp")}, {"never": ["web01"]}, "operator.yaml excludes it"),
    ("excluded by ID", {"web01": (("capture",), "")}, {"never": [f"{MACHINES}/web01"]}, "operator.yaml excludes it"),
    ("two of one name", {"a": (("capture",), "web01"), "b": (("capture",), "web01.dc")}, {}, "several machines have this name"),
    ("no agent", {}, {}, "web01: it has no agent"),
]  # fmt: skip


@pytest.mark.parametrize(("note", "agents", "policy", "detail"), SPARED, ids=[one[0] for one in SPARED])
def test_machines_are_spared_with_the_reason(
    engine, raise_alert, enrol, note: str, agents: dict[str, Any], policy: dict[str, Any], detail: str
) -> None:
    assert note
    for name, (responses, computer) in agents.items():
        enrol(name, computer, responses)
    who = engine(capture(), operator={"captures": policy})
    raise_alert("a1", entities=(WEB,))
    run = tick(who)
    assert run.status is RunStatus.DONE
    assert run.detail.startswith("no machine to capture on: ")
    assert detail in run.detail


def test_a_name_is_that_of_a_machine_of_the_workspace(engine, raise_alert, enrol, state: State) -> None:
    with as_product("test"):
        state.workspaces.add("other")
    enrol("web01", workspace="other")
    who = engine(capture(), operator={"captures": {"approval": False}})
    raise_alert("a1", entities=(WEB,))
    run = tick(who)
    assert run.detail == "no machine to capture on: web01: it has no agent"
    assert orders_of(state) == []


def test_a_plan_has_so_many_machines_and_none_twice(engine, raise_alert, enrol, state: State) -> None:
    for name in ("web01", "web02", "web03"):
        enrol(name)
    hosts = tuple(("Host", {"HostName": name}) for name in ("web01", "web02", "web03"))
    rule = {**capture(), "when": ["alert.created"]}
    who = engine(rule, operator={"captures": {"approval": False, "most": 2}})
    raise_alert("a1", entities=hosts)
    first = list(who.tick())[-1]
    assert (first.detail, first.plan["spared"]) == (
        "approved by operator.yaml; ordered captures on web01, web02", [["web03", "over 2 machines at once"]],
    )  # fmt: skip
    raise_alert("a2", "185.220.101.5", entities=hosts[:2], ends=LATER_ON)
    (again,) = who.tick()
    assert again.detail == (
        "no machine to capture on: web01: a capture is under way; web02: a capture is under way"
    )
    assert len(orders_of(state)) == 2


def test_of_two_plans_for_a_machine_one_captures_at_a_time(engine, raise_alert, enrol, state: State) -> None:
    enrol("web01")
    enrol("web02")
    who = engine({**capture(), "when": ["alert.created"]}, operator=ALLOWED)
    raise_alert("a1", entities=(WEB,))
    raise_alert("a2", "185.220.101.5", entities=(WEB, ("Host", {"HostName": "web02"})), ends=LATER_ON)
    first, second = sorted(who.tick(), key=lambda one: one.subject)
    assert (first.status, second.status) == (RunStatus.APPROVE, RunStatus.APPROVE)
    for run in (first, second):
        who.approve(run.id, "kim", second.changed)
        done = tick(who, second.changed)
    assert done.detail == ("approved by kim; ordered captures on web02; a capture is under way on web01")
    assert [one.machine.rpartition("/")[2] for one in orders_of(state)].count("web01") == 1
    who.undo(done.id, "jo", done.changed)
    assert tick(who, done.changed).detail == "undone by jo: stopped on web02"


LATER = [
    ("excluded", {"captures": {"never": ["web01"]}}, "web01 cannot be captured on any more: operator.yaml excludes it"),
    ("not allowed any more", {}, "operator.yaml must allow captures"),
]  # fmt: skip


@pytest.mark.parametrize(("note", "policy", "detail"), LATER, ids=[one[0] for one in LATER])
def test_what_was_excluded_after_planning_is_not_captured(
    engine, raise_alert, enrol, state: State, note: str, policy: dict[str, Any], detail: str
) -> None:
    assert note
    enrol("web01")
    who = engine(capture(), operator=ALLOWED)
    raise_alert("a1", entities=(WEB,))
    run = tick(who)
    who = engine(capture(), operator=policy)
    who.approve(run.id, "kim", run.changed)
    done = tick(who, run.changed)
    assert (done.status, detail in done.detail) == (RunStatus.DEAD, True)
    assert orders_of(state) == []


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"seconds": 0}, "seconds"), ({"seconds": 3_601}, "seconds"), ({"bytes": 5 << 20}, "bytes"),
        ({"address": "web"}, "not an IP address"), ({"protocol": "gre"}, "protocol"), ({"wait": 0}, "wait"),
    ],
)  # fmt: skip
def test_a_rule_whose_capture_cannot_be_meant_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        KIND.parse({"action": "capture", **settings})


def test_readiness_names_what_the_operator_must_allow(engine, state: State, lake: Any) -> None:
    (rule,) = engine(capture()).rules
    several = [
        Readiness(lake.data, state, policy, (), None).list_missing_requirements(rule)
        for policy in (OperatorPolicy(), OperatorPolicy(captures=CapturePolicy()))
    ]
    assert [len(one) for one in several] == [1, 0]
    assert several[0][0].startswith("captures are not allowed: add `captures` in ")
