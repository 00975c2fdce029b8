"""Compression detection by magic bytes, for input without a file name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Packings by their first bytes, with what opens those that a tar archive may be in.
_PACKINGS: tuple[tuple[bytes, str, Callable[[Any], object] | None], ...] = (
    (b"\x1f\x8b", ".gz", gzip.open),
    (b"BZh", ".bz2", bz2.open),
    (b"\xfd7zXZ\0", ".xz", lzma.open),
    (b"\x28\xb5\x2f\xfd", ".zst", None),
    (b"PK\x03\x04", ".zip", None),
)
_TAR_AT, _TAR = 257, b"ustar"
_HEAD = _TAR_AT + len(_TAR)


def detect_suffix(path: Path) -> str:
    """The ending that the name of a file should have (`.gz`, `.tar`, `.tar.gz` ...), '' for what is not packed."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _is_tar(head):
        return ".tar"
    found = next(((name, opener) for magic, name, opener in _PACKINGS if head.startswith(magic)), None)
    if found is None:
        return ""
    name, opener = found
    return f".tar{name}" if opener is not None and _is_tar(_unpack_head(path, opener)) else name


def _is_tar(head: bytes) -> bool:
    return head.startswith(_TAR, _TAR_AT)


def _unpack_head(path: Path, opener: Callable[[object], Any]) -> bytes:
    """The first bytes of what is packed in a file; none where it is damaged, which reading it will tell."""
    try:
        with opener(path) as stream:
            head: bytes = stream.read(_HEAD)
            return head
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return b""
