"""Aggregates of a table that are computed file by file: a file of a day that is over is read once.

Data files never change, so that the groups of a file stay as they are until the file goes (compaction, retention). They are kept below
`<data>/aggregates`, which may be removed at any time. Files of today are read each time, up to the moment that is asked about; small
files, which compaction takes soon, are read together each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import msgspec
import pyarrow as pa

from nephoscope import __version__
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.storage.shared_engine import SharedEngine
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import CompiledQuery, compile_query
from nephoscope_kql.engines.arrow_types import schema_of
from nephoscope_kql.engines.parquet import FileScan, TimeRange

FOLDER = "aggregates"
GROUPS = "Groups"
"""What the second half of an aggregate calls the groups of all files."""
SMALL = 64 * 1024
"""Up to how many bytes a file is small."""
TIME = "TimeGenerated"
_LEAST = timedelta(microseconds=1)
_TWO_TIMES = (datetime(2020, 2, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(2120, 9, 8, 7, 6, 5, 4, tzinfo=UTC))
"""What is the same at both does not depend on the time."""
_PLANS = 1024
"""How many compiled queries this process keeps: some for each table."""
_SUFFIX = ".arrow"


class TimedAggregateError(Exception):
    """The groups of a file that are asked for depend on the moment, so that they cannot be kept."""


@dataclass(frozen=True, slots=True)
class FileAggregates:
    """The aggregates of a data folder."""

    data: Path
    disk: Disk
    engines: SharedEngine

    def merge(self, by_file: str, merge: str, table: TableSchema, scan: FileScan, now: datetime) -> pa.Table:
        """Return the rows of the KQL query `merge` over the groups of all files, which it calls `Groups`, each file by itself.

        `by_file` groups the rows of one table up to `now` and reads no other; TimedAggregateError where it asks what time it is,
        KqlError.
        """
        compiled, relation = _compile_by_file(by_file, table), table.relation
        whole, today = _divide(scan, now)
        folder = self.data / FOLDER / _digest(compiled, scan)
        held = {path: self._load_kept(folder, path) for path in whole}
        missing = [path for path, groups in held.items() if groups is None]
        read = compiled.reads.get(relation, frozenset()) | {TIME}
        scan = replace(scan, columns=tuple(one for one in scan.columns if one.name in read))
        until = TimeRange(TIME, None, now + _LEAST)
        # what is new since is little, and threads cost more than they save
        threads = 0 if missing else 1
        with self.engines.lend_engine([*missing, *_paths(today)], threads) as engine:
            for path in missing:
                engine.see(relation, replace(scan, groups=((path,),)))
                held[path] = engine.run(compiled)
            engine.see(relation, replace(scan, groups=today, between=(*scan.between, until)))
            parts = [*held.values(), engine.run(compiled)]
            groups = pa.concat_tables([one for one in parts if one is not None])
            engine.register(GROUPS, groups)
            told = engine.run(_compile_merge(merge, schema_of(GROUPS, groups), now))
        self._keep(folder, {path: found for path in missing if (found := held[path]) is not None})
        self._prune(folder, whole)
        return told

    def _load_kept(self, folder: Path, path: Path) -> pa.Table | None:
        """Return what is kept of a file; None where nothing is, or where it cannot be read."""
        try:
            with pa.OSFile(str(folder / _name(path))) as file:
                return pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None

    def _keep(self, folder: Path, several: dict[Path, pa.Table]) -> None:
        if several:
            self.disk.make_folders(folder)
        for path, table in several.items():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self.disk.replace(folder / _name(path), sink.getvalue().to_pybytes())

    def _prune(self, folder: Path, paths: Collection[Path]) -> None:
        """Remove what is kept of files that are not there any more."""
        wanted = {_name(path) for path in paths}
        for entry in folder.glob(f"*{_SUFFIX}"):
            if entry.name not in wanted:
                self.disk.remove(entry)


@lru_cache(maxsize=_PLANS)
def _compile_by_file(by_file: str, table: TableSchema) -> CompiledQuery:
    compiled = _compile_untimed(by_file, table)
    if compiled is None:
        raise TimedAggregateError(
            "a cached aggregate must not depend on now(), and its columns must not depend on rows"
        )
    return compiled


def _compile_merge(merge: str, groups: TableSchema, now: datetime) -> CompiledQuery:
    untimed = _compile_untimed(merge, groups)
    return compile_query(merge, MemoryCatalog({groups.name: groups}), now=now) if untimed is None else untimed


@lru_cache(maxsize=_PLANS)
def _compile_untimed(text: str, table: TableSchema) -> CompiledQuery | None:
    """Compile a query of one table; None where its SQL depends on the time or on rows."""
    catalog = MemoryCatalog({table.name: table})
    one, other = (compile_query(text, catalog, now=now) for now in _TWO_TIMES)
    timed = (one.sql, one.parameters) != (other.sql, other.parameters)
    return None if timed or one.resume is not None else one


def _divide(scan: FileScan, now: datetime) -> tuple[list[Path], tuple[tuple[Path, ...], ...]]:
    """Part files into those of which groups are kept, and the groups of those that are read each time."""
    today = now.astimezone(UTC).date()
    whole = {path for path in scan.paths() if _day(path, scan.day) < today and path.stat().st_size > SMALL}
    rest = (tuple(path for path in group if path not in whole) for group in scan.groups)
    return sorted(whole), tuple(group for group in rest if group)


def _day(path: Path, column: str) -> date:
    """The day of a file's rows; the last of all days where its folder does not say one."""
    name, _, day = path.parent.name.partition("=")
    return date.fromisoformat(day) if column and name == column else date.max


def _digest(compiled: CompiledQuery, scan: FileScan) -> str:
    """Tell aggregates apart by all that decides them but the files: the SQL, the rows that may be seen, the version of the product."""
    only = scan.only and (scan.only[0], sorted(scan.only[1]))
    seen = [__version__, compiled.sql, repr(sorted(compiled.parameters.items())), only, repr(scan.between)]
    return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:32]


def _name(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:32] + _SUFFIX


def _paths(groups: Iterable[Sequence[Path]]) -> list[Path]:
    return [path for group in groups for path in group]
