"""Tar recovery: skip damaged compressed data and continue at the next readable header."""

from __future__ import annotations

import bz2
import lzma
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from nephoscope.files.gzip_stream import GzipStream
from nephoscope.files.snapshot_files import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.files.snapshot_files import ArchiveLimits

_OPENERS: dict[str, Callable[[Any], Any]] = {
    ".tar": lambda raw: raw,
    ".tgz": GzipStream,
    ".gz": GzipStream,
    ".tbz2": bz2.open,
    ".bz2": bz2.open,
    ".txz": lzma.open,
    ".xz": lzma.open,
}
_PART = 1024 * 1024
_MAGIC, _MAGIC_AT = b"ustar", 257


class TapeRuns:
    """The bytes of an archive whose name has a suffix of tar archives.

    `place` is how many unpacked bytes were given or passed over, `failure` why no more can be unpacked ('' = the end of the file).
    FileError where they are more than the archive's own bytes may give.
    """

    def __init__(self, raw: IO[bytes], suffix: str, limits: ArchiveLimits) -> None:
        self._raw, self._limits = raw, limits
        self._stream = _OPENERS[suffix](raw)
        self._read: Callable[[int], bytes] = getattr(self._stream, "read1", self._stream.read)
        self._held = b""
        self._unpacked = self._resumed = 0
        self._gap = self._ended = False
        self.place = 0
        self.failure = ""

    @property
    def is_over(self) -> bool:
        """Return whether all of the run was given."""
        return not self._held and (self._gap or self._ended)

    def read(self, size: int) -> bytes:
        """The next bytes of the run, at most so many; b"" at its end."""
        if not self._held and not self.is_over:
            self._held = self._read_next()
        found, self._held = self._held[:size], self._held[size:]
        self.place += len(found)
        return found

    def start_next_run(self) -> bool:
        """Begin the run behind a damage at the first header there is; False at the end of the file."""
        while self._gap:
            self._gap = False
            if self._to_header():
                return True
        return False

    def _read_next(self) -> bytes:
        """Return what comes next; nothing at a damage, where what gzip puts between members is no part of the archive."""
        try:
            data = self._read(_PART)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            self._ended, self.failure = True, str(error)
            return b""
        self._ended = not data
        resumed = self._stream.resumed if isinstance(self._stream, GzipStream) else 0
        if resumed != self._resumed:
            self._resumed, self._gap = resumed, True
            return b""
        self._unpacked += len(data)
        limits = self._limits
        if self._unpacked > min(limits.unpacked, limits.free + limits.ratio * max(self._raw.tell(), 1)):
            raise FileError(f"unpacks to more than {limits.ratio} times its size or {limits.unpacked} bytes")
        return data

    def _to_header(self) -> bool:
        """Pass over what is no header; False where the run has none."""
        while True:
            at = self._held.find(_MAGIC)
            while at >= 0:
                begin = at - _MAGIC_AT
                if begin >= 0 and len(self._held) < begin + tarfile.BLOCKSIZE:
                    break
                if begin >= 0 and _is_header(self._held[begin : begin + tarfile.BLOCKSIZE]):
                    self._pass_bytes(begin)
                    return True
                at = self._held.find(_MAGIC, at + 1)
            more = self._read_next()
            if not more:
                self._pass_bytes(len(self._held))
                return False
            self._pass_bytes(max(0, len(self._held) - tarfile.BLOCKSIZE))
            self._held += more

    def _pass_bytes(self, count: int) -> None:
        self._held = self._held[count:]
        self.place += count


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
