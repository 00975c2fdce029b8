"""Logs Ingestion at the server's own port: an answer of 204 says that the records are on disk.

The rule of a workspace is its name or GUID; its streams `Custom-T` and `Microsoft-T` go to the table T as they are. Rules with
transforms belong to a source (`nephoscope sources`).

Source: https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview (2023-01-01)
"""

from __future__ import annotations

from nephoscope.api.wire.azure_error import Fault
from nephoscope.api.wire.operation import OWN, Surface
from nephoscope.api.wire.response import NO_CONTENT, Answer
from nephoscope.api.wire.surface_request import Call
from nephoscope.ingest.live.ingestion.request_errors import RefusedError
from nephoscope.ingest.live.ingestion.streams import PATH, PUBLISH

SURFACE = Surface("Logs ingestion", "Microsoft.Insights", lets=OWN)


@SURFACE.ask(PATH, "LogsIngestion_Upload", PUBLISH)
def upload(call: Call) -> Answer:
    """Take the records of a JSON array into a table of a workspace."""
    workspace = call.instance.state.workspaces.find(call["ruleId"])
    if workspace is None:
        call.caller.must(PUBLISH, f"/workspaces/{call['ruleId']}")
        raise Fault(
            404, "NotFound", f"Data collection rule with immutable Id '{call['ruleId'][:200]}' not found."
        )
    call.caller.must(PUBLISH, f"/workspaces/{workspace.name}")
    door = call.instance.doors.of(workspace.name)
    try:
        flows = door.flows(workspace.name, call["stream"])
        door.count(workspace.name, len(call.raw))
        request = call.headers.get("x-ms-client-request-id", "")[:200]
        door.take(flows, call["stream"], call.raw, request, call.caller.principal.binding)
    except RefusedError as error:
        headers = {"Retry-After": str(error.again)} if error.again else {}
        raise Fault(error.status, error.code, error.message, headers=headers) from error
    return NO_CONTENT
