"""Where output goes: the terminal, or a file that is complete or not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast

from nephoscope.cli.session.plain import plain_stream


@contextmanager
def writing(path: Path | None, *, styled: bool) -> Iterator[TextIO]:
    """Standard output, or a new file at `path` that appears when everything has been written.

    What is not `styled` (by a console that takes care itself) has no control characters but those of names: they are spelled out.
    """
    with _target(path) as out:
        yield out if styled else plain_stream(out)


@contextmanager
def writing_bytes(path: Path | None) -> Iterator[BinaryIO]:
    """`writing` for bytes; ValueError where they would go to a terminal."""
    if path is None:
        if sys.stdout.isatty():
            raise ValueError("bytes are nothing for a terminal: --output-file FILE, or a pipe")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with _new(path, "wb") as file:
        yield cast("BinaryIO", file)


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with _new(path, "w") as file:
        yield cast("TextIO", file)


@contextmanager
def _new(path: Path, mode: str) -> Iterator[IO[Any]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open(mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
