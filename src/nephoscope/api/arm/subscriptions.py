"""Tenants, subscriptions and resource groups.

Source: https://learn.microsoft.com/rest/api/resources (subscriptions, tenants, resource groups)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ANYONE, BELOW, ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token
from nephoscope.api.wire.scope_access import build_no_group_error, build_no_subscription_error
from nephoscope.files.json_tree import get_tree

SURFACE = ApiSurface("Subscriptions")
READ = "Microsoft.Resources/subscriptions/read"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"
_SUBSCRIPTION = "microsoft.resources/subscriptions"
_GROUP = "microsoft.resources/subscriptions/resourcegroups"


@SURFACE.get("/tenants", "Tenants_List", READ, lets=ANYONE)
def list_tenants(call: ApiCall) -> ApiResponse:
    """List the tenant of this server."""
    return answer_list(
        call,
        [
            {
                "id": f"/tenants/{call.instance.tenant}",
                "tenantId": call.instance.tenant,
                "displayName": "nephoscope",
            }
        ],
    )


@SURFACE.get("/subscriptions", "Subscriptions_List", READ, lets=ANYONE)
def list_subscriptions(call: ApiCall) -> ApiResponse:
    """List the subscriptions in which the caller may read anything."""
    page = call.snapshot.listing.page([_SUBSCRIPTION], call.reach, after=read_skip_token(call))
    return answer_list(call, (_build_subscription(call, one) for one in page.bodies), page.after)


@SURFACE.get("/subscriptions/{subscriptionId}", "Subscriptions_Get", READ, lets=BELOW)
def get_subscription(call: ApiCall) -> ApiResponse:
    """Get a subscription."""
    found = call.snapshot.listing.get(f"/subscriptions/{call['subscriptionId']}", call.reach)
    if found is None:
        raise build_no_subscription_error(call["subscriptionId"])
    return ApiResponse(_build_subscription(call, found))


@SURFACE.get("/subscriptions/{subscriptionId}/resourceGroups", "ResourceGroups_List", GROUPS, lets=BELOW)
def list_groups(call: ApiCall) -> ApiResponse:
    """List the resource groups of a subscription."""
    page = call.snapshot.listing.page(
        [_GROUP],
        call.reach,
        call.listing_scope,
        after=read_skip_token(call),
        most=call.read_requested_count(1000),
    )
    return answer_list(call, page.bodies, page.after)


@SURFACE.get(
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}", "ResourceGroups_Get", GROUPS
)
def get_group(call: ApiCall) -> ApiResponse:
    """Get a resource group."""
    found = call.snapshot.listing.get(call.scope, call.reach)
    if found is None:
        raise build_no_group_error(call["resourceGroupName"])
    return ApiResponse(found)


def _build_subscription(call: ApiCall, body: dict[str, object]) -> dict[str, object]:
    """A subscription as this API has it: the estate's body has its state and tenant where they were read."""
    id_ = str(body["id"]).rsplit("/", 1)[-1]
    properties = get_tree(body, "properties")
    return {
        "id": f"/subscriptions/{id_}",
        "subscriptionId": id_,
        "tenantId": body.get("tenantId") or call.instance.tenant,
        "displayName": body.get("displayName") or properties.get("displayName") or body.get("name") or id_,
        "state": body.get("state") or properties.get("state") or "Enabled",
        "subscriptionPolicies": body.get("subscriptionPolicies") or {},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "tags": body.get("tags") or {},
    }
