"""Microsoft.Security/locations: where the results of a subscription are kept: where Azure keeps them, or here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/locations (2015-06-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Locations", "Microsoft.Security")
TYPE = "Microsoft.Security/locations"
READ = f"{TYPE}/read"
#: The one location of what is judged here, as the ids of alerts have it.
HERE = "global"
_LIST = f"/subscriptions/{{subscriptionId}}/providers/{TYPE}"


@SURFACE.get(_LIST, "Locations_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the locations of a subscription."""
    found = arm_documents.list_page(call, [TYPE], call.listing_scope)
    return found if found.body["value"] else ApiResponse({"value": [_build_location(call)]})


@SURFACE.get(f"{_LIST}/{{ascLocation}}", "Locations_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get a location."""
    kept = arm_documents.find_document(call)
    if kept is None and call["ascLocation"].lower() != HERE:
        raise make_not_found_error(f"The location '{call['ascLocation']}'")
    return ApiResponse(kept or _build_location(call))


def _build_location(call: ApiCall) -> dict[str, object]:
    id_ = f"/subscriptions/{call['subscriptionId']}/providers/{TYPE}/{HERE}"
    return {"id": id_, "name": HERE, "type": TYPE, "properties": {"homeRegionName": HERE}}
