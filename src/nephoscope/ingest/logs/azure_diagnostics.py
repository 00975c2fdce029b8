"""Resource logs of any category -> AzureDiagnosticsFormat: fields become columns with a suffix for the type of their value.

`_s` text (arrays too), `_d` number, `_b` truth, `_t` time in ISO 8601, `_g` GUID; members of objects are joined by `_`; the members
of `properties` stand for themselves. A number that is written as text fills the number's column where the table has no other.
Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.ingest.logs.column_filling import get_table_columns, parse_json_text, start_row
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, parse_integer, parse_real, to_text
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "AzureDiagnostics"
RANK = 90
#: Beyond this depth, or this many columns, the rest stays one JSON text.
_DEEPEST, _MOST = 8, 400
_FIXED = {
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
_ELSEWHERE = frozenset({"time", "timestamp", "resourceid", "properties", "durationms"})
_TIMES = frozenset({"time", "timestamp"})
_OTHERS = frozenset({"resourceid", "operationname", "properties"})
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")


def build_diagnostics_row(record: dict[str, object], context: StreamContext) -> LogRow:
    """The row of a resource log record; raises BadRecordError where it has no time."""
    values = start_row(record, context)
    values.update(build_resource_columns(values.get("_ResourceId", "")))
    others: dict[str, object] = {}
    for name, value in record.items():
        _fill_envelope(values, others, name, value)
    properties = parse_json_text(record.get("properties", record.get("Properties")))
    if isinstance(properties, dict):
        _fill_properties(values, properties)
    elif properties not in (None, ""):
        _put_flattened_value(values, "properties", properties, 0)
    for name, value in others.items():
        _put_flattened_value(values, name, value, 0)
    return LogRow(TABLE, values)


def _fill_envelope(values: dict[str, object], others: dict[str, object], name: str, value: object) -> None:
    lowered = name.lower()
    if lowered in _ELSEWHERE:
        if lowered == "durationms" and value is not None:
            whole = parse_integer(value)
            values["DurationMs"] = value if whole is None else whole
        return
    column = _FIXED.get(lowered)
    if column is None and name in values and to_text(value).lower() == to_text(values[name]).lower():
        return
    if column is None:
        others[name] = parse_json_text(value) if lowered == "identity" else value
    elif lowered == "resultdescription" and isinstance(parse_json_text(value), dict):
        others[name] = parse_json_text(value)
    elif value is not None:
        values[column] = find_first_text(value, "value") if isinstance(value, dict) else to_text(value)


def _fill_properties(values: dict[str, object], properties: dict[str, object]) -> None:
    """The members of `properties`; a text `message` has a column of its own."""
    for name, value in properties.items():
        if name == "message" and isinstance(value, str):
            values["Message"] = value
        else:
            _put_flattened_value(values, name, value, 0)


def _put_flattened_value(values: dict[str, object], name: str, value: object, depth: int) -> None:
    if value is None:
        return
    name = _NO_NAME.sub("_", name)
    if isinstance(value, dict) and depth < _DEEPEST and len(values) < _MOST:
        for key, item in value.items():
            _put_flattened_value(values, f"{name}_{_NO_NAME.sub('_', key)}", item, depth + 1)
        return
    suffix, typed = _choose_suffix(value)
    if (
        suffix == "s"
        and f"{name}_s" not in get_table_columns(TABLE)
        and f"{name}_d" in get_table_columns(TABLE)
    ):
        number = parse_real(value)
        suffix, typed = ("s", typed) if number is None else ("d", number)
    column = f"{name}_{suffix}"
    if values.setdefault(column, typed) != typed:
        values.setdefault(f"record_{column}", typed)


def _choose_suffix(value: object) -> tuple[str, object]:
    """The suffix that Log Analytics gives to a value's column, and the value."""
    if isinstance(value, bool):
        return "b", value
    if isinstance(value, int | float):
        return "d", float(value)
    if not isinstance(value, str):
        return "s", msgspec.json.encode(value).decode()
    if len(value) == 36 and _GUID.fullmatch(value):
        return "g", value.lower()
    if 20 <= len(value) <= 35 and _TIME.fullmatch(value):
        found = parse_moment(value)
        if found is not None:
            return "t", found
    return "s", value


@lru_cache(maxsize=4096)
def build_resource_columns(resource_id: str) -> dict[str, str]:
    """ResourceId, SubscriptionId, ResourceGroup, ResourceProvider, ResourceType and Resource: upper case, as Azure writes them."""
    if not resource_id:
        return {}
    upper = resource_id.upper()
    parts = upper.strip("/").split("/")
    columns = {"ResourceId": upper}
    if parts[0] == "SUBSCRIPTIONS" and len(parts) > 1:
        columns["SubscriptionId"] = parts[1].lower()
    if len(parts) > 3 and parts[2] == "RESOURCEGROUPS":
        columns["ResourceGroup"] = parts[3]
    if "PROVIDERS" in parts:
        tail = parts[len(parts) - parts[::-1].index("PROVIDERS") :]
        columns["ResourceProvider"] = tail[0] if tail else ""
        columns["ResourceType"] = "/".join(tail[1::2])
    columns["Resource"] = parts[-1]
    return columns


@dataclass(frozen=True, slots=True)
class AzureDiagnosticsFormat:
    """The format of a resource log that no other format knows."""

    name: str = "azure-diagnostics"
    title: str = "Resource logs of any category"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it has a category, a time, and one more of the fields that every resource log must have."""
        names = {name.lower() for name in record}
        return "category" in names and bool(names & _TIMES) and bool(names & _OTHERS)

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a record."""
        yield build_diagnostics_row(record, context)


FORMAT = AzureDiagnosticsFormat()
