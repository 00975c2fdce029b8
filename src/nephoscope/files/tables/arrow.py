"""Arrow IPC, as a file (also known as Feather) or as a stream."""

from __future__ import annotations

import pyarrow as pa

from nephoscope_kql.types import KqlType

_FILE = b"ARROW1"


def read_arrow(data: bytes) -> pa.Table:
    """The rows of an Arrow file or stream, dictionaries as the values they stand for; ValueError for what is none, or is damaged."""
    buffer = pa.py_buffer(data)
    opened = pa.ipc.open_file(buffer) if data.startswith(_FILE) else pa.ipc.open_stream(buffer)
    with opened as reader:
        rows = reader.read_all()
    # What a file says of its buffers is not checked by reading it.
    rows.validate(full=True)
    for field in rows.schema:
        _check_type(field)
    return rows.cast(pa.schema([_decode_dictionary(field) for field in rows.schema])).combine_chunks()


def _check_type(field: pa.Field) -> None:
    declared = (field.metadata or {}).get(b"kql.type")
    if declared is not None and declared.decode("utf-8", "replace") not in set(KqlType):
        raise ValueError(f"the column {field.name} has the type {declared!r}, which KQL does not support")


def _decode_dictionary(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
