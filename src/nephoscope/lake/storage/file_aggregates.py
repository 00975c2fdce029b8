"""Aggregates of a table that are computed file by file: a file of a day that is over is read once.

Data files never change, so that the groups of a file stay as they are until the file goes (compaction, retention). They are kept below
`<data>/aggregates`, which may be removed at any time. Files of today are read each time, up to the moment that is asked about; of
small files, which compaction takes soon, each process reads those together that it does not know yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import msgspec
import pyarrow as pa

from nephoscope import __version__
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.query_engine import QueryEngine
from nephoscope.lake.storage import small_file_groups
from nephoscope.lake.storage.shared_engine import SharedEngine
from nephoscope.lake.storage.small_file_groups import SmallFileGroups
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import CompiledQuery, compile_query, to_ticks
from nephoscope_kql.engines.arrow_types import read_table_schema
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
_FILES = 16_384
"""Of how many data files this process remembers the day and the size."""


class TimedAggregateError(Exception):
    """The groups of a file that are asked for depend on the moment, so that they cannot be kept."""


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """KQL in steps: `by_file` groups the rows of one table, `combine` makes fewer of the groups of several files, `merge` the rows.

    `combine` has the columns of `by_file`; '' where its groups cannot become fewer. `combine` and `merge` read `Groups`.
    """

    by_file: str
    merge: str
    combine: str = ""


@dataclass(frozen=True, slots=True)
class FileAggregates:
    """The aggregates of a data folder."""

    data: Path
    disk: Disk
    engines: SharedEngine

    def merge(self, asked: AggregateQuery, table: TableSchema, scan: FileScan, now: datetime) -> pa.Table:
        """Return the rows of an aggregate of all rows of a table up to `now`, which reads no other.

        TimedAggregateError where its groups depend on what time it is, or combining them gives other columns; KqlError.
        """
        compiled = _compile_by_file(asked.by_file, table)
        parts = [
            found
            for one in scan.parts()
            for found in self._list_groups(asked.combine, compiled, table.relation, one, now)
        ]
        with self.engines.borrow_engine(1) as engine:
            return _merge_groups(engine, asked.merge, pa.concat_tables(parts), now)

    def _list_groups(
        self, combine: str, compiled: CompiledQuery, relation: str, scan: FileScan, now: datetime
    ) -> list[pa.Table]:
        """List the groups of the rows up to `now` of one scan: those that are kept, and those of files that are read each time."""
        whole, small, today = _divide_by_day(scan, now)
        folder = self.data / FOLDER / _compute_digest(compiled, combine, scan)
        columns = compiled.reads.get(relation, frozenset()) | {TIME}
        combined = self._load_kept_groups(folder, _hash_file_names(whole)) if combine else None
        held = (
            {}
            if combined is not None
            else {path: self._load_kept_groups(folder, _compute_file_name(path)) for path in whole}
        )
        missing = [path for path, groups in held.items() if groups is None]
        # what is new since is little, and threads cost more than they save
        with self.engines.borrow_engine(0 if missing else 1) as engine:
            for path in missing:
                engine.register_scan(relation, replace(scan, groups=((path,),)).narrow(columns))
                held[path] = engine.run(compiled)
            found = [one for one in held.values() if one is not None]
            if combined is None and combine and found:
                combined = _combine_groups(engine, combine, pa.concat_tables(found))
                self._keep_groups(folder, {_hash_file_names(whole): combined})
            parts = found if combined is None else [combined]
            if small:
                parts = [*parts, *self._group_small(engine, compiled, relation, scan, small, folder)]
            if today or not parts:
                until = TimeRange(TIME, None, now + _LEAST)
                recent = replace(scan, groups=today, between=(*scan.between, until))
                self.engines.recent.show(engine, relation, recent, compiled.sql, columns)
                parts = [*parts, engine.run(compiled)]
        self._keep_groups(
            folder,
            {_compute_file_name(path): groups for path in missing if (groups := held[path]) is not None},
        )
        self._prune_groups(folder, {*map(_compute_file_name, whole), _hash_file_names(whole)})
        return parts

    def _group_small(
        self,
        engine: QueryEngine,
        compiled: CompiledQuery,
        relation: str,
        scan: FileScan,
        small: frozenset[Path],
        aggregate: Path,
    ) -> tuple[pa.Table, ...]:
        """Return the groups of small files of days that are over; those that this process knows are not read again."""
        held = small_file_groups.cache.find(aggregate, small)
        if held.files == small:
            return held.tables
        columns = compiled.reads.get(relation, frozenset()) | {TIME}
        fresh = replace(scan, groups=_select_files(scan, small - held.files))
        self.engines.recent.show(engine, relation, fresh, compiled.sql, columns, over=True)
        tables = (*held.tables, engine.run(compiled))
        small_file_groups.cache.keep(aggregate, SmallFileGroups(small, tables))
        return tables

    def _load_kept_groups(self, folder: Path, name: str) -> pa.Table | None:
        """Return what is kept under a name; None where nothing is, or where it cannot be read."""
        try:
            with pa.OSFile(str(folder / name)) as file:
                return pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None

    def _keep_groups(self, folder: Path, several: dict[str, pa.Table]) -> None:
        if several:
            self.disk.make_folders(folder)
        for name, table in several.items():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self.disk.replace(folder / name, sink.getvalue().to_pybytes())

    def _prune_groups(self, folder: Path, wanted: Collection[str]) -> None:
        """Remove what is kept of files that are not there any more."""
        for entry in folder.glob(f"*{_SUFFIX}"):
            if entry.name not in wanted:
                self.disk.remove(entry)


def _combine_groups(engine: QueryEngine, text: str, groups: pa.Table) -> pa.Table:
    compiled = _compile_untimed_query(text, read_table_schema(GROUPS, groups))
    if compiled is None:
        raise TimedAggregateError("what combines groups must not depend on now()")
    with engine.register_temporarily({GROUPS: groups}):
        combined = engine.run(compiled)
    if combined.schema != groups.schema:
        raise TimedAggregateError("what combines groups must give the columns that they have")
    return combined


def _merge_groups(engine: QueryEngine, text: str, groups: pa.Table, now: datetime) -> pa.Table:
    schema = read_table_schema(GROUPS, groups)
    with engine.register_temporarily({GROUPS: groups}):
        # an answer becomes values in any case, and is planned once so
        return engine.run(_compile_merge(text, schema, now), small=True)


@lru_cache(maxsize=_PLANS)
def _compile_by_file(by_file: str, table: TableSchema) -> CompiledQuery:
    compiled = _compile_untimed_query(by_file, table)
    if compiled is None:
        raise TimedAggregateError(
            "a cached aggregate must not depend on now(), and its columns must not depend on rows"
        )
    return compiled


def _compile_merge(merge: str, groups: TableSchema, now: datetime) -> CompiledQuery:
    """Compile what merges groups; what was compiled before is taken over where the time is a parameter of its SQL alone."""
    one, other = _compile_twice(merge, groups)
    if one.resume is not None or replace(one, parameters={}) != replace(other, parameters={}):
        return compile_query(merge, MemoryCatalog({groups.name: groups}), now=now)
    given = {name: value for name, value in one.parameters.items() if other.parameters[name] == value}
    return replace(one, parameters=given if given == one.parameters else {**given, "now": to_ticks(now)})


def _compile_untimed_query(text: str, table: TableSchema) -> CompiledQuery | None:
    """Compile a query of one table; None where its SQL depends on the time or on rows."""
    one, other = _compile_twice(text, table)
    timed = (one.sql, one.parameters) != (other.sql, other.parameters)
    return None if timed or one.resume is not None else one


@lru_cache(maxsize=_PLANS)
def _compile_twice(text: str, table: TableSchema) -> tuple[CompiledQuery, CompiledQuery]:
    """Compile a query of one table at two times."""
    catalog = MemoryCatalog({table.name: table})
    one, other = (compile_query(text, catalog, now=now) for now in _TWO_TIMES)
    return one, other


def _divide_by_day(
    scan: FileScan, now: datetime
) -> tuple[list[Path], frozenset[Path], tuple[tuple[Path, ...], ...]]:
    """Part files into those of days that are over, of which groups are kept, small ones of these, and the others, in groups."""
    today = now.astimezone(UTC).date()
    paths = scan.paths()
    over = {path for path in paths if _read_day(path, scan.day) < today}
    small = frozenset(path for path in over if _read_size(path) <= SMALL)
    return sorted(over - small), small, _select_files(scan, frozenset(paths) - over)


@lru_cache(maxsize=_FILES)
def _read_size(path: Path) -> int:
    """The bytes of a data file, which never changes."""
    return path.stat().st_size


def _select_files(scan: FileScan, wanted: Collection[Path]) -> tuple[tuple[Path, ...], ...]:
    """Return the groups of a scan with those of their files alone."""
    found = (tuple(path for path in group if path in wanted) for group in scan.groups)
    return tuple(group for group in found if group)


@lru_cache(maxsize=_FILES)
def _read_day(path: Path, column: str) -> date:
    """The day of a file's rows; the last of all days where its folder does not say one."""
    name, _, day = path.parent.name.partition("=")
    return date.fromisoformat(day) if column and name == column else date.max


def _compute_digest(compiled: CompiledQuery, combine: str, scan: FileScan) -> str:
    """Tell aggregates apart by all that decides them but the files: the SQL, the rows that may be seen, the version of the product."""
    only = scan.only and (scan.only[0], sorted(scan.only[1]))
    seen = [
        __version__,
        compiled.sql,
        combine,
        repr(sorted(compiled.parameters.items())),
        only,
        repr(scan.between),
    ]
    return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:32]


def _compute_file_name(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:32] + _SUFFIX


def _hash_file_names(paths: Iterable[Path]) -> str:
    """The name of what the groups of several files were combined to; a slash is in no name of one file alone."""
    return _compute_file_name(Path("/".join(map(str, paths)), "combined"))
