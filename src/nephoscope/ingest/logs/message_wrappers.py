"""Message wrappers: unwrap records from Event Hubs, Kafka and exported messages.

A message is an object with its content under `body` or the like: an object, a list, the text of JSON, lines of text, or any of these
in base64; records lie in it at once or under `records`, which may be text again. It is a message only where something in it is
recognized: a row of a table that has a column `body` stays a row.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nephoscope.files.json_value import decode_json, describe_error
from nephoscope.ingest.logs.gzip_messages import unpack_message
from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.query_answer import read_answer
from nephoscope.ingest.logs.record_framing import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.ingest.logs.query_answer import QueryAnswerRow

    #: Whether a record or a line of text is one that a format reads.
    Known = Callable[[dict[str, object] | str], bool]

#: Under what the content lies, the surest first: Event Hubs' clients and Capture, Kafka's tools, shippers of logs, Kubernetes' lists.
_CONTENTS = ("records", "Records", "body", "Body", "payload", "message", "items")
#: How Avro's own JSON writes a value of bytes (a character a byte) or of text.
_BYTES, _STRING = "bytes", "string"
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_DEEPEST = 8
_MOST = 250_000
#: So many are asked for whether a format knows one.
_ASKED = 1000


class WrappedRecord(NamedTuple):
    """A record or a line of text in a message, and its path; with `reason` something that is neither.

    `opened`: it stood in a text, so that no one has looked for secrets in it as it is.
    """

    item: dict[str, Any] | str
    path: str
    opened: bool = False
    reason: str = ""


def unwrap_message(record: dict[str, object], known: Known) -> list[WrappedRecord] | None:
    """Return what is in a message; None where nothing in it is recognized. Raises BadRecordError for one that holds too much."""
    name, rows = _read_content(record), read_answer(record)
    if rows is None and not name:
        return None
    inside = _unwrap_value(record[name], _Way(name, known)) if rows is None else _unwrap_answer(rows)
    found = list(islice(inside, _MOST + 1))
    if not any(not one.reason and known(one.item) for one in found[:_ASKED]):
        return None
    if len(found) > _MOST:
        raise BadRecordError(f"the message holds more than {_MOST} records", name or "tables")
    return found


def _unwrap_answer(rows: Iterator[QueryAnswerRow]) -> Iterator[WrappedRecord]:
    """The rows of an answer to a query."""
    return (WrappedRecord(one.row, one.path, reason=one.reason) for one in rows)


class _Way(NamedTuple):
    """The way into a message: the path so far, how many wraps were taken off, whether one of them was text."""

    path: str
    known: Known
    depth: int = 0
    opened: bool = False

    def descend(self, path: str) -> _Way:
        """Deeper by one wrap."""
        return self._replace(path=path, depth=self.depth + 1)

    def to_record(self, item: dict[str, object] | str, reason: str = "") -> WrappedRecord:
        """Return what is at the end of the way."""
        return WrappedRecord(item, self.path, self.opened, reason)


def _read_content(record: dict[str, object]) -> str:
    """The member under which the content of a message lies, '' where there is none."""
    return next((name for name in _CONTENTS if isinstance(record.get(name), (dict, list, str))), "")


def _unwrap_value(value: object, way: _Way) -> Iterator[WrappedRecord]:
    """Yield what is in a value."""
    if way.depth > _DEEPEST:
        yield way.to_record(_read_object(value), f"its records are wrapped more than {_DEEPEST} times")
    elif isinstance(value, str):
        yield from _unwrap_text(value, way)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unwrap_value(item, way.descend(f"{way.path}[{number}]"))
    elif isinstance(value, dict):
        yield from _unwrap_object(value, way)
    else:
        yield way.to_record({}, "expected a JSON object")


def _read_object(value: object) -> dict[str, object] | str:
    return value if isinstance(value, (dict, str)) else {}


def _unwrap_object(value: dict[str, Any], way: _Way) -> Iterator[WrappedRecord]:
    for name in (_BYTES, _STRING):
        if len(value) == 1 and isinstance(value.get(name), str):
            there = way.descend(f"{way.path}.{name}")
            yield from (
                _unwrap_bytes(value[name], there) if name == _BYTES else _unwrap_text(value[name], there)
            )
            return
    name = "" if way.known(value) else _read_content(value)
    if name:
        yield from _unwrap_value(value[name], way.descend(f"{way.path}.{name}"))
    else:
        yield way.to_record(value)


def _unwrap_text(text: str, way: _Way) -> Iterator[WrappedRecord]:
    way = way._replace(opened=True)
    text = text.strip("\ufeff\0 \t\r\n")
    if text[:1] in ("{", "["):
        yield from _unwrap_json(text, way)
        return
    lines = [line for line in text.splitlines() if line.strip()]
    packed, why = ("", "") if any(map(way.known, lines[:_ASKED])) else _decode_base64(text)
    if packed or why:
        yield from _unwrap_unpacked_message(packed, why, way.descend(way.path))
        return
    for number, line in enumerate(lines, 1):
        yield (way._replace(path=f"{way.path}, line {number}") if len(lines) > 1 else way).to_record(line)


def _unwrap_json(text: str, way: _Way) -> Iterator[WrappedRecord]:
    """The text of JSON is cut as a file is, so that what is broken takes nothing else with it."""
    for block in blocks(io.BytesIO(text.encode("utf-8", "backslashreplace"))):
        for piece in block.pieces:
            data = block.data[piece.start : piece.end]
            alone = len(data) == len(block.data) and piece.place == "line 1"
            separator = "." if piece.place.startswith("records") else ", "
            there = way.descend(way.path if alone else f"{way.path}{separator}{piece.place}")
            value, reason = (None, piece.error) if piece.error else _parse_json(data)
            if reason:
                yield there.to_record(data.decode("utf-8", "backslashreplace"), reason)
            else:
                yield from _unwrap_value(value, there)


def _parse_json(data: bytes) -> tuple[object, str]:
    """The value of a JSON text, or why it is none."""
    try:
        return decode_json(data), ""
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return None, describe_error(str(error))


def _unwrap_bytes(text: str, way: _Way) -> Iterator[WrappedRecord]:
    """Yield what is in bytes that are written a character each; what is no such text is read as it is."""
    try:
        data = text.encode("latin-1")
        content, why = unpack_message(data)
        inner = content.decode()
    except UnicodeError:
        inner, why = text, ""
    yield from _unwrap_unpacked_message(inner, why, way)


def _unwrap_unpacked_message(text: str, why: str, way: _Way) -> Iterator[WrappedRecord]:
    """Yield what is in a text, and why no more of it could be unpacked."""
    yield from _unwrap_value(text, way)
    if why:
        yield way.to_record("", why)


def _decode_base64(text: str) -> tuple[str, str]:
    """The text that is packed in another one, '' where none is, and why no more of it could be unpacked."""
    if not _BASE64.fullmatch(text):
        return "", ""
    content, why = unpack_message(b64decode(text))
    try:
        return content.decode(), why
    except UnicodeDecodeError:
        return "", ""
