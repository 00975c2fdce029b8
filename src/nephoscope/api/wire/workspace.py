"""The workspace that a path names: by the name at the end of its ARM id, whatever subscription and group stand before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.api.wire.fault import Fault

if TYPE_CHECKING:
    from nephoscope.api.wire.call import Call

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
WORKSPACE = f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/{{workspaceName}}"


def allowed(call: Call, permission: str) -> str:
    """The name of the workspace; DeniedError where the caller may not do that there, Fault where there is none."""
    named = call["workspaceName"]
    found = call.instance.state.workspaces.find(named)
    if found is None:
        raise Fault(404, "ResourceNotFound", f"The workspace '{named[:100]}' was not found.")
    call.caller.must(permission, f"/workspaces/{found.name}")
    return found.name
