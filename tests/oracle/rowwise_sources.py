"""The witness of externaldata: the text of the files that a test gives, cut into cells."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from rowwise_values import parsed

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
        cells = [(row + [""] * width)[:width] for row in rows]
    elif source.format in ("json", "multijson"):
        values = (
            [parsed(line) for line in text.splitlines() if line.strip()]
            if source.format == "json"
            else many(text)
        )
        cells = [
            [value.get(name) if isinstance(value, dict) else None for name in source.names]
            for value in values
        ]
    elif source.format == "txt":
        cells = [[line, *[""] * (width - 1)] for line in text.splitlines()]
    else:
        raise UnwitnessedError(f"externaldata of {source.format}")
    return cells[1:] if source.skip_first else cells


def many(text: str) -> list[Any]:
    """The values of a JSON array, or of JSON values one behind the other."""
    reader, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = reader.raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
    return found
