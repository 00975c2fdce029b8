"""Snapshot files: the files of each partition of one version of the published table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

if TYPE_CHECKING:
    from deltalake import DeltaTable


def list_snapshot_files(table: DeltaTable, path: Path) -> Mapping[str, tuple[Path, ...]]:
    """Return the files of a handle's version, sorted, by the table of Resource Graph that they hold."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for action in pa.table(table.get_add_actions()).to_pylist():
        found[action["partition"]["_table"]].append(path / unquote(action["path"]))
    return {name: tuple(sorted(several)) for name, several in found.items()}
