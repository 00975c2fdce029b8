"""Live response: orders for agents, their approval, what an agent is given to carry out, and its results.

An order that only reads, or that lifts an isolation or a block, is approved at once where its author may approve; others wait for
another person. The agent gets orders that are signed with the key of updates, name its machine, and expire.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from nephoscope.service.agent_signing_key import sign_content
from nephoscope.service.agents import READ, REPORT, find_agent
from nephoscope.service.approvals import require_approver
from nephoscope.service.examinations import describe_file, explain_missing_rules
from nephoscope.service.malware_scans import describe_matches
from nephoscope.state import NotFoundError
from nephoscope.state.hosts.response_orders import (
    LASTS,
    OrderStatus,
    ResponseKind,
    ResponseOrder,
    ResponseOrderError,
)

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.access.principals import Principal
    from nephoscope.state.hosts.agents import EnrolledAgent

RESPOND, APPROVE = "Nephoscope/agents/respond/action", "Nephoscope/agents/approveResponse/action"
READ_CONTENT = "Nephoscope/agents/responseContent/action"
#: Bytes of a collected file, and characters of a script and a justification.
MOST_CONTENT, MOST_SCRIPT, MOST_TEXT = 4 << 20, 64 << 10, 2_000
_ARGUMENTS = {
    ResponseKind.ISOLATE: frozenset[str](), ResponseKind.RELEASE: frozenset[str](), ResponseKind.KILL: frozenset({"pid", "path"}),
    ResponseKind.COLLECT: frozenset({"path"}), ResponseKind.SCRIPT: frozenset({"script"}),
    ResponseKind.BLOCK: frozenset({"sha256", "days"}), ResponseKind.UNBLOCK: frozenset({"sha256"}),
    ResponseKind.CAPTURE: frozenset(
        {"name", "interface", "protocol", "address", "port", "seconds", "packets", "bytes", "ring", "above", "learn"}
    ),
    ResponseKind.STOP_CAPTURE: frozenset({"order"}), ResponseKind.SCAN: frozenset({"path", "changedDays", "megabytes"}),
}  # fmt: skip
#: Kinds whose result is a file.
_WITH_CONTENT = (ResponseKind.COLLECT, ResponseKind.SCRIPT, ResponseKind.CAPTURE, ResponseKind.SCAN)


#: What changes nothing on a machine, or takes a change back.
_APPROVED_AT_ONCE = frozenset(
    {
        ResponseKind.COLLECT, ResponseKind.RELEASE, ResponseKind.UNBLOCK, ResponseKind.CAPTURE, ResponseKind.STOP_CAPTURE,
        ResponseKind.SCAN,
    }
)  # fmt: skip
#: What takes an order back needs what the agent allows for that order.
_UNDONE = {
    ResponseKind.RELEASE: ResponseKind.ISOLATE,
    ResponseKind.UNBLOCK: ResponseKind.BLOCK,
    ResponseKind.STOP_CAPTURE: ResponseKind.CAPTURE,
}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
#: Days that a hash is blocked at most.
MOST_DAYS = 90
#: Days back that a scan asks for changes, and MiB that it sends, at most.
MOST_CHANGED_DAYS, MOST_MEGABYTES = 3650, 10_240


class SignedOrder(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON of an order and its Ed25519 signature in hexadecimal."""

    content: str
    signature: str


class OrderContent(msgspec.Struct, frozen=True, rename="camel"):
    """An order as the agent carries it out; times are in seconds since 1970."""

    id: str
    machine: str
    kind: str
    arguments: dict[str, str]
    expires: float


def create_order(
    context: ServiceContext,
    machine: str,
    kind: ResponseKind,
    arguments: dict[str, str],
    justification: str,
    incident: int | None = None,
) -> ResponseOrder:
    """Give an order to the agent of a machine, by its name or ID.

    Raises DeniedError, NotFoundError; ResponseOrderError for an order that cannot be meant.
    """
    agent = find_agent(context, machine, RESPOND)
    check_order(agent, kind, arguments, justification)
    if kind is ResponseKind.SCAN and (reason := explain_missing_rules(context.data)):
        raise ResponseOrderError(f"files cannot be scanned: {reason}")
    if incident is not None:
        context.state.incidents.get(incident)
    is_approved = kind in _APPROVED_AT_ONCE and context.actor.is_permitted(APPROVE, agent.resource)
    by, now = context.actor.name, context.now
    order = ResponseOrder(
        id=str(uuid4()), machine=agent.resource, kind=kind, arguments=arguments, justification=justification, requester=by,
        created=now, expires=now + LASTS, status=OrderStatus.APPROVED if is_approved else OrderStatus.PENDING, incident=incident,
        decided=now if is_approved else None, decided_by=by if is_approved else "",
    )  # fmt: skip
    with (
        context.transact(
            RESPOND, agent.resource, agent.id, order=order.id, kind=kind.value, arguments=arguments, justification=justification,
            incident=incident, status=order.status.value,
        ),
        context.state.database.write() as session,
    ):  # fmt: skip
        return context.state.response_orders.put(session, order)


def check_order(
    agent: EnrolledAgent, kind: ResponseKind, arguments: dict[str, str], justification: str
) -> None:
    """Raise ResponseOrderError for an order that the agent does not allow or that cannot be meant."""
    allowed = _UNDONE.get(kind, kind).value
    if allowed not in agent.health.responses:
        raise ResponseOrderError(
            f"the agent of {agent.computer} does not allow {allowed!r}: add it to `responses` in agent.json on the machine"
        )
    if not justification.strip() or len(justification) > MOST_TEXT:
        raise ResponseOrderError(f"a justification of 1 to {MOST_TEXT:,} characters is required")
    if arguments.keys() != _ARGUMENTS[kind] or not all(arguments.values()):
        wanted = ", ".join(sorted(_ARGUMENTS[kind])) or "nothing"
        raise ResponseOrderError(f"{kind.value} needs {wanted}")
    if not arguments.get("path", "/").startswith("/"):
        raise ResponseOrderError(f"the path must be absolute (got {arguments['path'][:200]!r})")
    if not arguments.get("pid", "2").isdecimal() or int(arguments.get("pid", "2")) <= 1:
        raise ResponseOrderError(f"the process ID must be a number above 1 (got {arguments['pid'][:20]!r})")
    if len(arguments.get("script", "")) > MOST_SCRIPT:
        raise ResponseOrderError(f"a script has at most {MOST_SCRIPT:,} characters")
    if not _SHA256.fullmatch(arguments.get("sha256", "0" * 64)):
        raise ResponseOrderError(
            f"the SHA-256 must have 64 hexadecimal digits (got {arguments['sha256'][:100]!r})"
        )
    days = arguments.get("days", "1")
    if not days.isdecimal() or not 1 <= int(days[:9]) <= MOST_DAYS:
        raise ResponseOrderError(f"a hash is blocked for 1 to {MOST_DAYS} days (got {days[:20]!r})")
    if kind is ResponseKind.SCAN:
        _check_scan(arguments)


def _check_scan(arguments: dict[str, str]) -> None:
    """Raise ResponseOrderError for limits that a scan cannot have."""
    for name, least, most in (("changedDays", 0, MOST_CHANGED_DAYS), ("megabytes", 1, MOST_MEGABYTES)):
        given = arguments[name]
        if not given.isdecimal() or not least <= int(given[:9]) <= most:
            raise ResponseOrderError(
                f"{name} must be a number from {least:,} to {most:,} (got {given[:20]!r})"
            )


def decide_order(
    context: ServiceContext, id_: str, decision: Literal["approve", "deny", "withdraw"], reason: str = ""
) -> ResponseOrder:
    """Approve or deny an order of somebody else that waits, or withdraw one that no agent has answered.

    Raises DeniedError, NotFoundError; OwnRequestError; ResponseOrderError for an order that cannot be decided so.
    """
    known = _find_order(context, id_, RESPOND)
    own = known.requester == context.actor.name
    operation = RESPOND if decision == "withdraw" and own else APPROVE
    require_approver(
        context, operation, [known.machine], () if decision == "withdraw" else (known.requester,)
    )
    with (
        context.transact(operation, known.machine, known.machine, act=decision, order=id_, reason=reason),
        context.state.database.write() as session,
    ):
        order = context.state.response_orders.lock(session, id_)
        open_ = {OrderStatus.PENDING} | ({OrderStatus.APPROVED} if decision == "withdraw" else set())
        if order.status not in open_ or order.expires <= context.now:
            raise ResponseOrderError(f"the order is {order.status.value} or expired and cannot be decided so")
        status = {
            "approve": OrderStatus.APPROVED, "deny": OrderStatus.DENIED, "withdraw": OrderStatus.WITHDRAWN,
        }[decision]  # fmt: skip
        decided = msgspec.structs.replace(
            order, status=status, decided=context.now, decided_by=context.actor.name, decision_reason=reason
        )
        return context.state.response_orders.put(session, decided)


def list_orders(context: ServiceContext, machine: str = "", most: int = 1_000) -> list[ResponseOrder]:
    """Return the newest orders that the caller may read, for a machine or for all. Raises DeniedError, NotFoundError for a machine."""
    key = find_agent(context, machine).resource if machine else ""
    return context.state.response_orders.list_orders(
        key, may_read=lambda scope: context.actor.is_permitted(READ, scope), most=most
    )


def read_order(context: ServiceContext, id_: str) -> ResponseOrder:
    """Return an order by its ID. Raises DeniedError, NotFoundError."""
    order = _find_order(context, id_, READ)
    context.require(READ, order.machine)
    return order


def read_content(context: ServiceContext, id_: str) -> bytes:
    """Return the file that was collected, what a script printed, the packets of a capture or what a scan found, with an audit entry.

    Raises DeniedError, NotFoundError; ResponseOrderError where there is none.
    """
    order = _find_order(context, id_, READ_CONTENT)
    with context.change(READ_CONTENT, order.machine, order.machine, order=id_):
        if order.status is not OrderStatus.SUCCEEDED or order.kind not in _WITH_CONTENT:
            raise ResponseOrderError(f"the order {id_} has no content: it is {order.status.value}")
    return context.state.response_orders.read_content(id_)


def sign_orders(context: ServiceContext, principal: Principal) -> list[SignedOrder]:
    """Return the orders that the calling agent is to carry out, oldest first. Raises DeniedError."""
    agent = _load_agent(context, principal)
    found = []
    for one in context.state.response_orders.list_approved_orders(agent.resource, context.now):
        content = OrderContent(one.id, one.machine, one.kind.value, one.arguments, one.expires.timestamp())
        text = msgspec.json.encode(content).decode()
        found.append(SignedOrder(text, sign_content(context, text.encode())))
    return found


def store_result(
    context: ServiceContext, principal: Principal, id_: str, status: OrderStatus, message: str, content: bytes
) -> ResponseOrder:
    """Store what became of an order of the calling agent; a repeated answer changes nothing.

    Raises DeniedError; NotFoundError for an order of another machine; ResponseOrderError for content that is too large.
    """
    agent = _load_agent(context, principal)
    if len(content) > MOST_CONTENT:
        raise ResponseOrderError(f"content has at most {MOST_CONTENT:,} bytes")
    known = context.state.response_orders.get(id_)
    if (
        known.kind is ResponseKind.COLLECT
        and status is OrderStatus.SUCCEEDED
        and known.machine == agent.resource
    ):
        message = f"{message}, {describe_file(context.data, known.arguments['path'], content)}"
    own = content if known.kind is not ResponseKind.SCAN else None  # what a scan found is known here already
    with context.state.transaction() as session:
        order = context.state.response_orders.lock(session, id_)
        context.require(REPORT, order.machine)
        if order.machine != agent.resource or order.status is not OrderStatus.APPROVED:
            return order
        if order.kind is ResponseKind.SCAN:
            message = (
                f"{message}; {describe_matches(context.state.response_orders.load_content(session, id_))}"
            )
        context.enter(
            session,
            REPORT,
            agent.id,
            order=id_,
            kind=order.kind.value,
            outcome_of_order=status.value,
            told=message,
        )
        done = msgspec.structs.replace(order, status=status, finished=context.now, message=message)
        return context.state.response_orders.put(session, done, own)


def _find_order(context: ServiceContext, id_: str, operation: str) -> ResponseOrder:
    """Return an order; who may not do the operation anywhere is not told which orders there are."""
    try:
        return context.state.response_orders.get(id_)
    except NotFoundError:
        context.require(operation)
        raise


def _load_agent(context: ServiceContext, principal: Principal) -> EnrolledAgent:
    agent = context.state.agents.find_by_principal(principal.id)
    context.require(REPORT, "/" if agent is None else agent.resource)
    if agent is None:
        raise ResponseOrderError("the caller is the agent of no machine: enrol the machine again")
    return agent
