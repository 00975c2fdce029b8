"""Log format: interface and types (Row, Fault, BadRecordError, Context) of a format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote

from nephoscope.ingest.logs.text_decoding import USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from nephoscope.ingest.logs.address_lookup import AddressLookup
    from nephoscope.model.resource_binding import ResourceBinding

_RESOURCE_ID = re.compile(r"(?:resourceId=)(/SUBSCRIPTIONS/.+?)(?:/y=\d{4}/|/[^/]+\.json|$)", re.IGNORECASE)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_TENANT = re.compile(r"(?:^|/)tenantId=([0-9a-f-]{36})(?:/|$)", re.IGNORECASE)


class LogRow(NamedTuple):
    """A row for a table: `values` by the table's column names, absent ones left out; unknown names reach the table's bag."""

    table: str
    values: dict[str, object]


class RecordFault(NamedTuple):
    """A part of a record that cannot be a row: why, its JSON path within the record, and its text."""

    reason: str
    path: str = ""
    raw: str = ""


class BadRecordError(ValueError):
    """A record that cannot be used at all: `reason`, and `path`, the JSON path within the record ('' = the whole)."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path


class Destination(StrEnum):
    """Destination of resource logs that Azure can write in two ways: tables of their own, AzureDiagnostics, or both."""

    BOTH = "both"
    DEDICATED = "dedicated"
    AZURE_DIAGNOSTICS = "azure-diagnostics"

    @property
    def is_dedicated(self) -> bool:
        """Return whether the tables of their own are written."""
        return self is not Destination.AZURE_DIAGNOSTICS

    @property
    def allows_azure_diagnostics(self) -> bool:
        """Return whether AzureDiagnostics (or another table that a newer one replaced) is written."""
        return self is not Destination.DEDICATED


@dataclass(frozen=True, slots=True)
class StreamContext:
    """Context of a stream beside its bytes.

    `source` is its path, blob or topic; `now` the moment of ingestion (UTC); `zone` what a time without a zone is in (RFC 3164);
    `table` the one that the user asked for ('' = the format decides); `whereabouts` finds the subnet, interface and machine of an
    address in the estate (None = no estate: traffic analytics is not made); `encoding` the code page of text that is no UTF-8;
    `sender` the resource that whoever sends is bound to (None = no one): rows about another are set aside.
    """

    source: str = ""
    now: datetime = _LONG_AGO
    zone: tzinfo = UTC
    table: str = ""
    destination: Destination = Destination.BOTH
    whereabouts: AddressLookup | None = None
    encoding: str = USUAL
    sender: ResourceBinding | None = None

    def make_fault(self, reason: str, path: str = "", raw: object = "") -> RecordFault:
        """A part of a record that is set aside while the rest goes on: `yield context.bad(...)`."""
        return RecordFault(reason, path, raw if isinstance(raw, str) else repr(raw))

    @property
    def resource_id(self) -> str:
        """The id in the path of a diagnostic blob (`.../resourceId=/SUBSCRIPTIONS/.../y=2026/...`), '' where there is none."""
        return _extract_resource_id(self.source)

    @property
    def tenant_id(self) -> str:
        """The tenant in the path of a blob of the directory's or the activity log, '' where there is none."""
        match = _TENANT.search(self.source)
        return match.group(1) if match else ""


@lru_cache(maxsize=1024)
def _extract_resource_id(source: str) -> str:
    match = _RESOURCE_ID.search(unquote(source))
    return match.group(1) if match else ""


class NamedFormat(Protocol):
    """Members that every log format has: `name` as in --format, a `title` of a few words, the `tables` that it writes."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def tables(self) -> tuple[str, ...]: ...  # noqa: D102


@runtime_checkable
class LogFormat(NamedFormat, Protocol):
    """A format of JSON records, each judged by itself: categories mix in one stream."""

    def recognizes(self, record: dict[str, object], /) -> bool:
        """Return whether a record is of this format; never raises, whatever the record holds."""
        ...

    def rows(self, record: Mapping[str, object], context: StreamContext, /) -> Iterator[LogRow | RecordFault]:
        """The rows of a record and the parts of it that cannot be rows; raises BadRecordError, and nothing else."""
        ...


@runtime_checkable
class LineFormat(NamedFormat, Protocol):
    """A format of text, a record a line."""

    def recognizes_line(self, line: str, /) -> bool:
        """Return whether a line (without its end) is of this format; never raises."""
        ...

    def build_rows_of_line(self, line: str, context: StreamContext, /) -> Iterator[LogRow | RecordFault]:
        """The rows of a line; raises BadRecordError, and nothing else."""
        ...


@runtime_checkable
class RowFormat(LogFormat, Protocol):
    """A format of records that are rows of the table that the user asks for, whatever they hold."""

    @property
    def as_requested(self) -> LogFormat:
        """Return the same format, which recognizes every record."""
        ...


class FileItem(NamedTuple):
    """A row or a fault of a file, its place in words, and the byte at which reading may be taken up behind it (-1 = not there).

    `recoded`: its text was no UTF-8. `sure` is the byte behind which nothing changes when more is appended to the file (-1 = not
    there); `open` = what is missing behind that is more than the end of a line. `refused`: the fault is of the file as a whole.
    """

    item: LogRow | RecordFault
    place: str
    end: int = -1
    recoded: bool = False
    sure: int = -1
    open: bool = False
    refused: bool = False


@runtime_checkable
class FileFormat(NamedFormat, Protocol):
    """A format that needs its file as a whole (a header line, a footer): CSV, Parquet.

    A file whose name ends in one of `suffixes` is of it also where its beginning is wrong, unless that is something else.
    """

    @property
    def suffixes(self) -> tuple[str, ...]: ...  # noqa: D102

    def recognizes_start(self, head: bytes, /) -> bool:
        """Return whether a file whose first bytes (at most 64 KiB) these are is of this format; never raises."""
        ...

    def build_rows_of_file(self, stream: BinaryIO, context: StreamContext, /) -> Iterator[FileItem]:
        """The rows of a file; raises BadRecordError (nothing more can be read), and nothing else."""
        ...


@runtime_checkable
class GrowingFileFormat(FileFormat, Protocol):
    """A format of files that grow at their end, below a header."""

    def read_rows_from(self, stream: BinaryIO, context: StreamContext, at: int, /) -> Iterator[FileItem]:
        """Read as build_rows_of_file() does the rows behind byte `at`, where one ended; the stream begins with the header."""
        ...


class ScannedRows(NamedTuple):
    """Rows of many records at once, in storage types; `records` counts the records, `owners` says of each row its record."""

    tables: Mapping[str, pa.Table]
    records: int
    owners: Sequence[int]


@runtime_checkable
class FastFormat(LogFormat, Protocol):
    """A format that can also read whole blocks of records at once."""

    def scan(self, data: bytes, context: StreamContext, /) -> ScannedRows | None:
        """Rows of a block (objects with commas or blanks between them), None = anything odd in it: the records are read one by one."""
        ...


Format = LogFormat | LineFormat | FileFormat
