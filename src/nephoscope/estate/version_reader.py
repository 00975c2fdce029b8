"""Read the estate's table with DuckDB, at the version that a handle pins, as a stream of rows.

DuckDB sees the table's own folder and nothing else. Source: https://duckdb.org/docs/stable/operations_manual/securing_duckdb
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nephoscope.estate.version_row import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb
    from deltalake import DeltaTable

BATCH = 2048
KEPT = 4
"""Of how many folders a process keeps the connection."""
_OPEN = "valid_to IS NULL"
_AS_OF = "valid_from <= make_timestamptz($at) AND (valid_to IS NULL OR valid_to > make_timestamptz($at))"
# Times leave DuckDB as microseconds, so that no time-zone package is needed.
_SELECTED = {"valid_from": "epoch_us(valid_from)", "valid_to": "epoch_us(valid_to)"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_versions(
    table: DeltaTable, path: Path, columns: Sequence[str], at: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of the resource versions that are valid now or at an aware time, with the given columns."""
    files = _list_files(table, current_only=at is None)
    condition = f"type <> $marker AND {_OPEN if at is None else _AS_OF}"
    parameters: dict[str, object] = (
        {"marker": MARKER} if at is None else {"marker": MARKER, "at": _to_micros(at)}
    )
    yield from _read_rows(files, path, columns, condition, parameters)


def select_rows(
    table: DeltaTable,
    path: Path,
    columns: Sequence[str],
    *,
    types: Iterable[str] = (),
    ids: Iterable[str] = (),
) -> Iterator[dict[str, object]]:
    """The rows of the resource versions that are valid now and have one of some lower-cased types or ids."""
    condition = f"type <> $marker AND {_OPEN} AND (list_contains($types, type) OR list_contains($ids, id))"
    parameters = {"marker": MARKER, "types": sorted(types), "ids": sorted(ids)}
    yield from _read_rows(_list_files(table, current_only=True), path, columns, condition, parameters)


def find_mentions(
    table: DeltaTable, path: Path, columns: Sequence[str], words: Iterable[str]
) -> Iterator[dict[str, object]]:
    """The rows of the resource versions that are valid now and whose bodies hold all of some words, spelled so."""
    condition = (
        f"type <> $marker AND {_OPEN} AND len(list_filter($words, lambda one: NOT contains(body, one))) = 0"
    )
    parameters = {"marker": MARKER, "words": sorted(words)}
    yield from _read_rows(_list_files(table, current_only=True), path, columns, condition, parameters)


def read_markers(table: DeltaTable, path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows that snapshots left."""
    yield from _read_rows(
        _list_files(table, current_only=True), path, columns, "type = $marker", {"marker": MARKER}
    )


def find_changed_versions(
    table: DeltaTable,
    path: Path,
    columns: Sequence[str],
    since: datetime,
    until: datetime,
    ids: Sequence[str],
) -> Iterator[dict[str, object]]:
    """The rows of the versions that begin or end after an aware time and no later than another, of some ids or of all."""
    inside = " OR ".join(
        f"({name} > make_timestamptz($since) AND {name} <= make_timestamptz($until))"
        for name in ("valid_from", "valid_to")
    )
    condition = f"type <> $marker AND ({inside})" + (" AND list_contains($ids, id)" if ids else "")
    parameters: dict[str, object] = {"marker": MARKER, "since": _to_micros(since), "until": _to_micros(until)}
    yield from _read_rows(
        _list_files(table, current_only=False),
        path,
        columns,
        condition,
        parameters | ({"ids": list(ids)} if ids else {}),
    )


def _list_files(table: DeltaTable, *, current_only: bool) -> list[str]:
    return [uri for uri in table.file_uris() if not current_only or "/current=true/" in uri]


def _read_rows(
    files: list[str], path: Path, columns: Sequence[str], condition: str, parameters: Mapping[str, object]
) -> Iterator[dict[str, Any]]:
    if not files:
        return
    selected = ", ".join(_SELECTED.get(column, column) for column in columns)
    source = "read_parquet($files, hive_partitioning = false)"
    query = f"SELECT {selected} FROM {source} WHERE {condition}"  # noqa: S608 - our own names; values are bound
    with _open_cursor(path) as connection:
        cursor = connection.execute(query, {"files": files, **parameters})
        while rows := cursor.fetchmany(BATCH):
            for row in rows:
                yield {name: _to_time(name, value) for name, value in zip(columns, row, strict=True)}


def _to_micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _to_time(column: str, value: Any) -> object:
    return _EPOCH + timedelta(microseconds=value) if column in _SELECTED and value is not None else value


def _open_cursor(path: Path) -> duckdb.DuckDBPyConnection:
    """Return a cursor of the connection that this process keeps for a folder: to open one takes ten times as long as most reads."""
    return _keep_connection(str(path.resolve()), os.getpid()).cursor()


@lru_cache(maxsize=KEPT)
def _keep_connection(folder: str, process: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 - a fork has none of its threads
    import duckdb  # loaded where a store is read: an estate that is scanned for the first time has none

    connection = duckdb.connect(":memory:")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET enable_external_file_cache = false")  # what was read would stay in memory
    quoted = folder.replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{quoted}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
