"""Databases of RPM: the headers in the hash tables of Berkeley DB, in ndb's slots and in SQLite.

Sources: rpm's lib/backend (ndb), Berkeley DB's page layout (dbinc/db_page.h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HASH_MAGIC, _NDB_MAGIC, _SLOT_MAGIC, _BLOB_MAGIC = 0x061561, b"RpmP", b"Slot", b"BlbS"
_HASH_UNSORTED, _HASH_SORTED, _OVERFLOW = 2, 13, 7
_KEY_DATA, _OFF_PAGE = 1, 3
_PAGE_HEAD, _SLOTS_IN_PAGE = 26, 4096
MAX_BLOB = 64_000_000


def iterate_headers(content: bytes) -> Iterator[bytes]:
    """Give the header of each package of a database; raises ValueError for one that is damaged or none."""
    given = 0
    for blob in _read_blobs(content):
        given += len(blob)
        if given > len(content):
            raise ValueError("packages of the database overlap")
        yield blob


def _read_blobs(content: bytes) -> Iterator[bytes]:
    try:
        if content.startswith(b"SQLite format 3\0"):
            # SQLite is loaded where a database is in its form alone
            from nephoscope.collect.inventory.formats.sqlite_memory import query_rows

            for (blob,) in query_rows(content, "SELECT blob FROM Packages ORDER BY hnum"):
                if not isinstance(blob, bytes):
                    raise ValueError("a package of the database is not a header")
                yield blob
        elif content.startswith(_NDB_MAGIC):
            yield from _read_ndb(content)
        elif len(content) > 72:
            yield from _read_berkeley(content)
        else:
            raise ValueError("the file is empty or too short")
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"the database is truncated or damaged: {error}") from error


def _read_ndb(content: bytes) -> Iterator[bytes]:
    (pages,) = struct.unpack_from("<I", content, 12)
    slots: list[tuple[int, int]] = []
    for at in range(32, min(pages * _SLOTS_IN_PAGE, len(content)), 16):
        magic, index, offset, _ = struct.unpack_from("<4sIII", content, at)
        if magic != _SLOT_MAGIC:
            raise ValueError("a slot of the database has no mark")
        if index:
            slots.append((offset * 16, index))
    for start, index in sorted(slots):
        magic, owner, _, size = struct.unpack_from("<4sIII", content, start)
        if magic != _BLOB_MAGIC or owner != index or start + 16 + size > len(content):
            raise ValueError("a package of the database is truncated, or is another one's")
        yield content[start + 16 : start + 16 + size]


def _read_berkeley(content: bytes) -> Iterator[bytes]:
    order = next(
        (order for order in "<>" if struct.unpack_from(order + "I", content, 12)[0] == _HASH_MAGIC), ""
    )
    if not order:
        raise ValueError("this is not an RPM database")
    (size,) = struct.unpack_from(order + "I", content, 20)
    (last,) = struct.unpack_from(order + "I", content, 32)
    if not 512 <= size <= 65_536:
        raise ValueError(f"the database has pages of {size} bytes: expected a power of 2 from 512 to 65536")
    if (last + 1) * size > len(content):
        raise ValueError("the database is truncated")
    for number in range(1, last + 1):
        page = content[number * size : (number + 1) * size]
        if page[25] in (_HASH_UNSORTED, _HASH_SORTED):
            yield from _iterate_values(content, page, size, order)


def _iterate_values(content: bytes, page: bytes, size: int, order: str) -> Iterator[bytes]:
    (count,) = struct.unpack_from(order + "H", page, 20)
    offsets = struct.unpack_from(f"{order}{count}H", page, _PAGE_HEAD)
    for index in range(1, count, 2):
        start = offsets[index]
        if page[start] == _KEY_DATA:
            value = page[start + 1 : offsets[index - 1]]
        elif page[start] == _OFF_PAGE:
            first, length = struct.unpack_from(order + "II", page, start + 4)
            value = _read_overflow(content, first, length, size, order)
        else:
            continue
        if len(value) > 16:  # the counter of the table is a value too
            yield value


def _read_overflow(content: bytes, number: int, length: int, size: int, order: str) -> bytes:
    if length > MAX_BLOB:
        raise ValueError(f"a package of the database has {length} bytes")
    parts: list[bytes] = []
    seen: set[int] = set()
    while number and number not in seen:
        seen.add(number)
        page = content[number * size : (number + 1) * size]
        if len(page) < size or page[25] != _OVERFLOW:
            raise ValueError("a package of the database is truncated")
        (used,) = struct.unpack_from(order + "H", page, 22)
        parts.append(page[_PAGE_HEAD : _PAGE_HEAD + used])
        (number,) = struct.unpack_from(order + "I", page, 16)
    return b"".join(parts)[:length]
