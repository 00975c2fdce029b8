"""Byte range of a source as a stream, with its edges recorded and closing brackets withheld."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

from nephoscope.ingest.live.decompression import get_compression_suffix, strip_compression_suffix
from nephoscope.ingest.source_failures import SourceStoppedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PART = 4 * 1024 * 1024
#: How much of each edge is remembered.
SAMPLE = 4096
_KEPT = 64 * 1024
#: A closing, with the blanks around it, is never longer than this.
_HELD = 64
_CLOSING = re.compile(rb"[\s,]*\]\s*(?:\}\s*)?\Z")
_WRAPPED = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*"[Rr]ecords"\s*:\s*\[|\[)')


class ByteRange(io.RawIOBase):
    """Bytes `start` to `end` of something, which `fetch(start, end)` reads.

    `closing`: where they end in `]` or `]}`, these are not handed out, because what is still written goes before them.
    """

    def __init__(
        self, start: int, end: int, fetch: Callable[[int, int], bytes], stop: Event, *, closing: bool
    ) -> None:
        super().__init__()
        self._at, self._end, self._fetch, self._stop, self._closing = start, end, fetch, stop, closing
        self._first = self._start = start
        self._ready = b""
        self._held = b""
        self._head = b""
        self._recent = b""

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, b"" at the end; raises SourceStoppedError."""
        if size < 0:
            return self.readall()
        while not self._ready and self._read_more():
            continue
        found, self._ready = self._ready[:size], self._ready[size:]
        self._remember_bytes(found)
        return found

    def readall(self) -> bytes:
        """All that is left."""
        parts = []
        while part := self.read(_PART):
            parts.append(part)
        return b"".join(parts)

    def readinto(self, buffer: Buffer) -> int:
        """Read as `read` does, into a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _read_more(self) -> bool:
        """Fetch the next part; False at the end."""
        if self._stop.is_set():
            raise SourceStoppedError
        if self._at >= self._end and not self._held:
            return False
        until = min(self._end, self._at + _PART)
        data = self._held + (self._fetch(self._at, until) if until > self._at else b"")
        self._at = until
        self._held = b""
        if not self._closing:
            self._ready = data
        elif self._at < self._end:
            self._ready, self._held = data[:-_HELD], data[-_HELD:]
        else:
            self._ready = _CLOSING.sub(b"", data)
        return bool(self._ready) or self._at < self._end

    def _remember_bytes(self, data: bytes) -> None:
        if len(self._head) < SAMPLE:
            self._head += data[: SAMPLE - len(self._head)]
        self._recent = (self._recent + data)[-_KEPT:]
        self._start += len(data)

    def sample_head(self, end: int) -> tuple[int, int, str]:
        """(start, end, digest) of the first bytes that were read, none of them behind `end`."""
        data = self._head[: max(0, end - self._first)]
        return self._first, self._first + len(data), digest(data)

    def sample_tail(self, end: int) -> tuple[int, int, str]:
        """(start, end, digest) of the last bytes before `end` that are remembered; an empty stretch where none are."""
        base = self._start - len(self._recent)
        if end <= base:
            return end, end, digest(b"")
        data = self._recent[max(0, end - base - SAMPLE) : end - base]
        return end - len(data), end, digest(data)


def is_wrapped(head: bytes) -> bool:
    """Return whether a document that begins so has its records in brackets that are closed at its end."""
    return _WRAPPED.match(head) is not None


def digest(data: bytes) -> str:
    """64 bits over bytes, in hexadecimal: enough to tell two states of one file or blob apart."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def is_tabular(name: str) -> bool:
    """Return whether a file of this name has a header or a footer, without which nothing in it can be read."""
    return strip_compression_suffix(name.lower()).endswith((".csv", ".tsv", ".parquet", ".avro"))


def is_full_read_required(name: str) -> bool:
    """Return whether a file of this name is read only once nobody writes to it any more."""
    return bool(get_compression_suffix(name)) or is_tabular(name)
