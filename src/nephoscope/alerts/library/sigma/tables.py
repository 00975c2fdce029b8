"""Which table a Sigma log source is, what its fields are called there, and by which of pySigma's pipelines it is asked.

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
    """A way to ask for a log source: the table, the pipeline that leads to it, what its fields are called."""

    table: str
    pipeline: Callable[[], ProcessingPipeline]
    name: SigmaPipeline = SigmaPipeline.AUTO
    fields: Mapping[str, str] = field(default_factory=dict)

    def types(self) -> Mapping[str, KqlType]:
        """The columns with their types."""
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

#: What rules ask for and no column holds: table -> name -> the expression that it is written as, where a rule asks for it.
COMPUTED: Mapping[str, Mapping[str, str]] = {
    "SigninLogs": {"SignInStatus": 'iff(ResultType == "0", "Success", "Failure")'},
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


def targets(source: SigmaLogSource, wanted: SigmaPipeline) -> list[SigmaTarget]:
    """The ways to ask for a log source, the first that a rule fits is taken; none where no table holds it."""
    product, service, category = (
        str(one or "").lower() for one in (source.product, source.service, source.category)
    )
    if (product, service) in SERVICES:
        table, fields = SERVICES[product, service]
        return [SigmaTarget(table, lambda: _own(table, fields), fields=fields)]
    if category in DNS:
        table = "ASimDnsActivityLogs"
        return [SigmaTarget(table, lambda: _own(table, _DNS), fields=_DNS)]
    found = list(_of_devices(product, service, category))
    return [one for one in found if wanted in (SigmaPipeline.AUTO, one.name)]


def _of_devices(product: str, service: str, category: str) -> list[SigmaTarget]:
    found = []
    if product in ("windows", "") and category == "process_creation":
        found.append(SigmaTarget("SecurityEvent", _process_creation_pipeline, SigmaPipeline.AZURE_MONITOR))
    if product == "windows" and service == "security" and not category:
        table = "SecurityEvent"
        found.append(SigmaTarget(table, lambda: azure_monitor_pipeline(table), SigmaPipeline.AZURE_MONITOR))
    if category in DEVICES:
        found.append(SigmaTarget(DEVICES[category], microsoft_xdr_pipeline, SigmaPipeline.MICROSOFT_XDR))
    if category in _ASIM:
        found.append(SigmaTarget(_ASIM[category], sentinel_asim_pipeline, SigmaPipeline.SENTINEL_ASIM))
    return found


def _process_creation_pipeline() -> ProcessingPipeline:
    """The pipeline to SecurityEvent, for the events of new processes alone."""
    item = ProcessingItem(AddConditionTransformation({"EventID": PROCESS_CREATED}))
    return azure_monitor_pipeline("SecurityEvent") + ProcessingPipeline(items=[item], priority=20)


def _own(table: str, fields: Mapping[str, str]) -> ProcessingPipeline:
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
