"""Observed columns: in which columns of a table an entity stands, and the query that counts its rows over time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from nephoscope.alerts.entities.column_entities import WRITTEN_OUT
from nephoscope_kql.types import KqlType

#: Kind of an entity -> what the columns are called that it stands in, whatever table has them.
_COLUMNS = {
    "address": re.compile(r"(?:(?:^|[a-z_])(?:IP|Ip)|(?:^|_)ip)(?:[vV][46])?(?:_?[Aa]ddr(?:ess)?)?(?:_s)?$"),
    "user": re.compile(
        r"(?i)^(user_?principal_?name|user_?id|user_?key|user|caller|identity|initiated_?by_?user|account|account_?name|account_?upn|"
        r"(target|subject|src|actor)_?user_?name|(target|subject)_?account|initiating_?process_?account_?(name|upn)|requester_?upn)$"
        r"|(object_?id|oid(_g)?|user_?upn)$"
    ),
    "machine": re.compile(r"^(?:Computer|DeviceName|HostName|DvcHostname|SrcHostname|DstHostname|_ResourceId|ResourceId)$"),
    "application": re.compile(
        r"(?i)^(caller|resource_?display_?name)$|(app_?id(_g)?|application_?id|app_?display_?name|service_?principal_?(id|name)|"
        r"object_?id|oid(_g)?)$"
    ),
}  # fmt: skip
#: Columns that stand within a dynamic one, of some kinds of entities.
_INSIDE = {"user": "InitiatedByUser", "address": "InitiatedByAddress"}
#: Tables that one query counts; more are counted by several.
TABLES_A_QUERY = 60


def find_columns(kind: str, table: str, columns: Iterable[tuple[str, KqlType]]) -> list[str]:
    """The columns of a table, or expressions over them, that a kind of entity stands in."""
    pattern = _COLUMNS[kind]
    found = [
        name for name, type_ in columns if type_ in (KqlType.STRING, KqlType.GUID) and pattern.search(name)
    ]
    inside = WRITTEN_OUT.get(table, {}).get(_INSIDE.get(kind, ""), "")
    return [*found, inside] if inside else found


def write_condition(kind: str, columns: Sequence[str], values: Sequence[str]) -> str:
    """Write the condition under which one of some columns names the entity by one of its values."""
    return " or ".join(_compare_column(kind, column, value) for column in columns for value in values)


def _compare_column(kind: str, column: str, value: str) -> str:
    said = json.dumps(value)
    if kind == "machine":
        if column.endswith("ResourceId"):
            return f"{column} endswith {json.dumps('/' + value)}"
        return f"{column} =~ {said} or {column} startswith {json.dumps(value + '.')}"
    return f"{column} == {said}" if kind == "address" and ":" not in value else f"{column} =~ {said}"


def write_count_query(conditions: Mapping[str, str], step_seconds: int) -> str:
    """Write the query that counts the rows of each table under its condition, by steps of time."""
    parts = [
        f"({table} | where {condition} | summarize Rows = count(), First = min(TimeGenerated), Last = max(TimeGenerated)"
        f" by Slot = bin(TimeGenerated, {step_seconds}s) | extend Table = {json.dumps(table)})"
        for table, condition in conditions.items()
    ]
    return f"union {', '.join(parts)}" if len(parts) > 1 else parts[0][1:-1]
