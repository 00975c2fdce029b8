"""Files of JSON as records: objects, arrays of objects, lines, and the answers of Log Analytics and Kusto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.files.json_text import iterate_json_documents
from nephoscope_kql.types import TYPE_NAMES, KqlType

_LISTS = ("value", "records", "Records", "data")
"""Members of an object whose array holds the records."""


@dataclass
class JsonRecords:
    """Columns of JSON values, all of one length; `kinds` are the types that the file itself says."""

    columns: dict[str, list[object]] = field(default_factory=dict)
    kinds: dict[str, KqlType] = field(default_factory=dict)
    count: int = 0

    def add(self, record: Mapping[str, object]) -> None:
        """One more row; a column that it lacks is null, one that is new is null in the rows before."""
        for name, value in record.items():
            if name not in self.columns:
                self.columns[name] = [None] * self.count
            self.columns[name].append(value)
        self.count += 1
        for values in self.columns.values():
            if len(values) < self.count:
                values.append(None)


def read_json_records(data: bytes) -> JsonRecords:
    """The records of a file; ValueError with the line where it is no JSON or holds something else."""
    found = JsonRecords()
    documents = list(iterate_json_documents(data))
    for document in documents:
        if document.wrong:
            raise ValueError(f"line {document.line}: {document.wrong}")
        place = f"line {document.line}" if len(documents) > 1 else "the file"
        _add_document(document.value, found, place)
    return found


def _add_document(document: object, found: JsonRecords, place: str) -> None:
    for record in _flatten_records(document, found):
        if not isinstance(record, dict):
            raise ValueError(f"{place} holds a {type(record).__name__} where an object is expected")
        found.add(record)


def _flatten_records(document: object, found: JsonRecords) -> Iterator[object]:
    if isinstance(document, list):
        for item in document:
            yield from _flatten_records(item, found) if isinstance(item, list) else (item,)
        return
    if isinstance(document, dict):
        tables = document.get("tables") or document.get("Tables")
        if isinstance(tables, list) and tables and isinstance(tables[0], dict):
            yield from _read_answer(tables[0], found)
            return
        for name in _LISTS:
            if isinstance(document.get(name), list) and all(
                isinstance(item, dict) for item in document[name]
            ):
                yield from document[name]
                return
    yield document


def _read_answer(table: dict[str, Any], found: JsonRecords) -> Iterator[dict[str, object]]:
    """The first table of an answer: its columns say their types."""
    columns = table.get("columns") or table.get("Columns") or []
    names = [str(column.get("name") or column.get("ColumnName")) for column in columns]
    for name, column in zip(names, columns, strict=True):
        kind = TYPE_NAMES.get(str(column.get("type") or column.get("ColumnType") or "").lower())
        if kind is not None:
            found.kinds[name] = kind
        found.columns.setdefault(name, [None] * found.count)
    for row in table.get("rows") or table.get("Rows") or []:
        yield dict(zip(names, row, strict=True))
