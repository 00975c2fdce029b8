"""Blocked hashes: the programs that machines refuse to execute, from the orders that block and unblock them.

A block is what the newest order that an agent carried out says; whether the machine refuses the program is what its guard reports.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from nephoscope.service.agents import READ, list_agents
from nephoscope.state import NotFoundError
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.hosts.agents import EnrolledAgent

#: The sensor of the agent that refuses executions.
GUARD = "applications"
#: Newest orders that blocks are read from.
MOST_ORDERS = 10_000


class BlockState(StrEnum):
    """States of a block on a machine."""

    BLOCKED = "blocked"
    NOT_ENFORCED = "notEnforced"
    WAITS_FOR_APPROVAL = "waitsForApproval"
    WAITS_FOR_MACHINE = "waitsForMachine"
    NOT_BLOCKED = "notBlocked"
    UNBLOCKED = "unblocked"
    ENDED = "ended"


class BlockedHash(msgspec.Struct, frozen=True):
    """A program that an order blocks on a machine: `id` is the newest order that did or was to, `ends` when the block ends."""

    id: str
    sha256: str
    machine: str
    state: BlockState
    detail: str
    ends: datetime | None
    requester: str
    approver: str
    created: datetime
    reason: str
    incident: int | None


def list_blocked_hashes(context: ServiceContext) -> list[BlockedHash]:
    """Return the blocks of the machines that the caller may read, those in force first, then the newest."""
    orders = context.state.response_orders.list_orders(
        kinds=(ResponseKind.BLOCK, ResponseKind.UNBLOCK),
        may_read=lambda scope: context.actor.is_permitted(READ, scope),
        most=MOST_ORDERS,
    )
    agents = {one.resource: one for one in list_agents(context)}
    by_block: defaultdict[tuple[str, str], list[ResponseOrder]] = defaultdict(list)
    for one in orders:
        by_block[one.machine, one.arguments["sha256"].lower()].append(one)
    found = [_read_block(several, agents, context.now) for several in by_block.values()]
    several = [one for one in found if one is not None]
    order = list(BlockState)
    return sorted(several, key=lambda one: (order.index(one.state), -one.created.timestamp(), one.id))


def find_blocked_hash(context: ServiceContext, id_: str) -> BlockedHash:
    """Return the block of an order's ID. Raises NotFoundError."""
    for one in list_blocked_hashes(context):
        if one.id == id_:
            return one
    raise NotFoundError(f"blocked hash {id_[:100]!r} not found")


def list_blocking_agents(context: ServiceContext) -> list[EnrolledAgent]:
    """Return the agents that allow blocks, of the machines that the caller may read."""
    return [one for one in list_agents(context) if ResponseKind.BLOCK.value in one.health.responses]


def _read_block(
    orders: Iterable[ResponseOrder], agents: Mapping[str, EnrolledAgent], now: datetime
) -> BlockedHash | None:
    """Return what orders about one program on one machine, newest first, come to; None without one that blocks."""
    several = list(orders)
    blocks = [one for one in several if one.kind is ResponseKind.BLOCK]
    unblocks = [one for one in several if one.kind is ResponseKind.UNBLOCK]
    if not blocks:
        return None
    done = max(filter(_is_done, blocks), key=_find_time, default=None)
    last = None if done is None else _read_last_block(done, filter(_is_done, unblocks), now)
    if done is not None and last is not None and last.state is BlockState.BLOCKED:
        problem = _find_problem(agents.get(done.machine))
        return _make_blocked_hash(done, BlockState.NOT_ENFORCED, problem, last.ends) if problem else last
    if open_ := next((one for one in blocks if _is_open(one, now)), None):
        waits = open_.status is OrderStatus.PENDING
        return _make_blocked_hash(
            open_, BlockState.WAITS_FOR_APPROVAL if waits else BlockState.WAITS_FOR_MACHINE, "", None
        )
    if last is not None and blocks[0].created <= last.created:
        return last
    return _make_blocked_hash(blocks[0], BlockState.NOT_BLOCKED, _explain_failure(blocks[0], now), None)


def _read_last_block(done: ResponseOrder, unblocks: Iterable[ResponseOrder], now: datetime) -> BlockedHash:
    """Return the last block that was carried out: until its days have passed, or an order took it back."""
    undone = next((one for one in unblocks if _find_time(one) >= _find_time(done)), None)
    if undone is not None:
        return _make_blocked_hash(done, BlockState.UNBLOCKED, "", _find_time(undone))
    ends = _find_time(done) + timedelta(days=int(done.arguments["days"]))
    return _make_blocked_hash(done, BlockState.BLOCKED if ends > now else BlockState.ENDED, "", ends)


def _make_blocked_hash(
    one: ResponseOrder, state: BlockState, detail: str, ends: datetime | None
) -> BlockedHash:
    return BlockedHash(
        one.id, one.arguments["sha256"].lower(), one.machine, state, detail, ends, one.requester, one.decided_by, one.created,
        one.justification, one.incident,
    )  # fmt: skip


def _is_done(one: ResponseOrder) -> bool:
    return one.status is OrderStatus.SUCCEEDED and one.finished is not None


def _find_time(one: ResponseOrder) -> datetime:
    return one.finished or one.created


def _is_open(one: ResponseOrder, now: datetime) -> bool:
    return one.status in (OrderStatus.PENDING, OrderStatus.APPROVED) and one.expires > now


def _find_problem(agent: EnrolledAgent | None) -> str:
    """Return why a machine may execute a blocked program, '' where its guard runs."""
    if agent is None:
        return "the agent of the machine was removed: nothing reports whether it refuses the program"
    guard = next((one for one in agent.health.sensors if one.name == GUARD), None)
    if guard is None:
        return "the agent has not reported its guard"
    return "" if guard.running else f"no guard runs on the machine: {guard.reason or 'no reason reported'}"


def _explain_failure(one: ResponseOrder, now: datetime) -> str:
    if one.status in (OrderStatus.PENDING, OrderStatus.APPROVED) and one.expires <= now:
        waited = one.status is OrderStatus.PENDING
        return "the order expired before it was approved" if waited else "the machine did not fetch the order"
    reason = one.decision_reason or one.message
    return f"{one.status.value.lower()}: {reason}" if reason else one.status.value.lower()
