"""Gzip as a stream of what its members hold: a damaged one ends where it is damaged, and those behind it are read.

What a member gave before it was damaged is given too, and a line break behind that, so that no line is made of two. Bounded are the
damaged members and the places that are tried. Source: RFC 1952.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Protocol

MAGIC = b"\x1f\x8b\x08"
_GZIP = 31
_PART = 4 * 1024 * 1024
_INPUT = 64 * 1024
#: How far before the byte at which damage shows a member is looked for: what was truncated is seen in what stands behind it.
_BACK = 256 * 1024
#: A member begins where so many bytes from there on can be unpacked.
_TRIAL = 1024
#: Damaged members and places that are tried in one stream.
_MOST_DAMAGED, _MOST_TRIED = 1000, 10_000
_TOLD = 3


class Readable(Protocol):
    """Byte stream to read from."""

    def read(self, size: int, /) -> bytes | None:
        """At most so many bytes."""


class GzipStream(io.RawIOBase):
    """Decompressed stream of all members of a gzip stream, which continues behind damage.

    At its end it raises EOFError where the last member is cut off and no other was damaged, and gzip.BadGzipFile with
    the offsets of all damaged members.

    `resumed` counts how often reading continued behind damage: the line break there is what one read returns.
    """

    def __init__(self, stream: Readable) -> None:
        super().__init__()
        self._stream = stream
        self._input, self._at = b"", 0
        self._recent = b""
        self._member: zlib._Decompress | None = None
        self._begun = 0
        self._ready = b""
        self._ended = self._seeks = self._holds = False
        self._damage: list[str] = []
        self._tried = self.resumed = 0

    def readable(self) -> bool:
        """Return True: the stream is always readable."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes (-1 = a part), b"" at the end."""
        size = _PART if size < 0 else size
        while size and not self._ready and not self._ended:
            self._ready = self._seek_member() if self._seeks else self._read_next_bytes(size)
        found, self._ready = self._ready[:size], self._ready[size:]
        if size and not found and self._damage:
            raise self._build_damage_error()
        return found

    def _build_damage_error(self) -> Exception:
        if self._damage == [""]:
            return EOFError("the last gzip member is cut")
        damages = [one or "the last one is cut" for one in self._damage[:_TOLD]]
        more = len(self._damage) - _TOLD
        return gzip.BadGzipFile("; ".join([*damages, f"and {more} more"] if more > 0 else damages))

    def _read_next_bytes(self, size: int) -> bytes:
        """Return what comes next of the member, or of one behind it and the zeros that padding leaves."""
        if not self._input and not self._holds and not self._fill_buffer():
            return self._end_member()
        if self._member is None:
            self._pass_bytes(len(self._input) - len(self._input.lstrip(b"\0")))
            if not self._input:
                return b""
            self._member, self._begun, self._recent = zlib.decompressobj(_GZIP), self._at, b""
        before = self._member.copy()
        try:
            found = self._member.decompress(self._input, size)
        except zlib.error as error:
            found = _salvage_member(before, self._input)
            self._skip_member(f"the gzip member at byte {self._begun} is damaged ({error})")
            return found
        rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        self._pass_bytes(len(self._input) - len(rest))
        self._holds = len(found) >= size and not self._member.eof
        if self._member.eof:
            self._member = None
        return found

    def _end_member(self) -> bytes:
        """Go on behind the end of the input, where a member that was cut may have taken others for its own."""
        if self._member is None:
            self._ended = True
            return b""
        self._skip_member("")
        return b""

    def _skip_member(self, what: str) -> None:
        """Give the member up, and look for the next one."""
        self._damage.append(what)
        if len(self._damage) >= _MOST_DAMAGED:
            self._ended = True
        base = self._at - len(self._recent)
        held = self._recent + self._input
        skipped = max(0, self._begun + 1 - base)
        self._input, self._at, self._recent = held[skipped:], base + skipped, b""
        self._member, self._holds, self._seeks = None, False, True

    def _seek_member(self) -> bytes:
        """Go on to where a member begins, or to the end."""
        found = self._input.find(MAGIC)
        if found < 0 or len(self._input) - found < _TRIAL:
            self._input, self._at = self._keep_remaining_input(found)
            if self._fill_buffer():
                return b""
            found = self._input.find(MAGIC)
        if found < 0 or self._tried >= _MOST_TRIED:
            self._ended = True
            return b""
        self._tried += 1
        begins = _starts_member(self._input[found : found + _TRIAL])
        self._pass_bytes(found if begins else found + 1)
        if not begins:
            return b""
        self._seeks = False
        self.resumed += 1
        self._damage[-1] = self._damage[-1] or f"the gzip member at byte {self._begun} is cut"
        self._damage[-1] += f", reading went on at byte {self._at}"
        return b"\n"

    def _keep_remaining_input(self, found: int) -> tuple[bytes, int]:
        """Return what has to be held to look further, and where it stands."""
        kept = found if found >= 0 else max(0, len(self._input) - len(MAGIC) + 1)
        return self._input[kept:], self._at + kept

    def _pass_bytes(self, count: int) -> None:
        self._recent = (self._recent + self._input[:count])[-_BACK:] if count else self._recent
        self._input, self._at = self._input[count:], self._at + count

    def _fill_buffer(self) -> bool:
        data = self._stream.read(_INPUT) or b""
        self._input += data
        return bool(data)


def _salvage_member(member: zlib._Decompress, data: bytes) -> bytes:
    """Return what a member gives before it breaks, in smaller and smaller steps, since one that fails gives nothing."""
    parts: list[bytes] = []
    at, step = 0, 4096
    while step and at < len(data):
        before = member.copy()
        try:
            parts.append(member.decompress(data[at : at + step]))
        except zlib.error:
            member, step = before, step // 8
        else:
            at += step
    return b"".join(parts)


def _starts_member(data: bytes) -> bool:
    """Return whether a member begins so."""
    member = zlib.decompressobj(_GZIP)
    try:
        return bool(member.decompress(data, _INPUT)) or member.eof
    except zlib.error:
        return False
