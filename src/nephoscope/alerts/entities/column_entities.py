"""Column entities: entities of a row by the columns of its table."""

from __future__ import annotations

from collections.abc import Container

#: Kind and (identifier, column); the first of a kind for which the table has all columns, unless a column is taken already.
ENTITIES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Account", (("FullName", "InitiatedByUser"),)),
    ("Account", (("FullName", "Caller"),)),
    ("Account", (("FullName", "UserPrincipalName"), ("AadUserId", "UserId"))),
    ("Account", (("Name", "SubjectUserName"), ("NTDomain", "SubjectDomainName"))),
    ("Account", (("Name", "InitiatingProcessAccountName"), ("NTDomain", "InitiatingProcessAccountDomain"))),
    ("Account", (("FullName", "UserId"),)),
    ("Account", (("FullName", "UserIdentityArn"),)),
    ("Account", (("FullName", "SrcUsername"),)),
    ("Account", (("FullName", "ActorUsername"),)),
    ("Account", (("FullName", "User"),)),
    ("Account", (("FullName", "SourceUser"),)),
    ("Host", (("FullName", "Computer"),)),
    ("Host", (("FullName", "DeviceName"),)),
    ("Host", (("FullName", "DvcHostname"),)),
    ("IP", (("Address", "InitiatedByAddress"),)),
    ("IP", (("Address", "CallerIpAddress"),)),
    ("IP", (("Address", "IPAddress"),)),
    ("IP", (("Address", "ClientIP"),)),
    ("IP", (("Address", "SourceIpAddress"),)),
    ("IP", (("Address", "SrcIpAddr"),)),
    ("IP", (("Address", "RemoteIP"),)),
    ("IP", (("Address", "IpAddress"),)),
    ("CloudApplication", (("Name", "AppDisplayName"), ("AppId", "AppId"))),
    ("DNS", (("DomainName", "DnsQuery"),)),
    ("Process", (("ProcessId", "NewProcessId"), ("CommandLine", "CommandLine"))),
    ("Process", (("ProcessId", "ProcessId"), ("CommandLine", "CommandLine"))),
    ("Process", (("CommandLine", "ProcessCommandLine"),)),
    ("Process", (("CommandLine", "TargetProcessCommandLine"),)),
    ("AzureResource", (("ResourceId", "_ResourceId"),)),
)
#: Columns that a table holds inside a dynamic one: what is put behind a query over it.
WRITTEN_OUT = {
    "AuditLogs": {
        "InitiatedByUser": "tostring(InitiatedBy.user.userPrincipalName)",
        "InitiatedByAddress": "tostring(InitiatedBy.user.ipAddress)",
    }
}


def build_entity_mappings(columns: Container[str]) -> list[dict[str, object]]:
    """Entity mappings in Sentinel's format: one of each kind."""
    found: dict[str, list[dict[str, str]]] = {}
    for kind, pairs in ENTITIES:
        if kind not in found and all(column in columns for _, column in pairs):
            found[kind] = [{"identifier": identifier, "columnName": column} for identifier, column in pairs]
    return [{"entityType": kind, "fieldMappings": pairs} for kind, pairs in found.items()]
