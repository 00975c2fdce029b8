"""Resources by id and by list, as they were read: what `az resource`, the SDKs of every service and a collector ask for.

Source: https://learn.microsoft.com/rest/api/resources/resources
"""

from __future__ import annotations

from nephoscope.api.wire import arm_documents, resource_filter
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.instance_view import MACHINE, add_instance_view, build_instance_view, is_requested
from nephoscope.api.wire.operation import BELOW, ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token
from nephoscope_policy.model.resource_id import (
    MANAGEMENT_GROUP_TYPE,
    RESOURCE_GROUP_TYPE,
    SUBSCRIPTION_TYPE,
    ResourceId,
)

SURFACE = ApiSurface("Resources", lets=BELOW)
READ = "Microsoft.Resources/subscriptions/resources/read"
#: Extensions that are listed where they stand, and not from above.
NEAR = frozenset({"microsoft.insights/diagnosticsettings"})
CONTAINERS = frozenset({SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE, MANAGEMENT_GROUP_TYPE})
MOST = 1000


@SURFACE.get("/subscriptions/{subscriptionId}/resources", "Resources_List", READ)
def list_in_subscription(call: ApiCall) -> ApiResponse:
    """List the resources of a subscription; supports `$filter`."""
    return _list_resources(call)


@SURFACE.get(
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/resources",
    "Resources_ListByResourceGroup",
    READ,
)
def list_in_group(call: ApiCall) -> ApiResponse:
    """List the resources of a resource group; supports `$filter`."""
    return _list_resources(call)


def _list_resources(call: ApiCall) -> ApiResponse:
    picked, most = (
        resource_filter.parse_filter(call.get_query_value("$filter")),
        call.read_requested_count(MOST),
    )
    listing = call.snapshot.listing
    types = [picked.type] if picked.type else listing.resource_types()
    found: list[dict[str, object]] = []
    after = read_skip_token(call)
    while True:
        page = listing.page(types, call.reach, call.listing_scope, after=after, most=MOST, collected=True)
        found += [one for one in page.bodies if picked.selects(one)]
        after = page.after
        if len(found) > most:
            return answer_list(call, found[:most], str(found[most - 1]["id"]).lower())
        if not after:
            return answer_list(call, found)


@SURFACE.get("{scope}/providers/{namespace}/{rest}", "Resources_Get", READ, by_type=True)
def get_by_id(call: ApiCall) -> ApiResponse:
    """Get a resource by its ID, or list the resources of a type below a scope; requires permission to read the type."""
    return read(call)


@SURFACE.get(
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines/{vmName}"
    "/instanceView",
    "VirtualMachines_InstanceView",
    "Microsoft.Compute/virtualMachines/instanceView/read",
)
def get_instance_view(call: ApiCall) -> ApiResponse:
    """Get the instance view of a virtual machine, as collected."""
    found = call.snapshot.listing.get(call.path.lower().rstrip("/").rpartition("/")[0], call.reach)
    if found is None or str(found.get("type", "")).lower() != MACHINE:
        raise make_not_found_error(f"The resource '{call.path}'")
    return ApiResponse(build_instance_view(found.get("properties") or {}))


def read(call: ApiCall) -> ApiResponse:
    """Return what stands at a path of any depth: one document, or the list of those that stand directly below."""
    path = call.path.lower().rstrip("/")
    try:
        ResourceId.parse(path)
    except ValueError:
        return _list_below(call, path)
    found = arm_documents.find_learned_document(call)
    if found is None:
        raise make_not_found_error(f"The resource '{call.path}'")
    return ApiResponse(add_instance_view(found) if is_requested(call) else found)


def _list_below(call: ApiCall, path: str) -> ApiResponse:
    """A path that ends with a type: the documents of this type there."""
    scope = path.rpartition("/providers/")[0]
    try:
        type_ = ResourceId.parse(f"{path}/x").type
        direct = type_.count("/") > 1 or type_ in NEAR or not _contains(scope)
    except ValueError as error:
        raise make_bad_request_error(
            f"'{call.path}' is neither a resource ID nor a list of resources.", code="InvalidResourceId"
        ) from error
    page = call.snapshot.listing.page(
        [type_],
        call.reach,
        path if direct else scope,
        after=read_skip_token(call),
        most=call.read_requested_count(1000),
        collected=True,
    )
    shown = [add_instance_view(one) for one in page.bodies] if is_requested(call) else page.bodies
    return answer_list(call, shown, page.after)


def _contains(scope: str) -> bool:
    """Return whether a list at a scope has what lies in it: a container, and not a resource, whose extensions are its own."""
    return not scope or ResourceId.parse(scope).type in CONTAINERS
