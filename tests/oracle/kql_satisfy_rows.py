"""Tables of the rows that makers made: satisfying rows and near misses side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kql_compare import Result
from kql_satisfy_maker import Maker
from kql_satisfy_slots import NOW, Slot
from rowwise_values import json_text

from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.types import KqlType

RECENT = NOW - 6_000_000_000
"""Where a time of which nothing is asked is: ten minutes before now."""
TIMES = ("TimeGenerated", "Timestamp")


def tables_of(makers: Iterable[Maker], schemas: Mapping[str, TableSchema]) -> dict[str, Result]:
    """The rows of all makers, every column of the schemas filled."""
    rows: dict[str, list[dict[str, Slot]]] = {}
    for maker in makers:
        for name, made in maker.tables.items():
            rows.setdefault(name, []).extend(made)
    return {name: _table(schema, rows.get(name, [])) for name, schema in schemas.items()}


def _table(schema: TableSchema, rows: list[dict[str, Slot]]) -> Result:
    columns = tuple((name, str(kind)) for name, kind in schema.columns)
    return Result(
        columns, tuple(tuple(_cell(name, kind, row) for name, kind in schema.columns) for row in rows)
    )


def _cell(name: str, kind: KqlType, row: Mapping[str, Slot]) -> Any:
    slot = row.get(name)
    if slot is None:
        return RECENT if name in TIMES else "" if kind == KqlType.STRING else None
    value = slot.found().value()
    if kind != KqlType.DYNAMIC or value is None:
        return value
    return json.dumps(value) if isinstance(value, str) else json_text(value)
