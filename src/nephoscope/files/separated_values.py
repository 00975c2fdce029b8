"""Rows of separated values (CSV, TSV and their like) out of lines of text: the one place that knows how cells are quoted.

What the lines are made of (a file of some encoding, a stream, the body of a request) and what the header means is told by who asks.
`externaldata` of the KQL engine, a distribution of its own, reads by itself: as Kusto, it leaves out what it cannot read. Files of
tables become columns in one go by pyarrow (`files/tables/table_files.py`). Format: RFC 4180.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: Characters of a cell; the limit is one of the process, so it is set here and nowhere else.
LONGEST_CELL = 32 * 1024 * 1024
csv.field_size_limit(LONGEST_CELL)


class SeparatedValuesError(ValueError):
    """A row that cannot be read: its line, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class SeparatedRow(NamedTuple):
    """A row: the line on which it ends (from 1) and its cells, none of an empty line; `wrong` says why it is none ('' = it is one)."""

    line: int
    cells: list[str]
    wrong: str = ""

    @property
    def empty(self) -> bool:
        """Return whether it is an empty line."""
        return not self.cells and not self.wrong

    def require_cells(self) -> list[str]:
        """Return the cells; raises SeparatedValuesError where it is no row."""
        if self.wrong:
            raise SeparatedValuesError(self.line, self.wrong)
        return self.cells


def read_separated_rows(
    lines: str | Iterable[str], separator: str = ",", *, strict: bool = True
) -> Iterator[SeparatedRow]:
    """Give the rows of a text or of its lines, which have their ends; each takes no more lines than it has.

    A row that cannot be read is told, and the rows behind it go on. `strict`: quotes stand around whole cells only and are closed.
    """
    source = io.StringIO(lines, newline="") if isinstance(lines, str) else lines
    reader = csv.reader(source, delimiter=separator, strict=strict)
    while True:
        try:
            for cells in reader:
                yield SeparatedRow(reader.line_num, cells)
        except csv.Error as error:
            yield SeparatedRow(reader.line_num, [], str(error))
        else:
            return


def split_first_line(line: str, separator: str) -> list[str]:
    """Return the cells of a line, such as a header, none where it cannot be read."""
    row = next(read_separated_rows((line,), separator, strict=False), None)
    return row.cells if row else []
