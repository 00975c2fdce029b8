"""Just-in-time access: requests, their approval and end, and what is enforced at a machine.

Who may approve opens ports at once, as in Azure; a request of anybody else waits for an approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from nephoscope.protect.jit.machine_access import (
    EnforcedAccess,
    MachineAccess,
    PolicyPort,
    find_access,
    is_access_enforced,
    parse_source,
    read_machines,
)
from nephoscope.service.approvals import require_approver
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.hosts.access_requests import AccessRequest, AccessStatus, RequestedPort

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

TYPE = "Microsoft.Security/locations/jitNetworkAccessPolicies"
READ, WRITE, INITIATE, APPROVE = (
    f"{TYPE}/{one}" for one in ("read", "write", "initiate/action", "approve/action")
)
#: Checkpoints: what was enforced at a machine last, by its lower-cased id.
ENFORCED = "jit-enforced"
_LONGEST = 2_000


class AccessRequestError(StateError):
    """A request that cannot be made or decided: `place` is the member of the request, the message says why."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class AskedPort(msgspec.Struct, frozen=True):
    """A port of a machine that is asked for; without sources those that the policy allows, without an end the longest time."""

    machine: str
    number: int
    source: str = ""
    ends: datetime | None = None
    machine_place: str = ""
    place: str = ""


def request_access(
    context: ServiceContext, policy: Mapping[str, object], asked: Sequence[AskedPort], justification: str
) -> AccessRequest:
    """Ask for ports of a policy; a request of somebody who may approve is approved at once.

    The rights are needed at the policy and at each machine: a policy may name machines of other resource groups. Raises DeniedError;
    AccessRequestError for what the policy does not allow.
    """
    id_ = str(policy["id"]).lower()
    places = (id_, *dict.fromkeys(one.machine.lower() for one in asked))
    for place in places:
        context.require(INITIATE, place)
    now = context.now
    if len(justification) > _LONGEST:
        raise AccessRequestError(f"a justification has at most {_LONGEST:,} characters", "justification")
    if not asked:
        raise AccessRequestError("no port is asked for", "virtualMachines")
    ports = tuple(_check_requested_port(policy, one, now) for one in asked)
    may_approve = all(context.actor.is_permitted(APPROVE, place) for place in places)
    status = AccessStatus.APPROVED if may_approve else AccessStatus.PENDING
    by, port_texts = context.actor.name, [_describe_port(one) for one in ports]
    request = AccessRequest(
        id=str(uuid4()), policy=id_, ports=ports, requester=by, justification=justification, created=now, status=status,
        decided=now if may_approve else None, decided_by=by if may_approve else "",
    )  # fmt: skip
    with (
        context.transact(
            INITIATE,
            id_,
            id_,
            request=request.id,
            justification=justification,
            ports=port_texts,
            status=status.value,
        ),
        context.state.database.write() as session,
    ):
        return context.state.access_requests.put(session, request)


def _describe_port(one: RequestedPort) -> str:
    sources = ", ".join(one.sources)
    return f"{one.machine}:{one.number}/{one.protocol} from {sources} until {one.ends:%Y-%m-%dT%H:%M:%SZ}"


def _check_requested_port(policy: Mapping[str, object], asked: AskedPort, now: datetime) -> RequestedPort:
    """Return a port as it is opened; AccessRequestError for one that the policy does not allow so."""
    machine = next((one for one in read_machines(policy) if one.id.lower() == asked.machine.lower()), None)
    if machine is None:
        raise AccessRequestError(
            f"the policy does not include the machine {asked.machine[:300]}", f"{asked.machine_place}.id"
        )
    port = next((one for one in machine.ports if one.number == asked.number), None)
    if port is None:
        raise AccessRequestError(
            f"the policy does not include the port {asked.number} of the machine", f"{asked.place}.number"
        )
    latest = now + parse_duration(port.max_request_access_duration)
    ends = asked.ends or latest
    if not now < ends <= latest:
        raise AccessRequestError(
            f"the time must be between now and {latest:%Y-%m-%dT%H:%M:%SZ}", f"{asked.place}.endTimeUtc"
        )
    sources = (asked.source,) if asked.source else port.sources
    if asked.source and not _is_source_allowed(asked.source, port):
        raise AccessRequestError(
            f"the policy does not allow access from {asked.source}",
            f"{asked.place}.allowedSourceAddressPrefix",
        )
    return RequestedPort(machine.id.lower(), port.number, port.protocol, sources, ends)


def _is_source_allowed(source: str, port: PolicyPort) -> bool:
    if source == "*":
        return "*" in port.sources
    try:
        wanted = parse_source(source)
    except ValueError:
        return False
    return any(one == "*" or _contains(parse_source(one), wanted) for one in port.sources)


def _contains(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def parse_duration(text: str) -> timedelta:
    """Return the time of an ISO 8601 duration such as PT3H; raises AccessRequestError."""
    try:
        return msgspec.convert(text, timedelta)
    except msgspec.ValidationError as error:
        raise AccessRequestError(f"{text[:40]!r} is not an ISO 8601 duration") from error


def list_access_requests(context: ServiceContext, policy: str = "", most: int = 1_000) -> list[AccessRequest]:
    """Return the newest requests that the caller may read, of a policy or of all. Raises DeniedError at a policy."""
    if policy:
        context.require(READ, policy.lower())
    return context.state.access_requests.list_requests(
        policy.lower(), may_read=lambda scope: context.actor.is_permitted(READ, scope), most=most
    )


def decide_request(
    context: ServiceContext, id_: str, decision: Literal["approve", "deny", "revoke"], reason: str
) -> AccessRequest:
    """Approve or deny a request of somebody else that waits, or revoke one that is approved (one's own too).

    The rights are needed at the policy and at each machine, as for a request.
    Raises DeniedError; NotFoundError; OwnRequestError; AccessRequestError for one that cannot be decided so.
    """
    known = context.state.access_requests.get(id_)
    own = known.requester == context.actor.name
    operation = INITIATE if decision == "revoke" and own else APPROVE
    places = (known.policy, *(one.machine for one in known.ports))
    require_approver(context, operation, places, () if decision == "revoke" else (known.requester,))
    with (
        context.transact(operation, known.policy, known.policy, act=decision, request=id_, reason=reason),
        context.state.database.write() as session,
    ):
        request = context.state.access_requests.lock(session, id_)
        wanted = AccessStatus.APPROVED if decision == "revoke" else AccessStatus.PENDING
        if request.status is not wanted or max(one.ends for one in request.ports) <= context.now:
            raise AccessRequestError(
                f"the request is {request.status.value} or over and cannot be decided so"
            )
        status = {
            "approve": AccessStatus.APPROVED,
            "deny": AccessStatus.DENIED,
            "revoke": AccessStatus.REVOKED,
        }[decision]
        decided = msgspec.structs.replace(
            request, status=status, decided=context.now, decided_by=context.actor.name, decision_reason=reason
        )
        return context.state.access_requests.put(session, decided)


def find_policy(context: ServiceContext, id_: str) -> Mapping[str, object]:
    """Return the document of a policy that was put here; raises DeniedError, NotFoundError."""
    context.require(READ, id_.lower())
    found = context.state.arm_documents.get(id_.lower())
    if found is None or found.type != TYPE.lower():
        raise NotFoundError(f"just-in-time policy {id_[:300]!r} not found")
    return found.body


def find_machine_access(context: ServiceContext, machine: str) -> MachineAccess:
    """Return what is to be enforced at a machine now; raises DeniedError where the caller may not read there."""
    context.require(READ, machine.lower())
    subscription = "/".join(machine.lower().split("/")[:3])
    documents = context.state.arm_documents.all([TYPE.lower()], subscription)
    policies = [one.body for one in documents]
    requests = context.state.access_requests.list_ending_requests([one.key for one in documents], context.now)
    return find_access(machine, policies, requests, context.now)


def record_enforcement(context: ServiceContext, access: MachineAccess, mechanism: str) -> None:
    """Keep what was enforced at a machine, so that its policies count as provisioned."""
    context.require(WRITE, access.machine)
    requests = tuple(dict.fromkeys(one.request for one in access.grants))
    enforced = EnforcedAccess(access.guarded, requests, mechanism, context.now)
    with context.state.transaction() as session:
        context.state.checkpoints.keep(
            session, ENFORCED, {access.machine: msgspec.json.encode(enforced).decode()}
        )
        context.enter(
            session, WRITE, access.machine, act="enforce", mechanism=mechanism, requests=list(requests)
        )


def is_policy_enforced(context: ServiceContext, policy: Mapping[str, object]) -> bool:
    """Return whether what a policy and its requests say now is enforced at each of its machines."""
    applied = context.state.checkpoints.all(ENFORCED)
    machines = [one.id.lower() for one in read_machines(policy)]
    return bool(machines) and all(_is_machine_enforced(context, machine, applied) for machine in machines)


def _is_machine_enforced(context: ServiceContext, machine: str, applied: Mapping[str, str]) -> bool:
    if machine not in applied:
        return False
    enforced = msgspec.json.decode(applied[machine], type=EnforcedAccess)
    subscription = "/".join(machine.split("/")[:3])
    documents = context.state.arm_documents.all([TYPE.lower()], subscription)
    requests = context.state.access_requests.list_ending_requests([one.key for one in documents], context.now)
    access = find_access(machine, [one.body for one in documents], requests, context.now)
    return is_access_enforced(access, enforced, _find_revoked_requests(requests, context.now))


def _find_revoked_requests(requests: Iterable[AccessRequest], now: datetime) -> frozenset[str]:
    """Return the requests that were revoked before their time."""
    return frozenset(
        one.id
        for one in requests
        if one.status is AccessStatus.REVOKED and any(port.ends > now for port in one.ports)
    )
