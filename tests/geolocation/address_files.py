"""Address database of one node for tests: addresses below 128.0.0.0 have a record, the others have none."""

from __future__ import annotations

import struct
from collections.abc import Mapping


def write_database(record: Mapping[str, object], *, kind: str = "GeoLite2-City", built: int = 1) -> bytes:
    """Return a MaxMind DB file with a record."""
    about = {
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": built, "database_type": kind,
        "description": {}, "ip_version": 4, "languages": [], "node_count": 1, "record_size": 24,
    }  # fmt: skip
    found, nothing = 1 + 16, 1
    tree = found.to_bytes(3, "big") + nothing.to_bytes(3, "big")
    numbers = b"".join(
        _encode(name) + (_number(name, one) if isinstance(one, int) else _encode(one))
        for name, one in about.items()
    )
    return tree + bytes(16) + _encode(record) + b"\xab\xcd\xefMaxMind.com" + _head(7, len(about)) + numbers


def _number(name: str, value: int) -> bytes:
    """Return a number of the metadata, in the width that the format wants."""
    if name == "build_epoch":
        return bytes([8, 2]) + struct.pack(">Q", value)
    return _encode(value) if name == "node_count" else bytes([5 << 5 | 2]) + struct.pack(">H", value)


def _encode(value: object) -> bytes:
    match value:
        case str():
            raw = value.encode()
            return _head(2, len(raw)) + raw
        case float():
            return _head(3, 8) + struct.pack(">d", value)
        case int():
            return bytes([6 << 5 | 4]) + struct.pack(">I", value)
        case list():
            return bytes([len(value), 4]) + b"".join(map(_encode, value))
        case dict():
            return _head(7, len(value)) + b"".join(_encode(one) for pair in value.items() for one in pair)
    raise TypeError(type(value))


def _head(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | size]) if size < 29 else bytes([kind << 5 | 29, size - 29])
