"""The tar of a layer, whichever way it is compressed."""

from __future__ import annotations

import io
from typing import IO, cast

import pyarrow as pa

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.tar_entries import ByteStream

#: What compressed content begins with, and the name of the codec.
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"))
_XZ = b"\xfd7zXZ"
_HEAD = 6


class _Rewound(io.RawIOBase):
    """A stream with its first bytes put back."""

    def __init__(self, head: bytes, stream: ByteStream) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            taken = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(taken) :]
            return taken
        return self._stream.read(size)


class _Decompressed:
    """A stream that a codec decompresses; its errors are those of an image."""

    #: What tells a compressed stream from one that is not.
    decompresses = True

    def __init__(self, stream: pa.CompressedInputStream, what: str) -> None:
        self._stream, self._what = stream, what

    def read(self, size: int = -1, /) -> bytes:
        try:
            return cast(bytes, self._stream.read(size))
        except OSError as error:
            raise ImageError(f"{self._what} cannot be decompressed: {error}") from error


def open_tar(stream: ByteStream, what: str) -> ByteStream:
    """Return the tar of a layer, decompressed by what its content says, not by its media type; raises ImageError."""
    head = _read_head(stream)
    rewound = _Rewound(head, stream)
    codec = next((name for magic, name in _MAGIC if head.startswith(magic)), "")
    if head.startswith(_XZ):
        raise ImageError(f"{what} is compressed by xz, which no image specification knows")
    if not codec:
        return rewound
    # The codec only reads: it takes every object with `read`.
    return _Decompressed(
        pa.CompressedInputStream(pa.PythonFile(cast(IO[bytes], rewound), mode="r"), codec), what
    )


def _read_head(stream: ByteStream) -> bytes:
    head = b""
    while len(head) < _HEAD and (content := stream.read(_HEAD - len(head))):
        head += content
    return head
