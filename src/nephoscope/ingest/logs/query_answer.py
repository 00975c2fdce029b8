"""Rows within an answer of a query interface: `{"tables": [{"name", "columns": [{"name", "type"}], "rows": [[...]]}]}`.

Log Analytics answers so, and so does `nephoscope query -o json`. Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nephoscope.ingest.logs.log_format import BadRecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESULT = "PrimaryResult"


class QueryAnswerRow(NamedTuple):
    """A row by its columns' names and its path; with `reason` one that is none."""

    row: dict[str, Any]
    path: str
    reason: str = ""


def read_answer(record: dict[str, object]) -> Iterator[QueryAnswerRow] | None:
    """The rows of an answer, of its result alone where that is named; None where the record is none. Raises BadRecordError."""
    tables = record.get("tables")
    if not isinstance(tables, list) or not tables or not all(map(_is_table, tables)):
        return None
    named = any(table.get("name") == _RESULT for table in tables)
    return (
        one
        for number, table in enumerate(tables)
        if not named or table.get("name") == _RESULT
        for one in _list_rows(table, f"tables[{number}]")
    )


def _is_table(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("columns"), list)
        and isinstance(value.get("rows"), list)
    )


def _list_rows(table: dict[str, Any], path: str) -> Iterator[QueryAnswerRow]:
    names: list[Any] = [
        column.get("name") if isinstance(column, dict) else None for column in table["columns"]
    ]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise BadRecordError("expected columns with names of their own", f"{path}.columns")
    for number, row in enumerate(table["rows"]):
        where = f"{path}.rows[{number}]"
        if isinstance(row, list) and len(row) == len(names):
            yield QueryAnswerRow(dict(zip(names, row, strict=True)), where)
        else:
            yield QueryAnswerRow({"row": row}, where, f"expected a list of {len(names)} values")
