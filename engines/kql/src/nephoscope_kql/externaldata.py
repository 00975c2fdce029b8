"""The externaldata operator: source, format and parsing of its text into raw records."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nephoscope_kql.errors import NOWHERE, ExternalDataError, Span

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {"csv": ",", "tsv": "\t", "psv": "|", "scsv": ";", "sohsv": "\x01"}
FORMATS = (*SEPARATORS, "json", "multijson", "txt", "raw", "parquet")
MAX_BYTES = 256 * 1024 * 1024
"""How large a file may be, also unpacked."""
MAX_CELL = 131_072
"""Characters that a separated cell may have: csv's own bound, which another part of the process may have raised."""


@dataclass(frozen=True, slots=True)
class ExternalCell:
    """A column's cell in a record: behind keys and indexes of JSON, at a place of a separated row, or `constant`.

    With none of them it is nowhere: null, or an empty text.
    """

    steps: tuple[str | int, ...] | None = None
    ordinal: int | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class ExternalSource:
    """Files that a query reads: `name` is the table that holds their records inside SQL, with columns `c0`, `c1` ... for `names`.

    A cell is text: as it stands in the file, or JSON text where `nested`. `cells` says where each column's cell stands (empty: by the
    column's name in JSON, by its place in a separated row); `skip_first` and `skip_last` leave out a record of every file.
    """

    name: str
    locations: tuple[str, ...]
    format: str
    names: tuple[str, ...]
    skip_first: bool = False
    span: Span = NOWHERE
    skip_last: bool = False
    cells: tuple[ExternalCell, ...] = ()

    @property
    def is_nested(self) -> bool:
        """Return whether cells are JSON text, found by the name of their column and not by its place."""
        return self.format in ("json", "multijson", "parquet")


class ExternalReader(Protocol):
    """Reads what externaldata names, where that is allowed."""

    def read(self, location: str) -> bytes:
        """The bytes of a location; ExternalDataError where it is not allowed or cannot be read."""
        ...


def detect_format(location: str) -> str:
    """The format that a location's ending says; csv where it says none."""
    name = location.split("?", 1)[0].lower().removesuffix(".gz").removesuffix(".zip")
    ending = name.rsplit(".", 1)[-1]
    return {"jsonl": "json", "log": "txt"}.get(ending, ending if ending in FORMATS else "csv")


def unpack_content(data: bytes, location: str) -> bytes:
    """The content of a gzip or zip file, anything else as it is; ExternalDataError where it is broken or too large."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                return _check_size(file.read(MAX_BYTES + 1), location)
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(archive.infolist()[0]) as inner:
                return _check_size(inner.read(MAX_BYTES + 1), location)
    except (OSError, EOFError, IndexError, RuntimeError, zipfile.BadZipFile) as error:
        raise ExternalDataError(f"{location} cannot be unpacked: {error}") from error
    return _check_size(data, location)


def _check_size(data: bytes, location: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise ExternalDataError(f"{location} is larger than {MAX_BYTES // 2**20} MB")
    return data


def records(source: ExternalSource, data: bytes) -> Iterator[tuple[str | None, ...]]:
    """The records of one file, a cell a column of the source."""
    found = _read_records(source, data)
    return _skip_last_row(found) if source.skip_last else found


def _skip_last_row(found: Iterator[tuple[str | None, ...]]) -> Iterator[tuple[str | None, ...]]:
    kept = next(found, None)
    for one in found:
        if kept is not None:
            yield kept
        kept = one


def _read_records(source: ExternalSource, data: bytes) -> Iterator[tuple[str | None, ...]]:
    if source.format == "parquet":
        yield from _read_bags(_read_parquet(data), source)
        return
    text = data.decode("utf-8-sig", errors="replace")
    if source.format in SEPARATORS:
        yield from _read_separated_lines(text, source)
    elif source.format == "json":
        yield from _read_bags(_parse_values(line for line in text.splitlines() if line.strip()), source)
    elif source.format == "multijson":
        yield from _read_bags(_parse_stream(text), source)
    else:
        lines = [text] if source.format == "raw" else text.splitlines()
        blank = ("",) * (len(source.names) - 1)
        yield from ((line, *blank) for line in lines[source.skip_first :])


def _read_separated_lines(text: str, source: ExternalSource) -> Iterator[tuple[str | None, ...]]:
    width = len(source.names)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=SEPARATORS[source.format])
    for place, row in enumerate(_skip_unreadable_lines(reader)):
        if not row or (source.skip_first and place == 0):
            continue
        if source.cells:
            yield tuple(_read_cell_place(row, cell) for cell in source.cells)
        else:
            yield (*row[:width], *("" for _ in range(width - len(row))))


def _read_cell_place(row: list[str], cell: ExternalCell) -> str:
    if cell.constant is not None:
        return cell.constant
    return row[cell.ordinal] if cell.ordinal is not None and cell.ordinal < len(row) else ""


def _skip_unreadable_lines(reader: Iterable[list[str]]) -> Iterator[list[str]]:
    """The rows that have the format; a row that has not (a cell over the limit) is left out."""
    rows = iter(reader)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if all(len(cell) <= MAX_CELL for cell in row):
            yield row


def _parse_values(texts: Iterable[str]) -> Iterator[object]:
    for text in texts:
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            yield None


def _parse_stream(text: str) -> Iterator[object]:
    """JSON values one after another, the elements of arrays among them; up to where the text is no JSON any more."""
    decoder = json.JSONDecoder()
    place, end = 0, len(text)
    while True:
        while place < end and text[place] in " \t\r\n,":
            place += 1
        if place >= end:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield from value if isinstance(value, list) else (value,)


def _read_bags(values: Iterable[object], source: ExternalSource) -> Iterator[tuple[str | None, ...]]:
    kept = iter(values)
    if source.skip_first:
        next(kept, None)
    cells = source.cells or tuple(ExternalCell((name,)) for name in source.names)
    for value in kept:
        yield tuple(_read_json(_find_value(value, cell)) for cell in cells)


def _find_value(value: object, cell: ExternalCell) -> object:
    """Find the value of a column in a record; None where nothing stands there."""
    if cell.steps is None:
        return cell.constant
    for step in cell.steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def _read_json(value: object) -> str | None:
    return (
        None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    )


def _read_parquet(data: bytes) -> Iterator[object]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        for batch in file.iter_batches():
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise ExternalDataError(f"the file is not Parquet: {error}") from error


def read_table(source: ExternalSource, reader: ExternalReader) -> pa.Table:
    """The records of all locations as an Arrow table of text columns; ExternalDataError at the place of the query that names them."""
    import pyarrow as pa

    rows: list[tuple[str | None, ...]] = []
    for location in source.locations:
        try:
            rows += records(source, unpack_content(reader.read(location), location))
        except ExternalDataError as error:
            raise error.place_at(source.span) from error.__cause__
    columns = list(zip(*rows, strict=True)) or [()] * len(source.names)
    return pa.table(
        {f"c{place}": pa.array(cells, pa.string()) for place, cells in enumerate(columns)},
    )
