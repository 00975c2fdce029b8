"""Map Sigma log sources to tables, their fields to columns, and each to the pySigma pipeline that converts it.

Source of the log sources: https://sigmahq.io/docs/basics/log-sources.html; of the fields of Azure's: the columns of the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sigma.pipelines.azuremonitor.azuremonitor import azure_monitor_pipeline
from sigma.pipelines.kusto_common.postprocessing import create_prepend_query_table_item
from sigma.pipelines.kusto_common.transformations import SetQueryTableStateTransformation
from sigma.pipelines.microsoftxdr.microsoftxdr import microsoft_xdr_pipeline
from sigma.pipelines.sentinelasim.sentinelasim import sentinel_asim_pipeline
from sigma.pipelines.sentinelasim.tables import SENTINEL_ASIM_TABLES
from sigma.processing.conditions import IncludeFieldCondition
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import (
    AddConditionTransformation,
    FieldMappingTransformation,
    MapStringTransformation,
)
from sigma.rule import SigmaLogSource

from nephoscope.lake.queries.shipped_functions import get_function_columns
from nephoscope.lake.schema.tables import Tables
from nephoscope_kql.types import KqlType


class SigmaPipeline(StrEnum):
    """The pipelines that a user can choose among for what several tables hold."""

    AUTO = "auto"
    AZURE_MONITOR = "azure_monitor"
    SENTINEL_ASIM = "sentinel_asim"
    MICROSOFT_XDR = "microsoft_xdr"


@dataclass(frozen=True, slots=True)
class SigmaTarget:
    """A way to ask for a log source: the table, the pipeline that leads to it, what its fields are called.

    `event_data`: a field that is no column is a value of the event's data.
    """

    table: str
    pipeline: Callable[[], ProcessingPipeline]
    name: SigmaPipeline = SigmaPipeline.AUTO
    fields: Mapping[str, str] = field(default_factory=dict)
    event_data: bool = False

    def find_column_types(self) -> Mapping[str, KqlType]:
        """The columns with their types."""
        if self.table in HOST_FUNCTIONS:
            return {
                **get_function_columns(self.table),
                **dict.fromkeys(COMPUTED.get(self.table, {}), KqlType.STRING),
            }
        known = Tables.builtin().get(self.table)
        if known is not None:
            return {**known.types, **dict.fromkeys(COMPUTED.get(self.table, {}), KqlType.STRING)}
        given = SENTINEL_ASIM_TABLES.get(self.table, {})
        return {
            name: _KINDS.get(str(one["data_type"]).lower(), KqlType.STRING) for name, one in given.items()
        }


_KINDS = {
    "int": KqlType.INT, "integer": KqlType.INT, "long": KqlType.LONG, "real": KqlType.REAL, "bool": KqlType.BOOL,
    "boolean": KqlType.BOOL, "datetime": KqlType.DATETIME, "date/time": KqlType.DATETIME, "dynamic": KqlType.DYNAMIC,
}  # fmt: skip

#: Azure writes the outcome of an operation in two ways.
_OUTCOMES: dict[str, str | list[str]] = {
    "Succeeded": ["Succeeded", "Success"], "Success": ["Succeeded", "Success"], "Failed": ["Failed", "Failure"],
    "Failure": ["Failed", "Failure"], "Started": ["Started", "Start"], "Accepted": ["Accepted", "Accept"],
}  # fmt: skip
_ACTIVITY = {
    "operationName": "OperationNameValue", "properties.message": "OperationNameValue",
    "properties.operationName": "OperationNameValue",
    "status": "ActivityStatusValue", "resultType": "ActivityStatusValue", "properties.status": "ActivityStatusValue",
    "caller": "Caller", "callerIpAddress": "CallerIpAddress", "resourceProviderValue": "ResourceProviderValue",
    "resourceType": "ResourceProviderValue", "category": "CategoryValue",
}  # fmt: skip
_SIGNIN = {
    "status.errorCode": "ResultType", "Status": "SignInStatus", "status": "SignInStatus", "properties.status": "SignInStatus",
    "failureReason": "ResultDescription", "User": "UserPrincipalName",
    "username": "UserPrincipalName", "src_ip": "IPAddress", "app": "AppDisplayName", "applicationDisplayName": "AppDisplayName",
    "properties.message": "ResultDescription", "riskState": "RiskState", "riskLevel": "RiskLevelDuringSignIn",
    "location.countryOrRegion": "Location", "TargetUserName": "UserPrincipalName",
}  # fmt: skip
_AUDIT = {
    "properties.message": "OperationName", "activityType": "OperationName", "ActivityDisplayName": "ActivityDisplayName",
    "properties.category": "Category", "initiatedBy.user.userPrincipalName": "InitiatedBy.user.userPrincipalName",
    "Status": "Result", "targetResources.type": "TargetResources[0].type",
}  # fmt: skip
_DNS = {
    "query": "DnsQuery", "QueryName": "DnsQuery", "record_type": "DnsQueryTypeName", "answer": "DnsResponseName",
    "QueryResults": "DnsResponseName", "QueryStatus": "DnsResponseCode", "Image": "SrcProcessName", "src_ip": "SrcIpAddr",
    "SourceIp": "SrcIpAddr", "parent_domain": "DnsQuery", "rcode": "EventResultDetails", "Computer": "DvcHostname",
}  # fmt: skip
_CLOUDTRAIL = {
    "userIdentity.type": "UserIdentityType", "userIdentity.arn": "UserIdentityArn", "userIdentity.userName": "UserIdentityUserName",
    "sourceIPAddress": "SourceIpAddress", "errorCode": "ErrorCode", "userAgent": "UserAgent",
}  # fmt: skip
_OFFICE = {
    "eventName": "Operation", "eventSource": "OfficeWorkload", "Workload": "OfficeWorkload", "status": "ResultStatus",
    "UserId": "UserId", "ClientIP": "ClientIP",
}  # fmt: skip

_HASHES = {
    name: f"extract(@'(?i)\\b{name}=([0-9a-f]+)', 1, Hashes)" for name in ("Imphash", "sha256", "sha1", "md5")
}
#: What rules ask for and no column holds: table -> name -> the expression that it is written as, where a rule asks for it.
COMPUTED: Mapping[str, Mapping[str, str]] = {
    "SigninLogs": {"SignInStatus": 'iff(ResultType == "0", "Success", "Failure")'},
    **dict.fromkeys(("_ProcessCreation", "_ImageLoad", "_DriverLoad", "_FileEvent"), _HASHES),
}
#: (product, service) -> the table and what its fields are called.
SERVICES: Mapping[tuple[str, str], tuple[str, Mapping[str, str]]] = {
    ("azure", "activitylogs"): ("AzureActivity", _ACTIVITY),
    ("azure", "signinlogs"): ("SigninLogs", _SIGNIN),
    ("azure", "auditlogs"): ("AuditLogs", _AUDIT),
    ("azure", "riskdetection"): ("AADUserRiskEvents", {}),
    ("aws", "cloudtrail"): ("AWSCloudTrail", _CLOUDTRAIL),
    ("m365", "audit"): ("OfficeActivity", _OFFICE),
    ("m365", "exchange"): ("OfficeActivity", _OFFICE),
}
DNS = frozenset({"dns", "dns_query"})
DEVICES = {
    "process_creation": "DeviceProcessEvents", "image_load": "DeviceImageLoadEvents", "network_connection": "DeviceNetworkEvents",
    **dict.fromkeys(("file_access", "file_change", "file_delete", "file_event", "file_rename"), "DeviceFileEvents"),
    **dict.fromkeys(("registry_add", "registry_delete", "registry_event", "registry_set"), "DeviceRegistryEvents"),
}  # fmt: skip
_ASIM = {
    "process_creation": "imProcessCreate", "network_connection": "imNetworkSession", "proxy": "imWebSession",
    "webserver": "imWebSession",
    **dict.fromkeys(("file_access", "file_change", "file_delete", "file_event", "file_rename"), "imFileEvent"),
    **dict.fromkeys(("registry_add", "registry_delete", "registry_event", "registry_set"), "imRegistry"),
}  # fmt: skip
PROCESS_CREATED = 4688
#: Category -> the function that unites what every log has of it, and the conditions that tell the category from others of it.
HOSTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "process_creation": ("_ProcessCreation", {}),
    "network_connection": ("_NetworkConnection", {}),
    "image_load": ("_ImageLoad", {}),
    "driver_load": ("_DriverLoad", {}),
    "create_remote_thread": ("_RemoteThread", {}),
    "process_access": ("_ProcessAccess", {}),
    "pipe_created": ("_PipeEvent", {}),
    "wmi_event": ("_WmiEvent", {}),
    "ps_script": ("_PowerShellCode", {}),
    "ps_module": ("_PowerShellCode", {}),
    "ps_classic_start": ("_PowerShellCode", {}),
    "file_event": ("_FileEvent", {"Action": "Created"}),
    "file_delete": ("_FileEvent", {"Action": "Deleted"}),
    "file_rename": ("_FileEvent", {"Action": "Renamed"}),
    "file_change": ("_FileEvent", {"Action": "TimeChanged"}),
    "create_stream_hash": ("_FileEvent", {"Action": "Created"}),
    "registry_add": ("_RegistryEvent", {"EventType": "CreateKey"}),
    "registry_delete": ("_RegistryEvent", {}),
    "registry_set": ("_RegistryEvent", {"EventType": "SetValue"}),
    "registry_event": ("_RegistryEvent", {}),
}
HOST_FUNCTIONS = frozenset(name for name, _ in HOSTS.values())
_HOST_FIELDS = {"Payload": "ScriptBlockText", "Data": "ScriptBlockText", "EventId": "EventID"}
#: (Windows, service) -> the channel of the event log that it means.
CHANNELS: Mapping[str, str] = {
    "application": "Application", "applocker": "Microsoft-Windows-AppLocker/EXE and DLL",
    "appmodel-runtime": "Microsoft-Windows-AppModel-Runtime/Admin",
    "appxdeployment-server": "Microsoft-Windows-AppXDeploymentServer/Operational",
    "bits-client": "Microsoft-Windows-Bits-Client/Operational", "capi2": "Microsoft-Windows-CAPI2/Operational",
    "certificateservicesclient-lifecycle-system": "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    "codeintegrity-operational": "Microsoft-Windows-CodeIntegrity/Operational",
    "dhcp": "Microsoft-Windows-DHCP-Server/Operational", "diagnosis-scripted": "Microsoft-Windows-Diagnosis-Scripted/Operational",
    "dns-client": "Microsoft-Windows-DNS Client Events/Operational", "dns-server": "DNS Server",
    "driver-framework": "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
    "firewall-as": "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
    "ldap": "Microsoft-Windows-LDAP-Client/Debug", "lsa-server": "Microsoft-Windows-LSA/Operational",
    "msexchange-management": "MSExchange Management", "ntlm": "Microsoft-Windows-NTLM/Operational", "openssh": "OpenSSH/Operational",
    "powershell": "Microsoft-Windows-PowerShell/Operational", "powershell-classic": "Windows PowerShell",
    "printservice-admin": "Microsoft-Windows-PrintService/Admin",
    "printservice-operational": "Microsoft-Windows-PrintService/Operational",
    "security-mitigations": "Microsoft-Windows-Security-Mitigations/Kernel Mode",
    "shell-core": "Microsoft-Windows-Shell-Core/Operational", "smbclient-connectivity": "Microsoft-Windows-SmbClient/Connectivity",
    "smbclient-security": "Microsoft-Windows-SmbClient/Security", "sysmon": "Microsoft-Windows-Sysmon/Operational", "system": "System",
    "taskscheduler": "Microsoft-Windows-TaskScheduler/Operational",
    "terminalservices-localsessionmanager": "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    "vhdmp": "Microsoft-Windows-VHDMP-Operational", "windefend": "Microsoft-Windows-Windows Defender/Operational",
    "wmi": "Microsoft-Windows-WMI-Activity/Operational",
}  # fmt: skip
_CHANNEL_FIELDS = {
    "Provider_Name": "Source", "Channel": "EventLog", "Level": "EventLevel", "Message": "RenderedDescription", "UserID": "UserName",
    "Keywords": "EventData", "Data": "EventData",
}  # fmt: skip


def find_sigma_targets(source: SigmaLogSource, wanted: SigmaPipeline) -> list[SigmaTarget]:
    """The ways to ask for a log source, the first that a rule fits is taken; none where no table holds it."""
    product, service, category = (
        str(one or "").lower() for one in (source.product, source.service, source.category)
    )
    if (product, service) in SERVICES:
        table, fields = SERVICES[product, service]
        return [SigmaTarget(table, lambda: _build_pipeline(table, fields), fields=fields)]
    if category in DNS:
        table = "ASimDnsActivityLogs"
        return [SigmaTarget(table, lambda: _build_pipeline(table, _DNS), fields=_DNS)]
    found = list(_list_device_targets(product, service, category))
    return [one for one in found if wanted in (SigmaPipeline.AUTO, one.name)]


def _list_device_targets(product: str, service: str, category: str) -> list[SigmaTarget]:
    found = []
    if product in ("windows", "") and category in HOSTS:
        function, conditions = HOSTS[category]
        found.append(
            SigmaTarget(function, lambda: _build_host_pipeline(function, conditions), fields=_HOST_FIELDS)
        )
    if product in ("windows", "") and category == "process_creation":
        found.append(SigmaTarget("SecurityEvent", _build_creation_pipeline, SigmaPipeline.AZURE_MONITOR))
    if product == "windows" and service in CHANNELS and not category:
        channel = CHANNELS[service]
        found.append(
            SigmaTarget(
                "Event", lambda: _build_channel_pipeline(channel), fields=_CHANNEL_FIELDS, event_data=True
            )
        )
    if product == "windows" and service == "security" and not category:
        table = "SecurityEvent"
        found.append(SigmaTarget(table, lambda: azure_monitor_pipeline(table), SigmaPipeline.AZURE_MONITOR))
    if category in DEVICES:
        found.append(SigmaTarget(DEVICES[category], microsoft_xdr_pipeline, SigmaPipeline.MICROSOFT_XDR))
    if category in _ASIM:
        found.append(SigmaTarget(_ASIM[category], sentinel_asim_pipeline, SigmaPipeline.SENTINEL_ASIM))
    return found


def _build_creation_pipeline() -> ProcessingPipeline:
    """The pipeline to SecurityEvent, for the events of new processes alone."""
    item = ProcessingItem(AddConditionTransformation({"EventID": PROCESS_CREATED}))
    return azure_monitor_pipeline("SecurityEvent") + ProcessingPipeline(items=[item], priority=20)


def _build_channel_pipeline(channel: str) -> ProcessingPipeline:
    """The pipeline to Event, for the events of one channel alone."""
    item = ProcessingItem(AddConditionTransformation({"EventLog": channel}))
    return _build_pipeline("Event", _CHANNEL_FIELDS) + ProcessingPipeline(items=[item], priority=20)


def _build_host_pipeline(function: str, conditions: Mapping[str, str]) -> ProcessingPipeline:
    """The pipeline to a function over the logs of hosts, for the rows of one category alone."""
    if not conditions:
        return _build_pipeline(function, _HOST_FIELDS)
    item = ProcessingItem(AddConditionTransformation(dict(conditions)))
    return _build_pipeline(function, _HOST_FIELDS) + ProcessingPipeline(items=[item], priority=20)


def _build_pipeline(table: str, fields: Mapping[str, str]) -> ProcessingPipeline:
    """A pipeline to a table that pySigma's own have no log source for."""
    mapping: dict[str | None, str | list[str]] = {}
    mapping.update(fields.items())
    items = [
        ProcessingItem(SetQueryTableStateTransformation(table)),  # type: ignore[arg-type]
        ProcessingItem(FieldMappingTransformation(mapping)),
        ProcessingItem(
            MapStringTransformation(_OUTCOMES),
            field_name_conditions=[IncludeFieldCondition(["ActivityStatusValue"])],
        ),
    ]
    return ProcessingPipeline(items=items, postprocessing_items=[create_prepend_query_table_item()])  # type: ignore[no-untyped-call]
