"""Avro capture files of Event Hubs: one record per message, content under `Body`.

Such a file may be hostile: no single read is larger than a record may be, packed blocks are refused, and so are schemas that could
say of few bytes that they are many values. Source: https://learn.microsoft.com/azure/event-hubs/explore-captured-avro-files
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from nephoscope.ingest.logs.avro_blocks import BoundedStream, BrokenBlock, iterate_messages
from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.record_framing import BLOCK
from nephoscope.ingest.logs.row_batch import LogBatch, quarantine_entry
from nephoscope.ingest.logs.stream_window import StreamWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.ingest.logs.log_format import StreamContext

MAGIC = b"Obj\x01"
_BODY = "Body"
_PLAIN = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_HINT = "export it as JSON lines"
_HEADER = {
    "type": "record",
    "name": "Header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": 4}},
        {"name": "meta", "type": {"type": "map", "values": "bytes"}},
        {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": 16}},
    ],
}


def read_captured_messages(
    stream: BinaryIO, context: StreamContext, read: Callable[[bytes], LogBatch]
) -> Iterator[LogBatch]:
    """The rows that `read` finds in the messages, a batch about 4 MiB of them; what is broken is bad, and the rest goes on."""
    batch, held, number = LogBatch(-1), 0, 0
    for one in _read_contents(stream):
        if isinstance(one, BrokenBlock):
            place = f"byte {one.at}, behind message {number}"
            batch.bad.append(quarantine_entry(context, place, one.reason, one.raw, ""))
            batch.faulty.add(batch.records)
            batch.records += 1
            continue
        number += 1
        batch.add(read(one), f"message {number}")
        held += len(one)
        if held >= BLOCK:
            yield batch
            batch, held = LogBatch(-1), 0
    if batch.records:
        yield batch


def _read_contents(stream: BinaryIO) -> Iterator[bytes | BrokenBlock]:
    """The contents of the messages, and what is broken."""
    source = BoundedStream(stream)
    try:
        schema, marker = _read_header(source)
    except BadRecordError as error:
        yield BrokenBlock(source.at, error.reason, b"")
        return
    for one in iterate_messages(StreamWindow(stream, source.at), schema, marker):
        yield one if isinstance(one, BrokenBlock) else _encode_body(one.get(_BODY))


def _read_header(source: BoundedStream) -> tuple[object, bytes]:
    """The schema of the messages and the marker between blocks; raises BadRecordError."""
    import fastavro
    from fastavro.schema import SchemaParseException

    faults = (ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError, struct.error)
    try:
        header: Any = fastavro.schemaless_reader(source, _HEADER)  # type: ignore[arg-type]
        meta = header["meta"]
        schema = msgspec.json.decode(meta["avro.schema"])
        _check_avro_capture(meta.get("avro.codec", b"null").decode(), schema)
        return fastavro.parse_schema(schema), header["sync"]
    except BadRecordError:
        raise
    except EOFError as error:
        raise BadRecordError("the Avro file is damaged: it ends inside its header") from error
    except (*faults, SchemaParseException, RecursionError) as error:
        raise BadRecordError(f"the Avro file is damaged: invalid header: {error}"[:300]) from error


def _encode_body(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _check_avro_capture(codec: object, schema: object) -> None:
    """Refuse what Event Hubs Capture does not write; raises BadRecordError."""
    if codec != "null":
        raise BadRecordError(
            f"the Avro file is compressed with {str(codec)[:32]!r}, which Event Hubs Capture does not use: {_HINT}"
        )
    fields = schema.get("fields") if isinstance(schema, dict) and schema.get("type") == "record" else None
    names = {field["name"]: field["type"] for field in fields or ()}
    if not names or not all(_is_plain(kind) for kind in names.values()) or not _has_content(names.get(_BODY)):
        raise BadRecordError(
            f"the Avro file is not one of Event Hubs Capture, whose messages have bytes under {_BODY}: {_HINT}"
        )


def _has_content(kind: object) -> bool:
    """Return whether a type is bytes or text, or may be absent."""
    kinds = kind if isinstance(kind, list) else [kind]
    return all(one in ("bytes", "string", "null") for one in kinds) and kinds != ["null"]


def _is_plain(kind: object) -> bool:
    """Return whether a type is a scalar, or a union or map of scalars: no value of it takes more room than its bytes."""
    if isinstance(kind, list):
        return all(_is_plain(one) for one in kind)
    if isinstance(kind, dict):
        return (kind.get("type") == "map" and _is_plain(kind.get("values"))) or kind.get("type") in _PLAIN
    return kind in _PLAIN
