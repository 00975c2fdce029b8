"""CSV files with a header of column names, as the portals export them, for the table that is asked for or that `Type` names.

Log Analytics writes `TimeGenerated [UTC]` and `6/1/2026, 10:00:00.003 AM`. Format: RFC 4180.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from nephoscope.sources.logs.format import BadRecordError, FileItem
from nephoscope.sources.logs.secrets import masked
from nephoscope.sources.logs.table_row import TIMES, row_of_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.format import Context, Fault, Row

#: A field is at most as long as a record of the frame may be.
_LONGEST = 32 * 1024 * 1024
_REST = "(more fields than the header)"


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


@dataclass(frozen=True, slots=True)
class TableCsv:
    """The format of CSV files."""

    name: str = "csv"
    title: str = "CSV with a header of column names"
    tables: tuple[str, ...] = ()

    def recognises_start(self, head: bytes) -> bool:
        """Whether the first line is a header that names the time of a row."""
        line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
        if line[:1] in (b"{", b"[", b"<") or b"," not in line:
            return False
        names = {name.strip().strip('"') for name in line.decode("utf-8", "replace").split(",")}
        return bool(names & {name for name in TIMES if name[0] == "T"})

    def file_rows(self, stream: BinaryIO, context: Context) -> Iterator[FileItem]:
        """The rows of a file; one that is wrong is a fault, and the rest goes on."""
        csv.field_size_limit(_LONGEST)
        buffered = io.BufferedReader(_Raw(stream))
        text = io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.DictReader(text, restkey=_REST)
        try:
            for members in reader:
                yield FileItem(_item(members, context), f"line {reader.line_num}")
        except csv.Error as error:
            raise BadRecordError(f"not CSV: {error}", f"line {reader.line_num}") from error


def _item(members: dict[str, str], context: Context) -> Row | Fault:
    table = context.table or members.get("Type")
    if not table:
        return context.bad(
            "the row does not say its table: name it with --table", "Type", str(members)[:4096]
        )
    try:
        row = row_of_members(
            {name: masked(value) if isinstance(value, str) else value for name, value in members.items()},
            table,
        )
    except BadRecordError as error:
        return context.bad(error.reason, error.path, str(members)[:4096])
    return row


FORMAT = TableCsv()
