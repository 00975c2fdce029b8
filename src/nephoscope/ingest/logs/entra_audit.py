"""The audit log of Entra ID, as diagnostic settings stream it and as Microsoft Graph gives it (directoryAudit) -> AuditLogs.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/auditlogs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import (
    build_row,
    get_resource_type,
    load_category_tables,
    read_category,
)
from nephoscope.ingest.logs.column_filling import Filling, parse_json_text
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "AuditLogs"
_DIRECTORY = "microsoft.aadiam"
#: Members by which an activity is known; none of them is sure to be there.
_MARKS = frozenset(
    {"activityDisplayName", "activityDateTime", "targetResources", "initiatedBy", "loggedByService"}
)
#: Categories of activities, lower-cased: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
_ACTIVITIES = frozenset(
    {
        *(
            "administrativeunit",
            "agreement",
            "applicationmanagement",
            "attributemanagement",
            "authentication",
        ),
        *("authorization", "authorizationpolicy", "contact", "crosstenantaccesssettings", "device"),
        *("crosstenantidentitysyncsettings", "deviceconfiguration", "devicetemplate", "directorymanagement"),
        *("entitlementmanagement", "externaluserprofile", "groupmanagement", "identityprotection", "label"),
        *("kerberosdomain", "keymanagement", "multitenantorg", "other", "pendingexternaluserprofile"),
        *("permissiongrantpolicy", "policy", "policymanagement", "privateendpoint", "privatelinkresource"),
        *("provisioningmanagement", "publickeyinfrastructure", "resourcemanagement", "rolemanagement"),
        *("taskmanagement", "usermanagement", "accessreviews", "workflowmanagement"),
    }
)
_FILLING = Filling(TABLE, {"tenantId": "AADTenantId", "operationType": "AADOperationType"})


@dataclass(frozen=True, slots=True)
class EntraAuditFormat:
    """The format of the audit log."""

    name: str = "entra-audit"
    title: str = "Entra ID audit log"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is a record of the audit log of the directory, or Graph's directoryAudit."""
        kind = get_resource_type(find_first_text(record, "resourceId"))
        if read_category(record) == "auditlogs" and kind in ("", _DIRECTORY):
            return True
        if read_category(record) == "auditlogs":
            return f"{kind}:auditlogs" not in load_category_tables() and _is_audit_record(record)
        return _is_graph_record(record) or (kind == _DIRECTORY and _is_activity_record(record))

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event."""
        if _is_graph_record(record):
            record = {
                **({"time": record["activityDateTime"]} if "activityDateTime" in record else {}),
                "operationName": record.get("activityDisplayName"),
                "correlationId": record.get("correlationId"),
                "properties": record,
            }
        yield build_row(record, context, _FILLING, _shape_audit_record)


def _is_graph_record(record: dict[str, object]) -> bool:
    """Graph's directoryAudit, also with the members alone that its reader selected."""
    return "properties" not in record and len(_MARKS & record.keys()) > 1


def _is_activity_record(record: dict[str, object]) -> bool:
    """A record of the directory whose category is that of the activity, not that of the stream."""
    category = read_category(record)
    if f"{_DIRECTORY}:{category}" in load_category_tables():
        return False
    return _is_audit_record(record) or category in _ACTIVITIES


def _is_audit_record(record: dict[str, object]) -> bool:
    """Return whether the properties are those of an activity."""
    properties = parse_json_text(record.get("properties"))
    return isinstance(properties, dict) and not _MARKS.isdisjoint(properties)


def _shape_audit_record(
    record: dict[str, object], properties: dict[str, object], values: dict[str, object]
) -> None:
    """The category is that of the activity; the identity is a text or an object."""
    if read_category(record) == "auditlogs":
        record.pop("category", None)
        record.pop("Category", None)
    who = parse_json_text(record.pop("identity", None))
    identity = to_text(who) or _read_initiator(parse_json_text(properties.get("initiatedBy")))
    if identity:
        values["Identity"] = identity
    resource_id = find_first_text(record, "resourceId", "ResourceId")
    if resource_id:
        values["ResourceId"] = resource_id
        values["Resource"] = values["ResourceGroup"] = "Microsoft.aadiam"
    if "operationName" not in record and properties.get("activityDisplayName"):
        values["OperationName"] = to_text(properties["activityDisplayName"])


def _read_initiator(initiated_by: object) -> str:
    """The name of the user or application that an activity was initiated by."""
    if not isinstance(initiated_by, dict):
        return ""
    for kind in ("user", "app"):
        one = initiated_by.get(kind)
        if isinstance(one, dict):
            return find_first_text(one, "displayName") or find_first_text(
                one, "userPrincipalName", "servicePrincipalName"
            )
    return ""


FORMAT = EntraAuditFormat()
