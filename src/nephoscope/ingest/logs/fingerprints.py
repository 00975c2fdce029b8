"""Fingerprints of content: prefix hashes at line ends that recognize an older, shorter copy.

What a file grew from is known by its whole content (growth.py); of what it will be cut to, nothing is known beforehand. So with each
load are kept up to 256 places, evenly spread, with the hash of what is before each. Nothing of the content is kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from hashlib import blake2b

    from nephoscope.state.ingestion.ingested_files import IngestedFile

_MOST = 256
_BYTES = 6
_KEY = rb'\{\s*"(?:[^"\\]|\\.){0,256}"'
#: A document of records: what stands before the first of them, and how that begins.
_DOCUMENT = re.compile(rb'\s*(?:\{\s*"(?:[Rr]ecords|value)"\s*:\s*)?\[\s*(%b)' % _KEY)
_CLOSED = re.compile(rb"[\s,]*(?:\]\s*(?:\}\s*)?)?\Z")
_SHAPES = (b"{", b"[")


def mark_from_hash(digest: blake2b) -> str:
    """Return what a hash is kept as in a mark: the beginning of it."""
    return str(digest.hexdigest()[: 2 * _BYTES])


class Fingerprints:
    """Is fed a content once, and chooses its places: behind lines, in a document behind records; of text only outside of quotes."""

    def __init__(self, head: bytes, most: int = _MOST) -> None:
        document = _DOCUMENT.match(head)
        self._most = most
        self.document = document is not None
        self._record = re.compile(rb"\}(?=[\s,]*%b)" % re.escape(document[1])) if document else None
        self.json = head.lstrip()[:1] in _SHAPES
        self._quotes = 0
        self._gap = self._last = 0
        self._kept: list[tuple[int, str]] = []

    def take_next_offset(self, chunk: bytes, at: int, base: int) -> int:
        """Return the offset of the next fingerprint in a chunk behind `at`, -1 where it has none; the chunk begins at byte `base`."""
        begin = max(at, self._last + self._gap - base)
        while 0 <= begin < len(chunk):
            if self._record is not None:
                found = self._record.search(chunk, begin)
                return found.end() if found else -1
            end = chunk.find(b"\n", begin) + 1
            if not end or not self.json or chunk[end : end + 1] == b"{":
                return end or -1
            begin = end
        return -1

    def add_part(self, part: bytes) -> None:
        """So many more bytes were gone over."""
        self._quotes += 0 if self.json else part.count(b'"')

    def add(self, at: int, digest: blake2b) -> None:
        """Keep a place, if it may be one."""
        self._last = at
        if self._quotes % 2:
            return
        self._kept.append((at, mark_from_hash(digest)))
        if len(self._kept) > self._most:
            self._kept = self._kept[1::2]
            self._gap = at // self._most * 2

    def text(self) -> str:
        """The places as they are kept."""
        return " ".join(f"{at:x}:{digest}" for at, digest in self._kept)


class LongerContent(NamedTuple):
    """A longer content that was taken in, of which this one is the beginning up to byte `at`; `whole` = no record is behind that."""

    later: IngestedFile
    at: int
    whole: bool


class LongerContents:
    """The marks of longer contents, compared with a content as it is fed."""

    def __init__(self, marked: Iterable[tuple[IngestedFile, str]]) -> None:
        self._loads: list[tuple[IngestedFile, Mapping[int, str]]] = []
        for one, text in marked:
            pairs = (entry.split(":") for entry in text.split())
            self._loads.append((one, {int(at, 16): digest for at, digest in pairs}))
        self._wanted = sorted({at for _, marks in self._loads for at in marks}, reverse=True)
        self._seen: dict[int, str] = {}

    def find_next_place(self, at: int) -> int:
        """The next place behind byte `at` that is compared; -1 = none is."""
        while self._wanted and self._wanted[-1] <= at:
            self._wanted.pop()
        return self._wanted[-1] if self._wanted else -1

    def compare(self, at: int, digest: blake2b) -> None:
        """Compare what was fed up to a place."""
        self._seen[at] = mark_from_hash(digest)

    def best(self, size: int, tail: bytes, digest: blake2b, *, document: bool) -> LongerContent | None:
        """The longer content of which most is proved to be here; None where all of them differ somewhere."""
        ended = digest.copy()
        ended.update(b"\n")
        seen = self._seen | {size: mark_from_hash(digest), size + 1: mark_from_hash(ended)}
        closed = _CLOSED.search(tail)
        end = size - len(closed.group()) if document and closed else size
        found = [
            LongerContent(one, at, at >= end)
            for one, marks in self._loads
            if one.size > size and (at := _find_shared_size(marks, seen, size))
        ]
        return max(found, key=lambda one: (one.at, one.later.rows), default=None)


def _find_shared_size(marks: Mapping[int, str], seen: Mapping[int, str], size: int) -> int:
    """Up to where a content of that size is the beginning of another; 0 where they differ somewhere, or nothing tells."""
    within = [at for at in marks if at <= size]
    if any(marks[at] != seen.get(at) for at in within):
        return 0
    if marks.get(size + 1) == seen[size + 1]:  # but for the end of its last line
        return size
    return max(within, default=0)
