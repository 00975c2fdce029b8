"""The witness of externaldata: the text of the files that a test gives, cut into cells."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowwise import Row, Witness

    from nephoscope_kql.plan import relations

SEPARATORS = {"csv": ",", "tsv": "\t", "psv": "|"}


def external(witness: Witness, relation: relations.External) -> list[Row]:
    found = []
    for location in relation.source.locations:
        records = cut(witness.files.get(location, ""), relation.source)
        found += [
            {column.id: cell for column, cell in zip(relation.columns, cells, strict=True)}
            for cells in records
        ]
    return found


def cut(text: str, source: Any) -> list[list[Any]]:
    from rowwise import UnwitnessedError

    width = len(source.names)
    if source.format in SEPARATORS:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=SEPARATORS[source.format]) if row]
        cells = [[read_separated(row, at, source.cells) for at in range(width)] for row in rows]
    elif source.format in ("json", "multijson"):
        values = (
            [load_line(line) for line in text.splitlines() if line.strip()]
            if source.format == "json"
            else many(text)
        )
        cells = [[read_nested(value, at, source) for at in range(width)] for value in values]
    elif source.format == "txt":
        cells = [[line, *[""] * (width - 1)] for line in text.splitlines()]
    else:
        raise UnwitnessedError(f"externaldata of {source.format}")
    return cells[int(source.skip_first) : len(cells) - int(source.skip_last)]


def load_line(line: str) -> Any:
    """The JSON value of a line, None where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def read_separated(row: list[str], at: int, mapped: Any) -> str:
    """The cell of a column: at its own place, or where the mapping says."""
    if mapped and mapped[at].constant is not None:
        return str(mapped[at].constant)
    place = mapped[at].ordinal if mapped else at
    return row[place] if place is not None and place < len(row) else ""


def read_nested(value: Any, at: int, source: Any) -> Any:
    """The same of a JSON value."""
    if not source.cells:
        return value.get(source.names[at]) if isinstance(value, dict) else None
    cell = source.cells[at]
    if cell.steps is None:
        return cell.constant
    try:
        for step in cell.steps:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def many(text: str) -> list[Any]:
    """The values of a JSON array, or of JSON values one behind the other."""
    reader, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = reader.raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
    return found
