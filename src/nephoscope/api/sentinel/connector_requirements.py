"""Microsoft.SecurityInsights/dataConnectorsCheckRequirements: whether a data connector could be made.

Who may write connectors in the workspace is authorized; what licenses a tenant has cannot be seen from here and is told as Unknown.

Source: https://learn.microsoft.com/rest/api/securityinsights/data-connectors-check-requirements (2023-02-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.api.wire.workspace_lookup import WORKSPACE, require_workspace

SURFACE = ApiSurface("Requirements of data connectors", "Microsoft.SecurityInsights")
TYPE = "Microsoft.SecurityInsights/dataConnectorsCheckRequirements"
WRITE = "Microsoft.SecurityInsights/dataConnectors/write"


@SURFACE.declare_post_query(
    f"{WORKSPACE}/providers/{TYPE}", "DataConnectorsCheckRequirements_Post", f"{TYPE}/action"
)
def check(call: ApiCall) -> ApiResponse:
    """Check whether the caller may create a data connector of a kind in the workspace."""
    workspace = require_workspace(call, call.permission)
    call.get_text("kind", needed=True)
    may = call.caller.is_permitted(WRITE, f"/workspaces/{workspace}")
    return ApiResponse({"authorizationState": "Valid" if may else "Invalid", "licenseState": "Unknown"})
