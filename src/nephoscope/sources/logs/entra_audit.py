"""The audit log of Entra ID, as diagnostic settings stream it and as Microsoft Graph gives it (directoryAudit) -> AuditLogs.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/auditlogs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.sources.logs.categories import category_of, row_of
from nephoscope.sources.logs.filling import Filling, parsed
from nephoscope.sources.logs.format import Row
from nephoscope.sources.logs.resource_log import as_text, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.format import Context, Fault

TABLE = "AuditLogs"
_FILLING = Filling(TABLE, {"tenantId": "AADTenantId", "operationType": "AADOperationType"})
_OF_GRAPH = ("activityDisplayName", "activityDateTime", "targetResources")


@dataclass(frozen=True, slots=True)
class EntraAudit:
    """The format of the audit log."""

    name: str = "entra-audit"
    title: str = "Entra ID audit log"
    tables: tuple[str, ...] = (TABLE,)

    def recognises(self, record: dict[str, Any]) -> bool:
        """Whether it is a record of the audit log of the directory, or Graph's directoryAudit."""
        if category_of(record) == "auditlogs":
            resource_id = record.get("resourceId")
            return not isinstance(resource_id, str) or "microsoft.intune" not in resource_id.lower()
        return all(name in record for name in _OF_GRAPH)

    def rows(self, record: dict[str, Any], context: Context) -> Iterator[Row | Fault]:
        """The row of an event."""
        if category_of(record) != "auditlogs":
            record = {
                "time": record["activityDateTime"],
                "operationName": record["activityDisplayName"],
                "correlationId": record.get("correlationId"),
                "properties": record,
            }
        yield row_of(record, context, _FILLING, _shape)


def _shape(record: dict[str, Any], properties: dict[str, Any], values: dict[str, Any]) -> None:
    """The category is that of the activity; the identity is a text or an object."""
    record.pop("category", None)
    record.pop("Category", None)
    who = parsed(record.pop("identity", None))
    identity = as_text(who) or _initiator(parsed(properties.get("initiatedBy")))
    if identity:
        values["Identity"] = identity
    resource_id = text_of(record, "resourceId", "ResourceId")
    if resource_id:
        values["ResourceId"] = resource_id
        values["Resource"] = values["ResourceGroup"] = "Microsoft.aadiam"
    if "operationName" not in record and properties.get("activityDisplayName"):
        values["OperationName"] = as_text(properties["activityDisplayName"])


def _initiator(initiated_by: Any) -> str:
    """The name of the user or application that an activity was initiated by."""
    if not isinstance(initiated_by, dict):
        return ""
    for kind in ("user", "app"):
        one = initiated_by.get(kind)
        if isinstance(one, dict):
            return text_of(one, "displayName") or text_of(one, "userPrincipalName", "servicePrincipalName")
    return ""


FORMAT = EntraAudit()
