"""Microsoft.Security/jitNetworkAccessPolicies: which ports of which machines are to be opened on request only.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies (2020-01-01)
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad, not_assessed
from nephoscope.api.wire.kept import Body, Kind, declare, found
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.shape import fields, many, span, text, whole, words

SURFACE = Surface("Just-in-time access", "Microsoft.Security")
TYPE = "Microsoft.Security/locations/jitNetworkAccessPolicies"


def _source(value: Any, path: str) -> str:
    """Where a request may come from: an address, a range of addresses, or everywhere."""
    try:
        if value != "*":
            ip_network(str(value), strict=False)
    except ValueError as error:
        raise bad(f"{value!r:.60} is neither an address, nor a range as 10.0.0.0/8, nor *.", path) from error
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


def check(body: Body) -> None:
    """Fault where a policy names a machine of another subscription than its own."""
    mine = "/".join(str(body["id"]).lower().split("/")[:3]) + "/"
    for at, one in enumerate(body["properties"]["virtualMachines"]):
        if not one["id"].lower().startswith(mine):
            told = "A policy opens ports of machines of its own subscription."
            raise bad(told, f"properties.virtualMachines[{at}].id")


def made(_: Call, body: Body, __: Body | None) -> Body:
    """The policy; that it is kept is all that is done with it."""
    return {**body, "properties": {**body["properties"], "provisioningState": "Succeeded"}}


KIND = Kind(
    TYPE,
    "JitNetworkAccessPolicies",
    "No port is opened or closed by it here.",
    check=check,
    shape=SHAPE,
    made=made,
    created=200,
)
declare(SURFACE, KIND)


@SURFACE.act(f"{KIND.path}/initiate", "JitNetworkAccessPolicies_Initiate", f"{TYPE}/initiate/action")
def initiate(call: Call) -> Answer:
    """Not assessed: no port is opened from here."""
    found(call_of_policy(call), KIND)
    raise not_assessed("No port is opened from here: ask Azure for it.")


def call_of_policy(call: Call) -> Call:
    """The call as one of the policy that it names."""
    return Call(
        call.instance,
        call.caller,
        f"{TYPE}/read",
        "GET",
        call.path.rstrip("/").rpartition("/")[0],
        call.base,
        call.parameters,
    )
