"""Entries of a tar stream, read once from front to back within bounds.

Source: POSIX pax(1) and the manual of GNU tar. The standard library's reader takes the header of an extended entry into memory whole,
whatever size it claims, so that hostile layers need one with bounds.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, Protocol

from nephoscope.collect.images.errors import ImageError

BLOCK = 512
#: An extended header, or a long name, of more bytes is refused.
MAX_HEADER = 1_048_576
MAX_ENTRIES = 5_000_000
#: The most headers that speak of one and the same entry.
MAX_EXTENSIONS = 32
_CHUNK = 1_048_576
_AHEAD = 262_144
_ZEROS = bytes(BLOCK)
_BLANKS = b" " * 8
_ADLER = 65_521
_MOST_SUM = BLOCK * 255


class ByteStream(Protocol):
    """A stream that is read from front to back."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to so many bytes; none at the end."""
        ...


class EntryKind(Enum):
    """The kind of an entry."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    SPARSE = "sparse"
    OTHER = "other"


_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,
    b"1": EntryKind.HARDLINK,
    b"2": EntryKind.SYMLINK,
    b"5": EntryKind.DIRECTORY,
    b"S": EntryKind.SPARSE,
}


_MOST_DIGITS = 18
#: What is kept of extended headers; whatever else they say is not held.
_RECORDS = ("path", "linkpath", "size", "uid", "gid", "GNU.sparse.name")
_SPARSE = "GNU.sparse."


class TarEntry(NamedTuple):
    """An entry: its path as it was written, what it is, the bytes of its content, its permissions, what a link points to.

    `offset` is where the content begins, in bytes from the beginning of the stream; `uid` and `gid` are -1 where they are no numbers.
    """

    path: str
    kind: EntryKind
    size: int
    mode: int
    link: str
    offset: int
    uid: int = 0
    gid: int = 0


class TarStream:
    """The entries of a tar stream; the content of an entry can be read until the next one is asked for."""

    def __init__(self, stream: ByteStream, what: str, most: int = MAX_ENTRIES) -> None:
        """Read from a stream at most so many entries; `what` names it in errors."""
        self._stream, self.what, self._most = stream, what, most
        self._left = 0
        self._padding = 0
        self._buffer = b""
        self._at = 0
        self._position = 0

    def read_content(self, limit: int) -> bytes:
        """Read the content of the entry that was given last, at most so many bytes of it; raises ImageError where the stream ends."""
        wanted = min(limit, self._left)
        content = self._read_exactly(wanted)
        self._left -= wanted
        return content

    def peek_content(self, limit: int) -> bytes:
        """Return the first bytes of what is left of the entry's content, so that they can still be read; raises ImageError."""
        wanted = min(limit, self._left, _AHEAD)
        content = self._read_exactly(wanted)
        if self._at < wanted:  # what was read ahead begins behind them
            self._buffer, self._at = content + self._buffer[self._at :], wanted
        self._at -= wanted
        self._position -= wanted
        return content

    def __iter__(self) -> Iterator[TarEntry]:
        """Yield entry after entry; raises ImageError for what is no tar."""
        for _ in range(self._most):
            entry = self._read_next_entry()
            if entry is None:
                return
            yield entry
        raise ImageError(f"{self.what} has more than {self._most} entries")

    def _read_next_entry(self) -> TarEntry | None:
        extended: dict[str, str] = {}
        for _ in range(MAX_EXTENSIONS):
            self._skip_remaining_bytes()
            header = self._read_header()
            if header is None:
                return None
            size, kind = _read_number(header[124:136], self.what), header[156:157]
            if kind in (b"x", b"X", b"L", b"K", b"g"):
                extended |= self._read_extension(kind, size)
                continue
            return self._open_entry(header, kind, size, extended)
        raise ImageError(f"{self.what} has more than {MAX_EXTENSIONS} headers for one entry")

    def _open_entry(self, header: bytes, kind: bytes, size: int, extended: dict[str, str]) -> TarEntry:
        if "size" in extended:
            size = self._parse_size(extended["size"])
        found = _KINDS.get(kind, EntryKind.OTHER)
        if found in (EntryKind.DIRECTORY, EntryKind.SYMLINK, EntryKind.HARDLINK):
            size = 0
        if found is EntryKind.SPARSE:
            self._skip_sparse_map(header)
        if _SPARSE in extended:
            found = EntryKind.SPARSE
        self._left, self._padding = size, -size % BLOCK
        path = extended.get("GNU.sparse.name") or extended.get("path") or _read_name(header)
        link = extended.get("linkpath") or _decode_text(header[157:257])
        mode = _read_known_number(header[100:108])
        if mode < 0:
            mode = _read_number(header[100:108], self.what)
        uid = _parse_owner(extended["uid"]) if extended.get("uid") else _read_known_number(header[108:116])
        gid = _parse_owner(extended["gid"]) if extended.get("gid") else _read_known_number(header[116:124])
        return TarEntry(path, found, size, mode, link, self._position, uid, gid)

    def _parse_size(self, text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
            raise ImageError(f"{self.what} has an extended header with the invalid size {text[:20]!r}")
        return int(text)

    def _read_extension(self, kind: bytes, size: int) -> dict[str, str]:
        """Return what an entry says of the next one; global headers tell nothing that counts here."""
        if size > MAX_HEADER:
            raise ImageError(f"{self.what} has a header of {size} bytes, more than {MAX_HEADER}")
        content = self._read_exactly(size)
        self._read_exactly(-size % BLOCK)
        if kind == b"g":
            return {}
        if kind in (b"L", b"K"):
            return {"path" if kind == b"L" else "linkpath": _decode_text(content)}
        return self._read_records(content)

    def _read_records(self, content: bytes) -> dict[str, str]:
        """Return the records of an extended header: `length name=value`, the length that of the whole."""
        records: dict[str, str] = {}
        place = 0
        while place < len(content):
            digits, space, _ = content[place : place + 20].partition(b" ")
            if not space or not digits.isdigit() or int(digits) < len(digits) + 3:
                raise ImageError(
                    f"{self.what} has an extended header that cannot be read at byte {place + 1}"
                )
            record = content[place + len(digits) + 1 : place + int(digits)].removesuffix(b"\n")
            written, _, value = record.partition(b"=")
            name = written.decode("utf-8", "replace")
            if name.startswith(_SPARSE):
                records[_SPARSE] = ""
            if name in _RECORDS:
                records[name] = value.decode("utf-8", "surrogateescape")
            place += int(digits)
        return records

    def _skip_sparse_map(self, header: bytes) -> None:
        """Step over the blocks that go on with the map of an old sparse entry."""
        more = header[482:483] != b"\0"
        while more:
            more = self._read_exactly(BLOCK)[504:505] != b"\0"

    def _skip_remaining_bytes(self) -> None:
        left = self._left + self._padding
        self._position += left
        self._left = self._padding = 0
        ahead = len(self._buffer) - self._at
        if left <= ahead:
            self._at += left
            return
        self._buffer, self._at = b"", 0
        left -= ahead
        while left:
            content = self._stream.read(min(left, _CHUNK))
            if not content:
                raise ImageError(f"{self.what} ends in the middle of an entry")
            left -= len(content)

    def _read_header(self) -> bytes | None:
        """Return the next header; None at the two empty blocks, or where the stream ends without them."""
        header = self._read_exactly(BLOCK, may_end=True)
        if not header or header == _ZEROS:
            return None
        if not _has_checksum(header, _read_number(header[148:156], self.what)):
            raise ImageError(f"{self.what} is not a tar archive: a header has a wrong checksum")
        return header

    def _read_exactly(self, size: int, may_end: bool = False) -> bytes:
        end = self._at + size
        if end > len(self._buffer):
            return self._read_more_bytes(size, may_end)
        taken = self._buffer[self._at : end]
        self._at = end
        self._position += size
        return taken

    def _read_more_bytes(self, size: int, may_end: bool) -> bytes:
        """Take more than was read ahead; a large content is held once, not in pieces beside the whole."""
        taken = io.BytesIO()
        if size > _CHUNK:  # its room is made at once: what grows is copied, and leaves holes behind that stay
            taken.seek(size - 1)
            taken.write(b"\0")
            taken.seek(0)
        taken.write(self._buffer[self._at :])
        self._buffer, self._at = b"", 0
        while left := size - taken.tell():
            content = self._stream.read(_CHUNK if left > _CHUNK else _AHEAD)
            if not content:
                break
            taken.write(content[:left])
            if len(content) > left:
                self._buffer, self._at = content, left
        self._position += taken.tell()
        if taken.tell() == size or (may_end and not taken.tell()):
            return taken.getvalue()
        raise ImageError(f"{self.what} ends in the middle of an entry")


def _has_checksum(header: bytes, stated: int) -> bool:
    """Return whether the bytes of a header come to the sum that it tells, those of the sum itself counted as blanks.

    The lower half of Adler-32 is one more than the sum of the bytes, modulo 65,521: Python adds them up twenty times as slowly.
    """
    adler = zlib.adler32(header[156:], zlib.adler32(_BLANKS, zlib.adler32(header[:148])))
    return stated <= _MOST_SUM and (stated + 1) % _ADLER == adler & 0xFFFF


def _read_number(field: bytes, what: str) -> int:
    """Return a number of a header: octal digits, or, with the first bit set, 256 to a digit; raises ImageError for other text."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") & 0x7FFF_FFFF_FFFF_FFFF
    digits = field.rstrip(b"\0 ")
    if not digits.isdigit():
        digits = digits.split(b"\0", 1)[0].strip()
    if digits.strip(b"01234567"):
        raise ImageError(f"{what} is not a tar archive: a header has {digits[:12]!r} instead of a number")
    return int(digits, 8) if digits else 0


@lru_cache(maxsize=4096)
def _read_known_number(field: bytes) -> int:
    """Return a number of a header that repeats from entry to entry (a mode, an owner); -1 for other text."""
    try:
        return _read_number(field, "")
    except ImageError:
        return -1


def _parse_owner(text: str) -> int:
    """Return the number of an owner of an extended header; -1 for other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else -1


def _decode_text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _read_name(header: bytes) -> str:
    """Return the path of a header; only POSIX's own kind has a prefix."""
    prefix = _decode_text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{_decode_text(header[:100])}" if prefix else _decode_text(header[:100])
