"""Durable files: fsync and atomic rename, in one place.

A file's bytes are durable after `sync`, its name after `sync_folder`. Folders are 0700, files 0600.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.lake.dictionary_rows import (
    choose_bounded_columns,
    choose_dictionary_columns,
    pack_column,
    pack_schema,
)

ROW_GROUP = 128 * 1024
"""Rows that a reader of Parquet may skip together."""
GROUP_BYTES = 16 << 20
"""What such rows take in memory at most: of a table with large rows fewer are together."""
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class AppendFile:
    """A file that is open for appending."""

    def __init__(self, path: Path, flags: int = 0) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | flags, FILE_MODE)

    def write(self, data: bytes) -> None:
        """Append all of the data; OSError where that is not possible (a part of it may be in the file then)."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def sync(self) -> None:
        """Make the file's bytes durable."""
        os.fsync(self._file)

    def cut(self, size: int) -> None:
        """Shorten the file to a size."""
        os.ftruncate(self._file, size)

    def close(self) -> None:
        """Close it; that makes nothing durable."""
        os.close(self._file)


class TableFile:
    """A new Parquet file of some columns that is written group by group; not durable yet when it is closed. Use it with `with`.

    A group that lacks a column has it null. Texts may be packed where the schema has them so, and may be plain all the same.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.schema = path, schema
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        self._stack = ExitStack()
        stream = self._stack.enter_context(os.fdopen(file, "wb"))
        self._writer = self._stack.enter_context(
            pq.ParquetWriter(
                stream,
                schema,
                compression="zstd",
                compression_level=1,
                store_schema=False,
                use_dictionary=choose_dictionary_columns(schema),
                write_statistics=choose_bounded_columns(schema),
            )
        )

    def write(self, rows: pa.Table) -> None:
        """Add rows as groups of at most ROW_GROUP."""
        for start in range(0, max(rows.num_rows, 1), ROW_GROUP):
            group = rows.slice(start, ROW_GROUP)
            nulls = {kind: pa.nulls(group.num_rows, kind) for kind in set(self.schema.types)}
            columns = [
                pack_column(group.column(field.name), field.type)
                if field.name in group.column_names
                else nulls[field.type]
                for field in self.schema
            ]
            self._writer.write_table(
                pa.Table.from_arrays(columns, schema=self.schema), row_group_size=ROW_GROUP
            )

    def close(self) -> None:
        """Write the end of the file and close it."""
        self._stack.close()

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Disk:
    """The real file system; tests put another in its place that drops what was not synced or has no room."""

    def open_for_append(self, path: Path, *, new: bool) -> AppendFile:
        """A file for appending: a new one (FileExistsError where there is one), or one that is there."""
        return AppendFile(path, os.O_CREAT | os.O_EXCL if new else 0)

    def create_table_file(self, path: Path, schema: pa.Schema) -> TableFile:
        """A new Parquet file, to be written group by group."""
        return TableFile(path, schema)

    def write_table(self, path: Path, rows: pa.Table, schema: pa.Schema) -> None:
        """A new Parquet file with the columns of a schema, those that the rows lack null; not durable yet. Texts may be packed."""
        with self.create_table_file(path, pack_schema(schema, rows.schema)) as file:
            file.write(rows)

    def sync_path(self, path: Path) -> None:
        """Make the bytes of a file that others wrote durable."""
        with closing(self.open_for_append(path, new=False)) as file:
            file.sync()

    def shorten(self, path: Path, size: int) -> None:
        """Cut a file that nobody has open, durably."""
        with closing(self.open_for_append(path, new=False)) as file:
            file.cut(size)
            file.sync()

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name in its folder; an existing one of that name goes."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens where there is none."""
        path.unlink(missing_ok=True)

    def make_folders(self, folder: Path) -> None:
        """A folder and those above it, durable."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(mode=FOLDER_MODE, exist_ok=True)
            self.sync_folder(one.parent)

    def replace(self, path: Path, data: bytes) -> None:
        """Write a small file so that it is there as it was before, or whole."""
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with closing(self.open_for_append(draft, new=True)) as file:
            try:
                file.write(data)
                file.sync()
            except OSError:
                self.remove(draft)
                raise
        self.rename(draft, path)
        self.sync_folder(path.parent)

    def free(self, path: Path) -> int:
        """The bytes that are free where a path lies."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize
