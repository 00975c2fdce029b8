"""The messages of an Avro file, as Event Hubs Capture writes it: one record a message, its content under `Body`.

Such a file may be hostile: no single read is larger than a record may be, packed blocks are refused, and so are schemas that could
say of few bytes that they are many values. Source: https://learn.microsoft.com/azure/event-hubs/explore-captured-avro-files
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from nephoscope.sources.logs.batch import Batch, bad_entry
from nephoscope.sources.logs.envelope import BLOCK, MAX_RECORD, blocks
from nephoscope.sources.logs.format import BadRecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.reader import Reader

MAGIC = b"Obj\x01"
_BODY = "Body"
_PLAIN = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_HINT = "export it as JSON lines"


class _Bounded:
    """A stream as the reader of Avro wants it: as many bytes as it asks for, but never more than a record may have."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = 0

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        if not 0 <= size <= MAX_RECORD:
            raise BadRecordError(f"a value of {size} bytes: over {MAX_RECORD}, or less than none")
        parts, left = [], size
        while left and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        self.at += size - left
        return parts[0] if len(parts) == 1 else b"".join(parts)


def captured(stream: BinaryIO, reader: Reader) -> Iterator[Batch]:
    """The rows of what is in the messages, a batch about 4 MiB of them; what makes the file unreadable is bad, and ends it."""
    source = _Bounded(stream)
    batch, held, number = Batch(-1), 0, 0
    try:
        for number, body in enumerate(_bodies(source), 1):
            batch.add(_read(body, reader), f"message {number}")
            held += len(body)
            if held >= BLOCK:
                yield batch
                batch, held = Batch(-1), 0
    except BadRecordError as error:
        place = f"byte {source.at}, behind message {number}"
        batch.bad.append(bad_entry(reader.context, place, error.reason, "", ""))
        batch.faulty.add(batch.records)
        batch.records += 1
    if batch.records:
        yield batch


def _read(body: bytes, reader: Reader) -> Batch:
    """What is in a message; one without content tells of nothing."""
    batch = Batch(-1)
    for block in blocks(io.BytesIO(body)):
        batch.add(reader.batch(block))
    if not batch.records:
        batch.records = batch.empty = 1
    return batch


def _bodies(source: _Bounded) -> Iterator[bytes]:
    """The contents of the messages; raises BadRecordError where the file can be read no further."""
    import fastavro
    from fastavro.schema import SchemaParseException

    faults = (ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError, struct.error)
    try:
        reader = fastavro.reader(source)  # type: ignore[arg-type]  # all that it asks for is read()
        _check(reader.metadata.get("avro.codec", "null"), reader.writer_schema)
        for record in reader:
            assert isinstance(record, dict)
            yield _bytes(record.get(_BODY))
    except BadRecordError:
        raise
    except (*faults, SchemaParseException, StopIteration, RecursionError) as error:
        raise BadRecordError(f"the Avro file is broken: {type(error).__name__}: {error}"[:300]) from error


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _check(codec: Any, schema: Any) -> None:
    """Refuse what Event Hubs Capture does not write; raises BadRecordError."""
    if codec != "null":
        raise BadRecordError(
            f"the Avro file is packed by {str(codec)[:32]!r}, which Event Hubs Capture does not use: {_HINT}"
        )
    fields = schema.get("fields") if isinstance(schema, dict) and schema.get("type") == "record" else None
    names = {field["name"]: field["type"] for field in fields or ()}
    if not names or not all(_is_plain(kind) for kind in names.values()) or not _has_content(names.get(_BODY)):
        raise BadRecordError(
            f"the Avro file is not one of Event Hubs Capture, whose messages have bytes under {_BODY}: {_HINT}"
        )


def _has_content(kind: Any) -> bool:
    """Whether a type is bytes or text, or may be absent."""
    kinds = kind if isinstance(kind, list) else [kind]
    return all(one in ("bytes", "string", "null") for one in kinds) and kinds != ["null"]


def _is_plain(kind: Any) -> bool:
    """Whether a type is a scalar, or a union or map of scalars: no value of it takes more room than its bytes."""
    if isinstance(kind, list):
        return all(_is_plain(one) for one in kind)
    if isinstance(kind, dict):
        return (kind.get("type") == "map" and _is_plain(kind.get("values"))) or kind.get("type") in _PLAIN
    return kind in _PLAIN
