"""Query result of a rule: rows with column values as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_TIMES = ("TimeGenerated", "StartTime", "StartTimeUtc", "EndTime", "EndTimeUtc", "timestamp")


@dataclass(frozen=True, slots=True)
class RuleResultRow:
    """One row; columns are found by their exact name."""

    columns: dict[str, KqlType]
    values: dict[str, Any]

    def get_text(self, column: str) -> str:
        """The value as a person reads it, '' for null and for a column that is not there."""
        kind = self.columns.get(column)
        return "" if kind is None else format_cell(self.values[column], kind)

    def document(self) -> dict[str, Any]:
        """The row as JSON values: equal rows have equal documents."""
        return {
            name: _decode_raw(to_json_value(self.values[name], kind)) for name, kind in self.columns.items()
        }

    def list_times(self) -> list[datetime]:
        """Return the times of the row's known time columns, in ascending order."""
        kept = [
            self.values[name]
            for name in _TIMES
            if self.columns.get(name) is KqlType.DATETIME and self.values[name] is not None
        ]
        return sorted(_FIRST + timedelta(microseconds=ticks // 10) for ticks in kept)


def _decode_raw(value: object) -> object:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def iterate_findings(table: pa.Table, limit: int | None = None) -> Iterator[RuleResultRow]:
    """The rows of a result."""
    columns = dict(list_typed_columns(table))
    for row in iterate_rows(table, limit):
        yield RuleResultRow(columns, dict(zip(columns, row, strict=True)))
