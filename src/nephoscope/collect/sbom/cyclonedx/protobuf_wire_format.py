"""Protocol buffers on the wire: a message as a tree, fields that are not known are passed over."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.collect.sbom.cyclonedx.protobuf_messages import ENUMERATIONS, MESSAGES, Field
from nephoscope.collect.sbom.cyclonedx.protobuf_to_json import finish_message, set_field
from nephoscope.files.json_tree import Tree

MAX_DEPTH = 100
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_message(content: bytes, message: str = "Bom", depth: int = 0) -> Any:
    """Read a message of a name; UnreadableBillError with the byte where it is cut or is none."""
    if depth > MAX_DEPTH:
        raise UnreadableBillError(f"its messages nest deeper than {MAX_DEPTH}")
    tree: Tree = {}
    for number, wire, value in _read_fields(content):
        field = MESSAGES[message].get(number)
        if field:
            for one in _decode_values(field, wire, value, depth):
                set_field(tree, field, one)
    return finish_message(message, tree)


def _read_fields(content: bytes) -> Iterator[tuple[int, int, object]]:
    """Give number, wire type and value of each field."""
    at = 0
    while at < len(content):
        tag, at = _read_varint(content, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _read_varint(content, at)
            yield number, wire, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            length, at = _read_varint(content, at)
        if length is None or at + length > len(content) or not number:
            raise UnreadableBillError(
                f"byte {at} of a message is not one of protocol buffers, or the message is cut"
            )
        yield number, wire, content[at : at + length]
        at += length


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Return the number at a byte and the byte after it."""
    value = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise UnreadableBillError(
        f"byte {at} of a message is not a number of protocol buffers, or the message is cut"
    )


def _decode_values(field: Field, wire: int, value: Any, depth: int) -> Iterator[object]:
    """Give the values of one field: several where numbers are packed."""
    if field.kind in MESSAGES:
        if wire == _BYTES:
            yield read_message(value, field.kind, depth + 1)
    elif field.kind == "text":
        if wire == _BYTES:
            yield _decode_text(value)
    elif field.kind == "number":
        if wire == _FIXED64:
            yield struct.unpack("<d", value)[0]
    elif wire in {_VARINT, _BYTES}:
        yield from (
            _convert_number(field, one)
            for one in ([value] if wire == _VARINT else _read_packed_numbers(value))
        )


def _read_packed_numbers(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _read_varint(content, at)
        yield value


def _convert_number(field: Field, value: int) -> object:
    """Return an integer with its sign, or the word of an enumeration."""
    if field.kind in ENUMERATIONS:
        return ENUMERATIONS[field.kind].convert_number_to_json(value)
    return value - (1 << 64) if value >> 63 else value


def _decode_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise UnreadableBillError("a text of a message is not UTF-8") from None
