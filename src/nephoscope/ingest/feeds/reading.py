"""Files of threat intelligence: what they hold is seen by itself, each object is an item or refused with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from nephoscope.files.tables.delimited import Delimited, DelimitedError
from nephoscope.ingest.feeds import misp, stix, table
from nephoscope.ingest.feeds.item import BadItemError, Item, Refusal, Retraction

FORMATS = ("auto", "stix", "misp", "csv")
LARGEST = 512 << 20
"""Bytes of one file of JSON; a CSV or a file with an object a line is read line by line and may have any size."""
LONGEST_LINE = 16 << 20
_TABLES = frozenset({".csv", ".tsv", ".txt"})


class UnreadableError(ValueError):
    """A file that is none of the formats: where and why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: format, and for CSV what its columns mean, the delimiter, the encoding.

    What has no confidence gets `confidence` (None = it has none), what has no end holds for so many `days` (0 = for ever).
    """

    form: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = ""
    confidence: int | None = None
    days: int = 0
    source: str = ""


def items(path: Path, reading: Reading, now: datetime) -> Iterator[Item | Retraction | Refusal]:
    """What a file holds; UnreadableError where it cannot be read at all."""
    if reading.form == "csv" or (reading.form == "auto" and path.suffix.lower() in _TABLES):
        yield from _table(path, reading, now)
        return
    found: Iterator[Item | Retraction | Refusal]
    for where, document in _documents(path):
        if reading.form == "misp" or (reading.form == "auto" and misp.is_misp(document)):
            found = misp.items(document, now, where, reading.confidence)
        else:
            found = stix.items(document, now, where)
        yield from (completed(one, reading) if isinstance(one, Item) else one for one in found)


def completed(one: Item, reading: Reading) -> Item:
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


def _table(path: Path, reading: Reading, now: datetime) -> Iterator[Item | Refusal]:
    try:
        found = Delimited.of(path, delimiter=reading.delimiter, encoding=reading.encoding, comments=True)
        columns = table.Columns.of(
            found, reading.columns, confidence=reading.confidence, days=reading.days, source=reading.source
        )
        yield from table.items(found, columns, now)
    except (DelimitedError, BadItemError) as error:
        raise UnreadableError(str(error)) from error


def _documents(path: Path) -> Iterator[tuple[str, Any]]:
    """The document of a file, or one a line where its first line is one by itself and more follow."""
    with path.open("rb") as file:
        head = file.readline(LONGEST_LINE)
        rest = file.read(1)
    if rest and _is_whole(head):
        yield from _lines(path)
        return
    if path.stat().st_size > LARGEST:
        raise UnreadableError(f"{path}: over {LARGEST >> 20} MiB; cut it, or write one object a line")
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        yield "", msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"{path}{_where(data, str(error))}: {_said(error)}") from error


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.strip():
                continue
            try:
                yield f"line {number}", msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                # an object that is none is refused as any other: the lines after it go on
                yield f"line {number}", f"{_said(error)}: {line[:200].decode('utf-8', 'replace')}"


def _said(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"


def _where(data: bytes, said: str) -> str:
    """Line and column of the byte that a message names."""
    found = re.search(r"byte (\d+)", said)
    if found is None:
        return ""
    before, end = data[: int(found[1])], b"\n"
    return f", line {before.count(end) + 1}, column {len(before) - before.rfind(end)}"
