"""UTF-16 and UTF-32 text with a byte order mark, recoded to UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING

from nephoscope.ingest.live.decompression import UnpackedStream

if TYPE_CHECKING:
    from nephoscope.ingest.live.byte_range import ByteRange

_PART = 1024 * 1024
_WIDER = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_MARKS = (*_WIDER, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_text(
    stretch: ByteRange, start: int, packing: str, is_wide: bool, *, growing: bool
) -> tuple[io.RawIOBase, bool]:
    """The stream of a file's text from byte `start` on, and whether its end is left for the next time.

    `packing` as packing.packed() has it. A stretch that is neither packed nor wide begins at `start`, another one at the first byte.
    """
    if packing:
        return RecodedStream(UnpackedStream(stretch, packing), start, growing=False), False
    return (RecodedStream(stretch, start, growing=growing) if is_wide else stretch), growing


def explain_damaged_text(stream: io.RawIOBase) -> str:
    """Explain why a stream of as_text() ended early, '' where it did not."""
    return stream.damage if isinstance(stream, RecodedStream) else ""


def is_wide_encoding(head: bytes) -> bool:
    """Return whether a text that begins so is in UTF-16 or UTF-32."""
    return head.startswith(_MARKS)


class RecodedStream(io.RawIOBase):
    """A stream from its first byte on, as its text in UTF-8 from byte `start` of that on; without a mark, as it is.

    `growing`: a character that is cut at the end is left for the next time; else `damage` says so ('' = nothing is wrong).
    """

    def __init__(self, stream: io.RawIOBase, start: int, *, growing: bool) -> None:
        super().__init__()
        self._stream, self._skip, self._growing = stream, start, growing
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = self._ended = False
        self._ready = b""
        self._damage = ""

    @property
    def damage(self) -> str:
        """See above; also what ended the stream that is recoded."""
        return self._damage or (self._stream.damage if isinstance(self._stream, UnpackedStream) else "")

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes (-1 = a part), b"" at the end."""
        while not self._ready and not self._ended:
            self._ready = self._read_next()
            passed = min(self._skip, len(self._ready))
            self._skip -= passed
            self._ready = self._ready[passed:]
        found = self._ready if size < 0 else self._ready[:size]
        self._ready = self._ready[len(found) :]
        return found

    def _read_next(self) -> bytes:
        part = self._stream.read(_PART) or b""
        if not self._begun:
            part = self._begin_recoding(part)
        self._ended = not part
        if self._decoder is None:
            return part
        try:
            return self._decoder.decode(part, self._ended and not self._growing).encode()
        except UnicodeError as error:
            self._ended = True
            self._damage = f"begins with a UTF-16 or UTF-32 byte order mark, but what follows is not in that encoding: {error}"
            return b""

    def _begin_recoding(self, part: bytes) -> bytes:
        """The first part, of four bytes at least where there are so many; they say how to go on."""
        self._begun = True
        while len(part) < len(codecs.BOM_UTF32_LE) and (more := self._stream.read(_PART)):
            part += more
        if is_wide_encoding(part):
            self._decoder = codecs.getincrementaldecoder("utf-32" if part.startswith(_WIDER) else "utf-16")()
        return part
