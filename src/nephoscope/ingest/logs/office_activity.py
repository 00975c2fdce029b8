"""The audit log of Microsoft 365, as the Office 365 Management Activity interface gives it -> OfficeActivityFormat.

Names come in any case; a record type, a user type and a workload are numbers or words. Source:
https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.column_filling import Filling, fold_name
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import parse_integer, to_text
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "OfficeActivity"
_RECORD_TYPES: Mapping[int, str] = MappingProxyType(
    {
        1: "ExchangeAdmin",
        2: "ExchangeItem",
        3: "ExchangeItemGroup",
        4: "SharePoint",
        6: "SharePointFileOperation",
        7: "OneDrive",
        8: "AzureActiveDirectory",
        9: "AzureActiveDirectoryAccountLogon",
        10: "DataCenterSecurityCmdlet",
        11: "ComplianceDLPSharePoint",
        13: "ComplianceDLPExchange",
        14: "SharePointSharingOperation",
        15: "AzureActiveDirectoryStsLogon",
        18: "SecurityComplianceCenterEOPCmdlet",
        20: "PowerBIAudit",
        21: "CRM",
        22: "Yammer",
        24: "Discovery",
        25: "MicrosoftTeams",
        28: "ThreatIntelligence",
        30: "MicrosoftFlow",
        31: "AeD",
        32: "MicrosoftStream",
        35: "Project",
        36: "SharePointListOperation",
        38: "DataGovernance",
        40: "SecurityComplianceAlerts",
        41: "ThreatIntelligenceUrl",
        45: "PowerAppsApp",
        47: "ThreatIntelligenceAtpContent",
        50: "ExchangeItemAggregated",
        52: "DataInsightsRestApiAudit",
        55: "SharePointContentTypeOperation",
        56: "SharePointFieldOperation",
    }
)
_USER_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0: "Regular",
        1: "Reserved",
        2: "Admin",
        3: "DcAdmin",
        4: "System",
        5: "Application",
        6: "ServicePrincipal",
        7: "CustomPolicy",
        8: "SystemPolicy",
    }
)
_NEEDED = frozenset({"creationtime", "operation"})
#: Further members, of which a record has at least one: the interface does not promise a workload.
_USUAL = frozenset({"recordtype", "workload", "organizationid", "userkey", "usertype"})
_FILLING = Filling(
    TABLE,
    {
        "Id": "OfficeId",
        "ObjectId": "OfficeObjectId",
        "Workload": "OfficeWorkload",
        "AzureActiveDirectoryEventType": "AzureActiveDirectory_EventType",
        "ClientIPAddress": "Client_IPAddress",
        "EventData": "Event_Data",
        "LogonType": "Logon_Type",
        "Site": "Site_",
        "SiteUrl": "Site_Url",
        "Name": "Source_Name",
    },
)


@dataclass(frozen=True, slots=True)
class OfficeActivityFormat:
    """The format of the audit log of Microsoft 365."""

    name: str = "office-activity"
    title: str = "Microsoft 365 audit log"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it has what every record of that interface must have."""
        names = {fold_name(name) for name in record}
        return names >= _NEEDED and not _USUAL.isdisjoint(names)

    def rows(self, record: Mapping[str, object], _context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an activity."""
        members = {fold_name(name): name for name in record}
        created = record[members["creationtime"]]
        time = parse_moment(created)
        if time is None:
            raise BadRecordError(f"not a time: {to_text(created)[:64]!r}", members["creationtime"])
        values: dict[str, object] = {"TimeGenerated": time}
        for column, names in (("RecordType", _RECORD_TYPES), ("UserType", _USER_TYPES)):
            given = record.get(members.get(fold_name(column), ""))
            if given is not None:
                number = parse_integer(given)
                values[column] = to_text(given) if number is None else names.get(number, str(number))
        organization = record.get(members.get("organizationid", ""))
        if organization is not None:
            values["OfficeTenantId"] = to_text(organization)
        skip = {members[name] for name in ("creationtime", "recordtype", "usertype") if name in members}
        _FILLING.fill(values, record, skip=skip)
        yield _FILLING.row(values)


FORMAT = OfficeActivityFormat()
