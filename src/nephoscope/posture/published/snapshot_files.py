"""Snapshot files: the files of each partition of one version of the published table, and rows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from deltalake import DeltaTable


def list_snapshot_files(table: DeltaTable, path: Path) -> Mapping[str, tuple[Path, ...]]:
    """Return the files of a handle's version, sorted, by the table of Resource Graph that they hold."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for action in pa.table(table.get_add_actions()).to_pylist():
        found[action["partition"]["_table"]].append(path / unquote(action["path"]))
    return {name: tuple(sorted(several)) for name, several in found.items()}


def read_document_rows(files: Sequence[Path], type_: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Read columns of the documents of a type."""
    for file in files:
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(columns=["type", *columns]):
                yield from (row for row in batch.to_pylist() if row["type"] == type_)
