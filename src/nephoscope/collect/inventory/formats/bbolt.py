"""Files of bbolt, the key-value store of podman and containerd: nested buckets of keys and values.

Source: go.etcd.io/bbolt, its description of pages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

_MAGIC = 0xED0CDAED
_BRANCH, _LEAF, _META = 0x01, 0x02, 0x04
_HEAD, _BUCKET_HEAD = 16, 16
_IS_BUCKET = 1
MAX_DEPTH = 60
MAX_KEYS = 1_000_000


class BoltBucket(msgspec.Struct, frozen=True):
    """A bucket: its values and the buckets within it, by their keys."""

    values: dict[bytes, bytes]
    buckets: dict[bytes, BoltBucket]

    def find_bucket(self, *names: str) -> BoltBucket:
        """Return the bucket at a path, an empty one where there is none."""
        found = self
        for name in names:
            found = found.buckets.get(name.encode(), _EMPTY)
        return found

    def get_text(self, name: str) -> str:
        """Return a value as text, '' where there is none."""
        return self.values.get(name.encode(), b"").decode("utf-8", "replace")


_EMPTY = BoltBucket({}, {})


def parse_bolt(content: bytes) -> BoltBucket:
    """Return the root bucket of a store; raises ValueError for one that is damaged or none."""
    try:
        size, root = _read_newest_meta(content)
        return _Store(content, size).read_bucket(root, 0)
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"the store is truncated or damaged: {error}") from error


def _read_newest_meta(content: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", content, _HEAD + 8)
    if not 512 <= size <= 65_536:
        raise ValueError("this is not a bbolt database")
    found: list[tuple[int, int]] = []
    for page in (0, 1):
        at = page * size
        (flags,) = struct.unpack_from("<H", content, at + 8)
        magic, _, _, _, root, _, _, _, transaction = struct.unpack_from("<IIIIQQQQQ", content, at + _HEAD)
        if flags & _META and magic == _MAGIC:
            found.append((transaction, root))
    if not found:
        raise ValueError("this is not a bbolt database")
    return size, max(found)[1]


class _Store:
    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size, self._count = content, size, 0
        self._left = len(content)

    def read_bucket(self, number: int, depth: int, inline: bytes = b"") -> BoltBucket:
        values: dict[bytes, bytes] = {}
        buckets: dict[bytes, BoltBucket] = {}
        for flags, key, value in (
            self._read_items(inline, depth) if inline else self._iterate_page_items(number, depth)
        ):
            self._count_key()
            if flags & _IS_BUCKET:
                (root,) = struct.unpack_from("<Q", value)
                buckets[key] = self.read_bucket(root, depth + 1, b"" if root else value[_BUCKET_HEAD:])
            else:
                values[key] = value
        return BoltBucket(values, buckets)

    def _count_key(self) -> None:
        self._count += 1
        if self._count > MAX_KEYS:
            raise ValueError(f"the store has more than {MAX_KEYS} keys and pages")

    def _iterate_page_items(self, number: int, depth: int) -> Iterator[tuple[int, bytes, bytes]]:
        start = number * self._size
        self._count_key()
        (overflow,) = struct.unpack_from("<I", self._content, start + 12)
        page = self._content[start : start + (overflow + 1) * self._size]
        self._left -= len(page)
        if self._left < 0:
            raise ValueError("pages of the store overlap")
        yield from self._read_items(page, depth)

    def _read_items(self, page: bytes, depth: int) -> Iterator[tuple[int, bytes, bytes]]:
        if depth > MAX_DEPTH:
            raise ValueError(f"the store is deeper than {MAX_DEPTH}")
        flags, count = struct.unpack_from("<HH", page, 8)
        if not flags & (_LEAF | _BRANCH):
            raise ValueError("a page of the store is neither a branch nor a leaf")
        for index in range(count):
            at = _HEAD + index * 16
            if flags & _BRANCH:
                (child,) = struct.unpack_from("<Q", page, at + 8)
                yield from self._iterate_page_items(child, depth + 1)
                continue
            kind, offset, key, value = struct.unpack_from("<IIII", page, at)
            start = at + offset
            if start + key + value > len(page):
                raise ValueError("a value of the store is truncated")
            yield kind, page[start : start + key], page[start + key : start + key + value]
