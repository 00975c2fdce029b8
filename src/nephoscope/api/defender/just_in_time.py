"""Microsoft.Security/jitNetworkAccessPolicies: which ports of which machines are to be opened on request only.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies (2020-01-01)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.arm_documents import is_visible
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import (
    accept_duration,
    accept_text,
    check_datetime,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
)
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare_document_operations,
    make_unprovisioned,
    require_document,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.api.wire.scope_access import scope_exists
from nephoscope.model.utc_time import assume_utc
from nephoscope.protect.jit.machine_access import parse_source
from nephoscope.service.access_requests import (
    TYPE,
    AccessRequestError,
    AskedPort,
    is_policy_enforced,
    request_access,
)
from nephoscope.state.hosts.access_requests import AccessRequest, AccessStatus, RequestedPort

SURFACE = ApiSurface("Just-in-time access", "Microsoft.Security")


def _check_source(value: object, path: str) -> str:
    """Where a request may come from: an address, a range of addresses, or everywhere."""
    try:
        if value != "*":
            parse_source(str(value))
    except ValueError as error:
        raise make_bad_request_error(
            f"{value!r:.60} must be an address, a range such as 10.0.0.0/8, or *.", path
        ) from error
    return str(value)


_PORT = declare_object(
    {
        "number": declare_integer(0, 65_535),
        "protocol": declare_enumeration("TCP", "UDP", "*"),
        "maxRequestAccessDuration": accept_duration(timedelta(minutes=5), timedelta(days=1)),
    },
    {
        "allowedSourceAddressPrefix": _check_source,
        "allowedSourceAddressPrefixes": declare_array(_check_source),
    },
)
_MACHINE = (
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/"
    r"Microsoft\.(?:(Classic)?Compute/virtualMachines|HybridCompute/machines)/[^/]+"
)
SHAPE = declare_object(
    {
        "virtualMachines": declare_array(
            declare_object(
                {
                    "id": accept_text(_MACHINE, "the id of a virtual machine"),
                    "ports": declare_array(_PORT, least=1),
                }
            ),
            least=1,
        )
    }
)


_REQUESTED = declare_array(
    declare_object(
        {
            "id": accept_text(_MACHINE, "the id of a virtual machine"),
            "ports": declare_array(
                declare_object(
                    {"number": declare_integer(0, 65_535)},
                    {"allowedSourceAddressPrefix": _check_source, "endTimeUtc": check_datetime},
                ),
                least=1,
            ),
        }
    ),
    least=1,
)


def _check_machines(call: ApiCall, body: Body) -> None:
    """Fault where a policy names a machine of another subscription than its own, or one that the estate has not."""
    mine = "/".join(str(body["id"]).lower().split("/")[:3]) + "/"
    for at, one in enumerate(body["properties"]["virtualMachines"]):
        if not one["id"].lower().startswith(mine):
            problem = "A policy opens ports of machines of its own subscription."
            raise make_bad_request_error(problem, f"properties.virtualMachines[{at}].id")
        _require_machine(call, str(body["id"]), one["id"], f"properties.virtualMachines[{at}].id")


def _require_machine(call: ApiCall, policy: str, machine: str, path: str) -> None:
    """Fault where a machine is none that the caller could know of, in what was published last."""
    key = machine.lower()
    if call.instance.snapshots.load_newest() is None or (
        scope_exists(call, key) and is_visible(call.reach, key)
    ):
        return
    problem = (
        f"Resource {machine} referenced by resource {policy} was not found. "
        "Please make sure that the referenced resource exists."
    )
    raise make_bad_request_error(problem, path, "InvalidResourceReference")


def make_policy(call: ApiCall, body: Body, _: Body | None) -> Body:
    """The policy; that it is kept is all that is done with it."""
    _check_machines(call, body)
    return make_unprovisioned(call, body)


def show_policy(call: ApiCall, body: Body) -> Body:
    """The policy with its requests, and with a provisioningState only where all that it says is enforced at its machines."""
    shown = make_unprovisioned(call, body)
    if is_policy_enforced(call.service, body):
        shown["properties"]["provisioningState"] = "Succeeded"
    requests = call.instance.state.access_requests.list_requests(str(body["id"]).lower())
    if requests:
        shown["properties"]["requests"] = [_show_request(one, call.instance.now) for one in requests]
    return shown


def _show_request(request: AccessRequest, now: datetime) -> Body:
    machines: dict[str, list[Body]] = {}
    for port in request.ports:
        machines.setdefault(port.machine, []).append(_show_port(request, port, now))
    return {
        "virtualMachines": [{"id": machine, "ports": ports} for machine, ports in machines.items()],
        "startTimeUtc": _format_time(request.created),
        "requestor": request.requester,
        "justification": request.justification,
    }


def _show_port(request: AccessRequest, port: RequestedPort, now: datetime) -> Body:
    """A port of a request: `Pending` while it waits for an approval, Azure's words for all others."""
    is_open = request.status is AccessStatus.APPROVED and now < port.ends
    is_pending = request.status is AccessStatus.PENDING and now < port.ends
    status = "Initiated" if is_open else "Pending" if is_pending else "Revoked"
    is_over = request.status in (AccessStatus.APPROVED, AccessStatus.PENDING) and now >= port.ends
    sources: Body = (
        {"allowedSourceAddressPrefix": port.sources[0]}
        if len(port.sources) == 1
        else {"allowedSourceAddressPrefixes": list(port.sources)}
    )
    reason = "Expired" if is_over else "UserRequested"
    return {
        "number": port.number,
        **sources,
        "endTimeUtc": _format_time(port.ends),
        "status": status,
        "statusReason": reason,
    }


def _format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


KIND = ArmDocumentKind(
    TYPE,
    "JitNetworkAccessPolicies",
    "Enforcing hosts close its ports; provisioningState is Succeeded once they do.",
    shape=SHAPE,
    made=make_policy,
    shown=show_policy,
    created=200,
)
declare_document_operations(SURFACE, KIND)


@SURFACE.declare_post_action(
    f"{KIND.path}/initiate", "JitNetworkAccessPolicies_Initiate", f"{TYPE}/initiate/action"
)
def initiate_request(call: ApiCall) -> ApiResponse:
    """Request just-in-time access: ports open at once if the caller may approve, or else after an approval."""
    policy = require_document(make_policy_call(call), KIND)
    machines = _REQUESTED(call.body.get("virtualMachines"), "virtualMachines")
    try:
        request = request_access(
            call.service, policy, list(_read_ports(machines)), str(call.body.get("justification") or "")
        )
    except AccessRequestError as error:
        raise make_bad_request_error(f"{str(error)[:1].upper()}{str(error)[1:]}.", error.place) from error
    return ApiResponse(_show_request(request, call.instance.now), 202)


def _read_ports(machines: list[Body]) -> Iterator[AskedPort]:
    for at, machine in enumerate(machines):
        for number, port in enumerate(machine["ports"]):
            ends = port.get("endTimeUtc")
            yield AskedPort(
                machine["id"], port["number"], port.get("allowedSourceAddressPrefix", ""), _parse_time(ends) if ends else None,
                f"virtualMachines[{at}]", f"virtualMachines[{at}].ports[{number}]",
            )  # fmt: skip


def _parse_time(text: str) -> datetime:
    """Return a time; one without a zone is in UTC, as the name of its member says."""
    found = datetime.fromisoformat(text)
    return assume_utc(found)


def make_policy_call(call: ApiCall) -> ApiCall:
    """The call as one of the policy that it names."""
    return ApiCall(
        call.instance,
        call.caller,
        f"{TYPE}/read",
        "GET",
        call.path.rstrip("/").rpartition("/")[0],
        call.base,
        call.parameters,
    )
