"""Markdown: a table in GitHub's dialect a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult


def render(results: Sequence[QueryResult], out: TextIO, limit: int) -> None:
    """Write the first `limit` rows of each result, and how many there are."""
    for place, result in enumerate(results):
        if place:
            out.write("\n")
        if result.name:
            out.write(f"## {_escape_markdown(result.name)}\n\n")
        columns = list_typed_columns(result.table)
        out.write(_format_line(_escape_markdown(name) for name, _ in columns))
        out.write(_format_line("---" for _ in columns))
        out.writelines(
            _format_line(
                _escape_markdown(format_cell(cell, kind))
                for cell, (_, kind) in zip(row, columns, strict=True)
            )
            for row in iterate_rows(result.table, limit)
        )
        if result.table.num_rows > limit:
            out.write(f"\n{limit} of {result.table.num_rows} rows.\n")


def _format_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escape_markdown(value: str) -> str:
    for mark in "\\`*_{}[]<>#|":
        value = value.replace(mark, "\\" + mark)
    return " ".join(value.split())
