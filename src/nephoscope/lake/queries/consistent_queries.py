"""Consistent queries: many queries at the same table versions in one engine, with shared rows in memory."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import duckdb

from nephoscope.lake.errors import LakeError
from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryEngine, open_engine
from nephoscope.lake.schema.column_types import TIME
from nephoscope_kql.cache import CompileCache
from nephoscope_kql.compile import CompiledQuery, precompile_query, to_ticks
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.engines.parquet import TimeRange
from nephoscope_kql.errors import KqlError, locate_errors
from nephoscope_kql.time_independent_rows import SINCE, UNTIL

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from nephoscope.lake.queries.principal_catalog import LakeCatalog
    from nephoscope.lake.queries.time_span import RowSpan
    from nephoscope.lake.storage.snapshot import TableSnapshot

MEMORY = "576MB"
"""What the engine of a reading may use, rows that are kept among it."""
KEPT_BYTES = 192 << 20
"""What rows in memory may take by our estimate."""
CELL_BYTES = 32
"""What a cell takes in memory, about: a text of DuckDB is 16 bytes and what it points at."""
RESULT_BYTES = 1 << 20
"""Up to which size the result of a query waits for an equal one."""
AHEAD_BYTES = 256 << 20
"""What rows that are computed ahead may take by our estimate."""
SHARED_FROM = 3
"""From how many queries on the rows that they read are worth keeping in memory."""


@dataclass(frozen=True, slots=True)
class QueryDemand:
    """A query that will come, and the span in which it reads its tables."""

    compiled: CompiledQuery
    span: RowSpan


_Key = tuple[str, tuple[tuple[str, object], ...], "RowSpan"]


def _build_key(compiled: CompiledQuery, span: RowSpan) -> _Key:
    """Return what the rows of a query depend on at one version of the tables."""
    return compiled.sql, tuple(sorted(compiled.parameters.items())), span


@dataclass(frozen=True, slots=True)
class _CachedRows:
    """Rows of a relation in memory: which span of time and which columns; `rows` is how many."""

    name: str
    span: RowSpan
    columns: frozenset[str]
    rows: int

    def can_serve(self, columns: Collection[str], span: RowSpan) -> bool:
        return (
            span.since is None
            and span.ingested is None
            and self.span.start <= span.start
            and span.end <= self.span.end
            and self.columns.issuperset(columns)
        )


@dataclass(frozen=True, slots=True)
class _PrecomputedQuery:
    """A query of which the rows in a span are computed as far as all windows in it have them in common."""

    span: RowSpan
    rest: CompiledQuery
    asks_now: bool
    tables: tuple[str, ...]
    size: int

    def can_serve(self, span: RowSpan) -> bool:
        plain = span.since is None and span.ingested is None
        return plain and self.span.start <= span.start and span.end <= self.span.end

    def build_remaining_query(self, now: Mapping[str, object], span: RowSpan) -> CompiledQuery:
        """Return what is left to compute for a window; `now`: the parameters of the whole query."""
        ends = {SINCE: to_ticks(span.start), UNTIL: to_ticks(span.end)}
        return replace(self.rest, parameters={**ends, **(now if self.asks_now else {})})


@dataclass(slots=True)
class LakeReading:
    """The lake of one workspace at one moment, for one thread. What it gives is what Lake.rows gives at the same versions."""

    catalog: LakeCatalog
    compiling: CompileCache
    memory: str = MEMORY
    threads: int = 0
    kept_bytes: int = KEPT_BYTES
    _engine: QueryEngine | None = None
    _relations: frozenset[str] = frozenset()
    _readable: set[Path] = field(default_factory=set)
    _kept: dict[str, list[_CachedRows]] = field(default_factory=lambda: defaultdict(list))
    _seen: dict[str, tuple[str, RowSpan, frozenset[str]]] = field(default_factory=dict)
    _twice: Counter[_Key] = field(default_factory=Counter)
    _results: dict[_Key, pa.Table] = field(default_factory=dict)
    _named: dict[str, frozenset[str]] = field(default_factory=dict)
    _ahead: dict[str, _PrecomputedQuery | None] = field(default_factory=dict)
    _ahead_bytes: int = 0

    def compile(self, text: str, now: dt.datetime) -> CompiledQuery:
        """A query at a moment, compiled once a text; KqlError where it is wrong."""
        return self.compiling.compile(text, self.catalog, now=now)

    def empty(self, compiled: CompiledQuery, span: RowSpan) -> bool:
        """Return whether a query surely has no row in a span: a table that it needs a row of has none there."""
        if compiled.resume is not None or compiled.external:
            return False
        return any(self._has_no_rows(relation, span) for relation in compiled.needs)

    def find_empty_relations(self, compiled: CompiledQuery, span: RowSpan) -> frozenset[str]:
        """The relations that a query reads which have no row in a span."""
        return frozenset(one for one in compiled.reads if self._has_no_rows(one, span))

    def rows(
        self, compiled: CompiledQuery, text: str, span: RowSpan, timeout: float | None = None
    ) -> pa.Table:
        """The rows of a compiled query whose tables are read in a span; KqlError where it cannot be run."""
        key = _build_key(compiled, span)
        found = self._results.get(key)
        if found is None:
            with locate_errors(text), set_deadline_within(timeout):
                found = self._run_query(compiled, text, span)
        self._twice[key] -= 1
        if self._twice[key] > 0 and found.nbytes <= RESULT_BYTES:
            self._results[key] = found
        else:
            self._results.pop(key, None)
        return found

    def _run_query(self, compiled: CompiledQuery, text: str, span: RowSpan) -> pa.Table:
        if compiled.resume is not None:
            return self._pin_alone(compiled, self._find_dynamic_relations(text), span)
        engine, ahead = self._read_ready(), self._ahead.get(text)
        few = ahead is not None and ahead.can_serve(span)
        if ahead is not None and few:
            compiled = ahead.build_remaining_query(compiled.parameters, span)
        for relation, columns in compiled.reads.items():
            self._show_relation(engine, relation, columns, span)
        return engine.run(compiled, small=few)

    def foresee(self, text: str, span: RowSpan, timeout: float | None = None) -> None:
        """Prepare for many windows of a query, all in a span: what it asks of single rows is computed once, as far as it fits.

        Where it is not, each window computes everything; so it does where the query is wrong.
        """
        try:
            self._ahead[text] = self._precompute_rows(text, span, timeout)
        except (KqlError, LakeError, OSError, duckdb.Error):  # the windows read the files and tell
            self._ahead[text] = None

    def drop_foreseen(self, text: str) -> None:
        """Let go of the rows that were computed for windows of a query: what comes after has the room."""
        found = self._ahead.pop(text, None)
        if found is not None and self._engine is not None:
            for name in found.tables:
                self._engine.drop_loaded_table(name)
            self._ahead_bytes -= found.size

    def is_foreseen(self, text: str) -> bool:
        """Return whether windows of a query were prepared for."""
        return self._ahead.get(text) is not None

    def _precompute_rows(self, text: str, span: RowSpan, timeout: float | None) -> _PrecomputedQuery | None:
        """Compute the rows; None where there is nothing to compute, or it is too much: then nothing is kept of it."""
        found = precompile_query(text, self.catalog)
        if found is None:
            return None
        engine, made = self._read_ready(), list[str]()
        before, whole = self._ahead_bytes, False
        try:
            for name, table in found.tables.items():
                cost = len(table.columns) * CELL_BYTES
                for relation, columns in table.reads.items():
                    self._show_relation(engine, relation, columns, span)
                rows = engine.load_rows(name, table, (AHEAD_BYTES - self._ahead_bytes) // cost, timeout)
                if rows is None:
                    return None
                made.append(name)
                self._ahead_bytes += rows * cost
            whole = True
        finally:
            if not whole:
                self._ahead_bytes = before
                for name in made:
                    engine.drop_loaded_table(name)
        size = self._ahead_bytes - before
        return _PrecomputedQuery(span, found.rest, found.asks_now, tuple(made), size)

    def keep(self, demands: Iterable[QueryDemand], timeout: float | None = None) -> int:
        """Prepare for queries: what several of them read comes into memory, as far as it fits, and equal ones will be run once.

        How many rows came into memory. What is there already stays.
        """
        wanted: dict[str, list[tuple[frozenset[str], RowSpan]]] = defaultdict(list)
        for one in demands:
            if one.compiled.sql:
                self._twice[_build_key(one.compiled, one.span)] += 1
            if one.compiled.resume is None and one.span.since is None and one.span.ingested is None:
                for relation, columns in one.compiled.reads.items():
                    wanted[relation].append((columns, one.span))
        return sum(
            self._keep_relation(relation, several, timeout) for relation, several in sorted(wanted.items())
        )

    def snapshot(self, relation: str) -> TableSnapshot | None:
        """The version of a table that is read (`workspace/table`); None where there is none yet, and of what is no table of it."""
        workspace, name = relation.split("/", 1)
        place = (
            self.catalog
            if workspace == self.catalog.workspace
            else self.catalog.resolve_place("workspace", workspace)
        )
        return None if place is None or place.find_table(name) is None else self.catalog.snapshot(relation)

    def list_versions(self, compiled: CompiledQuery, text: str) -> dict[str, int]:
        """The tables that a query reads (`workspace/table`), each with its version, -1 where there is none yet."""
        relations: Collection[str] = compiled.reads
        if compiled.resume is not None:
            relations = self._find_dynamic_relations(text)
        known = {
            f"{workspace}/{table}": version
            for (workspace, table), version in self.catalog.list_versions().items()
        }
        return {relation: known[relation] for relation in sorted(relations) if relation in known}

    def describe_gaps(self, compiled: CompiledQuery, text: str) -> tuple[str, ...]:
        """Return what the tables of the estate that a query reads lack because it was not collected, a sentence each."""
        reads = compiled.reads if compiled.resume is None else self._find_dynamic_relations(text)
        return self.catalog.describe_gaps(frozenset(reads))

    def _find_dynamic_relations(self, text: str) -> frozenset[str]:
        """The relations that a query names whose columns depend on rows; found out once."""
        if text not in self._named:
            with self.catalog.with_newest_versions() as catalog:
                self.compiling.compile(text, catalog)
                self._named[text] = catalog.list_relations()
        return self._named[text]

    def interrupt(self) -> None:
        """End the query that runs, from another thread: it raises duckdb.InterruptException."""
        engine = self._engine
        if engine is not None:
            engine.interrupt()

    def forget(self) -> None:
        """Let go of rows in memory."""
        if self._engine is not None:
            for several in self._kept.values():
                for one in several:
                    self._engine.drop_loaded_table(one.name)
        self._kept.clear()
        self._seen.clear()

    def close(self) -> None:
        """Let go of the engine and of the versions."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self.catalog.close()

    def __enter__(self) -> LakeReading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_ready(self) -> QueryEngine:
        """The engine; a new one where a table was asked for whose files the one before may not read."""
        relations = self.catalog.list_relations()
        if self._engine is not None and relations == self._relations:
            return self._engine
        self._relations = relations
        files = {path for several in self.catalog.files().values() for path in several}
        if self._engine is not None and files <= self._readable:
            return self._engine
        if self._engine is not None:
            self._engine.close()
        self._kept.clear()
        self._seen.clear()
        self._ahead.clear()
        self._ahead_bytes = 0
        self._readable = files
        self._engine = open_engine(EngineRows(readable=sorted(files)), self._limits)
        return self._engine

    @property
    def _limits(self) -> EngineLimits:
        return EngineLimits(self.memory, self.threads)

    def _pin_alone(self, compiled: CompiledQuery, relations: Collection[str], span: RowSpan) -> pa.Table:
        """A query whose columns depend on rows asks for its tables as it runs: it gets an engine of its own, which sees no others."""
        # the versions are those of this reading, also of a table that the query names for the first time
        scans = {
            one: self.catalog.scan(one, span) for one in relations if one in self.catalog.list_relations()
        }
        with open_engine(EngineRows(scans=scans), self._limits) as engine:
            return engine.run(compiled)

    def _show_relation(
        self, engine: QueryEngine, relation: str, columns: Collection[str], span: RowSpan
    ) -> None:
        """Let the engine see the rows of a relation in a span: those in memory, else those in the files."""
        kept = next((one for one in self._kept.get(relation, ()) if one.can_serve(columns, span)), None)
        name = kept.name if kept else ""
        shown = self._seen.get(relation)
        if shown is not None and shown[:2] == (name, span) and shown[2] >= set(columns):
            return
        if kept is None:
            # the columns that were asked for before come along: rules of one table take turns
            wanted = frozenset(columns) | (shown[2] if shown else frozenset())
            scan = self.catalog.scan(relation, span)
            engine.register_scan(relation, scan.narrow(wanted))
        else:
            wanted = kept.columns
            whole = (span.start, span.end) == (kept.span.start, kept.span.end)
            engine.register_loaded_table(
                relation, kept.name, None if whole else TimeRange(TIME, span.start, span.end)
            )
        self._seen[relation] = name, span, wanted

    def _has_no_rows(self, relation: str, span: RowSpan) -> bool:
        if self.catalog.scan(relation, span).has_no_rows():
            return True
        kept = self._kept.get(relation, ())
        return any(one.rows == 0 and one.can_serve((), span) for one in kept)

    def _keep_relation(
        self, relation: str, wanted: list[tuple[frozenset[str], RowSpan]], timeout: float | None
    ) -> int:
        """Keep the rows of the widest span that fits, of those that enough queries read."""
        if len(wanted) < SHARED_FROM:  # opening an engine takes longer than most of what quiet windows need
            return 0
        engine = self._read_ready()
        for span in sorted({span for _, span in wanted}, key=lambda one: one.start):
            inside = [columns for columns, one in wanted if span.start <= one.start and one.end <= span.end]
            columns = frozenset[str]().union(*inside) | {TIME}
            if len(inside) < SHARED_FROM or any(
                one.can_serve(columns, span) for one in self._kept.get(relation, ())
            ):
                continue
            room = self.kept_bytes - sum(self._read_size(one) for each in self._kept.values() for one in each)
            about = self.catalog.estimate_rows(relation, span)
            if about is None or about * len(columns) * CELL_BYTES > room:
                continue
            name = f"kept/{relation}/{len(self._kept[relation])}"
            try:
                rows = engine.load_scan(name, self.catalog.scan(relation, span), columns, timeout)
            except (
                KqlError,
                duckdb.Error,
            ):  # more than we thought, or unreadable: the queries read the files and tell
                continue
            self._kept[relation].append(_CachedRows(name, span, columns, rows))
            return rows
        return 0

    @staticmethod
    def _read_size(kept: _CachedRows) -> int:
        return kept.rows * len(kept.columns) * CELL_BYTES
