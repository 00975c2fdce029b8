"""Tables that people keep as text (CSV, TSV, with semicolons or bars): encoding and delimiter found, rows read one by one."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from nephoscope.files.separated_values import read_separated_rows, split_first_line

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
MOST_COLUMNS = 1_000
LONGEST_LINE = 1 << 20
_LOOKED_AT = 50
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class DelimitedError(ValueError):
    """A table that cannot be read: the file, where it is known the line, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class DelimitedLine:
    """A row: the line where it ends in the file, its cells by column; `wrong` says why it is none ('' = it is)."""

    number: int
    cells: dict[str, str]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A file whose first row names the columns. Empty rows and, with `comments`, those that begin with # are passed over."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    comments: bool = False

    @classmethod
    def open(
        cls, path: Path, *, delimiter: str = "", encoding: str = "", comments: bool = False
    ) -> DelimitedFile:
        """Look at the beginning of a file; DelimitedError where it has no columns."""
        chosen = encoding or _detect_encoding(path)
        with _open_text(path, chosen) as file:
            head = [
                line
                for line in islice(_read_lines(file, path), _LOOKED_AT)
                if not _is_line_skipped(line, comments)
            ]
        if not head:
            raise DelimitedError(f"{path}: it is empty; its first row must name the columns")
        found = delimiter or _detect_delimiter(head)
        names = tuple(name.strip() for name in split_first_line(head[0], found))
        _check_column_names(path, names)
        return cls(path, chosen, found, names, comments)

    def __str__(self) -> str:
        return f"{len(self.columns)} columns, {DELIMITERS.get(self.delimiter, repr(self.delimiter))}, {self.encoding}"

    def read_rows(self) -> Iterator[DelimitedLine]:
        """The rows in their order; DelimitedError where the file cannot be read on."""
        read, quotes = 0, 0

        def keep_rows(file: TextIO) -> Iterator[str]:
            nonlocal read, quotes
            for line in _read_lines(file, self.path):
                read += 1
                # a line that begins with # within quotes is part of a cell
                if self.comments and quotes % 2 == 0 and line.lstrip().startswith("#"):
                    continue
                quotes += line.count('"')
                yield line

        with _open_text(self.path, self.encoding) as file:
            filled = (
                row
                for row in read_separated_rows(keep_rows(file), self.delimiter)
                if row.wrong or any(row.cells)
            )
            for place, row in enumerate(filled):
                if row.wrong:
                    raise DelimitedError(f"{self.path}, line {read}: {row.wrong}")
                if place:
                    yield self._build_row(read, row.cells)

    def _build_row(self, number: int, cells: Sequence[str]) -> DelimitedLine:
        if len(cells) != len(self.columns):
            wrong = f"{len(cells)} cells, but {len(self.columns)} columns"
            return DelimitedLine(number, dict(zip(self.columns, cells, strict=False)), wrong)
        return DelimitedLine(number, dict(zip(self.columns, cells, strict=True)))


def _read_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines, none longer than is borne; what is no text in the encoding is told with its place."""
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(LONGEST_LINE + 1)
        except UnicodeError as error:
            raise DelimitedError(
                f"{path}, near line {number}: not {file.encoding}; specify the encoding, such as cp1252"
            ) from error
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise DelimitedError(f"{path}, line {number}: longer than {LONGEST_LINE:,} characters")
        if "\0" in line:
            raise DelimitedError(
                f"{path}, line {number}: contains a NUL byte; specify the encoding, such as utf-16"
            )
        yield line


def _is_line_skipped(line: str, comments: bool) -> bool:
    return not line.strip() or (comments and line.lstrip().startswith("#"))


def _open_text(path: Path, encoding: str) -> TextIO:
    try:
        return path.open(encoding=encoding, newline="")
    except LookupError as error:
        raise DelimitedError(f"encoding '{encoding}' not found") from error


def _detect_encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def _detect_delimiter(lines: Sequence[str]) -> str:
    """The one that cuts most rows into as many cells as the first, and into the most of them; a comma where none does."""

    def score_separator(mark: str) -> tuple[float, int]:
        rows = [row for row in read_separated_rows(lines, mark, strict=False) if not row.empty]
        counts = [len(row.cells) for row in rows]
        if any(row.wrong for row in rows) or counts[0] < 2:
            return 0.0, 0
        return sum(count == counts[0] for count in counts) / len(counts), counts[0]

    return max(DELIMITERS, key=score_separator)


def _check_column_names(path: Path, names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise DelimitedError(f"{path}: {len(names):,} columns; the maximum is {MOST_COLUMNS:,}")
    if "" in names:
        raise DelimitedError(f"{path}: column {names.index('') + 1} has no name")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DelimitedError(f"{path}: two columns are named {twice}")
