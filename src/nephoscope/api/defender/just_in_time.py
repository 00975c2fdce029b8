"""Microsoft.Security/jitNetworkAccessPolicies: which ports of which machines are to be opened on request only.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies (2020-01-01)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from ipaddress import ip_network

from nephoscope.api.wire.arm_documents import visible
from nephoscope.api.wire.azure_error import bad, not_assessed
from nephoscope.api.wire.body_schema import fields, many, moment, span, text, whole, words
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare,
    make_unprovisioned,
    require_document,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.api.wire.scope_access import there
from nephoscope.api.wire.surface_request import ApiCall

SURFACE = ApiSurface("Just-in-time access", "Microsoft.Security")
TYPE = "Microsoft.Security/locations/jitNetworkAccessPolicies"


def _source(value: object, path: str) -> str:
    """Where a request may come from: an address, a range of addresses, or everywhere."""
    try:
        if value != "*":
            ip_network(str(value), strict=False)
    except ValueError as error:
        raise bad(f"{value!r:.60} must be an address, a range such as 10.0.0.0/8, or *.", path) from error
    return str(value)


_PORT = fields(
    {
        "number": whole(0, 65_535),
        "protocol": words("TCP", "UDP", "*"),
        "maxRequestAccessDuration": span(timedelta(minutes=5), timedelta(days=1)),
    },
    {"allowedSourceAddressPrefix": _source, "allowedSourceAddressPrefixes": many(_source)},
)
_MACHINE = (
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.(Classic)?Compute/virtualMachines/[^/]+"
)
SHAPE = fields(
    {
        "virtualMachines": many(
            fields({"id": text(_MACHINE, "the id of a virtual machine"), "ports": many(_PORT, least=1)}),
            least=1,
        )
    }
)


_REQUESTED = many(
    fields(
        {
            "id": text(_MACHINE, "the id of a virtual machine"),
            "ports": many(
                fields(
                    {"number": whole(0, 65_535)},
                    {"allowedSourceAddressPrefix": _source, "endTimeUtc": moment},
                ),
                least=1,
            ),
        }
    ),
    least=1,
)


def _machines(call: ApiCall, body: Body) -> None:
    """Fault where a policy names a machine of another subscription than its own, or one that the estate has not."""
    mine = "/".join(str(body["id"]).lower().split("/")[:3]) + "/"
    for at, one in enumerate(body["properties"]["virtualMachines"]):
        if not one["id"].lower().startswith(mine):
            told = "A policy opens ports of machines of its own subscription."
            raise bad(told, f"properties.virtualMachines[{at}].id")
        _require_machine(call, str(body["id"]), one["id"], f"properties.virtualMachines[{at}].id")


def _require_machine(call: ApiCall, policy: str, machine: str, path: str) -> None:
    """Fault where a machine is none that the caller could know of, in what was published last."""
    key = machine.lower()
    if call.instance.snapshots.newest() is None or (there(call, key) and visible(call.reach, key)):
        return
    told = f"Resource {machine} referenced by resource {policy} was not found. Please make sure that the referenced resource exists."
    raise bad(told, path, "InvalidResourceReference")


def make_policy(call: ApiCall, body: Body, _: Body | None) -> Body:
    """The policy; that it is kept is all that is done with it."""
    _machines(call, body)
    return make_unprovisioned(call, body)


KIND = ArmDocumentKind(
    TYPE,
    "JitNetworkAccessPolicies",
    "No port is opened or closed by it, which is why it has no provisioningState.",
    shape=SHAPE,
    made=make_policy,
    shown=make_unprovisioned,
    created=200,
)
declare(SURFACE, KIND)


@SURFACE.act(f"{KIND.path}/initiate", "JitNetworkAccessPolicies_Initiate", f"{TYPE}/initiate/action")
def initiate(call: ApiCall) -> ApiResponse:
    """Not assessed: no port is opened from here. Fault where what is asked for is not in the policy."""
    policy = require_document(call_of_policy(call), KIND)
    ports = {
        str(one["id"]).lower(): {port["number"] for port in one["ports"]}
        for one in policy["properties"]["virtualMachines"]
    }
    for at, one in enumerate(_REQUESTED(call.body.get("virtualMachines"), "virtualMachines")):
        _in_policy(ports, one, f"virtualMachines[{at}]")
    raise not_assessed("Ports cannot be opened here: send the request to Azure.")


def _in_policy(ports: Mapping[str, Collection[int]], asked: Body, path: str) -> None:
    """Fault where a machine or a port is asked for that the policy does not name."""
    named = ports.get(asked["id"].lower())
    if named is None:
        raise bad(f"The policy does not include the machine {asked['id'][:300]}.", f"{path}.id")
    for at, port in enumerate(asked["ports"]):
        if port["number"] not in named:
            raise bad(
                f"The policy does not include the port {port['number']} of the machine.",
                f"{path}.ports[{at}].number",
            )


def call_of_policy(call: ApiCall) -> ApiCall:
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
