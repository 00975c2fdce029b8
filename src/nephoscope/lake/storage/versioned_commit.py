"""Versioned commit: commit exactly as the next version of a table, or fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from nephoscope.lake.storage.delta_table import LOG


class CommitConflictError(Exception):
    """Another process committed first: nothing was committed, and it is to be looked at anew."""


def commit_next(path: Path, version: int, rows: pa.RecordBatchReader, **how: Any) -> int:
    """Write rows as the next version after the given one (-1: the table is made); that version. `how` is as write_deltalake has it."""
    if version < 0:
        return _write_rows(path, rows, how)
    handle = DeltaTable(str(path), version=version)
    try:
        write_deltalake(handle, rows, commit_properties=CommitProperties(max_commit_retries=0), **how)
    except CommitFailedError as error:
        raise CommitConflictError(f"{path}: another process has created version {version + 1}") from error
    return int(handle.version())


def _write_rows(path: Path, rows: pa.RecordBatchReader, how: dict[str, Any]) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {name: value for name, value in how.items() if name not in ("mode", "predicate")}
    try:
        write_deltalake(str(path), rows, mode="error", **kept)
    except DeltaError as error:
        if (path / LOG).is_dir():
            raise CommitConflictError(f"{path}: another process has created the table") from error
        raise
    return 0
