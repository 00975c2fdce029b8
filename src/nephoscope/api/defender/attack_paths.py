"""Microsoft.Security/attackPaths: Azure gives them by Resource Graph alone; here they are also read by id and listed by scope.

Source: https://learn.microsoft.com/azure/defender-for-cloud/attack-path-api
"""

from __future__ import annotations

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Attack paths", "Microsoft.Security")
READ = "Microsoft.Security/attackPaths/read"
_TYPE = "microsoft.security/attackpaths"
_PATHS = "providers/Microsoft.Security/attackPaths"
_SUBSCRIPTION = f"/subscriptions/{{subscriptionId}}/{_PATHS}"


@SURFACE.get(_SUBSCRIPTION, "AttackPaths_List", READ)
def list_in_subscription(call: ApiCall) -> ApiResponse:
    """List the attack paths within a subscription."""
    return arm_documents.list_page(call, [_TYPE], f"/subscriptions/{call['subscriptionId'].lower()}")


@SURFACE.get(f"{_SUBSCRIPTION}/{{attackPathName}}", "AttackPaths_Get", READ)
def get_of_subscription(call: ApiCall) -> ApiResponse:
    """Get an attack path of a subscription."""
    return arm_documents.get_document(call, "attack path")


@SURFACE.get(f"/{_PATHS}", "AttackPaths_ListByTenant", READ)
def list_in_tenant(call: ApiCall) -> ApiResponse:
    """List all attack paths that the caller may read, including paths across subscriptions."""
    return arm_documents.list_page(call, [_TYPE], "")


@SURFACE.get(f"/{_PATHS}/{{attackPathName}}", "AttackPaths_GetOfTenant", READ)
def get_of_tenant(call: ApiCall) -> ApiResponse:
    """Get an attack path across subscriptions."""
    return arm_documents.get_document(call, "attack path")
