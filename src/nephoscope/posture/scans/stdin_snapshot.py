"""Snapshot from standard input: `az graph query ... | nephoscope scan -`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO

from nephoscope.collect.resources import SnapshotError

#: The target that stands for the standard input.
PIPED = "-"
_MOST = 16 * 1024**3
_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"


def store_piped_snapshot(data: Path, stream: BinaryIO | None = None) -> Path:
    """Write what is piped in to `<data>/snapshots`, in the place of what was piped in before, so that the scan can be repeated.

    SnapshotError where nothing is piped, where it is empty, or where it is larger than 16 GiB.
    """
    piped = stream or sys.stdin.buffer
    if piped.isatty():
        raise SnapshotError(f"{PIPED}: nothing is piped in: az graph query ... | nephoscope scan -")
    folder = data / "snapshots"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=folder, prefix=".piped-", delete=False) as file:
        path = Path(file.name)
        try:
            first = _copy_stream(piped, file.file)
        except BaseException:
            path.unlink()
            raise
    suffix = ".json.gz" if first.startswith(_GZIP) else ".json"
    target = folder / f"piped{suffix}"
    return path.replace(target)


def _copy_stream(piped: BinaryIO, file: IO[bytes]) -> bytes:
    """Copy a stream and return its first bytes; SnapshotError where it is empty or too large."""
    first = b""
    size = 0
    while chunk := piped.read(_CHUNK):
        first = first or chunk[: len(_GZIP)]
        size += len(chunk)
        if size > _MOST:
            raise SnapshotError(
                f"{PIPED}: more than {_MOST // 1024**3} GiB are piped in: write them to a file"
            )
        file.write(chunk)
    if not size:
        raise SnapshotError(f"{PIPED}: the input is empty: check the output of the previous command")
    return first
