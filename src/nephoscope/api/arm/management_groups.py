"""Microsoft.Management: the management groups above what the caller may read.

Source: https://learn.microsoft.com/rest/api/managementgroups (2020-05-01)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

SURFACE = ApiSurface("Management groups", "Microsoft.Management")
READ = "Microsoft.Management/managementGroups/read"
_LIST = "/providers/Microsoft.Management/managementGroups"
_SUBSCRIPTION = "/subscriptions"


@SURFACE.get(_LIST, "ManagementGroups_List", READ)
def list_groups(call: ApiCall) -> ApiResponse:
    """List the management groups above the scopes that the caller may read."""
    page = call.snapshot.listing.page([MANAGEMENT_GROUP_TYPE], call.reach, after=read_skip_token(call))
    return answer_list(call, (_to_short_body(call, one) for one in page.bodies), page.after)


@SURFACE.get(f"{_LIST}/{{groupId}}", "ManagementGroups_Get", READ)
def get_group(call: ApiCall) -> ApiResponse:
    """Get a management group; `$expand=children` adds its children."""
    found = _require_group(call)
    body = _to_short_body(call, found)
    details = (found.get("properties") or {}).get("details") or {}
    properties = {**body["properties"], "details": details}
    if "children" in call.get_query_value("$expand").lower():
        properties["children"] = list(_list_children(call, str(found["name"]).lower()))
    return ApiResponse({**body, "properties": properties})


@SURFACE.get(f"{_LIST}/{{groupId}}/descendants", "ManagementGroups_GetDescendants", READ)
def list_descendants(call: ApiCall) -> ApiResponse:
    """List the management groups and subscriptions below a management group that the caller may read."""
    found = _require_group(call)
    return answer_list(
        call, [_build_descendant(one) for one in _list_descendants(call, str(found["name"]).lower())]
    )


@SURFACE.declare_post_query("/providers/Microsoft.Management/getEntities", "Entities_List", READ)
def list_entities(call: ApiCall) -> ApiResponse:
    """List all management groups and subscriptions that the caller may read, with their parents."""
    page = call.snapshot.listing.page(
        [MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE], call.reach, after=read_skip_token(call)
    )
    body = answer_list(call, (_build_entity(call, one) for one in page.bodies), page.after).body
    return ApiResponse({**body, "count": len(body["value"])})


def _require_group(call: ApiCall) -> dict[str, Any]:
    key = f"{_LIST}/{call['groupId']}"
    found = call.snapshot.listing.get(key, call.reach)
    if found is None:
        raise make_not_found_error(f"The management group '{call['groupId'][:100]}'")
    return found


def _to_short_body(call: ApiCall, body: dict[str, Any]) -> dict[str, Any]:
    """A group as lists have it."""
    properties = body.get("properties") or {}
    return {
        "id": body["id"],
        "type": "Microsoft.Management/managementGroups",
        "name": body["name"],
        "properties": {
            "tenantId": properties.get("tenantId") or call.instance.tenant,
            "displayName": _read_display_name(body),
        },
    }


def _read_display_name(body: dict[str, Any]) -> str:
    properties = body.get("properties") or {}
    return str(body.get("displayName") or properties.get("displayName") or body.get("name") or "")


def _read_parent(body: dict[str, Any]) -> str:
    """The lower-cased name of what is directly above a group or subscription, '' = nothing that was read."""
    properties = body.get("properties") or {}
    details = properties.get("details") or {}
    above = details.get("managementGroupAncestorsChain") or properties.get("managementGroupAncestorsChain")
    if isinstance(above, list) and above and isinstance(above[0], dict):
        return str(above[0].get("name") or "").lower()
    parent = details.get("parent") or {}
    return str(parent.get("name") or "").lower() if isinstance(parent, dict) else ""


def _list_children(call: ApiCall, name: str) -> Iterator[dict[str, object]]:
    page = call.snapshot.listing.page([MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE], call.reach)
    for one in page.bodies:
        if _read_parent(one) == name:
            yield {
                "id": one["id"],
                "type": _get_scope_type(one),
                "name": str(one["id"]).rsplit("/", 1)[-1],
                "displayName": _read_display_name(one),
            }


def _list_descendants(call: ApiCall, name: str) -> Iterator[dict[str, object]]:
    """Return what is below a group, however far."""
    several = call.snapshot.listing.page([MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE], call.reach).bodies
    below, found = {name}, 0
    while found != len(below):
        found = len(below)
        below |= {str(one["id"]).rsplit("/", 1)[-1].lower() for one in several if _read_parent(one) in below}
    return (one for one in several if _read_parent(one) in below)


def _get_scope_type(body: dict[str, object]) -> str:
    own = str(body["id"]).lower().startswith(_SUBSCRIPTION)
    return _SUBSCRIPTION if own else "Microsoft.Management/managementGroups"


def _build_descendant(body: dict[str, object]) -> dict[str, object]:
    parent = _read_parent(body)
    return {
        "id": body["id"],
        "type": _get_scope_type(body),
        "name": str(body["id"]).rsplit("/", 1)[-1],
        "properties": {"displayName": _read_display_name(body), "parent": {"id": f"{_LIST}/{parent}"}},
    }


def _build_entity(call: ApiCall, body: dict[str, object]) -> dict[str, object]:
    parent = _read_parent(body)
    return {
        "id": body["id"],
        "type": _get_scope_type(body),
        "name": str(body["id"]).rsplit("/", 1)[-1],
        "properties": {
            "displayName": _read_display_name(body),
            "tenantId": call.instance.tenant,
            "parent": {"id": f"{_LIST}/{parent}" if parent else None},
            "permissions": "view",
            "inheritedPermissions": "view",
        },
    }
