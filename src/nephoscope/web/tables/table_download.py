"""Tables as files: CSV that no spreadsheet takes for formulas, and Parquet with the types of a query's columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.responses import Response

from nephoscope_kql.cell_formatting import format_cell, list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.run import QueryResult

#: 1970 in ticks of 100 ns since the year 1.
_EPOCH = 621_355_968_000_000_000
#: What a spreadsheet takes for the beginning of a formula, also behind blanks and in the wide letters of East Asian keyboards.
_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROLS = ("\t", "\r", "\n")


class Number(str):
    """A number or a timespan as it is written: never a formula."""

    __slots__ = ()


def build_csv_response(name: str, header: Sequence[str], rows: Iterable[Iterable[object]]) -> Response:
    """A table as a file, written as by `write_csv`."""
    return build_file_response(f"{name}.csv", write_csv(header, rows), "text/csv; charset=utf-8")


def write_csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """Write a table; a text that a spreadsheet would take for a formula begins with ', numbers are as they are."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(map(_read_cell, header))
    for row in rows:
        writer.writerow(map(_read_cell, row))
    return out.getvalue().encode()


def _read_cell(cell: object) -> object:
    if cell is None or isinstance(cell, bool | int | float | Decimal | Number):
        return cell
    said = str(cell)
    formula = said.startswith(_CONTROLS) or said.lstrip().startswith(_FORMULAS)
    return f"'{said}" if formula else said


def build_parquet_response(name: str, result: QueryResult) -> Response:
    """A query's result as Parquet: datetimes are timestamps of microseconds in UTC, timespans and bags the text that KQL writes."""
    columns = list_typed_columns(result.table)
    arrays = [
        _convert_column(column, kind) for column, (_, kind) in zip(result.table.columns, columns, strict=True)
    ]
    table = pa.table(arrays, names=[name for name, _ in columns])
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return build_file_response(f"{name}.parquet", out.getvalue(), "application/vnd.apache.parquet")


def _convert_column(column: pa.ChunkedArray, kind: KqlType) -> pa.ChunkedArray:
    if kind is KqlType.DATETIME:
        since = pc.divide(pc.subtract(column, _EPOCH), 10)
        return since.cast(pa.timestamp("us", "UTC"))
    if kind is KqlType.TIMESPAN:
        return pa.chunked_array(
            [[format_cell(cell, kind) if cell is not None else None for cell in column.to_pylist()]],
            pa.string(),
        )
    return column


def build_file_response(name: str, content: bytes, type_: str) -> Response:
    """A file to be kept; its name is told in ASCII."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "-" for letter in name
    )
    return Response(
        content, media_type=type_, headers={"Content-Disposition": f'attachment; filename="{plain}"'}
    )
