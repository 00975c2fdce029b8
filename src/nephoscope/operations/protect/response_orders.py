"""Live response: orders for agents of machines, their approval and their results."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape, to_shape
from nephoscope.service import response_orders as service
from nephoscope.service.agents import READ
from nephoscope.service.approvals import OwnRequestError
from nephoscope.service.response_orders import APPROVE, READ_CONTENT, RESPOND
from nephoscope.state.hosts.response_orders import ResponseKind, ResponseOrder, ResponseOrderError

OPERATIONS = OperationGroup("responseOrders", "Live response", "The order")
OrderId = Annotated[str, describe("An order's id.", max_length=64, pattern=PLAIN, metavar="ORDER")]
MACHINE = describe(
    "Name or resource ID of the machine.", max_length=2000, pattern=PLAIN, argument=True, metavar="MACHINE"
)
REASON = describe("Justification.", max_length=2000, pattern=PLAIN)
INCIDENT = describe("Number of the incident that the order belongs to (0: none).", ge=0)
_PATH = describe("Absolute path on the machine.", max_length=4096, pattern=PLAIN)


class NewOrder(Shape, frozen=True, kw_only=True):
    """An order for the agent of a machine, and why: kill has `pid` and `path`, collect `path`, script `script`.

    block has `sha256` and `days`, unblock `sha256`, scan `path`, `changedDays` and `megabytes`.
    """

    machine: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)]
    kind: Literal["isolate", "release", "kill", "collect", "script", "block", "unblock", "scan"]
    arguments: dict[str, Annotated[str, msgspec.Meta(max_length=65536)]] = msgspec.field(default_factory=dict)
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    incident: Annotated[int, msgspec.Meta(ge=0)] = 0


class MachineOrder(Shape, frozen=True, kw_only=True):
    """An order without arguments."""

    machine: Annotated[str, MACHINE]
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class KillOrder(Shape, frozen=True, kw_only=True):
    """A process to kill: its ID, and the program that it must still run."""

    machine: Annotated[str, MACHINE]
    pid: Annotated[int, describe("Process ID.", ge=2)]
    path: Annotated[str, _PATH]
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class CollectOrder(Shape, frozen=True, kw_only=True):
    """A file to collect."""

    machine: Annotated[str, MACHINE]
    path: Annotated[str, _PATH]
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class ScanOrder(Shape, frozen=True, kw_only=True):
    """A file or folder to scan for malware: changes of so many days, and how much is scanned, newest changes first."""

    machine: Annotated[str, MACHINE]
    path: Annotated[str, _PATH] = "/"
    changed_days: Annotated[
        int,
        describe("Scan files that changed within so many days (0: all).", ge=0, le=service.MOST_CHANGED_DAYS),
    ] = 7
    megabytes: Annotated[
        int, describe("MiB to scan at most, newest changes first.", ge=1, le=service.MOST_MEGABYTES)
    ] = 256
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class OrderDecision(Shape, frozen=True, kw_only=True):
    """The decision about an order, and its reason."""

    decision: Literal["approve", "deny", "withdraw"]
    reason: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


class OrderReason(Shape, frozen=True, kw_only=True):
    """The reason of a decision."""

    reason: Annotated[str, describe("Reason, stored in the audit log.", max_length=2000, pattern=PLAIN)] = ""


class ResponseOrderShape(Shape, frozen=True, kw_only=True):
    """An order: who gives it and why, the decision, and what the agent answered."""

    id: str
    machine: str
    kind: str
    arguments: dict[str, str]
    justification: str
    requester: str
    created: datetime
    expires: datetime
    status: str
    incident: int | None
    decided: datetime | None
    decided_by: str
    decision_reason: str
    finished: datetime | None
    message: str


class ResponseOrderList(Shape, frozen=True, kw_only=True):
    """Orders, newest first."""

    value: tuple[ResponseOrderShape, ...]


class OrderQuery(Shape, frozen=True, kw_only=True):
    """A filter of orders: for a machine ('' = all)."""

    machine: Annotated[
        str,
        describe(
            "Show only orders for this machine.",
            max_length=2000,
            pattern=PLAIN,
            argument=True,
            metavar="MACHINE",
        ),
    ] = ""
    top: Annotated[int, describe("Maximum number of orders.", ge=1, le=1000)] = 100


class OrderContentShape(Shape, frozen=True, kw_only=True):
    """The file that was collected, what a script printed, or what a scan found, in base64."""

    content: bytes


def _list_rows(found: ResponseOrderList) -> list[dict[str, object]]:
    return [
        {
            "status": one.status, "kind": one.kind, "machine": one.machine.rpartition("/")[2], "requester": one.requester,
            "created": one.created, "message": one.message, "justification": one.justification, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/responseOrders"),
    CommandLine(
        "list", columns=("status", "kind", "machine", "requester", "created", "message", "id"), rows=_list_rows, nothing="no orders",
    ),
)  # fmt: skip
def list_response_orders(call: OperationCall, query: OrderQuery) -> ResponseOrderList:
    """List orders for agents, newest first."""
    found = service.list_orders(call.service, query.machine, query.top)
    return ResponseOrderList(value=tuple(map(_build_shape, found)))


@OPERATIONS.operation(RESPOND, ApiRoute("POST", "/responseOrders", 201, scoped=None))
def create_response_order(call: OperationCall, body: NewOrder) -> ResponseOrderShape:
    """Give an order to the agent of a machine: another user approves it, but for release, collect, scan if you may approve orders."""
    return create_order(call, body.machine, body.kind, body.arguments, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("isolate", message="{id}: {status}"))
def isolate_machine(call: OperationCall, body: MachineOrder) -> ResponseOrderShape:
    """Isolate a machine: nftables on it let only this server through, until it is released."""
    return create_order(call, body.machine, "isolate", {}, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("release", message="{id}: {status}"))
def release_machine(call: OperationCall, body: MachineOrder) -> ResponseOrderShape:
    """Release a machine from isolation."""
    return create_order(call, body.machine, "release", {}, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("kill", message="{id}: {status}"))
def kill_process(call: OperationCall, body: KillOrder) -> ResponseOrderShape:
    """Kill a process that still runs the program of a path."""
    arguments = {"pid": str(body.pid), "path": body.path}
    return create_order(call, body.machine, "kill", arguments, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("collect", message="{id}: {status}"))
def collect_file(call: OperationCall, body: CollectOrder) -> ResponseOrderShape:
    """Collect a file of up to 4 MiB."""
    return create_order(call, body.machine, "collect", {"path": body.path}, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("scan", message="{id}: {status}"))
def scan_files(call: OperationCall, body: ScanOrder) -> ResponseOrderShape:
    """Scan files of a machine for malware: its agent sends them, and this server runs its rules and does not keep them."""
    arguments = {
        "path": body.path,
        "changedDays": str(body.changed_days),
        "megabytes": str(body.megabytes),
    }
    return create_order(call, body.machine, "scan", arguments, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, ApiRoute("POST", "/responseOrders/{id}/decision", scoped=None))
def decide_order(call: OperationCall, id: OrderId, body: OrderDecision) -> ResponseOrderShape:  # noqa: A002
    """Approve or deny an order of another user, or withdraw one that no agent has answered."""
    with translate_errors("decision", ResponseOrderError, OwnRequestError):
        return _build_shape(service.decide_order(call.service, id, body.decision, body.reason))


@OPERATIONS.operation(APPROVE, command=CommandLine("approve"))
def approve_order(call: OperationCall, id: OrderId, body: OrderReason) -> None:  # noqa: A002
    """Approve an order of another user."""
    with translate_errors("id", ResponseOrderError, OwnRequestError):
        service.decide_order(call.service, id, "approve", body.reason)


@OPERATIONS.operation(APPROVE, command=CommandLine("deny"))
def deny_order(call: OperationCall, id: OrderId, body: OrderReason) -> None:  # noqa: A002
    """Deny an order of another user."""
    with translate_errors("id", ResponseOrderError, OwnRequestError):
        service.decide_order(call.service, id, "deny", body.reason)


@OPERATIONS.operation(RESPOND, command=CommandLine("withdraw"))
def withdraw_order(call: OperationCall, id: OrderId, body: OrderReason) -> None:  # noqa: A002
    """Withdraw an order that no agent has answered."""
    with translate_errors("id", ResponseOrderError, OwnRequestError):
        service.decide_order(call.service, id, "withdraw", body.reason)


@OPERATIONS.operation(READ_CONTENT, ApiRoute("GET", "/responseOrders/{id}/content", scoped=None))
def get_order_content(call: OperationCall, id: OrderId) -> OrderContentShape:  # noqa: A002
    """Return the file that was collected, what a script printed or what a scan found; each access is audited."""
    with translate_errors("id", ResponseOrderError, OwnRequestError):
        return OrderContentShape(content=service.read_content(call.service, id))


def create_order(
    call: OperationCall, machine: str, kind: str, arguments: dict[str, str], reason: str, incident: int
) -> ResponseOrderShape:
    """Give an order, and return it as the API shows it."""
    with translate_errors("body", ResponseOrderError):
        made = service.create_order(
            call.service, machine, ResponseKind(kind), arguments, reason, incident or None
        )
    return _build_shape(made)


def _build_shape(one: ResponseOrder) -> ResponseOrderShape:
    return to_shape(ResponseOrderShape, one, kind=one.kind.value, status=one.status.value)
