"""Databases of RPM in the form of Berkeley DB and of ndb, made of a few packages for tests."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

from nephoscope.collect.inventory.formats.rpm_header import (
    ARCHITECTURE,
    EPOCH,
    LICENSE,
    NAME,
    RELEASE,
    REQUIRED,
    SOURCE,
    VERSION,
)

Tags = dict[int, "str | int | list[str]"]
PAGE = 512


def package(name: str, version: str, release: str, **more: str | int | list[str]) -> bytes:
    """Return the header of a package; `more` are the other tags by their names in lower case."""
    known = {
        "epoch": EPOCH,
        "license": LICENSE,
        "architecture": ARCHITECTURE,
        "source": SOURCE,
        "required": REQUIRED,
    }
    tags: Tags = {NAME: name, VERSION: version, RELEASE: release}
    tags |= {known[key]: value for key, value in more.items()}
    return header(tags)


def header(tags: Tags) -> bytes:
    """Return a header with tags of text, numbers and lists of texts."""
    index, data = b"", b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, int):
            data += b"\0" * (-len(data) % 4)
            index += struct.pack(">IIII", tag, 4, len(data), 1)
            data += struct.pack(">I", value)
        else:
            texts = [value] if isinstance(value, str) else value
            index += struct.pack(">IIII", tag, 6 if isinstance(value, str) else 8, len(data), len(texts))
            data += b"".join(text.encode() + b"\0" for text in texts)
    return struct.pack(">II", len(tags), len(data)) + index + data


def ndb(blobs: list[bytes]) -> bytes:
    """Return a database of ndb: one page of slots, then the packages at multiples of 16 bytes."""
    slots, body = b"", b""
    for number, blob in enumerate(blobs, 1):
        offset = 4096 + len(body)
        block = struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        block += b"\0" * (-len(block) % 16)
        slots += struct.pack("<4sIII", b"Slot", number, offset // 16, len(block) // 16)
        body += block
    slots += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - 32 - len(slots)) // 16)
    return b"RpmP" + struct.pack("<III", 0, 1, 1) + b"\0" * 16 + slots + body


def berkeley(blobs: list[bytes], order: str = "<") -> bytes:
    """Return a database of Berkeley DB: a page of the hash table whose values stand on pages of their own, or within it."""
    overflow: list[bytes] = []
    items: list[bytes] = []
    for number, blob in enumerate(blobs):
        items.append(b"\x01" + struct.pack(order + "I", number))
        if len(blob) < 100:
            items.append(b"\x01" + blob)
            continue
        items.append(b"\x03\0\0\0" + struct.pack(order + "II", 2 + len(overflow), len(blob)))
        parts = [blob[at : at + PAGE - 26] for at in range(0, len(blob), PAGE - 26)]
        for at, part in enumerate(parts):
            following = 2 + len(overflow) + 1 if at + 1 < len(parts) else 0
            overflow.append(_page(order, 2 + len(overflow), following, 1, len(part), 7) + part)
    offsets, end = [], PAGE
    for item in items:
        end -= len(item)
        offsets.append(end)
    table = _page(order, 1, 0, len(items), end, 13) + struct.pack(f"{order}{len(offsets)}H", *offsets)
    table = table.ljust(end, b"\0") + b"".join(reversed(items))
    meta = struct.pack(order + "QIII", 0, 0, 0x061561, 9) + struct.pack(order + "I", PAGE) + b"\0\x08\0\0"
    meta = meta.ljust(32, b"\0") + struct.pack(order + "I", 1 + len(overflow))
    return b"".join(page.ljust(PAGE, b"\0") for page in (meta, table, *overflow))


def _page(order: str, number: int, following: int, entries: int, offset: int, kind: int) -> bytes:
    return struct.pack(order + "QIIIHHBB", 0, number, 0, following, entries, offset, 1, kind)


def sqlite(path: Path, blobs: list[bytes]) -> bytes:
    """Return a database of SQLite that was written with a log."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes()
