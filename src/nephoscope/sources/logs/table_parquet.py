"""Parquet files whose columns are those of the table that is asked for or that a column `Type` names."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.sources.logs.format import BadRecordError, FileItem
from nephoscope.sources.logs.secrets import masked_value
from nephoscope.sources.logs.table_row import row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.format import Context, Fault, Row

_MAGIC = b"PAR1"
_BATCH = 10_000
_IN_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableParquet:
    """The format of Parquet files."""

    name: str = "parquet"
    title: str = "Parquet with a table's columns"
    tables: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".parquet",)

    def recognises_start(self, head: bytes) -> bool:
        """Whether it begins as Parquet does."""
        return head.startswith(_MAGIC)

    def file_rows(self, stream: BinaryIO, context: Context) -> Iterator[FileItem]:
        """The rows of a file; raises BadRecordError where it is no Parquet that can be read."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
            source: Any = stream
            if not getattr(stream, "seekable", bool)():
                while part := stream.read(1024 * 1024):
                    spooled.write(part)
                spooled.seek(0)
                source = spooled
            try:
                yield from _items(pq.ParquetFile(source), context)
            except (pa.ArrowException, OSError) as error:
                raise BadRecordError(f"not Parquet that can be read: {error}") from error


def _items(file: Any, context: Context) -> Iterator[FileItem]:
    number = 0
    for batch in file.iter_batches(_BATCH):
        for members in batch.to_pylist():
            yield FileItem(_item(members, context), f"row {number}")
            number += 1


def _item(members: dict[str, Any], context: Context) -> Row | Fault:
    try:
        return row_of(masked_value(members), context)
    except BadRecordError as error:
        return context.bad(error.reason, error.path, str(members)[:4096])


FORMAT = TableParquet()
