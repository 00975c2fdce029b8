"""Resource providers: what types of resources there are, which `az` asks before it reads one by its id.

Source: https://learn.microsoft.com/rest/api/resources/providers
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.known_resource_types import KnownTypes
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list

SURFACE = ApiSurface("Resource providers")
READ = "Microsoft.Resources/subscriptions/providers/read"
READ_AT_TENANT = "Microsoft.Resources/providers/read"
_ONE = "/subscriptions/{subscriptionId}/providers/{resourceProviderNamespace}"


@SURFACE.get("/providers", "Providers_ListAtTenantScope", READ_AT_TENANT)
def list_providers_of_tenant(call: ApiCall) -> ApiResponse:
    """List the resource providers in policy aliases, in this server's API and in the estate, with their types."""
    known = KnownTypes.of(call)
    return answer_list(call, (known.build_provider(one) for one in known.types))


@SURFACE.get("/providers/{resourceProviderNamespace}", "Providers_GetAtTenantScope", READ_AT_TENANT)
def get_provider_of_tenant(call: ApiCall) -> ApiResponse:
    """Get a resource provider with its types; `$expand=resourceTypes/aliases` adds their policy aliases."""
    known = KnownTypes.of(call)
    return ApiResponse(known.build_provider(_require_provider(call, known)))


@SURFACE.get("/subscriptions/{subscriptionId}/providers", "Providers_List", READ)
def list_providers(call: ApiCall) -> ApiResponse:
    """List the resource providers of a subscription; supported providers, and providers of collected resources, are registered."""
    known = KnownTypes.of(call, call.listing_scope)
    return answer_list(call, (_to_subscription_body(call, known, one) for one in known.types))


@SURFACE.get(_ONE, "Providers_Get", READ)
def get_provider(call: ApiCall) -> ApiResponse:
    """Get a resource provider with its types; `$expand=resourceTypes/aliases` adds their policy aliases."""
    known = KnownTypes.of(call, call.listing_scope)
    return ApiResponse(_to_subscription_body(call, known, _require_provider(call, known)))


@SURFACE.declare_post_action(
    f"{_ONE}/register",
    "Providers_Register",
    "Microsoft.Resources/subscriptions/providers/register/action",
)
def register_provider(call: ApiCall) -> ApiResponse:
    """Report a known resource provider as registered; nothing is registered in Azure."""
    known = KnownTypes.of(call, call.listing_scope)
    return ApiResponse(
        _to_subscription_body(call, known, _require_provider(call, known))
        | {"registrationState": "Registered"}
    )


def _require_provider(call: ApiCall, known: KnownTypes) -> str:
    """The lower-cased provider of the path; Fault where none of the name is known."""
    wanted = call["resourceProviderNamespace"]
    if wanted.lower() in known.types:
        return wanted.lower()
    raise ApiError(
        404,
        "InvalidResourceNamespace",
        f"The resource namespace '{wanted[:100]}' is not known to this server.",
    )


def _to_subscription_body(call: ApiCall, known: KnownTypes, namespace: str) -> dict[str, object]:
    body = known.build_provider(namespace)
    return {
        "id": f"/subscriptions/{call['subscriptionId']}/providers/{body['namespace']}",
        **body,
        "registrationState": "Registered" if known.is_known(namespace) else "NotRegistered",
        "registrationPolicy": "RegistrationFree" if known.is_known(namespace) else "RegistrationRequired",
    }
