"""Backup contents: Delta tables at a version, and other files of the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from nephoscope.state.access.key_file import NAME as KEY_FILE

LOG = "_delta_log"
#: Made anew, in another place of the backup, or of no use anywhere else.
_LEFT_OUT = frozenset(
    (
        *("lake", "spool", "aggregates", "pins", "keys", "tls", "state.db", "state.db-wal", "state.db-shm"),
        *("query-history", "server.json", "server.lock"),
    )
)
_FLEETING = (".lock", ".part", ".tmp")


def list_secret_folders(data: Path) -> list[str]:
    """The folders that a backup holds only with the keys, of those that are there: `keys` of credentials, `tls` of the server."""
    wanted = {"keys": f"keys/{KEY_FILE}", "tls": "tls/*"}
    return [name for name, pattern in wanted.items() if any(data.glob(pattern))]


def list_table_files(path: Path, version: int) -> Iterator[Path]:
    """The files of a Delta table at a version: rows, and the log up to it (its pointer apart, which readers do without)."""
    for file in sorted((path / LOG).iterdir()):
        number = file.name.split(".", 1)[0]
        if number.isdecimal() and int(number) <= version and file.suffix in (".json", ".parquet"):
            yield file
    actions = pa.table(DeltaTable(path, version=version).get_add_actions())
    for name in sorted(actions.column("path").to_pylist()):
        yield path / unquote(name)


def iterate_other_tables(data: Path) -> Iterator[Path]:
    """The Delta tables that are not the lake's, such as the estate's versions."""
    for log in sorted(data.glob(f"*/**/{LOG}")):
        if log.relative_to(data).parts[0] not in _LEFT_OUT:
            yield log.parent


def list_loose_files(data: Path, tables: list[Path]) -> Iterator[Path]:
    """The files that belong to no table."""
    for path in sorted(data.rglob("*")):
        top = path.relative_to(data).parts[0]
        if top in _LEFT_OUT or path.name.startswith(".") or path.name.endswith(_FLEETING):
            continue
        if path.is_file() and not path.is_symlink() and not any(table in path.parents for table in tables):
            yield path
