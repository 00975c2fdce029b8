"""The tables that are known: those of the content, and those that were imported into a data folder."""

from __future__ import annotations

import os
import threading
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.published_tables import load_published_tables
from nephoscope.lake.schema.table import LakeTable

FOLDER = "tables"


@dataclass(frozen=True, slots=True)
class Tables:
    """Known tables by name (case-sensitive, as in Log Analytics)."""

    by_name: Mapping[str, LakeTable] = field(default_factory=dict)

    @staticmethod
    def builtin() -> Tables:
        """The tables that the package knows: the defined ones, and published tables that nothing here writes or reads."""
        return _build_builtin()

    @staticmethod
    def from_definitions() -> Tables:
        """The tables that have a definition, a file each in content/tables; LakeError where one is wrong."""
        return _build_defined_tables()

    @staticmethod
    def of(data: Path) -> Tables:
        """The package's tables and those imported into a data folder; an imported one replaces the package's of that name."""
        folder = data / FOLDER
        imported = _read_table_definitions(folder) if folder.is_dir() else {}
        return Tables(MappingProxyType(ChainMap(imported, *_load_table_layers())))

    def get(self, name: str) -> LakeTable | None:
        """The table of that name, or None."""
        return self.by_name.get(name)

    def __getitem__(self, name: str) -> LakeTable:
        """The table of that name; LakeError where there is none."""
        found = self.by_name.get(name)
        if found is None:
            raise LakeError(f"table '{name}' not found: import its definition first")
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[LakeTable]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)


class KnownTables:
    """The tables of a data folder as they are now: definitions that another process imports are seen. Safe for threads."""

    def __init__(self, data: Path) -> None:
        self._data, self._folder = data, data / FOLDER
        self._lock = threading.Lock()
        self._seen: list[tuple[str, int]] | None = None
        self._tables = Tables()

    def __call__(self) -> Tables:
        """The tables; read again where a definition came, went or changed."""
        with self._lock:
            seen = self._list_files()
            if seen != self._seen:
                self._tables, self._seen = Tables.of(self._data), seen
            return self._tables

    def _list_files(self) -> list[tuple[str, int]]:
        """The definitions' files; one that is replaced is another file."""
        try:
            with os.scandir(self._folder) as entries:
                return sorted(
                    (entry.name, entry.inode()) for entry in entries if entry.name.endswith(".json")
                )
        except FileNotFoundError:
            return []


def import_tables(data: Path, tables: Iterable[LakeTable], disk: Disk | None = None) -> None:
    """Write definitions into a data folder, where every process finds them."""
    disk = disk or Disk()
    folder = data / FOLDER
    disk.make_folders(folder)
    for table in tables:
        text = msgspec.json.format(msgspec.json.encode(table.document()), indent=2)
        disk.replace(folder / f"{table.name}.json", text + b"\n")


@cache
def _build_builtin() -> Tables:
    return Tables(MappingProxyType(ChainMap(*_load_table_layers())))


@cache
def _build_defined_tables() -> Tables:
    return Tables(MappingProxyType(_read_table_definitions(None)))


def _load_table_layers() -> tuple[dict[str, LakeTable], ...]:
    """The package's tables; an earlier layer hides later ones."""
    # a ChainMap only writes to its first layer, and nothing writes to it here
    return tuple(
        cast("dict[str, LakeTable]", layer)
        for layer in (_build_defined_tables().by_name, load_published_tables())
    )


def _read_table_definitions(folder: Path | None) -> dict[str, LakeTable]:
    found: dict[str, LakeTable] = {}
    for document in load_documents(folder, FOLDER):
        table = LakeTable.parse(document.json(), str(document.place))
        if table.name in found:
            raise LakeError(f"{document.place}: the table {table.name} is defined twice")
        if document.name != f"{table.name}.json":
            raise LakeError(f"{document.place}: the file of the table {table.name} is {table.name}.json")
        found[table.name] = table
    return found
