"""Logs Ingestion at the server's own port: an answer of 204 says that the records are on disk.

The rule of a workspace is its name or GUID; its streams `Custom-T` and `Microsoft-T` go to the table T as they are. Rules with
transforms belong to a source (`nephoscope sources`).

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview (2023-01-01)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.streams import PATH, PUBLISH

SURFACE = ApiSurface("Logs ingestion", "Microsoft.Insights", lets=OWN)


@SURFACE.declare_post_query(PATH, "LogsIngestion_Upload", PUBLISH)
def upload_logs(call: ApiCall) -> ApiResponse:
    """Ingest the records of a JSON array into a table of a workspace."""
    workspace = call.instance.state.workspaces.find(call["ruleId"])
    if workspace is None:
        call.caller.require(PUBLISH, f"/workspaces/{call['ruleId']}")
        raise ApiError(
            404, "NotFound", f"Data collection rule with immutable Id '{call['ruleId'][:200]}' not found."
        )
    call.caller.require(PUBLISH, f"/workspaces/{workspace.name}")
    door = call.instance.doors.for_workspace(workspace.name)
    try:
        flows = door.find_flows(workspace.name, call["stream"])
        door.count(workspace.name, len(call.raw))
        request = call.headers.get("x-ms-client-request-id", "")[:200]
        door.ingest_body(flows, call["stream"], call.raw, request, call.caller.principal.binding)
    except IngestionRefusedError as error:
        headers = {"Retry-After": str(error.again)} if error.again else {}
        raise ApiError(error.status, error.code, error.message, headers=headers) from error
    return NO_CONTENT
