"""Blocked hashes: programs that machines refuse to execute, blocked and unblocked by orders of live response."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    any_part_scope,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape, to_shape
from nephoscope.operations.protect.response_orders import (
    INCIDENT,
    MACHINE,
    REASON,
    ResponseOrderShape,
    create_order,
)
from nephoscope.service import blocked_hashes as service
from nephoscope.service.agents import READ
from nephoscope.service.response_orders import MOST_DAYS, RESPOND
from nephoscope.state import NotFoundError

OPERATIONS = OperationGroup("blockedHashes", "Blocked hashes", "The blocked hash")
BlockId = Annotated[
    str, describe("ID of a blocked hash: that of its order.", max_length=64, pattern=PLAIN, metavar="ORDER")
]
_SHA256 = describe("SHA-256 of the program.", label="SHA-256", max_length=64, pattern="^[0-9a-fA-F]{64}$")
_LAST_STATES = ("notBlocked", "unblocked", "ended")


class UnblockOrder(Shape, frozen=True, kw_only=True):
    """A program that may be executed again."""

    machine: Annotated[str, MACHINE]
    sha256: Annotated[str, _SHA256]
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class BlockOrder(Shape, frozen=True, kw_only=True):
    """A program to block, and for how many days."""

    machine: Annotated[str, MACHINE]
    sha256: Annotated[str, _SHA256]
    days: Annotated[int, describe("Days until the block ends.", ge=1, le=MOST_DAYS)] = 30
    reason: Annotated[str, REASON]
    incident: Annotated[int, INCIDENT] = 0


class UnblockReason(Shape, frozen=True, kw_only=True):
    """Reason why a program may be executed again."""

    reason: Annotated[str, REASON]


class BlockedHashShape(Shape, frozen=True, kw_only=True):
    """A program that an order blocks on a machine: whether the machine refuses it, why not, and until when."""

    id: str
    sha256: str
    machine: str
    state: str
    detail: str
    ends: datetime | None
    requester: str
    approver: str
    created: datetime
    reason: str
    incident: int | None


class BlockedHashList(Shape, frozen=True, kw_only=True):
    """Blocked hashes, those in force first."""

    value: tuple[BlockedHashShape, ...]


def _list_rows(found: BlockedHashList) -> list[dict[str, object]]:
    return [
        {
            "sha256": one.sha256, "machine": one.machine.rpartition("/")[2], "state": one.state, "ends": one.ends,
            "reason": one.reason, "detail": one.detail, "requester": one.requester, "approver": one.approver, "created": one.created,
            "incident": one.incident, "resource": one.machine, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


_WITHOUT = (
    "No agent allows blocks on a machine that you may read."
    " Add `block` to `responses` in agent.json on the machine."
)


def _offer_machines(call: OperationCall) -> dict[str, str]:
    """Return the machines whose agents allow blocks, with their names."""
    return {one.resource: one.computer for one in service.list_blocking_agents(call.service)}


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/blockedHashes", scoped=any_part_scope),
    CommandLine(
        "blocked", columns=("state", "machine", "sha256", "ends", "reason", "detail", "requester", "id"), rows=_list_rows,
        nothing="no blocked hashes",
    ),
    page=SectionList(
        "Blocked hashes", "Protection", "blocked hash", "Programs that machines refuse to execute, by their SHA-256, and until when.",
        key="id", name="sha256", plural="blocked hashes", guide="agent.md", facets=("state", "machine", "requester"),
        names=("machine", "requester"), scope="resource", in_navigation=True, order=6,
        nothing="No blocked hashes. An agent that allows `block` refuses a program once another user approves the order.",
        columns=(
            PageColumn("sha256", "SHA-256"), PageColumn("machine", "Machine"), PageColumn("state", "State"),
            PageColumn("ends", "Ends", optional=True), PageColumn("reason", "Justification", optional=True),
            PageColumn("requester", "Requested by", optional=True),
        ),
    ),
)  # fmt: skip
def list_blocked_hashes(call: OperationCall) -> BlockedHashList:
    """List the programs that orders block, by machine: those in force first, and whether the machine's guard refuses them."""
    found = service.list_blocked_hashes(call.service)
    return BlockedHashList(
        value=tuple(to_shape(BlockedHashShape, one, state=one.state.value) for one in found)
    )


@OPERATIONS.operation(
    RESPOND, command=CommandLine("block", message="{id}: {status}"),
    page=OperationForm("Block program", choices={"machine": _offer_machines}, without={"machine": _WITHOUT}),
)  # fmt: skip
def block_hash(call: OperationCall, body: BlockOrder) -> ResponseOrderShape:
    """Block a program by its hash: the machine refuses to execute it until the block ends."""
    arguments = {"sha256": body.sha256.lower(), "days": str(body.days)}
    return create_order(call, body.machine, "block", arguments, body.reason, body.incident)


@OPERATIONS.operation(RESPOND, command=CommandLine("unblock", message="{id}: {status}"))
def unblock_hash(call: OperationCall, body: UnblockOrder) -> ResponseOrderShape:
    """Allow a blocked program again."""
    arguments = {"sha256": body.sha256.lower()}
    return create_order(call, body.machine, "unblock", arguments, body.reason, body.incident)


@OPERATIONS.operation(
    RESPOND, ApiRoute("POST", "/blockedHashes/{id}/unblock", 201, scoped=any_part_scope),
    page=OperationForm("Unblock program", when=lambda row: row["state"] not in _LAST_STATES),
)  # fmt: skip
def unblock_program(call: OperationCall, id: BlockId, body: UnblockReason) -> ResponseOrderShape:  # noqa: A002
    """Order a machine to allow a blocked program again; the block stands until its agent has answered."""
    with translate_errors("id", NotFoundError):
        found = service.find_blocked_hash(call.service, id)
    return create_order(
        call, found.machine, "unblock", {"sha256": found.sha256}, body.reason, found.incident or 0
    )
