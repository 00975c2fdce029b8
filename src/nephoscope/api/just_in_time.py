"""Microsoft.Security/jitNetworkAccessPolicies: which ports of which machines are to be opened on request only.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies (2020-01-01)
"""

from __future__ import annotations

from nephoscope.alerts.duration import duration
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad, not_assessed
from nephoscope.api.wire.kept import Body, Kind, declare, found
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Just-in-time access", "Microsoft.Security")
TYPE = "Microsoft.Security/locations/jitNetworkAccessPolicies"


def check(body: Body) -> None:
    """Fault where a policy names no machine or no port."""
    machines = body["properties"].get("virtualMachines")
    if not isinstance(machines, list):
        raise bad("'virtualMachines' must be a list.", "properties.virtualMachines")
    for at, machine in enumerate(machines):
        where = f"properties.virtualMachines[{at}]"
        if not isinstance(machine, dict) or not isinstance(machine.get("id"), str):
            raise bad("A machine needs an 'id'.", f"{where}.id")
        ports = machine.get("ports")
        if not isinstance(ports, list):
            raise bad("A machine needs 'ports'.", f"{where}.ports")
        for port in ports:
            _port(port, f"{where}.ports")


def _port(port: object, where: str) -> None:
    number = port.get("number") if isinstance(port, dict) else None
    if not isinstance(port, dict) or not isinstance(number, int) or not 0 <= number <= 65_535:
        raise bad("A port needs a 'number' from 0 to 65535.", where)
    longest = port.get("maxRequestAccessDuration")
    try:
        if longest is not None:
            duration(str(longest))
    except ValueError as error:
        raise bad(str(error), f"{where}.maxRequestAccessDuration") from error


def made(_: Call, body: Body, __: Body | None) -> Body:
    """The policy; that it is kept is all that is done with it."""
    return {**body, "properties": {**body["properties"], "provisioningState": "Succeeded"}}


KIND = Kind(
    TYPE,
    "JitNetworkAccessPolicies",
    "No port is opened or closed by it here.",
    check=check,
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
