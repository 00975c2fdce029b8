"""Query session: tables, functions and limits for a query from the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from nephoscope.files.function_files import FunctionFileError, load_functions
from nephoscope.files.tables.table_files import FileTable, TableFileError, read_table
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryEngine, QueryPipeline, Work
from nephoscope_kql import Catalog, QueryResult
from nephoscope_kql.catalog import MemoryCatalog, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.engines.externaldata_access import AllowedLocations
from nephoscope_kql.types import TYPE_NAMES, KqlType

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.principal_catalog import LakeCatalog
    from nephoscope_kql.catalog import StoredFunction

_NAMED = re.compile(r"(?P<name>[^=/\\]+)=(?P<rest>.+)", re.DOTALL)
_WATCHLIST = "watchlist:"
#: Seconds between two looks at whether a query was interrupted.
_LOOK = 0.05


class UsageError(ValueError):
    """An option that cannot be used; the text says which and what is wanted."""


@dataclass(frozen=True)
class OverlayCatalog:
    """A catalog above another: what was given comes first, then what the lake has."""

    given: MemoryCatalog
    below: Catalog

    def find_table(self, name: str) -> TableSchema | None:
        """The given table of that name, else that of the lake."""
        return self.given.find_table(name) or self.below.find_table(name)

    def find_function(self, name: str) -> StoredFunction | None:
        """The given function of that name, else that of the lake."""
        return self.given.find_function(name) or self.below.find_function(name)

    def names(self) -> Iterable[str]:
        """The names of both."""
        return dict.fromkeys([*self.given.names(), *self.below.names()])

    def known_tables(self) -> Iterable[str]:
        """Return the tables that the lake knows."""
        return self.below.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """The given watchlist of an alias, else that of the lake."""
        return self.given.find_watchlist(alias) or self.below.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Another workspace of the lake."""
        return self.below.resolve_place(kind, name)


@dataclass(frozen=True)
class QueryAnswer:
    """The results of a query in order, and what is to be said beside them."""

    results: tuple[QueryResult, ...]
    notes: tuple[str, ...]


class ShownOptions(TypedDict):
    """Output options of query results."""

    output: str
    output_file: Path | None
    rows: int
    csv_safe: NotRequired[bool]


class QueryOptions(ShownOptions):
    """Options of `query`: tables, functions, watchlists and limits, as click hands them over."""

    tables: tuple[str, ...]
    workspace: str | None
    schemas: tuple[str, ...]
    functions: tuple[Path, ...]
    watchlists: tuple[str, ...]
    external: tuple[str, ...]
    now: datetime | None
    timeout: float
    memory: str


@dataclass(frozen=True)
class QuerySession:
    """Sources of queries: given files, functions and watchlists, and a workspace of the lake where there is one."""

    given: MemoryCatalog
    tables: Mapping[str, FileTable]
    external: AllowedLocations
    options: QueryOptions
    lake: Lake | None = None
    workspace: str = ""

    @staticmethod
    def from_options(options: QueryOptions, lake: Lake | None = None, workspace: str = "") -> QuerySession:
        """Read the tables, functions and watchlists of the options; UsageError for one that cannot be used."""
        declared = dict(_parse_schema(item) for item in options["schemas"])
        reader = parse_allowed_locations(options["external"])
        try:
            found = _open_tables(options["tables"], declared)
            lists = _open_tables(options["watchlists"], declared)
            stored = [one for folder in options["functions"] for one in load_functions(folder)]
        except (TableFileError, FunctionFileError) as error:
            raise UsageError(str(error)) from error
        for name in declared:
            if name not in found and name not in lists:
                raise UsageError(f"--schema {name}: no --table has this name")
        given = MemoryCatalog(
            {name: one.schema for name, one in found.items()},
            # a lake has them by itself, below those of its workspaces
            {**(load_shipped_functions() if lake is None else {}), **{one.name: one for one in stored}},
            {name: _mark_as_watchlist(name, one.schema) for name, one in lists.items()},
        )
        whole = found | {f"{_WATCHLIST}{name}": one for name, one in lists.items()}
        return QuerySession(given, whole, reader, options, lake, workspace)

    @contextmanager
    def open_catalog(self) -> Iterator[tuple[Catalog, LakeCatalog | None]]:
        """Yield the catalog of known names and its lake part (None = no lake), whose tables keep one version."""
        with self._open_lake_catalog() as below:
            yield (self.given if below is None else OverlayCatalog(self.given, below)), below

    def run_query(self, text: str) -> QueryAnswer:
        """Run a query; KqlError where it is wrong, a limit is reached or externaldata is refused."""
        with set_deadline_within(self.options["timeout"]), self.open_catalog() as (catalog, below):
            compiled = compile_results(text, catalog, now=self.options["now"])
            limits = EngineLimits(self.options["memory"], external=self.external)
            pipeline = QueryPipeline(catalog, lambda: self._build_rows(below), limits, _run_interruptibly)
            results = pipeline.run(compiled, text)
            return QueryAnswer(tuple(results), (*compiled[0].notes, *_list_empty_tables(below)))

    def explain_query(self, text: str) -> str:
        """The SQL of every result, and the values that are bound in it."""
        with self.open_catalog() as (catalog, _):
            compiled = compile_results(text, catalog, now=self.options["now"])
        return "\n\n".join(
            "\n".join([one.sql, *(f"-- ${name} = {value}" for name, value in one.parameters.items())])
            for one in compiled
        )

    def _build_rows(self, below: LakeCatalog | None) -> EngineRows:
        """The given tables, in memory or as files, and what the lake's catalog was asked for."""
        return EngineRows(
            {name: one.rows for name, one in self.tables.items() if one.rows is not None},
            {name: one.files for name, one in self.tables.items() if one.files},
            {} if below is None else below.list_scans(),
        )

    def _open_lake_catalog(self) -> AbstractContextManager[LakeCatalog | None]:
        return nullcontext() if self.lake is None else self.lake.catalog(workspace=self.workspace)


def _run_interruptibly(engine: QueryEngine, work: Work) -> list[QueryResult]:
    """Do work in a thread of its own: the engine does not look at Ctrl-C, so this thread does, and ends the query.

    The thread has the deadline of this one, which is a variable of the context.
    """
    with ThreadPoolExecutor(1) as pool:
        running: Future[list[QueryResult]] = Future()
        try:
            running = pool.submit(copy_context().run, work)
            while not running.done():
                wait([running], _LOOK)
        except KeyboardInterrupt:
            # one call may be lost: between two statements nothing runs that it could reach
            running.cancel()
            while not running.done():
                engine.interrupt()
                wait([running], _LOOK)
            raise
        return running.result()


def _list_empty_tables(below: LakeCatalog | None) -> Iterator[str]:
    """Yield what was asked and has never had a row, or was not collected: an answer without rows must not look like a quiet day."""
    if below is not None:
        for (workspace, name), version in below.list_versions().items():
            if version < 0:
                yield f"the workspace {workspace} has no rows of {name} yet"
        yield from below.describe_gaps()


def _open_tables(given: Iterable[str], declared: Mapping[str, Mapping[str, KqlType]]) -> dict[str, FileTable]:
    found: dict[str, FileTable] = {}
    for item in given:
        name, path = _parse_named_path(item)
        if name in found:
            raise UsageError(f"two tables are named {name}")
        found[name] = read_table(name, path, declared.get(name))
    return found


def _parse_named_path(item: str) -> tuple[str, Path]:
    """NAME=PATH, or PATH alone: the name is the file's."""
    match = _NAMED.fullmatch(item)
    if match is not None:
        return match["name"], Path(match["rest"])
    path = Path(item)
    return path.name.split(".", 1)[0], path


def _parse_schema(item: str) -> tuple[str, dict[str, KqlType]]:
    """`T=when:datetime, what:dynamic`."""
    match = _NAMED.fullmatch(item)
    if match is None:
        raise UsageError(f"--schema must be NAME=column:type, column:type (got {item})")
    columns: dict[str, KqlType] = {}
    for part in match["rest"].strip().strip("()").split(","):
        name, _, kind = (piece.strip() for piece in part.rpartition(":"))
        if not name or kind.lower() not in TYPE_NAMES:
            raise UsageError(f"--schema {match['name']}: must be column:type (got '{part.strip()}')")
        columns[name.strip("[]'\"")] = TYPE_NAMES[kind.lower()]
    return match["name"], columns


def _mark_as_watchlist(name: str, schema: TableSchema) -> TableSchema:
    if "SearchKey" not in dict(schema.columns):
        raise UsageError(f"--watchlist {name}: the file has no column SearchKey")
    return replace(schema, relation=f"{_WATCHLIST}{name}")


def parse_allowed_locations(given: Iterable[str]) -> AllowedLocations:
    """Return what externaldata may read: folders, hosts, and folders with copies of URLs."""
    folders: list[Path] = []
    hosts: set[str] = set()
    copies: dict[str, Path] = {}
    for item in given:
        url, equals, folder = item.rpartition("=")
        if equals and "://" in url:
            copies[url] = _parse_folder(folder)
        elif Path(item).is_dir():
            folders.append(Path(item))
        elif "/" in item.removeprefix("https://").removeprefix("http://") or "." not in item:
            raise UsageError(f"--external must be a folder, a host or URL=DIR (got {item})")
        else:
            hosts.add(item.rstrip("/"))
    return AllowedLocations(tuple(folders), frozenset(hosts), copies)


def _parse_folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise UsageError(f"--external: {text} is not a folder")
    return path
