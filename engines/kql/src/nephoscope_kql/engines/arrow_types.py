"""Arrow fields as KQL columns: which type each has, and how DuckDB holds it."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.types import KqlType


def read_table_schema(name: str, table: pa.Table) -> TableSchema:
    """The KQL schema of an Arrow table: from a field's b"kql.type" metadata, else from its Arrow type."""
    return read_fields_schema(name, table.schema)


def read_fields_schema(name: str, fields: pa.Schema) -> TableSchema:
    """The KQL schema of Arrow fields; see read_table_schema()."""
    columns: list[tuple[str, KqlType]] = []
    storage: list[str] = []
    for field in fields:
        declared = (field.metadata or {}).get(b"kql.type")
        kind, how = _from_arrow(field.type)
        if declared is not None:
            kind = KqlType(declared.decode())
            how = "text" if kind == KqlType.DYNAMIC and not how else how
        columns.append((field.name, kind))
        storage.append(how)
    return TableSchema(name, tuple(columns), storage=tuple(storage))


def _from_arrow(kind: pa.DataType) -> tuple[KqlType, str]:
    if pa.types.is_boolean(kind):
        return KqlType.BOOL, ""
    if pa.types.is_integer(kind):
        return (KqlType.INT if kind.bit_width <= 32 and kind != pa.uint32() else KqlType.LONG), ""
    if pa.types.is_floating(kind):
        return KqlType.REAL, ""
    if pa.types.is_decimal(kind):
        return KqlType.DECIMAL, ""
    if pa.types.is_timestamp(kind):
        return KqlType.DATETIME, _get_timestamp_type(kind)
    if pa.types.is_date(kind):
        return KqlType.DATETIME, "timestamp"
    if pa.types.is_duration(kind):
        return KqlType.TIMESPAN, "interval"
    if pa.types.is_nested(kind):
        return KqlType.DYNAMIC, "nested"
    return KqlType.STRING, ""


def _get_timestamp_type(kind: pa.TimestampType) -> str:
    """Return how DuckDB holds an Arrow timestamp: in nanoseconds, else in microseconds, with a zone or without."""
    if kind.unit == "ns":
        return "timestamp_ns"
    return "timestamp" if kind.tz is None else "timestamp_tz"


def build_arrow_catalog(tables: Mapping[str, pa.Table]) -> MemoryCatalog:
    """A catalog of Arrow tables."""
    return MemoryCatalog({name: read_table_schema(name, table) for name, table in tables.items()})
