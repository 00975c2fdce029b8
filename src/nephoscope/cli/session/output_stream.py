"""Output stream: the terminal, or a file that is complete or absent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from nephoscope.cli.session.atomic_file import replace_atomically
from nephoscope.cli.terminal.sanitize_output import wrap_escaping_stream


@contextmanager
def open_output(path: Path | None, *, styled: bool) -> Iterator[TextIO]:
    """Open standard output, or a new file at `path` that appears when everything has been written.

    What is not `styled` (by a console that takes care itself) has no control characters but those of names: they are spelled out.
    """
    with _open_target(path) as out:
        yield out if styled else wrap_escaping_stream(out)


@contextmanager
def open_binary_output(path: Path | None) -> Iterator[BinaryIO]:
    """`writing` for bytes; ValueError where they would go to a terminal."""
    if path is None:
        if sys.stdout.isatty():
            raise ValueError(
                "binary output cannot be written to a terminal: use --output-file FILE, or a pipe"
            )
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with _open_new_file(path) as file:
        yield file


@contextmanager
def _open_target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with _open_new_file(path) as file:
        text = TextIOWrapper(file, encoding="utf-8")
        yield text
        text.flush()
        text.detach()


@contextmanager
def _open_new_file(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as file:
        yield file
