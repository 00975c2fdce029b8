"""Indicator files: detect the format; each object is an indicator or a rejection with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from nephoscope.files.json_text import JsonTextError, iterate_file_documents
from nephoscope.files.tables.delimited import DelimitedError, DelimitedFile
from nephoscope.ingest.threat_intelligence import csv_indicators, misp, stix
from nephoscope.ingest.threat_intelligence.indicator import BadItemError, IntelItem, RefusedItem, Retraction

FORMATS = ("auto", "stix", "misp", "csv")
LARGEST = 512 << 20
"""Bytes of one file of JSON; a CSV or a file with an object a line is read line by line and may have any size."""
LONGEST_LINE = 16 << 20
_TABLES = frozenset({".csv", ".tsv", ".txt"})


class UnreadableError(ValueError):
    """A file that is none of the formats: where and why."""


@dataclass(frozen=True, slots=True)
class IndicatorFileOptions:
    """Options of reading a file of indicators: format, and for CSV what its columns mean, the delimiter, the encoding.

    What has no confidence gets `confidence` (None = it has none), what has no end holds for so many `days` (0 = for ever).
    """

    form: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = ""
    confidence: int | None = None
    days: int = 0
    source: str = ""


def read_items(
    path: Path, reading: IndicatorFileOptions, now: datetime
) -> Iterator[IntelItem | Retraction | RefusedItem]:
    """Yield what a file holds; UnreadableError where it cannot be read at all."""
    if reading.form == "csv" or (reading.form == "auto" and path.suffix.lower() in _TABLES):
        yield from _read_table(path, reading, now)
        return
    found: Iterator[IntelItem | Retraction | RefusedItem]
    for where, document in _list_documents(path):
        if reading.form == "misp" or (reading.form == "auto" and misp.is_misp(document)):
            found = misp.read_items(document, now, where, reading.confidence)
        else:
            found = stix.read_items(document, now, where)
        yield from (complete_item(one, reading) if isinstance(one, IntelItem) else one for one in found)


def complete_item(one: IntelItem, reading: IndicatorFileOptions) -> IntelItem:
    """The item with the confidence and the end that its source did not give."""
    if one.kind != "indicator":
        return one
    document = dict(one.document)
    confidence, until = one.confidence, one.valid_until
    if confidence is None and reading.confidence is not None:
        confidence = document["confidence"] = reading.confidence
    if until is None and reading.days:
        until = (one.valid_from or one.modified) + timedelta(days=reading.days)
        document["valid_until"] = until.isoformat()
    return replace(one, document=document, confidence=confidence, valid_until=until)


def _read_table(
    path: Path, reading: IndicatorFileOptions, now: datetime
) -> Iterator[IntelItem | RefusedItem]:
    try:
        found = DelimitedFile.open(
            path, delimiter=reading.delimiter, encoding=reading.encoding, comments=True
        )
        columns = csv_indicators.IndicatorColumns.of(
            found, reading.columns, confidence=reading.confidence, days=reading.days, source=reading.source
        )
        yield from csv_indicators.read_items(found, columns, now)
    except (DelimitedError, BadItemError) as error:
        raise UnreadableError(str(error)) from error


def _list_documents(path: Path) -> Iterator[tuple[str, object]]:
    """The document of a file, or one a line, with its place ('' = it is the file); one that is none is a text that says why."""
    try:
        for one in iterate_file_documents(path, LARGEST, LONGEST_LINE):
            yield f"line {one.line}" if one.line else "", one.wrong or one.value
    except JsonTextError as error:
        raise UnreadableError(f"{path}, {error}" if error.line else f"{path}: {error}") from error
