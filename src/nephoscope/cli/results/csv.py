"""CSV: a header and a row a row; several results have an empty line between them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult

_TEXTS = (KqlType.STRING, KqlType.DYNAMIC)


def render(results: Sequence[QueryResult], out: TextIO, _limit: int) -> None:
    """Write all rows as they are."""
    _write_csv_rows(results, out, format_cell)


def render_escaped_rows(results: Sequence[QueryResult], out: TextIO) -> None:
    """Write all rows; a text that a spreadsheet would run as a formula gets a quote before it."""
    _write_csv_rows(results, out, _escape_cell)


def _write_csv_rows(
    results: Sequence[QueryResult], out: TextIO, cell: Callable[[object, KqlType], str]
) -> None:
    writer = csv.writer(out, lineterminator="\n")
    quoting = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for place, result in enumerate(results):
        if place:
            out.write("\n")
        columns = list_typed_columns(result.table)
        writer.writerow([cell(name, KqlType.STRING) for name, _ in columns])
        for row in iterate_rows(result.table):
            cells = [cell(value, kind) for value, (_, kind) in zip(row, columns, strict=True)]
            # The module quotes a carriage return only where lines end in one, and readers end a line at it.
            (quoting if any("\r" in one for one in cells) else writer).writerow(cells)


def _escape_cell(value: object, kind: KqlType) -> str:
    written = format_cell(value, kind)
    return escape_formula(written) if kind in _TEXTS else written


def escape_formula(value: str) -> str:
    """A spreadsheet runs a cell that begins like a formula: a quote before it makes it text (OWASP, CSV injection)."""
    return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
