"""Resource providers: what types of resources there are, which `az` asks before it reads one by its id.

Source: https://learn.microsoft.com/rest/api/resources/providers
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.wire.answer import Answer, listed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import Fault
from nephoscope.api.wire.operation import Surface, surfaces

SURFACE = Surface("Resource providers")
READ = "Microsoft.Resources/subscriptions/providers/read"
#: Any version is taken: this is the one that is named to who wants to choose.
VERSION = "2024-03-01"


@SURFACE.get("/subscriptions/{subscriptionId}/providers", "Providers_List", READ)
def providers(call: Call) -> Answer:
    """The providers of the types that the estate has resources of."""
    found = _types(call)
    return listed(call, (_provider(call, one, types) for one, types in sorted(found.items())))


@SURFACE.get("/subscriptions/{subscriptionId}/providers/{resourceProviderNamespace}", "Providers_Get", READ)
def provider(call: Call) -> Answer:
    """One provider with its types."""
    wanted = call["resourceProviderNamespace"].lower()
    types = _types(call).get(wanted)
    if types is None and wanted not in {one.provider.lower() for one in surfaces()}:
        raise _unknown(wanted)
    return Answer(_provider(call, call["resourceProviderNamespace"], types or []))


@SURFACE.act(
    "/subscriptions/{subscriptionId}/providers/{resourceProviderNamespace}/register",
    "Providers_Register",
    "Microsoft.Resources/subscriptions/providers/register/action",
)
def register(call: Call) -> Answer:
    """Say that a provider is registered: whatever is answered here is, and nothing is registered in Azure."""
    wanted = call["resourceProviderNamespace"].lower()
    answered = {one.provider.lower() for one in surfaces()}
    if wanted not in answered and wanted not in _types(call):
        raise _unknown(wanted)
    return Answer(_provider(call, call["resourceProviderNamespace"], _types(call).get(wanted, [])))


def _unknown(namespace: str) -> Fault:
    return Fault(
        404,
        "InvalidResourceNamespace",
        f"The resource namespace '{namespace[:100]}' is of no resource that is known here.",
    )


def _types(call: Call) -> dict[str, list[str]]:
    """Provider -> types of which the caller may read something in the subscription."""
    found: dict[str, list[str]] = {}
    below = f"/subscriptions/{call['subscriptionId'].lower()}"
    for type_ in sorted(call.edition.listing.resource_types(call.reach, below)):
        namespace, _, rest = type_.partition("/")
        found.setdefault(namespace, []).append(rest)
    return found


def _provider(call: Call, namespace: str, types: list[str]) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call['subscriptionId']}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
        "resourceTypes": [
            {"resourceType": one, "locations": [], "apiVersions": [VERSION], "capabilities": "None"}
            for one in types
        ],
    }
