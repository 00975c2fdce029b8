"""Errors of corrupt files: name the damaged file of the data folder and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError

from nephoscope.estate.estate_store import StoreError


@contextmanager
def translate_damage(data: Path, remedy: str) -> Iterator[None]:
    """StoreError in place of what the storage engines raise for a damaged or unreadable file; `remedy` ends the message."""
    try:
        yield
    except (DeltaError, pa.ArrowException, duckdb.Error, OSError) as error:
        raise StoreError(
            f"the data in {data} cannot be read: {_extract_first_line(error)}; {remedy}"
        ) from error


def _extract_first_line(error: BaseException) -> str:
    """The first line of a message: the engines add the stack of their own code."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(" .:")
