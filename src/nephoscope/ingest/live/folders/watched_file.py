"""Watched file: metadata of a file in a folder, and its text once opened."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from nephoscope.ingest.live.byte_range import SAMPLE, ByteRange, digest, is_tabular, is_wrapped
from nephoscope.ingest.live.decompression import get_compression_suffix
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.live.utf16_recoding import is_wide_encoding, open_text
from nephoscope.ingest.logs.append_detection import hash_head

_PART = 1024 * 1024
_BEGINNING = 64


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file as a look found it: its key is the file itself, whatever it is called."""

    path: Path
    stat: os.stat_result

    @property
    def key(self) -> str:
        """Its checkpoint."""
        return f"file:{self.stat.st_dev}:{self.stat.st_ino}"

    @property
    def state(self) -> str:
        """Return what changes when it is written to."""
        return f"{self.stat.st_size}:{self.stat.st_mtime_ns}"

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def is_plain_file(self) -> bool:
        """Return whether it is a file, and no folder or pipe."""
        return stat.S_ISREG(self.stat.st_mode)


class OpenFile:
    """A file that is open: its bytes up to the size that the look found, as the text that they are."""

    def __init__(self, file: WatchedFile, descriptor: int, stop: Event) -> None:
        self.file, self._descriptor, self._stop = file, descriptor, stop
        self.packing = get_compression_suffix(file.path.name)
        self.size = file.stat.st_size
        beginning = self._fetch_range(0, _BEGINNING)
        self.wrapped, self.wide = is_wrapped(beginning), is_wide_encoding(beginning)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return os.pread(self._descriptor, end - start, start)

    @property
    def is_lined(self) -> bool:
        """Return whether its bytes are lines or records that grow at their end alone."""
        return not (self.packing or self.wide or self.wrapped or is_tabular(self.file.path.name))

    def has_line_end(self, start: int, end: int) -> bool:
        """Return whether a line ends among its own bytes from `start` to `end`."""
        return any(
            b"\n" in part or b"\r" in part
            for part in (self._fetch_range(at, min(at + _PART, end)) for at in range(start, end, _PART))
        )

    def open_range(self, start: int, *, closing: bool) -> ByteRange:
        """Its bytes: from `start` on, where the bytes are the text."""
        whole = self.packing or self.wide
        return ByteRange(0 if whole else start, self.size, self._fetch_range, self._stop, closing=closing)

    def open_text(self, stretch: ByteRange, start: int, *, growing: bool) -> tuple[io.RawIOBase, bool]:
        """The text from byte `start` of it on, and whether its end is left for the next time."""
        return open_text(stretch, start, self.packing, self.wide, growing=growing)

    def read_parts(self, end: int | None = None) -> Iterator[bytes]:
        """Its text from the first byte on, up to byte `end` or its last."""
        stream, _ = self.open_text(self.open_range(0, closing=False), 0, growing=True)
        left = self.byte_count if end is None else end
        while left > 0 and (part := stream.read(min(left, _PART))):
            left -= len(part)
            yield part

    @property
    def byte_count(self) -> int:
        """At least as many bytes as its text has."""
        return self.size if not (self.packing or self.wide) else 1 << 62

    def sample(self, start: int, end: int) -> tuple[int, int, str]:
        """(start, end, digest) of its own bytes."""
        return start, end, digest(self._fetch_range(start, end) if end > start else b"")

    def sample_ends(self, end: int) -> tuple[tuple[int, int, str], tuple[int, int, str]]:
        """Samples of either end of its first bytes."""
        return self.sample(0, min(SAMPLE, end)), self.sample(max(0, end - SAMPLE), end)

    def continues(self, before: Progress, start: bytes, last: int) -> bool:
        """Return whether it, whose text starts so, still begins with what was read of it, of which the lake has `last` bytes.

        One that was truncated or took over the place of another does not.
        """
        if self.packing or is_tabular(self.file.path.name):
            return before.etag in ("", self.file.state)
        if before.content.first not in ("", hash_head(start)):
            return False
        if max(before.offset, last) > self.size and not before.wide:
            return False
        kept = (before.head, before.tail)
        return all(one == (0, 0, "") or self.sample(one[0], one[1]) == one for one in kept)
