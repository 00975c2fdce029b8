"""Watchlists of workspaces: small tables that people keep, read by _GetWatchlist. A file each, replaced as a whole."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.coercion import text
from nephoscope.lake.schema.column_types import build_schema, build_stored_names
from nephoscope_kql.binder.tables import WATCHLIST
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.types import KqlType

FOLDER = "watchlists"
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,127}")


@dataclass(frozen=True, slots=True)
class Watchlist:
    """A watchlist as it lies on disk: its columns (each item's are strings) and its file."""

    alias: str
    columns: tuple[tuple[str, KqlType], ...]
    path: Path

    def to_schema(self, relation: str) -> TableSchema:
        """Return what the KQL binder sees."""
        storage = tuple("timestamp_tz" if kind == KqlType.DATETIME else "" for _, kind in self.columns)
        return TableSchema(self.alias, self.columns, relation, storage)


class Watchlists:
    """The watchlists of a data folder, by workspace and alias (in any case)."""

    def __init__(self, data: Path, disk: Disk) -> None:
        self._data, self._disk = data, disk

    def get(self, workspace: str, alias: str) -> Watchlist | None:
        """The watchlist of an alias, None where there is none. Its file stays as it is until it is removed by `tidy`."""
        if not _ALIAS.fullmatch(alias):
            return None
        pointer = self._build_folder_path(workspace) / f"{alias.lower()}.current"
        try:
            path = pointer.parent / _read_pointer(pointer)[0]
        except FileNotFoundError:
            return None
        names = [name.split("\u00b7")[0] for name in pq.read_schema(path).names]
        kinds = dict(WATCHLIST)
        return Watchlist(alias, tuple((name, kinds.get(name, KqlType.STRING)) for name in names), path)

    def save(
        self,
        workspace: str,
        alias: str,
        key: str,
        items: Sequence[Mapping[str, object]],
        now: dt.datetime | None = None,
        *,
        columns: Sequence[str] = (),
        ids: Sequence[str] = (),
        changed: Sequence[dt.datetime] = (),
    ) -> None:
        """Keep items, in the place of those that the alias had; SearchKey repeats the column `key`; LakeError where it lacks.

        `columns` are there also where no item has them; `ids` and `changed` are those of the items, made up where they are not given.
        """
        path = self.write(workspace, alias, key, items, now, columns=columns, ids=ids, changed=changed)
        self.show(workspace, alias, path)

    def write(
        self,
        workspace: str,
        alias: str,
        key: str,
        items: Sequence[Mapping[str, object]],
        now: dt.datetime | None = None,
        *,
        columns: Sequence[str] = (),
        ids: Sequence[str] = (),
        changed: Sequence[dt.datetime] = (),
    ) -> Path:
        """The file of `save`, which nobody reads before it is shown."""
        if not _ALIAS.fullmatch(alias):
            raise LakeError(
                f"'{alias}' is not a watchlist alias: use letters, digits, spaces, '.', '_' and '-'"
            )
        labels = list(dict.fromkeys([*columns, *(name for item in items for name in item)]))
        if items and key not in labels:
            raise LakeError(
                f"watchlist {alias}: no item has the column {key}; available are {', '.join(labels)}"
            )
        rows = _build_table(labels, key, items, now or dt.datetime.now(dt.UTC))
        if ids:
            rows = rows.set_column(0, rows.schema.field(0), pa.array(ids, rows.schema.field(0).type))
            rows = rows.set_column(1, rows.schema.field(1), pa.array(changed, rows.schema.field(1).type))
        folder = self._build_folder_path(workspace)
        self._disk.make_folders(folder)
        path = folder / f"{uuid.uuid4().hex}.parquet"
        self._disk.write_table(path, rows, rows.schema)
        self._disk.sync_path(path)
        self._disk.sync_folder(folder)
        return path

    def show(self, workspace: str, alias: str, path: Path) -> None:
        """From now on the alias has the items of a file that was written."""
        pointer = self._build_folder_path(workspace) / f"{alias.lower()}.current"
        self._disk.replace(pointer, f"{path.name}\n{alias}".encode())

    def aliases(self, workspace: str) -> list[str]:
        """The aliases of a workspace, as they were given."""
        return sorted(
            _read_pointer(pointer)[1] for pointer in self._build_folder_path(workspace).glob("*.current")
        )

    def remove(self, workspace: str, alias: str) -> None:
        """Forget a watchlist; LakeError where there is none of that alias."""
        if self.get(workspace, alias) is None:
            raise LakeError(f"watchlist {alias!r} not found in the workspace {workspace}")
        folder = self._build_folder_path(workspace)
        self._disk.remove(folder / f"{alias.lower()}.current")
        self._disk.sync_folder(folder)

    def tidy(self, older_than: dt.datetime) -> int:
        """Delete files that no watchlist has any more and that are older; how many."""
        gone = 0
        for folder in (self._data / FOLDER).glob("*"):
            current = {_read_pointer(pointer)[0] for pointer in folder.glob("*.current")}
            for path in folder.glob("*.parquet"):
                if path.name not in current and path.stat().st_mtime < older_than.timestamp():
                    self._disk.remove(path)
                    gone += 1
        return gone

    def _build_folder_path(self, workspace: str) -> Path:
        return self._data / FOLDER / workspace


def _read_pointer(pointer: Path) -> tuple[str, str]:
    """The file that is current, and the alias as it was given."""
    name, _, alias = pointer.read_text(encoding="utf-8").partition("\n")
    return name, alias or pointer.name.removesuffix(".current")


def _build_table(
    labels: Sequence[str], key: str, items: Sequence[Mapping[str, object]], now: dt.datetime
) -> pa.Table:
    """Items as rows; the standard columns come first and an item cannot set them."""
    own = [label for label in labels if label not in dict(WATCHLIST)]
    if any("\u00b7" in label for label in own):
        raise LakeError("a column of a watchlist cannot have the character \u00b7 in its name")
    columns = [*WATCHLIST, *((label, KqlType.STRING) for label in own)]
    rows = {
        "_DTItemId": [str(uuid.uuid4()) for _ in items],
        "LastUpdatedTimeUTC": [now] * len(items),
        "SearchKey": [_read_cell(item.get(key)) for item in items],
        **{label: [_read_cell(item.get(label)) for item in items] for label in own},
    }
    names = [name for name, _ in columns]
    return pa.table(rows, schema=build_schema(columns)).rename_columns(list(build_stored_names(names)))


def _read_cell(value: object) -> str:
    return "" if value is None else text(value)
