"""Digests of content, checked while it is read."""

from __future__ import annotations

import hashlib
import re
from typing import IO

from nephoscope.collect.images.errors import ImageError

_DIGEST = re.compile(r"(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})")


def check_digest_text(digest: str) -> str:
    """Return a digest that is one of SHA-256 or SHA-512, and so can be a part of a path; raises ImageError."""
    found = _DIGEST.fullmatch(digest)
    if not found or len(found[2]) != hashlib.new(found[1]).digest_size * 2:
        raise ImageError(f"{digest[:100]!r} is not a digest of SHA-256 or SHA-512")
    return digest


def compute_sha256_digest(content: bytes) -> str:
    """Return the SHA-256 of a content, as documents write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def check_content(content: bytes, digest: str, what: str) -> bytes:
    """Return the content where it has the digest; raises ImageError."""
    algorithm = check_digest_text(digest).partition(":")[0]
    if f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}" != digest:
        raise ImageError(f"{what} does not match the digest {digest}: it was changed or truncated in transit")
    return content


class CheckedStream:
    """A stream that counts and hashes what is read of it, and says at its end whether that was what was promised."""

    def __init__(self, stream: IO[bytes], digest: str, size: int, what: str) -> None:
        """Wrap a stream; a size of 0 is not checked."""
        self._stream, self._digest, self._size, self._what = stream, check_digest_text(digest), size, what
        self._hash = hashlib.new(digest.partition(":")[0])
        self._read = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes; raises ImageError at the end of a content that is not what its digest says."""
        content = self._stream.read(size)
        self._hash.update(content)
        self._read += len(content)
        if self._size and self._read > self._size:
            raise ImageError(f"{self._what} is longer than the {self._size} bytes in its manifest")
        if not content and size != 0:
            self._check_digest()
        return content

    def _check_digest(self) -> None:
        if self._size and self._read != self._size:
            raise ImageError(f"{self._what} ends after {self._read} of {self._size} bytes")
        if f"{self._digest.partition(':')[0]}:{self._hash.hexdigest()}" != self._digest:
            raise ImageError(
                f"{self._what} does not match the digest {self._digest}: it was changed or truncated in transit"
            )

    def finish(self) -> None:
        """Read what is left, so that all of it is checked; raises ImageError."""
        while self.read(1_048_576):
            pass

    def close(self) -> None:
        """Close the stream below."""
        self.closed = True
        self._stream.close()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def writable(self) -> bool:
        """Return that it cannot be written."""
        return False

    def seekable(self) -> bool:
        """Return that it cannot be wound back."""
        return False
