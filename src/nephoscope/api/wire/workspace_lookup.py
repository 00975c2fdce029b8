"""The workspace that a path names: by the name at the end of its ARM id, whatever subscription and group stand before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
#: Clients name the provider of workspaces as a parameter.
WORKSPACE = f"{_GROUP}/providers/{{operationalInsightsResourceProvider}}/workspaces/{{workspaceName}}"


def require_workspace(call: ApiCall, permission: str) -> str:
    """The name of the workspace; DeniedError where the caller may not do that there, Fault where there is none."""
    named = call["workspaceName"]
    found = call.instance.state.workspaces.find(named)
    if found is None:
        raise ApiError(404, "ResourceNotFound", f"The workspace '{named[:100]}' was not found.")
    call.caller.require(permission, f"/workspaces/{found.name}")
    return found.name


def build_workspace_path(call: ApiCall, workspace: str) -> str:
    """The id of what stands in a workspace, up to its provider."""
    group = f"/subscriptions/{call['subscriptionId']}/resourceGroups/{call['resourceGroupName']}"
    return f"{group}/providers/Microsoft.OperationalInsights/workspaces/{workspace}/providers/Microsoft.SecurityInsights"


def describe_person(call: ApiCall, name: str) -> dict[str, str | None]:
    """Return who did something, as Sentinel writes it; nulls where it is nobody that the server lets in."""
    known = call.people.get(name)
    return {"objectId": known.id if known else None, "email": name if "@" in name else None, "name": name}


def describe_author(call: ApiCall, name: str) -> dict[str, str | None]:
    """Return the same with the name that a person signs in by."""
    return {**describe_person(call, name), "userPrincipalName": name}


def describe_caller(call: ApiCall) -> dict[str, str | None]:
    """The caller."""
    return describe_author(call, call.caller.name)
