"""Storage form of a KQL column: its Arrow type, the name it has on disk, and what the KQL engine must know of it.

datetime is timestamp(us, UTC), timespan 100 ns ticks in an int64, dynamic canonical JSON text, guid lower-case text; a string is
never null. Delta has no unsigned integers and no two columns whose names differ only by case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from nephoscope_kql.types import KqlType

DAY = "_Day"
"""The partition column on disk: the UTC day of TimeGenerated. No KQL column."""
TIME = "TimeGenerated"
TENANT, TYPE, RESOURCE, SUBSCRIPTION, INGESTED = (
    "TenantId",
    "Type",
    "_ResourceId",
    "_SubscriptionId",
    "_IngestedAt",
)
STANDARD: Mapping[str, KqlType] = MappingProxyType(
    {
        TIME: KqlType.DATETIME,
        TENANT: KqlType.STRING,
        TYPE: KqlType.STRING,
        RESOURCE: KqlType.STRING,
        SUBSCRIPTION: KqlType.STRING,
        INGESTED: KqlType.DATETIME,
    }
)
"""The columns that every table has."""
BAG = "_AdditionalFields"
"""The bag of the columns that a table does not name, where it names no bag of its own."""
MOMENT = pa.timestamp("us", "UTC")
_ARROW: Mapping[KqlType, pa.DataType] = {
    KqlType.BOOL: pa.bool_(),
    KqlType.INT: pa.int32(),
    KqlType.LONG: pa.int64(),
    KqlType.REAL: pa.float64(),
    KqlType.DECIMAL: pa.decimal128(38, 17),
    KqlType.STRING: pa.string(),
    KqlType.DATETIME: MOMENT,
    KqlType.TIMESPAN: pa.int64(),
    KqlType.GUID: pa.string(),
    KqlType.DYNAMIC: pa.string(),
}


def get_storage_type(kind: KqlType) -> pa.DataType:
    """The Arrow type in which the lake stores a KQL type."""
    return _ARROW[kind]


def build_stored_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names on disk: their own, but where an earlier one differs only by case, with a number that later columns do not change."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen.get(name.lower(), 0)
        result.append(f"{name}\u00b7{count}" if count else name)
        seen[name.lower()] = count + 1
    return tuple(result)


def build_schema(columns: Iterable[tuple[str, KqlType]]) -> pa.Schema:
    """The Arrow schema of rows in storage types, under their KQL names."""
    return pa.schema(
        [pa.field(name, _ARROW[kind], nullable=kind != KqlType.STRING) for name, kind in columns]
    )
