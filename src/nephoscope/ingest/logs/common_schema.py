"""The top-level common schema of resource logs: its members under the names that Microsoft documents, whoever forwarded the record.

Forwarders write names in lower case or with a capital, and services may name the category `type`.
Source: https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.resource_log import TIME_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Members that formats read by name; `level` is not among them, for services write it in both ways.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        name.lower(): name
        for name in (
            *("time", "eventTimestamp", "resourceId", "operationName", "operationVersion", "category"),
            *("properties", "identity", "resultType", "resultSignature", "resultDescription", "durationMs"),
            *("callerIpAddress", "correlationId", "tenantId", "statusCode", "statusText"),
            *("metricName", "timeGrain", "uri", "flowRecords", "flowLogResourceID", "targetResourceID"),
            *("authorization", "claims", "caller", "httpRequest", "subStatus", "submissionTimestamp"),
            *("eventDataId", "operationId", "resourceGroupName", "resourceProviderName"),
        )
    }
)
_EXACT = frozenset(_NAMES.values())
_TIMES = frozenset(TIME_NAMES) - {"TimeGenerated"}
#: One of these makes a record with a time a resource log.
_ABOUT = frozenset({"resourceId", "operationName", "flowRecords"})


def to_common_schema(record: dict[str, object]) -> dict[str, object]:
    """Name the members of a resource log as the schema does; any other record, and one that is so named, is returned itself."""
    odd = [name for name in record if name not in _EXACT and name.lower() in _NAMES]
    typed = "category" not in record and isinstance(record.get("type"), str)
    if not odd and not typed:
        return record
    renames = {name: _NAMES[name.lower()] for name in odd if _NAMES[name.lower()] not in record}
    names = {renames.get(name, name) for name in record}
    if "TimeGenerated" in names or not names & _TIMES or not names & _ABOUT:
        return record
    if typed and "category" not in names:
        renames["type"] = "category"
    return {renames.get(name, name): value for name, value in record.items()} if renames else record
