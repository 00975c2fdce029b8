"""CSV files with a header of column names, as the portals export them, for the table that is asked for or that `Type` names.

Commas, semicolons, tabs or bars stand between fields; the header says which, or Excel's first line `sep=;`. Log Analytics writes
`TimeGenerated [UTC]` and `6/1/2026, 10:00:00.003 AM`. Format: RFC 4180.
"""

from __future__ import annotations

import io
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from nephoscope.files.separated_values import read_separated_rows, split_first_line
from nephoscope.ingest.logs.log_format import BadRecordError, FileItem, LogRow, RecordFault
from nephoscope.ingest.logs.secret_masking import mask_secrets
from nephoscope.ingest.logs.table_row import TIMES, build_row
from nephoscope.ingest.logs.text_decoding import decode_error, decode_with
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.files.separated_values import SeparatedRow
    from nephoscope.ingest.logs.log_format import StreamContext

_RAW = 4096
#: So many characters of lines are read anew behind quotes that are not closed.
_GIVEN_BACK = 256 * 1024 * 1024
_SEPARATORS = ",;\t|"
_TIMES = frozenset(
    (*(name for name in TIMES if name[0] == "T"), "TimeGenerated [Local Time]", "Timestamp [Local Time]")
)
_LOCAL = " [Local Time]"
#: Downloads of portals whose columns are not those of a table, and what to download in their place.
_DOWNLOADS = (
    (
        frozenset(("Date (UTC)", "Request ID")),
        "this is the portal's CSV of sign-ins, which leaves out what its JSON has: download JSON there",
    ),
    (
        frozenset(("Date (UTC)", "Activity")),
        "this is the portal's CSV of audit logs, which leaves out what its JSON has: download JSON there",
    ),
    (
        frozenset(("Operation name", "Event initiated by", "Time")),
        "this is the portal's CSV of the Activity Log: take its JSON, by `az monitor activity-log list`, or by a source",
    ),
    (
        frozenset(("CreationDate", "AuditData")),
        "this is an export of the audit log of Microsoft 365, whose records are the texts under AuditData: take these, a line each",
    ),
)
_MARK = b"\xef\xbb\xbf"
_SAID = re.compile(r"sep=(.)\s*\Z", re.IGNORECASE)


class _Raw(io.RawIOBase):
    """The stream, of which nothing but read() is asked, and which stays open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _CsvLine(NamedTuple):
    """A line as text: the byte behind it, whether it was no UTF-8, and why it is no text at all."""

    text: str
    end: int
    recoded: bool = False
    wrong: str = ""


class _CsvLines:
    """The lines of a stream; `taken` are those since the last look, `at` is the byte behind the last one.

    `ended` tells whether one more was asked for than there are. Lines that were taken may be given back.
    """

    def __init__(self, stream: BinaryIO, page: str) -> None:
        buffered = io.BufferedReader(_Raw(stream))
        self._text = io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._page = page
        self._read = 0
        self._back: deque[_CsvLine] = deque()
        self._left = _GIVEN_BACK
        self.at = 0
        self.taken: list[_CsvLine] = []
        self.ended = False

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        if self._back:
            line = self._back.popleft()
        elif text := self._text.readline():
            line = self._parse_line(text)
            self._read = line.end
        else:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        self.at = line.end
        return line.text

    def _parse_line(self, text: str) -> _CsvLine:
        if text.isascii():
            return _CsvLine(text, self._read + len(text))
        data = text.encode("utf-8", "surrogateescape")
        end = self._read + len(data)
        try:
            read = decode_with(data, self._page)
        except UnicodeDecodeError as error:
            wrong = decode_error(error, self._page, self._read)
            return _CsvLine(data.decode("utf-8", "backslashreplace"), end, wrong=wrong)
        return _CsvLine(read, end, read != text)

    def is_whole(self) -> bool:
        """Return whether the last line that was taken has its end."""
        return self.taken[-1].text.endswith(("\n", "\r"))

    def forget_lines(self) -> None:
        """Forget the lines so far."""
        self.taken.clear()

    def return_rows_as_lines(self) -> bool:
        """Give all that were taken back but the first; False where that has been done with too much already."""
        behind = self.taken[1:]
        self._left -= sum(len(line.text) for line in behind)
        if self._left < 0 or not behind:
            return False
        self._back.extendleft(reversed(behind))
        del self.taken[1:]
        self.at = self.taken[0].end
        self.ended = False
        return True


@dataclass(frozen=True, slots=True)
class TableCsvFormat:
    """The format of CSV files."""

    name: str = "csv"
    title: str = "CSV with a header of column names (comma, semicolon, tab or bar)"
    tables: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".csv", ".tsv")

    def recognizes_start(self, head: bytes) -> bool:
        """Return whether the first line is a header that names the time of a row."""
        lines = head.removeprefix(_MARK).decode("utf-8", "backslashreplace").split("\n", 2)
        line = lines[1] if _SAID.match(lines[0]) and len(lines) > 1 else lines[0]
        if line[:1] in ("{", "[", "<"):
            return False
        separator = _detect_separator(line, lines[0])
        return bool(separator) and not _TIMES.isdisjoint(_split_names(line, separator))

    def build_rows_of_file(self, stream: BinaryIO, context: StreamContext) -> Iterator[FileItem]:
        """The rows of a file; one that is wrong is a fault, and the rest goes on."""
        return self.read_rows_from(stream, context, 0)

    def read_rows_from(self, stream: BinaryIO, context: StreamContext, at: int) -> Iterator[FileItem]:
        """Read as build_rows_of_file() does, from a byte at which a row ended."""
        lines = _CsvLines(stream, context.encoding)
        source = lines
        said = ""
        header = next(source, "")
        before = 1
        if _SAID.match(header):
            said, header = header, next(source, "")
            before = 2
        try:
            names, separator = _parse_header(header, said, before, context)
        except BadRecordError as error:
            reason = f"the whole file is quarantined: {error.reason}"
            yield FileItem(
                context.make_fault(reason, "", mask_secrets(header[:_RAW])), error.path, refused=True
            )
            return
        while lines.at < at and next(source, None) is not None:
            before += 1
            lines.forget_lines()
        yield from _list_records(lines, before, names, separator, context)


def _list_records(
    lines: _CsvLines, before: int, names: Sequence[str], separator: str, context: StreamContext
) -> Iterator[FileItem]:
    """The rows below a header of so many lines.

    One of several lines that is wrong is set aside with its first line alone: the others are read anew, since a quote that is not
    closed would take them along. Where the file breaks off inside a quote and inside a line, that is the end of a record that is not
    whole: what is in it makes no rows, and it is read from its begin once there is more.
    """
    lines.forget_lines()
    start = lines.at
    for row in read_separated_rows(lines, separator, strict=False):
        several = len(lines.taken)
        if not several:
            break
        wrong = next((line.wrong for line in lines.taken if line.wrong), "")
        item = _assess_row(row, names, context, wrong, lines)
        recoded = any(line.recoded for line in lines.taken)
        if several > 1 and not (isinstance(item, LogRow) and _is_strict(lines, separator)):
            item = _find_unclosed_quote(lines, context, several, item)
        before += len(lines.taken)
        if item:
            sure = start if lines.ended or not lines.is_whole() else lines.at
            yield FileItem(item, f"line {before}", lines.at, recoded and not wrong, sure, lines.ended)
        start = lines.at
        lines.forget_lines()


def _assess_row(
    row: SeparatedRow, names: Sequence[str], context: StreamContext, wrong: str, lines: _CsvLines
) -> LogRow | RecordFault | None:
    """The row of a record's fields, or what is wrong with it; None where it is an empty line."""
    if row.wrong:
        return context.make_fault(f"not CSV: {row.wrong}", "", mask_secrets(lines.taken[0].text[:_RAW]))
    return _read_item(row.cells, names, context, wrong, len(lines.taken) - 1) if row.cells else None


def _find_unclosed_quote(
    lines: _CsvLines, context: StreamContext, several: int, item: LogRow | RecordFault | None
) -> LogRow | RecordFault | None:
    """The first of several lines as what is wrong, where the others can be read anew; else what they are together."""
    text, broken_off = lines.taken[0].text, lines.ended and not lines.is_whole()
    if not broken_off and not lines.return_rows_as_lines():
        return item
    why = (
        f"{item.reason}; "
        if isinstance(item, RecordFault) and "a quote is not closed" not in item.reason
        else ""
    )
    then = "the file breaks off inside it" if broken_off else "they are read again separately"
    reason = f"{why}it takes {several} lines: a quote is not closed; {then}"
    return context.make_fault(
        reason, item.path if isinstance(item, RecordFault) else "", mask_secrets(text[:_RAW])
    )


def _is_strict(lines: _CsvLines, separator: str) -> bool:
    """Return whether quotes stand in the lines of a record only where they begin and end a field."""
    rows = list(read_separated_rows((line.text for line in lines.taken), separator))
    return len(rows) == 1 and not rows[0].wrong


def _detect_separator(line: str, said: str) -> str:
    """Return what stands between fields: what is said, else what makes a header with a time, else what is there most;
    '' = nothing is."""
    match = _SAID.match(said)
    if match:
        return match[1]
    counts = {one: line.count(one) for one in _SEPARATORS if one in line}
    timed = [one for one in counts if not _TIMES.isdisjoint(_split_names(line, one))]
    return max(timed or counts, key=lambda one: counts[one], default="")


def _split_names(line: str, separator: str) -> list[str]:
    return [name.strip() for name in split_first_line(line.rstrip("\r\n"), separator)]


def _parse_header(line: str, said: str, number: int, context: StreamContext) -> tuple[list[str], str]:
    """The names of the columns and what separates them; raises BadRecordError where rows of it would lose something."""
    place = f"line {number}"
    separator = _detect_separator(line, said)
    names = _split_names(line, separator or ",")
    if not separator and names and names[0] in TIMES:
        raise BadRecordError("the header has only one column", place)
    for columns, advice in _DOWNLOADS:
        if columns.issubset(names):
            raise BadRecordError(advice, place)
    if any(name.endswith(_LOCAL) for name in names) and context.zone == UTC:
        raise BadRecordError(
            (
                "its times are local: set their time zone with --zone, such as Europe/Berlin, or export "
                "it in UTC"
            ),
            place,
        )
    if not separator or set(TIMES).isdisjoint(_list_utc_column_names(names)):
        raise BadRecordError(
            f"the header has no time column: name it TimeGenerated; found {', '.join(names)[:200]!r}",
            place,
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise BadRecordError(
            (
                f"the header has a duplicate column: {', '.join(twice)[:200]!r}; rename one; no row of "
                "the file was read"
            ),
            place,
        )
    return [name or f"column {number}" for number, name in enumerate(names, 1)], separator


def _list_utc_column_names(names: Iterable[str]) -> list[str]:
    """The names of columns as an export in UTC has them."""
    return [f"{name.removesuffix(_LOCAL)} [UTC]" if name.endswith(_LOCAL) else name for name in names]


def _convert_to_utc(value: str, context: StreamContext) -> str:
    """A time of the zone that is set, as a time in UTC; what is none as it is."""
    found = parse_moment(value)
    return value if found is None else found.replace(tzinfo=context.zone).astimezone(UTC).isoformat()


def _read_item(
    fields: list[str], names: Sequence[str], context: StreamContext, wrong: str, further: int
) -> LogRow | RecordFault:
    raw = ",".join(fields)[:_RAW]
    while len(fields) > len(names) and not fields[-1]:
        fields.pop()
    if wrong:
        return context.make_fault(wrong, "", raw)
    if len(fields) != len(names):
        hint = f"; it takes {further + 1} lines: a quote is not closed" if further else ""
        if len(fields) > len(names):
            hint = hint or "; a field that contains the separator must be quoted"
        return context.make_fault(
            f"the header has {len(names)} columns, the row {len(fields)}{hint}", "", raw
        )
    fields = [
        _convert_to_utc(field, context) if name.endswith(_LOCAL) else field
        for name, field in zip(names, fields, strict=True)
    ]
    members = {
        name: mask_secrets(value) for name, value in zip(_list_utc_column_names(names), fields, strict=True)
        if value or not name.startswith("column ")
    }  # fmt: skip
    try:
        return build_row(members, context)
    except BadRecordError as error:
        return context.make_fault(error.reason, error.path, raw)


FORMAT = TableCsvFormat()
