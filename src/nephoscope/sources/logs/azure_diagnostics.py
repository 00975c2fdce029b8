"""A resource log as a row of AzureDiagnostics: fields become columns with a suffix for their type.

The members of `properties` (and `identity`) are flattened with `_` between names, characters that no column name has become `_`,
and the suffix says the type: `_s` text, `_d` number, `_b` bool, `_t` time, `_g` GUID; arrays are JSON text. Names that the table
has no column for reach its bag. Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nephoscope.sources.logs.format import Row
from nephoscope.sources.logs.resource_log import (
    as_text,
    integer,
    properties_of,
    resource_id_of,
    subscription_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from nephoscope.sources.logs.format import Context

TABLE = "AzureDiagnostics"
#: Beyond this depth, or this many fields, the rest stays one JSON text.
_DEEPEST, _MOST = 8, 400
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
#: Members of the envelope with columns of their own; others become columns with a suffix.
_COLUMNS = {
    "category": "Category",
    "operationname": "OperationName",
    "operationversion": "OperationVersion",
    "resulttype": "ResultType",
    "resultsignature": "ResultSignature",
    "resultdescription": "ResultDescription",
    "calleripaddress": "CallerIPAddress",
    "correlationid": "CorrelationId",
    "level": "Level",
}
_KNOWN = frozenset(
    (
        *_COLUMNS,
        "time",
        "timestamp",
        "timegenerated",
        "resourceid",
        "_resourceid",
        "properties",
        "durationms",
        "tenantid",
    )
)


def diagnostics_row(record: dict[str, Any], context: Context) -> Row:
    """The row of AzureDiagnostics for a resource log; raises BadRecordError."""
    resource = resource_id_of(record, context)
    values: dict[str, Any] = {"TimeGenerated": time_of(record)}
    for name, value in record.items():
        column = _COLUMNS.get(name.lower())
        if column:
            values[column] = as_text(value)
        elif name.lower() not in _KNOWN:
            flatten(name, value, values)
    for name, value in properties_of(record).items():
        flatten(name, value, values)
    values["DurationMs"] = integer(record.get("durationMs", record.get("DurationMs")))
    values["_ResourceId"] = resource
    values["_SubscriptionId"] = subscription_of(resource)
    values |= _parts(text_of(record, "resourceId", "ResourceId") or resource)
    return Row(TABLE, values)


def flatten(name: str, value: Any, values: dict[str, Any], depth: int = 0) -> None:
    """Put a member into `values`: an object by its members, everything else under its name and suffix."""
    name = _NO_NAME.sub("_", name)
    if isinstance(value, dict) and depth < _DEEPEST and len(values) < _MOST:
        for inner, item in value.items():
            flatten(f"{name}_{inner}", item, values, depth + 1)
        return
    if value is None:
        return
    suffix, stored = _typed(value)
    values[name + suffix] = stored


def _typed(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "_b", value
    if isinstance(value, int | float):
        return "_d", float(value)
    if not isinstance(value, str):
        return "_s", as_text(value)
    if len(value) == 36 and _GUID.fullmatch(value):
        return "_g", value.lower()
    if 20 <= len(value) <= 35 and _TIME.fullmatch(value):
        return "_t", value
    return "_s", value


def _parts(resource: str) -> dict[str, str]:
    """The columns that take a resource id apart; upper case, as Azure writes them."""
    parts = resource.strip("/").upper().split("/")
    values = {"ResourceId": resource.upper(), "SubscriptionId": subscription_of(resource)}
    if len(parts) >= 4 and parts[2] == "RESOURCEGROUPS":
        values["ResourceGroup"] = parts[3]
    if len(parts) >= 8 and parts[4] == "PROVIDERS":
        values |= {"ResourceProvider": parts[5], "ResourceType": parts[6], "Resource": parts[-1]}
        if len(parts) > 8:
            values["ResourceType"] = "/".join(parts[6::2])
    return values
