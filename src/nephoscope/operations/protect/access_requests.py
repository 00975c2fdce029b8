"""Just-in-time access: requests for ports of machines, and their approval."""

from __future__ import annotations

from datetime import datetime, timedelta
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
from nephoscope.service import access_requests as service
from nephoscope.service.access_requests import (
    APPROVE,
    INITIATE,
    READ,
    AccessRequestError,
    AskedPort,
)
from nephoscope.service.approvals import OwnRequestError
from nephoscope.state.hosts.access_requests import AccessRequest

OPERATIONS = OperationGroup("accessRequests", "Just-in-time access", "The request")
AccessRequestId = Annotated[str, describe("A request's id.", max_length=64, pattern=PLAIN, metavar="REQUEST")]
Reason = Annotated[str, describe("Reason, stored in the audit log.", max_length=2000, pattern=PLAIN)]


class NewAccessRequest(Shape, frozen=True, kw_only=True):
    """Ports of a machine that are to be opened for an address and a time, and why."""

    policy: Annotated[
        str,
        describe(
            "Resource ID of the just-in-time policy.",
            max_length=1000,
            pattern=PLAIN,
            argument=True,
            metavar="POLICY",
        ),
    ]
    machine: Annotated[
        str, describe("Resource ID of the machine.", max_length=1000, pattern=PLAIN, metavar="ID")
    ]
    port: Annotated[int, describe("Port to open.", ge=0, le=65535)]
    source: Annotated[
        str,
        describe(
            "Address or network of the client (default: all addresses of the policy).",
            max_length=64,
            pattern=PLAIN,
        ),
    ] = ""
    minutes: Annotated[
        int, describe("Duration in minutes (0: the longest that the policy allows).", ge=0, le=1440)
    ] = 0
    reason: Annotated[str, describe("Justification.", max_length=2000, pattern=PLAIN)] = ""


class AccessDecision(Shape, frozen=True, kw_only=True):
    """The decision about a request, and its reason."""

    decision: Literal["approve", "deny", "revoke"]
    reason: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


class AccessReason(Shape, frozen=True, kw_only=True):
    """The reason of a decision."""

    reason: Reason = ""


class RequestedPortShape(Shape, frozen=True, kw_only=True):
    """A port of a machine that opens for addresses until a time."""

    machine: str
    number: int
    protocol: str
    sources: tuple[str, ...]
    ends: datetime


class AccessRequestShape(Shape, frozen=True, kw_only=True):
    """A request: the ports, who asks and why, and the decision; an approved one ends by itself."""

    id: str
    policy: str
    ports: tuple[RequestedPortShape, ...]
    requester: str
    justification: str
    created: datetime
    status: str
    decided: datetime | None
    decided_by: str
    decision_reason: str


class AccessRequestList(Shape, frozen=True, kw_only=True):
    """Requests, newest first."""

    value: tuple[AccessRequestShape, ...]


class AccessRequestQuery(Shape, frozen=True, kw_only=True):
    """A filter of requests: of a policy ('' = all)."""

    policy: Annotated[
        str,
        describe(
            "Show only requests of this policy.",
            max_length=1000,
            pattern=PLAIN,
            argument=True,
            metavar="POLICY",
        ),
    ] = ""
    top: Annotated[int, describe("Maximum number of requests.", ge=1, le=1000)] = 100


def _list_rows(found: AccessRequestList) -> list[dict[str, object]]:
    return [
        {
            "status": one.status, "requester": one.requester, "machine": port.machine.rpartition("/")[2],
            "port": f"{port.number}/{port.protocol}", "sources": ", ".join(port.sources), "ends": port.ends,
            "justification": one.justification, "decidedBy": one.decided_by, "id": one.id, "policy": one.policy,
        }
        for one in found.value
        for port in one.ports
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/accessRequests"),
    CommandLine(
        "list", columns=("status", "requester", "machine", "port", "sources", "ends", "justification", "decidedBy", "id"),
        rows=_list_rows, nothing="no requests",
    ),
)  # fmt: skip
def list_access_requests(call: OperationCall, query: AccessRequestQuery) -> AccessRequestList:
    """List requests for just-in-time access, newest first."""
    found = service.list_access_requests(call.service, query.policy, query.top)
    return AccessRequestList(value=tuple(map(_build_shape, found)))


@OPERATIONS.operation(
    INITIATE, ApiRoute("POST", "/accessRequests"), CommandLine("request", message="{id}: {status}")
)
def request_port(call: OperationCall, body: NewAccessRequest) -> AccessRequestShape:
    """Request access to a port of a machine; approved at once if you may approve requests of the policy."""
    with translate_errors("body", AccessRequestError):
        policy = service.find_policy(call.service, body.policy)
        ends = call.service.now + timedelta(minutes=body.minutes) if body.minutes else None
        asked = AskedPort(body.machine, body.port, body.source, ends, "machine", "port")
        return _build_shape(service.request_access(call.service, policy, [asked], body.reason))


@OPERATIONS.operation(READ, ApiRoute("POST", "/accessRequests/{id}/decision"))
def decide_access_request(
    call: OperationCall,
    id: AccessRequestId,  # noqa: A002
    body: AccessDecision,
) -> AccessRequestShape:
    """Approve, deny or revoke a request; another user must approve it."""
    with translate_errors("decision", AccessRequestError, OwnRequestError):
        return _build_shape(service.decide_request(call.service, id, body.decision, body.reason))


@OPERATIONS.operation(APPROVE, command=CommandLine("approve"))
def approve_access_request(call: OperationCall, id: AccessRequestId, body: AccessReason) -> None:  # noqa: A002
    """Approve a request of another user."""
    with translate_errors("id", AccessRequestError, OwnRequestError):
        service.decide_request(call.service, id, "approve", body.reason)


@OPERATIONS.operation(APPROVE, command=CommandLine("deny"))
def deny_access_request(call: OperationCall, id: AccessRequestId, body: AccessReason) -> None:  # noqa: A002
    """Deny a request of another user."""
    with translate_errors("id", AccessRequestError, OwnRequestError):
        service.decide_request(call.service, id, "deny", body.reason)


@OPERATIONS.operation(INITIATE, command=CommandLine("revoke"))
def revoke_access_request(call: OperationCall, id: AccessRequestId, body: AccessReason) -> None:  # noqa: A002
    """End an approved request before its time."""
    with translate_errors("id", AccessRequestError, OwnRequestError):
        service.decide_request(call.service, id, "revoke", body.reason)


def _build_shape(one: AccessRequest) -> AccessRequestShape:
    return to_shape(
        AccessRequestShape, one, ports=tuple(to_shape(RequestedPortShape, port) for port in one.ports)
    )
