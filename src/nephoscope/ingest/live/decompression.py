"""Decompression of gzip, bzip2, xz and zstd files by file extension."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from nephoscope.files.gzip_stream import GzipStream

_PART = 4 * 1024 * 1024
_INPUT = 64 * 1024
_FAULTS = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError)


class _PackedMember(Protocol):
    """One packed member: gives at most so many bytes for what it is given, keeps what it did not use."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, limit: int) -> bytes: ...


_MEMBERS: dict[str, Callable[[], Any]] = {
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
}
ENDINGS = (".gz", *_MEMBERS, ".zst")


class UnpackedStream(io.RawIOBase):
    """A packed stream as what is packed in it; `damage` says why it ended early ('' = it did not). `packing` as of `packed`."""

    def __init__(self, stream: io.RawIOBase, packing: str) -> None:
        super().__init__()
        self._input = _Input(stream)
        self._parts = _iterate_parts(self._input, packing)
        self.damage = ""

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes (-1 = a part), b"" at the end."""
        if self.damage:
            return b""
        try:
            found: bytes = self._parts.read(_PART if size < 0 else size)
            return found
        except EOFError:
            self.damage = "the packed data ends early"
        except _FAULTS as error:
            if self._input.failed is not None:
                raise self._input.failed from error
            self.damage = f"the packed data is damaged: {error}"
        return b""


class _Input(io.RawIOBase):
    """A stream that says whether it was reading that failed, or what was read."""

    def __init__(self, stream: io.RawIOBase) -> None:
        super().__init__()
        self._stream = stream
        self.failed: OSError | None = None

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, b"" at the end."""
        try:
            return self._stream.read(size) or b""
        except OSError as error:
            self.failed = error
            raise


class _PackedMembers:
    """Members one after another; EOFError where the last of them has no end."""

    def __init__(self, stream: io.RawIOBase, make: Callable[[], _PackedMember]) -> None:
        self._stream, self._make = stream, make
        self._member: _PackedMember | None = None
        self._input = b""

    def read(self, size: int) -> bytes:
        """At most so many bytes, b"" at the end."""
        while True:
            # What a member holds back comes out without more input.
            found = self._member.decompress(self._input, size) if self._member else b""
            if self._member is not None:
                self._input = self._member.unused_data if self._member.eof else b""
                self._member = None if self._member.eof else self._member
            if found:
                return found
            if not self._has_more():
                return b""

    def _has_more(self) -> bool:
        """Return whether there is more to unpack: of the member, or of one behind it and the zeros that padding leaves."""
        while not self._input or (self._member is None and not self._input.strip(b"\0")):
            if not self._fill_buffer():
                return False
        if self._member is None:
            self._input, self._member = self._input.lstrip(b"\0"), self._make()
        return True

    def _fill_buffer(self) -> bool:
        self._input = self._stream.read(_INPUT) or b""
        if not self._input and self._member is not None:
            raise EOFError
        return bool(self._input)


def _iterate_parts(stream: _Input, packing: str) -> Any:
    if packing == ".zst":
        return _open_zstd(stream)
    return GzipStream(stream) if packing == ".gz" else _PackedMembers(stream, _MEMBERS[packing])


def _open_zstd(stream: io.RawIOBase) -> object:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


def get_compression_suffix(name: str) -> str:
    """Return how a file of this name is packed, as the ending of its name; '' where it is not."""
    return next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")


def strip_compression_suffix(name: str) -> str:
    """The name of what is packed in a file of this name."""
    return name.removesuffix(get_compression_suffix(name))
