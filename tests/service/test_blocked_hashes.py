"""Blocked hashes: what the orders about a program and the report of its guard come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.agent.test_response import Person

from nephoscope.service.blocked_hashes import find_blocked_hash, list_blocked_hashes
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import NotFoundError, State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent, SensorHealth
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MACHINE = "/subscriptions/a/resourcegroups/rg/providers/microsoft.hybridcompute/machines/web01"
HASH = "ab" * 32
RUNS = (SensorHealth("applications"),)
STOPPED = (SensorHealth("applications", running=False, reason="CAP_SYS_ADMIN is missing"),)


def make_order(kind: str, hours: float, status: str, days: str = "1") -> ResponseOrder:
    """Return an order that was given some hours ago, and answered a minute later where it was."""
    at = NOW - timedelta(hours=hours)
    answered = status in ("Succeeded", "Failed", "Refused")
    return ResponseOrder(
        id=f"{kind}-{hours:g}", machine=MACHINE, kind=ResponseKind(kind), justification="Miner", requester="ada", created=at,
        arguments={"sha256": HASH, **({"days": days} if kind == "block" else {})}, expires=at + timedelta(hours=4),
        status=OrderStatus(status), finished=at + timedelta(minutes=1) if answered else None,
        message="1,000 hashes are blocked already" if status == "Failed" else "",
    )  # fmt: skip


def make_agent(sensors: tuple[SensorHealth, ...]) -> EnrolledAgent:
    health = AgentHealth("1.0", sensors, responses=("block",))
    return EnrolledAgent(
        MACHINE, "web01", "m", "p", "e", "default", "", "Linux", "x64", "1.0", NOW, NOW, health=health
    )  # fmt: skip


@pytest.fixture
def context(tmp_path: Path):
    with State.open_folder(tmp_path, "") as state:
        yield ServiceContext(LocalUser.current(), state, tmp_path, lambda: NOW)


def keep(context: ServiceContext, agent: EnrolledAgent | None, *orders: ResponseOrder) -> None:
    with as_product("test"), context.state.database.write() as session:
        if agent is not None:
            principal = context.state.principals.add(session, PrincipalKind.PROGRAM, "agent of web01")
            context.state.agents.put(session, replace(agent, principal=principal.id))
        for one in orders:
            context.state.response_orders.put(session, one)


BLOCKED = make_order("block", 2, "Succeeded")


@pytest.mark.parametrize(
    ("orders", "state", "detail", "id_"),
    [
        ([BLOCKED], "blocked", "", "block-2"),
        ([BLOCKED, make_order("unblock", 1, "Succeeded")], "unblocked", "", "block-2"),
        ([BLOCKED, make_order("unblock", 1, "Approved")], "blocked", "", "block-2"),
        ([make_order("unblock", 3, "Succeeded"), BLOCKED], "blocked", "", "block-2"),
        ([make_order("block", 30, "Succeeded")], "ended", "", "block-30"),
        ([make_order("block", 30, "Succeeded", days="2")], "blocked", "", "block-30"),
        ([make_order("block", 30, "Succeeded"), make_order("block", 1, "Pending")], "waitsForApproval", "", "block-1"),
        ([make_order("block", 1, "Approved")], "waitsForMachine", "", "block-1"),
        ([make_order("block", 9, "Approved")], "notBlocked", "the machine did not fetch the order", "block-9"),
        ([make_order("block", 9, "Pending")], "notBlocked", "the order expired before it was approved", "block-9"),
        ([make_order("block", 1, "Failed")], "notBlocked", "failed: 1,000 hashes are blocked already", "block-1"),
        ([make_order("block", 30, "Succeeded"), make_order("block", 1, "Denied")], "notBlocked", "denied", "block-1"),
        ([BLOCKED, make_order("block", 1, "Denied")], "blocked", "", "block-2"),
    ],
)  # fmt: skip
def test_the_orders_say_whether_a_program_is_blocked(context, orders, state, detail, id_):
    keep(context, make_agent(RUNS), *orders)
    (found,) = list_blocked_hashes(context)
    assert (found.state.value, found.detail, found.id) == (state, detail, id_)
    assert find_blocked_hash(context, id_) == found


@pytest.mark.parametrize(
    ("agent", "detail"),
    [
        (make_agent(STOPPED), "no guard runs on the machine: CAP_SYS_ADMIN is missing"),
        (make_agent(()), "the agent has not reported its guard"),
        (None, "the agent of the machine was removed: nothing reports whether it refuses the program"),
    ],
)
def test_a_block_without_a_guard_is_not_enforced(context, agent, detail):
    keep(context, agent, BLOCKED)
    (found,) = list_blocked_hashes(context)
    assert (found.state.value, found.detail) == ("notEnforced", detail)
    assert found.ends == NOW - timedelta(hours=2) + timedelta(days=1, minutes=1)


def test_blocks_out_of_reach_are_not_listed(context):
    keep(context, make_agent(RUNS), BLOCKED, make_order("unblock", 1, "Succeeded"))
    out = replace(context, actor=Person("eve", frozenset()))
    assert list_blocked_hashes(out) == []
    with pytest.raises(NotFoundError):
        find_blocked_hash(out, "block-2")


def test_an_unblock_alone_is_no_block(context):
    keep(context, make_agent(RUNS), make_order("unblock", 1, "Succeeded"))
    assert list_blocked_hashes(context) == []
