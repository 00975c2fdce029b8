"""DuckDB, embedded: no file but those it is given, no network, no extension, bounded memory and time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path

import duckdb
import pyarrow as pa

from nephoscope_kql.compile import CompiledQuery
from nephoscope_kql.deadline import check_deadline, get_current_limits
from nephoscope_kql.dialects.duckdb import format_node
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.arrow_udf import install_routine
from nephoscope_kql.engines.duckdb_probe import DuckDBProbe
from nephoscope_kql.engines.externaldata_access import AllowedLocations
from nephoscope_kql.engines.interrupts import find_signal_exception
from nephoscope_kql.engines.memory_accounting import parse_allowance
from nephoscope_kql.engines.multi_statement_results import read_parts
from nephoscope_kql.engines.parquet import FileScan, TimeRange, read_files_as_rows
from nephoscope_kql.engines.query_limits import make_memory_limit_error, watch_limits
from nephoscope_kql.engines.resource_limits import compute_core_share, compute_memory_share
from nephoscope_kql.engines.result_limit import STEP, ResultLimit
from nephoscope_kql.engines.spill_folder import Spill
from nephoscope_kql.errors import NOWHERE, make_unsupported_query_error
from nephoscope_kql.externaldata import ExternalReader, ExternalSource
from nephoscope_kql.externaldata import read_table as external_table
from nephoscope_kql.functions.size_guard import ROOM, SizeGuard
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import ArrowFunction, Macro, Routine
from nephoscope_kql.types import KqlType

MEMORY_LIMIT = "2GB"
SPILL_LIMIT = "20GB"
"""How much of what does not fit into memory may lie on disk while a query runs: in a folder of its own, its owner's alone."""
ARROW_TYPES: Mapping[KqlType, pa.DataType] = {
    KqlType.BOOL: pa.bool_(),
    KqlType.INT: pa.int32(),
    KqlType.LONG: pa.int64(),
    KqlType.REAL: pa.float64(),
    KqlType.DECIMAL: pa.decimal128(38, 17),
    KqlType.STRING: pa.string(),
    KqlType.DATETIME: pa.int64(),
    KqlType.TIMESPAN: pa.int64(),
    KqlType.GUID: pa.string(),
    KqlType.DYNAMIC: pa.string(),
}


class DuckDBEngine:
    """A connection that runs compiled queries over Arrow tables and Parquet files; close it when done, or use it with `with`.

    `files`: table name -> its Parquet files; not all need have every column. `scans`: relation -> files whose columns are known, and
    which of their rows may be seen; `readable`: files that `register_scan` may name later, `folders`: all files below these. The
    connection can read these files and no others.
    `memory`: what DuckDB may use (default: "2GB", or a share of the limit of all queries of this process, where it has one); what it
    does not count may grow the process by half of that more and 256 MiB.
    `most`: how large results may be; rows over it are not computed. `small`: tables and results are a few rows; they are fetched as
    values, for which DuckDB plans a query once instead of twice, and not optimized, which takes longer than running it as it is.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Table] | None = None,
        *,
        files: Mapping[str, Sequence[Path]] | None = None,
        scans: Mapping[str, FileScan] | None = None,
        readable: Iterable[Path] = (),
        folders: Iterable[Path] = (),
        threads: int = 0,
        memory: str = "",
        external: ExternalReader | None = None,
        most: ResultLimit | None = None,
        small: bool = False,
    ) -> None:
        self._spill, self._small = Spill(), small
        config: dict[str, str | bool | int | float | list[str]] = {
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": memory or compute_memory_share(MEMORY_LIMIT),
            # else it would spill rows into a folder beside whatever the process happens to work in
            "temp_directory": self._spill.folder,
            "max_temp_directory_size": SPILL_LIMIT,
        }
        if threads := threads or compute_core_share():
            config["threads"] = threads
        self._connection = duckdb.connect(":memory:", config=config)
        ((limit,),) = self._connection.execute("SELECT current_setting('memory_limit')").fetchall()
        self._allowance = parse_allowance(limit)
        self._room, self._most, self._limits = SizeGuard(), most, get_current_limits()
        self._installed: dict[str, Routine] = {}
        self._confine_file_access(files or {}, scans or {}, readable, folders)
        self._external = external or AllowedLocations()
        for name, table in (tables or {}).items():
            self.register(name, table)

    def _confine_file_access(
        self,
        files: Mapping[str, Sequence[Path]],
        scans: Mapping[str, FileScan],
        readable: Iterable[Path],
        folders: Iterable[Path],
    ) -> None:
        """Allow the files, then nothing else, for good."""
        paths = [str(path.resolve()) for several in files.values() for path in several]
        paths += [str(path) for scan in scans.values() for path in scan.paths()]
        paths += map(str, readable)
        allowed = format_node(nodes.build_array(nodes.build_text(path) for path in paths))
        self._connection.execute(f"SET allowed_paths = {allowed}")
        if below := [str(one.resolve()) for one in folders]:
            allowed = format_node(nodes.build_array(map(nodes.build_text, below)))
            self._connection.execute(f"SET allowed_directories = {allowed}")
        # the footer of a file is read once by a connection that is asked again and again
        self._connection.execute("SET parquet_metadata_cache = true")
        self._connection.execute("SET enable_external_access = false")
        if self._small:
            self._connection.execute("PRAGMA disable_optimizer")
        self._connection.execute("SET lock_configuration = true")
        for name, several in files.items():
            read_files_as_rows(self._connection, name, several).create_view(name)
        for name, scan in scans.items():
            self.register_scan(name, scan)

    def register_scan(self, name: str, scan: FileScan) -> None:
        """From now on a relation has these rows; the files are among those that were allowed at the beginning."""
        scan.open_relation(self._connection).create_view(name)

    def load_scan(self, name: str, scan: FileScan, columns: Collection[str], timeout: float | None) -> int:
        """Read columns of a scan into memory for `register_loaded_table`; return how many. KqlError where time or memory is short."""
        # narrowed first: DuckDB binds each column again for each filter and projection, and tables have hundreds
        rows = scan.narrow(columns).open_relation(self._connection)
        with self._enforce_limits(timeout):
            rows.create(name)
        counted = (
            self._connection.table(format_node(nodes.build_stored_column(name)))
            .aggregate("count(*)")
            .fetchall()
        )
        return int(counted[0][0])

    def load_rows(self, name: str, compiled: CompiledQuery, most: int, timeout: float | None) -> int | None:
        """Compute the rows of a query into memory, where SQL finds them under a name, columns by their ids; how many rows.

        None, and nothing is kept, where there are more than `most`; KqlError where time or memory is short.
        """
        with self._enforce_limits(timeout):
            self._prepare_connection(compiled.routines, compiled.external)
            self._connection.execute(
                f"CREATE TABLE {name} AS SELECT * FROM ({compiled.sql}) LIMIT {most + 1}",  # noqa: S608 - printed SQL
                dict(compiled.parameters),
            )
        rows = int(self._connection.table(name).aggregate("count(*)").fetchall()[0][0])
        if rows <= most:
            return rows
        self.drop_loaded_table(name)
        return None

    def register_loaded_table(self, name: str, kept: str, between: TimeRange | None) -> None:
        """From now on a relation has the rows that are kept, those in a range of time."""
        rows = self._connection.table(format_node(nodes.build_stored_column(kept)))
        if between is not None:
            rows = rows.filter(format_node(between.write_condition()))
        rows.create_view(name)

    def drop_loaded_table(self, kept: str) -> None:
        """Forget rows that were kept."""
        self._connection.execute(f"DROP TABLE {format_node(nodes.build_stored_column(kept))}")

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table's rows known under a name."""
        stored = read_table_schema(name, table).list_stored_names()
        self._connection.register(name, table.rename_columns(list(stored)))

    @contextmanager
    def register_temporarily(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """Within, the rows of Arrow tables are known under their names; afterwards the names are unknown."""
        try:
            for name, table in tables.items():
                self.register(name, table)
            yield
        finally:
            for name in tables:
                self._connection.unregister(name)

    def run(self, compiled: CompiledQuery, timeout: float | None = None, *, small: bool = False) -> pa.Table:
        """The rows of a compiled query; KqlError where it takes longer than `timeout` seconds or more memory than allowed.

        `small`: the result is a few rows, as with those of an engine that has only such.
        """
        with self._enforce_limits(timeout):
            return self._build_rows(compiled, small=small or self._small)

    @contextmanager
    def _enforce_limits(self, timeout: float | None) -> Iterator[None]:
        """What happens inside is ended at a limit, and the engine's own words for it become ours."""
        self._room.refused = False
        stop, room = self._connection.interrupt, self._room
        with watch_limits(stop, timeout, self._allowance, lambda: room.refused) as watch:
            self._limits = watch.limits
            try:
                yield
            except duckdb.InterruptException as error:
                if watch.reason is None:
                    raise
                raise watch.reason from error
            except (duckdb.OutOfMemoryException, MemoryError) as error:
                raise make_memory_limit_error() from error
            except (duckdb.ParserException, duckdb.BinderException) as error:
                if "Max expression depth limit" not in str(error):
                    raise
                raise make_unsupported_query_error("a query that is nested so deeply", NOWHERE) from error
            except (duckdb.InvalidInputException, RuntimeError) as error:
                ending = (
                    find_signal_exception(error)
                    or nodes.find_limit_error(error)
                    or watch.find_exceeded_limit()
                )
                if ending is None:
                    raise
                raise ending from error
            if self._room.refused:
                raise make_memory_limit_error()

    def _build_rows(self, compiled: CompiledQuery, *, small: bool) -> pa.Table:
        if compiled.resume is not None:
            with closing(
                DuckDBProbe(self._connection, self._prepare_connection, compiled.parameters)
            ) as probe:
                return self._build_rows(compiled.resume(probe), small=small)
        self._prepare_connection(compiled.routines, compiled.external)
        if compiled.parts is not None:
            reader = read_parts(
                self._connection, compiled, compiled.parts, build_arrow_schema(compiled.columns)
            )
            return reader.read_all() if self._most is None else self._most.read_rows(reader)
        if small and self._most is None:
            values = self._connection.execute(compiled.sql, dict(compiled.parameters)).fetchall()
            return build_table(values, compiled.columns)
        rows = self._connection.sql(compiled.sql, params=dict(compiled.parameters))
        found = (
            rows.to_arrow_table() if self._most is None else self._most.read_rows(rows.to_arrow_reader(STEP))
        )
        return set_column_types(found, compiled.columns)

    def _prepare_connection(self, routines: Iterable[Routine], external: Iterable[ExternalSource]) -> None:
        """Make known what a query's SQL uses."""
        for routine in routines:
            self._install_routine(routine)
        for source in external:
            self._connection.register(source.name, external_table(source, self._external))

    def _install_routine(self, routine: Routine) -> None:
        known = self._installed.get(routine.name)
        if known is not None:
            if known != routine:
                raise RuntimeError(f"two routines are named {routine.name}")
            return
        self._installed[routine.name] = routine
        if isinstance(routine, Macro):
            for inner in routine.uses:
                self._install_routine(inner)
        install_routine(
            self._connection, self._limit_routine(self._room.build_function() if routine is ROOM else routine)
        )

    def _limit_routine(self, routine: Routine) -> Routine:
        """Return a routine whose Python code knows the limits of the query: DuckDB calls it from threads of its own."""
        if not isinstance(routine, ArrowFunction):
            return routine
        body = routine.body

        @wraps(body)
        def apply_limits(*columns: pa.Array) -> pa.Array:
            with self._limits.apply_limits():
                check_deadline()
                return body(*columns)

        return replace(routine, body=apply_limits)

    def interrupt(self) -> None:
        """End the query that runs, from another thread; `run` raises duckdb.InterruptException there."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()
        self._spill.clear()

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def set_column_types(table: pa.Table, columns: tuple[tuple[str, KqlType], ...]) -> pa.Table:
    """The rows under KQL's names, each column in its Arrow type, its KQL type in the field's metadata."""
    arrays = []
    for place, (_, kind) in enumerate(columns):
        array = table.column(place)
        wanted = ARROW_TYPES[kind]
        arrays.append(array if array.type == wanted else array.cast(wanted))
    return pa.Table.from_arrays(arrays, schema=build_arrow_schema(columns))


def build_table(rows: Sequence[tuple[object, ...]], columns: tuple[tuple[str, KqlType], ...]) -> pa.Table:
    """The rows, given as values, under KQL's names and types, as `typed` returns them."""
    arrays = [
        pa.array([row[place] for row in rows], ARROW_TYPES[kind]) for place, (_, kind) in enumerate(columns)
    ]
    return pa.Table.from_arrays(arrays, schema=build_arrow_schema(columns))


def build_arrow_schema(columns: tuple[tuple[str, KqlType], ...]) -> pa.Schema:
    """The Arrow schema of a result: each column's Arrow type, its KQL type in the field's metadata."""
    fields = [
        pa.field(
            name,
            ARROW_TYPES[kind],
            nullable=kind != KqlType.STRING,
            metadata={b"kql.type": kind.value.encode()},
        )
        for name, kind in columns
    ]
    return pa.schema(fields)
