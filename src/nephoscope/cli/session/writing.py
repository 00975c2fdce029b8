"""Where output goes: the terminal, or a file that is complete or not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from nephoscope.cli.session.plain import plain_stream


@contextmanager
def writing(path: Path | None, *, styled: bool) -> Iterator[TextIO]:
    """Standard output, or a new file at `path` that appears when everything has been written.

    What is not `styled` (by a console that takes care itself) has no control characters but those of names: they are spelled out.
    """
    with _target(path) as out:
        yield out if styled else plain_stream(out)


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
