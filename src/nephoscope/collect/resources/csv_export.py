"""Rows of a CSV export, as the portal's Resource Graph Explorer and `Export-Csv` write it: nested values are JSON text.

A spreadsheet that saves one in a European locale separates the cells by semicolons, and `-o tsv` and "Unicode text" by tabs.

Source: https://learn.microsoft.com/azure/governance/resource-graph/first-query-portal
"""

from __future__ import annotations

import codecs
import itertools
import re
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.resources.json_grammar import MAX_RECORD, decode_flat
from nephoscope.files.separated_values import read_separated_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEADER = re.compile(
    rb'\s*(?:#TYPE [^\n]*\n|sep=[^\n]*\n)?\s*("?[A-Za-z_][^"\n{}\[\]:]*"?(?:[,;\t][^\n{}\[\]]*)+)(?:\r?\n|\Z)'
)
_SEPARATORS = ",;\t"
_IDS = frozenset({"id", "resourceid"})
_WITHOUT_IDS = (
    "the table has no column 'id', so that its rows name no resource; the portal's lists of resources leave it out: run "
    '`resources` in Resource Graph Explorer and download that as CSV, export with az graph query -q "resources" --first 1000, page by '
    "page, or nephoscope collect"
)
_SPELLED = {
    one.lower(): one
    for one in ("managedBy", "tenantId", "subscriptionId", "resourceGroup", "extendedLocation", "apiVersion")
}
_EMPTY = frozenset({"", "null"})


class CsvRecord(msgspec.Struct, frozen=True):
    """A row with the line on which it ends; `error` says why it is none."""

    line: int
    text: str
    value: dict[str, object]
    error: str = ""


def is_header(data: bytes) -> bool:
    """Return whether a file that begins with these bytes is a table of separated values."""
    return _HEADER.match(data[:MAX_RECORD]) is not None


def read_rows(chunks: Iterable[bytes]) -> Iterator[CsvRecord]:
    """The rows below the header, a cell that holds JSON decoded and an empty one left out."""
    columns: list[str] = []
    skipped, header, lines = _read_csv_head(_read_lines(chunks))
    for number, cells, wrong in read_separated_rows(lines, detect_separator(header)):
        line = skipped + number
        if wrong:
            yield CsvRecord(line, "", {}, f"cannot be read as a comma-separated table: {wrong}")
            return
        if not cells:
            continue
        if not columns:
            columns = [_spell_column_name(name.strip()) for name in cells]
            if _IDS.isdisjoint(map(str.lower, columns)):
                yield CsvRecord(line, "", {}, _WITHOUT_IDS)
                return
        else:
            yield _build_row(columns, cells, line)


def detect_separator(header: str) -> str:
    """The character between the cells of a header: the first of comma, semicolon and tab that is outside quotes."""
    return next((one for one in re.sub(r'"[^"]*"', "", header) if one in _SEPARATORS), ",")


def _read_csv_head(lines: Iterator[str]) -> tuple[int, str, Iterator[str]]:
    """The number of lines before the header, the header, and the lines from it on; `#TYPE` and `sep=` tell nothing of the rows."""
    skipped = 0
    for line in lines:
        if line.strip() and not line.startswith(("#TYPE", "sep=")):
            return skipped, line, itertools.chain((line,), lines)
        skipped += 1
    return skipped, "", iter(())


def _spell_column_name(name: str) -> str:
    """The name of a column in ARM's spelling; tables of the portal have theirs in capital letters."""
    return _SPELLED.get(name.lower(), name.lower()) if name.isupper() else name


def _build_row(columns: list[str], cells: list[str], line: int) -> CsvRecord:
    text = ",".join(f'"{cell}"' for cell in cells)
    if len(cells) != len(columns):
        return CsvRecord(line, text, {}, f"the row has {len(cells)} cells, the header {len(columns)}")
    value = {
        name: _parse_cell(cell)
        for name, cell in zip(columns, cells, strict=True)
        if cell.strip() not in _EMPTY
    }
    return CsvRecord(line, text, value)


def _parse_cell(text: str) -> object:
    """Return what a cell says: JSON where it is an object or a list, else its text."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    found = decode_flat(text.encode())
    return text if found is None else found


def _read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a stream with their ends; one that is longer than a record is cut there."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (line + "\n" for line in whole)
        if len(rest) > MAX_RECORD:
            yield rest
            rest = ""
    if rest := rest + decoder.decode(b"", final=True):
        yield rest
