"""List the operations of a provider that this server answers, by the permissions that they need.

Source: https://learn.microsoft.com/rest/api/policyinsights/operations (2022-04-01), securityinsights/operations (2023-02-01),
defenderforcloud/operations (2025-10-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ANYONE, PUBLIC, ApiOperation, ApiSurface, OperationRegistry
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Operations of providers", lets=ANYONE)
PROVIDERS = ("Microsoft.PolicyInsights", "Microsoft.Security", "Microsoft.SecurityInsights")


def _declare_provider_operations(provider: str) -> None:
    @SURFACE.get(
        f"/providers/{provider}/operations",
        f"{provider.partition('.')[2]}_Operations",
        f"{provider}/operations/read",
    )
    def _list(_: ApiCall) -> ApiResponse:
        """List the operations of the provider that this server supports, each permission once."""
        found = {
            one.permission: one
            for one in OperationRegistry.load_all_operations()
            if _is_of_provider(one, provider)
        }
        value = [_build_operation(provider, one) for _, one in sorted(found.items())]
        counted = {"@odata.count": len(value)} if provider == PROVIDERS[0] else {}
        return ApiResponse({**counted, "value": value})


def _is_of_provider(one: ApiOperation, provider: str) -> bool:
    return one.permission != PUBLIC and one.permission.lower().startswith(f"{provider.lower()}/")


def _build_operation(provider: str, one: ApiOperation) -> dict[str, object]:
    resource = one.permission.split("/", 1)[1].rpartition("/")[0]
    return {
        "name": one.permission,
        "isDataAction": False,
        "origin": "user,system",
        "display": {
            "provider": provider,
            "resource": resource,
            "operation": one.name,
            "description": one.doc,
        },
    }


for _provider in PROVIDERS:
    _declare_provider_operations(_provider)
