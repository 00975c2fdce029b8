"""Requests to Microsoft Graph and to the older directory graph -> MicrosoftGraphActivityLogs, AADGraphActivityLogs.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/microsoftgraphactivitylogs
"""

from __future__ import annotations

from types import MappingProxyType

from nephoscope.ingest.logs.categories import CategoryFormat


def _shape_graph_record(
    _record: dict[str, object], properties: dict[str, object], _values: dict[str, object]
) -> None:
    """`properties` repeats the time of the record."""
    properties.pop("timeGenerated", None)
    properties.pop("TimeGenerated", None)


FORMAT = CategoryFormat(
    name="graph-activity",
    title="Requests to Microsoft Graph",
    routes=MappingProxyType(
        {
            "microsoftgraphactivitylogs": "MicrosoftGraphActivityLogs",
            "azureadgraphactivitylogs": "AADGraphActivityLogs",
            "aadgraphactivitylogs": "AADGraphActivityLogs",
        }
    ),
    renames=MappingProxyType(
        {
            "tenantId": "AADTenantId",
            "callerIpAddress": "IPAddress",
            "userPrincipalObjectID": "UserId",
            "C_DeviceId": "DeviceId",
        }
    ),
    shape=_shape_graph_record,
)
