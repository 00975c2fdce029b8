"""The files of a load: paths, folders and globs; `.gz`, `.zst` and `.zip` opened as bounded streams, UTF-16 recoded."""

from __future__ import annotations

import glob
import os
import re
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from nephoscope.sources.resources.files import FileError, Limits, Source, chunks, entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PACKED = (".gz", ".zst")
_LOGS = (".json", ".jsonl", ".ndjson", ".jsonlines", ".log", ".txt", ".csv", ".tsv", ".parquet", ".xml")
#: Names without a suffix, and those of logs that were turned over (`syslog.1`).
_BARE = re.compile(r"[^.]+(?:\.\d{1,4})?")
_PARQUET = b"PAR1"
_READ = 1024 * 1024


class Found(NamedTuple):
    """The files of some paths in order, and those in folders whose names are not of logs."""

    sources: list[Source]
    passed_over: list[Path]


def found(paths: Sequence[str], limits: Limits) -> Found:
    """Every file that paths, folders and globs name; FileNotFoundError for what names none."""
    sources: dict[str, Source] = {}
    passed_over: list[Path] = []
    for text in paths:
        named = [text] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute ones too
        roots = [Path(one) for one in named]
        if not roots:
            raise FileNotFoundError(2, "no such file, folder or glob", text)
        for root in roots:
            for path in _walk(root, passed_over):
                for source in (
                    entries(path, root, limits) if path.suffix.lower() == ".zip" else [Source(path, root)]
                ):
                    sources.setdefault(source.name, source)
    return Found(list(sources.values()), passed_over)


def _walk(root: Path, passed_over: list[Path]) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if is_log(name) and path.is_file():
                yield path
            elif not name.startswith("."):
                passed_over.append(path)


def is_log(name: str) -> bool:
    """Whether a file of this name in a folder is a log, also packed."""
    lowered = name.lower()
    for packed in _PACKED:
        lowered = lowered.removesuffix(packed)
    if lowered.startswith("."):
        return False
    return lowered.endswith((*_LOGS, ".zip")) or _BARE.fullmatch(lowered) is not None


class LogStream:
    """The unpacked bytes of a file; what stops it before its end is kept in `failure`, and then the stream just ends."""

    def __init__(self, source: Source, limits: Limits, advance: Callable[[int], None]) -> None:
        self._chunks = chunks(source, limits, advance)
        self._rest = b""
        self._ended = False
        self.at = 0
        self.failure = ""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size` of them; b'' at the end."""
        while not self._rest and not self._ended:
            self._rest = self._next()
        found = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(found) :]
        self.at += len(found)
        return found if size >= 0 or not found else found + self.read()

    def _next(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            self._ended = True
        except FileError as error:
            self._ended, self.failure = True, str(error)
        return b""

    def skip(self, size: int) -> None:
        """Go over bytes."""
        while size > 0 and (part := self.read(min(size, _READ))):
            size -= len(part)

    def seekable(self) -> bool:
        """No."""
        return False


@contextmanager
def opened(source: Source, limits: Limits, advance: Callable[[int], None]) -> Iterator[BinaryIO]:
    """The stream of a file's unpacked bytes; a Parquet file as it lies, since its reader goes back and forth."""
    if not source.entry and source.path.is_file():
        with source.path.open("rb") as raw:
            if raw.read(4) == _PARQUET:
                raw.seek(0)
                yield raw
                return
    yield LogStream(source, limits, advance)  # type: ignore[misc]


def identity(source: Source, limits: Limits) -> tuple[str, int]:
    """What names the content of a file, and its unpacked size; packed or not, the same content has the same name."""
    digest, size = blake2b(digest_size=24), 0
    try:
        for chunk in chunks(source, limits, lambda _: None):
            digest.update(chunk)
            size += len(chunk)
    except FileError as error:
        digest.update(f"\0{error}".encode())
    return digest.hexdigest(), size
