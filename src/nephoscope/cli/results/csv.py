"""CSV: a header and a row a row; several results have an empty line between them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from nephoscope.kql.cells import columns_of, rows_of, text

if TYPE_CHECKING:
    from nephoscope.kql import QueryResult
    from nephoscope.kql.types import KqlType


def render(results: Sequence[QueryResult], out: TextIO, _limit: int) -> None:
    """Write all rows; a text that a spreadsheet would run as a formula gets a quote before it."""
    writer = csv.writer(out, lineterminator="\n")
    for place, result in enumerate(results):
        if place:
            out.write("\n")
        columns = columns_of(result.table)
        writer.writerow([safe(name) for name, _ in columns])
        for row in rows_of(result.table):
            writer.writerow([_cell(cell, kind) for cell, (_, kind) in zip(row, columns, strict=True)])


def _cell(value: object, kind: KqlType) -> str:
    written = text(value, kind)
    return safe(written) if kind.value in ("string", "dynamic") else written


def safe(value: str) -> str:
    """A spreadsheet runs a cell that begins like a formula: a quote before it makes it text (OWASP, CSV injection)."""
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
