"""Parquet files whose columns are those of the table that is asked for or that a column `Type` names."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.ingest.logs.log_format import BadRecordError, FileItem
from nephoscope.ingest.logs.secret_masking import mask_value
from nephoscope.ingest.logs.table_row import build_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault, StreamContext

_MAGIC = b"PAR1"
_BATCH = 10_000
#: Text that is no UTF-8 and times that Python has not are found when values are taken out of a batch.
_FAULTS = (pa.ArrowException, OSError, ValueError, OverflowError)
_IN_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableParquetFormat:
    """The format of Parquet files."""

    name: str = "parquet"
    title: str = "Parquet with a table's columns"
    tables: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".parquet",)

    def recognizes_start(self, head: bytes) -> bool:
        """Return whether it begins as Parquet does."""
        return head.startswith(_MAGIC)

    def build_rows_of_file(self, stream: BinaryIO, context: StreamContext) -> Iterator[FileItem]:
        """The rows of a file; raises BadRecordError where it is no Parquet that can be read."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
            source: object = stream
            if not getattr(stream, "seekable", bool)():
                while part := stream.read(1024 * 1024):
                    spooled.write(part)
                spooled.seek(0)
                source = spooled
            try:
                yield from _list_items(pq.ParquetFile(source, page_checksum_verification=True), context)
            except (pa.ArrowException, OSError) as error:
                raise BadRecordError(f"not a readable Parquet file: {error}") from error


def _list_items(file: pq.ParquetFile, context: StreamContext) -> Iterator[FileItem]:
    """The rows of every row group; of one that cannot be read those before what is broken, which is a fault."""
    first = 0
    for group in range(file.num_row_groups):
        behind = first + file.metadata.row_group(group).num_rows
        number = first
        try:
            for batch in file.iter_batches(_BATCH, row_groups=[group]):
                for members in batch.to_pylist():
                    yield FileItem(_read_item(members, context), f"row {number}")
                    number += 1
        except _FAULTS as error:
            reason = (
                f"row group {group} cannot be read up to row {behind - 1}: {' '.join(str(error).split())}"
            )
            yield FileItem(context.make_fault(reason), f"row {number}")
        first = behind


def _read_item(members: dict[str, object], context: StreamContext) -> LogRow | RecordFault:
    try:
        return build_row(mask_value(members), context)
    except BadRecordError as error:
        return context.make_fault(error.reason, error.path, str(members)[:4096])


FORMAT = TableParquetFormat()
