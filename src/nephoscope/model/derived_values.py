"""Derived values: what follows from the product's own files is kept beside Python's bytecode until one of these files changes.

As with bytecode, nothing is written where PYTHONDONTWRITEBYTECODE is set or the folder is read-only; the value is then made anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from time import time_ns
from typing import TypeVar

import msgspec

Value = TypeVar("Value")
_DIGEST_SIZE = 16
#: A file that changed later than this can change again without another time.
_SETTLED = 2_000_000_000


class SourceFolder(msgspec.Struct, frozen=True):
    """The files of an ending in a folder and all folders below it."""

    path: str
    ending: str = ".py"

    def files(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files in a fixed order."""
        return _list_files(self.path, self.ending)


def _list_files(folder: str, ending: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _list_files(entry.path, ending)
        elif entry.name.endswith(ending):
            yield entry


def derive_value(
    module: str, sources: Iterable[SourceFolder], kind: type[Value], make: Callable[[], Value]
) -> Value:
    """Return what `make` makes of the files of `sources`, or what was kept of it while all of them stayed as they are.

    It is kept beside the bytecode of a module that is loaded, one value a module.
    """
    kept = _find_value_file(module)
    if kept is None:
        return make()
    stamp, newest = _stamp(tuple(sources))
    with suppress(OSError, msgspec.DecodeError):
        content = kept.read_bytes()
        if content[:_DIGEST_SIZE] == stamp:
            return msgspec.msgpack.decode(content[_DIGEST_SIZE:], type=kind)
    value = make()
    if not sys.dont_write_bytecode and newest < time_ns() - _SETTLED:
        _keep(kept, stamp + msgspec.msgpack.encode(value))
    return value


def _find_value_file(module: str) -> Path | None:
    """Return the file of a module's value, None for a module that was not loaded of a file."""
    spec = sys.modules[module].__spec__
    return Path(spec.cached).with_suffix(".msgpack") if spec and spec.cached else None


@cache
def _stamp(sources: tuple[SourceFolder, ...]) -> tuple[bytes, int]:
    """Return a digest of the paths, sizes and times of files, and the newest of the times."""
    stats = [(entry.path, entry.stat()) for source in sources for entry in source.files()]
    text = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    newest = max((stat.st_mtime_ns for _, stat in stats), default=0)
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_DIGEST_SIZE).digest(), newest


def _keep(path: Path, content: bytes) -> None:
    """Write a file as a whole, or not at all where the folder cannot be written."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
