"""Files of bbolt with nested buckets, made for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

PAGE = 4096


def bolt(root: Mapping[str, Any]) -> bytes:
    """Return a store: tables are buckets (within each other in line), texts are values; the root has a branch and a leaf."""
    leaf = _leaf(root, 3)
    first = min(root).encode()
    branch = struct.pack("<QHHI", 4, 1, 1, 0) + struct.pack("<IIQ", 16, len(first), 3) + first
    overflow = (len(leaf) - 1) // PAGE
    leaf = struct.pack("<QHHI", 3, 2, len(root), overflow) + leaf[16:]
    pages = [
        _meta(0, 3 if not root else 5 + overflow - 1, 1),
        _meta(1, 4 + overflow, 2),
        b"".ljust(PAGE, b"\0"),
    ]
    branch = struct.pack("<QHHI", 4 + overflow, 1, 1, 0) + branch[16:]
    return b"".join(pages) + leaf.ljust((overflow + 1) * PAGE, b"\0") + branch.ljust(PAGE, b"\0")


def _meta(number: int, root: int, transaction: int) -> bytes:
    head = struct.pack("<QHHI", number, 4, 0, 0)
    body = struct.pack("<IIIIQQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, 9, transaction, 0)
    return (head + body).ljust(PAGE, b"\0")


def _leaf(bucket: Mapping[str, Any], number: int) -> bytes:
    rows, data = b"", b""
    start = 16 * len(bucket)
    for index, (key, value) in enumerate(sorted(bucket.items())):
        is_bucket = isinstance(value, Mapping)
        content = struct.pack("<QQ", 0, 0) + _leaf(value, 0) if is_bucket else str(value).encode()
        offset = start - 16 * index + len(data)
        rows += struct.pack("<IIII", int(is_bucket), offset, len(key.encode()), len(content))
        data += key.encode() + content
    return struct.pack("<QHHI", number, 2, len(bucket), 0) + rows + data
