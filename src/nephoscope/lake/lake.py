"""The front door of the lake: writers, catalogs, queries, and the work that keeps tables in shape."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.geolocation.provider import GeolocationLookup
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError
from nephoscope.lake.maintenance.compaction import MOST_SMALL
from nephoscope.lake.maintenance.daily_cleanup import DailyMaintenance
from nephoscope.lake.maintenance.table_maintenance import LEAST_HOURS, TableMaintenance
from nephoscope.lake.queries.consistent_queries import MEMORY as READING_MEMORY
from nephoscope.lake.queries.consistent_queries import LakeReading
from nephoscope.lake.queries.multi_workspace_catalog import MultiWorkspaceCatalog
from nephoscope.lake.queries.principal_catalog import LakeCatalog, SharedCatalogState
from nephoscope.lake.queries.principal_scope import EVERYTHING, LakeScope
from nephoscope.lake.queries.result_cache import ResultCache, ResultKey, read_allowed_age
from nephoscope.lake.queries.stored_functions import Saved, StoredFunctions
from nephoscope.lake.queries.table_visibility_cache import TableVisibilityCache
from nephoscope.lake.queries.watchlist_files import Watchlists
from nephoscope.lake.queries.workspace_cache import WorkspaceCache
from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryPipeline
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import KnownTables, Tables, import_tables
from nephoscope.lake.spool.segments import Segment, list_folders, list_segments
from nephoscope.lake.spool.spool_writer import CLOSE_AFTER, TICK
from nephoscope.lake.storage.delta_table import find_lacking_columns, open_table
from nephoscope.lake.storage.snapshot import TableSnapshots
from nephoscope.lake.storage.table_store import Store, get_table_path, list_tables
from nephoscope.lake.storage.version_pins import Pins
from nephoscope.lake.writing.flusher import Flusher, FlushResult
from nephoscope.lake.writing.lease import WriterLease
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope.lake.writing.spool_corruption import quarantine_damage
from nephoscope.lake.writing.writer import SPOOL_LIMIT, Writer
from nephoscope.state.state_ledger import StateLedger
from nephoscope.state.workspaces.workspace import DEFAULT, Workspace
from nephoscope_kql.cache import CompileCache
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.functions.geoip import set_geolocation_lookup

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope.lake.queries.resource_graph_tables import GraphTables
    from nephoscope.lake.queries.time_span import RowSpan
    from nephoscope.lake.writing.lake_ledger import WriterLedger
    from nephoscope.state import State
    from nephoscope_kql.binder.query_parameters import RequestProperties
    from nephoscope_kql.engines.result_limit import ResultLimit
    from nephoscope_kql.externaldata import ExternalReader
    from nephoscope_kql.plan.row_identity import RowIdentity
    from nephoscope_kql.run import QueryResult

FLUSH_EVERY = 2.0
"""Seconds between rounds of the flusher."""
UPKEEP_EVERY = 3600.0
"""Seconds between looks for days and files that may go."""


class Lake:
    """The lake of one data folder in this process; several processes may have it open. Safe for threads; use it with `with`."""

    def __init__(
        self,
        data: Path,
        ledger: WriterLedger,
        *,
        workspace: Callable[[str], Workspace] = Workspace.from_name,
        current: Callable[[str], Workspace] | None = None,
        find: Callable[[str], str | None] | None = None,
        saved: Saved | None = None,
        disk: Disk | None = None,
        limit: int = SPOOL_LIMIT,
        graph: Callable[[], GraphTables] | None = None,
    ) -> None:
        self._data, self._ledger = data.resolve(), ledger
        self._disk = disk or Disk()
        self._workspace, self._limit = workspace, limit
        self._disk.make_folders(self._data)
        set_geolocation_lookup(GeolocationLookup.find(self._data))
        self._tables = KnownTables(self._data)
        self._pins = Pins(self._data, self._disk)
        self.functions = StoredFunctions(self._data, self._disk, saved)
        self.watchlists = Watchlists(self._data, self._disk)
        self._catalog_state = SharedCatalogState(
            self._data, self._tables, TableSnapshots(self.flush_round), self._pins, workspace, find or self._find_implicit_workspace,
            self.functions, self.watchlists, graph,
        )  # fmt: skip
        self._lease = WriterLease(ledger)
        tell = lambda *gone: quarantine_damage(self.writer(), *gone)  # noqa: E731 - a callback
        self._flusher = Flusher(self._data, self._open_store(), self._lease, self._disk, tell)
        self._upkeep = TableMaintenance(self._data, self._open_store(), self._lease, current or workspace)
        self._tidying = DailyMaintenance(self._data, self._upkeep, ledger, self.watchlists, self._disk)
        self.seen_tables = TableVisibilityCache(self.catalog)
        self._catalog_state.visible = self.seen_tables.list_visible_tables
        self._results, self._compiled = ResultCache(), CompileCache()
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._threads: list[threading.Thread] = []
        self._stop, self._written = threading.Event(), threading.Event()
        self._touched: frozenset[tuple[str, str]] = frozenset()
        self._chores: list[Callable[[], object]] = []
        self.failure: Exception | None = None
        self.upkeep_failure: Exception | None = None

    @classmethod
    def open(cls, data: Path, state: State, graph: Callable[[], GraphTables] | None = None) -> Lake:
        """The lake of a data folder with the state that belongs to it, which knows its workspaces.

        `graph` gives the tables of Resource Graph as they are now, to be read beside the lake's own.
        """
        remembered = WorkspaceCache(state.workspaces.get)
        lake = cls(
            data, StateLedger(state), workspace=remembered, current=state.workspaces.get, find=state.workspaces.find_name,
            saved=state.saved_functions.load_functions, graph=graph,
        )  # fmt: skip
        lake.add_background_task(lambda: deliver_outbox(lake, state))
        return lake

    def add_background_task(self, work: Callable[[], object]) -> None:
        """Do that too whenever this process flushes what waits, such as bringing rows in from elsewhere."""
        self._chores.append(work)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._data

    @property
    def tables(self) -> Tables:
        """The tables that are known."""
        return self._tables()

    def workspace(self, name: str = DEFAULT) -> Workspace:
        """A workspace by its name."""
        return self._workspace(name)

    def _find_implicit_workspace(self, name: str) -> str | None:
        """A workspace that nobody has set up is there once it has a table."""
        return name if any(list_tables(self._data, name)) else None

    def import_table(self, table: LakeTable) -> list[str]:
        """Make a table known to every process; the columns that its rows lose. TableRefusedError: theirs have other types."""
        before, lost = self.tables.get(table.name) or table, list[str]()
        for workspace, name in list_tables(self._data):
            path = get_table_path(self._data, workspace, name)
            lies = open_table(path) if name == table.name else None
            if lies is not None:
                find_lacking_columns(lies, path, table)
                lost = sorted(before.types.keys() - table.types.keys())
        import_tables(self._data, [table], self._disk)
        return lost

    def writer(self) -> Writer:
        """The writer of this process; from the first call on a thread flushes the data folder while nobody else does."""
        with self._lock:
            if self._writer is None:
                self._writer = Writer(
                    self._data,
                    disk=self._disk,
                    ledger=self._ledger,
                    tables=self._tables,
                    workspace=self._workspace,
                    limit=self._limit,
                )
                for name, work in (("flusher", self._run_flusher), ("upkeep", self._keep_up)):
                    thread = threading.Thread(target=work, name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()
            return self._writer

    def catalog(self, scope: LakeScope = EVERYTHING, workspace: str = DEFAULT) -> LakeCatalog:
        """Return what a principal sees, at the versions of the moment when each table is first asked for."""
        return LakeCatalog(self._catalog_state, scope, workspace)

    def list_versions(self) -> dict[tuple[str, str], int]:
        """(workspace, table) -> its newest version, of every table that lies in the lake."""
        newest = self._catalog_state.snapshots.read_newest_snapshot
        found = {one: newest(get_table_path(self._data, *one)) for one in list_tables(self._data)}
        return {one: snapshot.version for one, snapshot in found.items() if snapshot is not None}

    @contextmanager
    def pin_versions(self) -> Iterator[dict[tuple[str, str], int]]:
        """`versions`, whose files a vacuum leaves until the end of the block."""
        versions = self.list_versions()
        pins = [(workspace, table, version) for (workspace, table), version in versions.items()]
        for pin in pins:
            self._pins.hold(pin)
        try:
            yield versions
        finally:
            self._pins.drop(pins)

    def query(
        self,
        text: str,
        *,
        scope: LakeScope = EVERYTHING,
        workspace: str = DEFAULT,
        now: dt.datetime | None = None,
        timeout: float | None = None,
        external: ExternalReader | None = None,
        span: RowSpan | None = None,
        others: Sequence[str] = (),
        most: ResultLimit | None = None,
        given: RequestProperties | None = None,
    ) -> list[QueryResult]:
        """Run KQL and give its results, no larger than `most`; every table is read at one version, and only in the span that is given.

        `given` came beside the text: values of its parameters, and options.
        `others` are workspaces whose rows are read with those of the first, as if they were of one.

        KqlError where the query is wrong or cannot be run. A query that sets query_results_cache_max_age may get the results that
        the same scope had before.
        """
        asked = ResultKey(scope, self._workspace(workspace), text)
        began = time.monotonic()
        plain = given is None or given.is_empty
        own = now is None and external is None and span is None and not others and plain
        age = read_allowed_age(text) if own else 0.0
        if age and (kept := self._results.find(asked, age)) is not None:
            return kept
        with set_deadline_within(timeout), self.catalog(scope, workspace) as catalog:
            seen = MultiWorkspaceCatalog(catalog, others) if others else catalog
            limits = EngineLimits(external=external, most=most)
            pipeline = QueryPipeline(seen, lambda: EngineRows(scans=seen.list_scans(span)), limits)
            found = catalog.report_gaps(pipeline.results(text, now=now, timeout=timeout, given=given))
        if age and not (most and most.cut) and not catalog.graph_tables:
            self._results.keep(asked, began, found)
        return found

    def rows(
        self,
        text: str,
        *,
        scope: LakeScope = EVERYTHING,
        workspace: str = DEFAULT,
        now: dt.datetime | None = None,
        timeout: float | None = None,
        span: RowSpan | None = None,
    ) -> pa.Table:
        """The rows of a query's last result, as `query` has them; a text that comes again is not compiled again."""
        with set_deadline_within(timeout), self.catalog(scope, workspace) as catalog:
            compiled = self._compiled.compile(text, catalog, now=now)
            pipeline = QueryPipeline(catalog, lambda: EngineRows(scans=catalog.list_scans(span)))
            return pipeline.run((compiled,), text, timeout)[-1].table

    def find_row_identity(self, text: str, *, workspace: str = DEFAULT, now: dt.datetime) -> RowIdentity:
        """Return what tells the rows of a query's last result apart; KqlError where it is wrong."""
        with self.catalog(EVERYTHING, workspace) as catalog:
            return self._compiled.compile(text, catalog, now=now).identity

    def reading(
        self,
        workspace: str = DEFAULT,
        *,
        scope: LakeScope = EVERYTHING,
        memory: str = READING_MEMORY,
        threads: int = 0,
    ) -> LakeReading:
        """The lake as it is now, for many queries; every table of the workspace is read at its version of this moment."""
        catalog = self.catalog(scope, workspace)
        catalog.pin_graph()
        for _, name in list_tables(self._data, workspace):
            with suppress(LakeError):  # a query that reads it is told
                catalog.find_table(name)
        return LakeReading(catalog, self._compiled, memory, threads)

    def flush(self, timeout: float = 60.0) -> None:
        """Return when all that was acknowledged before is in the tables; LakeError where that takes longer than `timeout` seconds."""
        if self._writer is not None:
            self._writer.close_segment()
        until = time.monotonic() + timeout
        wanted = {one.path.with_suffix("") for one in self._list_segments()}
        while True:
            flushed = self._flusher.flush_batch()
            self._add_touched_tables(flushed)
            wanted &= {one.path.with_suffix("") for one in self._list_segments()}
            if not wanted:
                return
            if flushed is not None and flushed.failure is not None and not flushed.segments:
                raise flushed.failure
            if time.monotonic() > until:
                raise LakeError(f"{len(wanted)} segments of the spool are not flushed after {timeout} s")
            if flushed is None or not flushed.segments:
                time.sleep(0.05)

    def flush_round(self) -> FlushResult | None:
        """One round of the flusher; None where another process has the lease."""
        return self._flusher.flush_batch()

    def compact(self, most: int = MOST_SMALL) -> int | None:
        """Join small files of all tables; how many were joined, None where another process has the lease."""
        return self._upkeep.compact(most=most)

    def retain(self, now: dt.datetime | None = None) -> int | None:
        """Drop the days that workspaces keep no longer; how many files were dropped, None where another process has the lease."""
        return self._upkeep.retain(now or dt.datetime.now(dt.UTC))

    def vacuum(self, hours: int = LEAST_HOURS) -> int | None:
        """Delete files that no version of the last hours (at least 24) and no pinned one uses; None where another has the lease."""
        return self._upkeep.vacuum(hours)

    def run_maintenance(self, timeout: float = 300.0) -> None:
        """Tidy now, here or in the process that has the lease; LakeError where that takes longer."""
        self._tidying.now(timeout)

    def close(self) -> None:
        """Flush what can be flushed and let go of everything."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        try:
            if self._writer is not None:
                self._writer.close()
                while (flushed := self._flusher.flush_batch()) is not None and flushed.segments:
                    self._add_touched_tables(flushed)
                try:
                    self._upkeep.compact(self._pop_touched_tables())
                    if self._tidying.due:
                        self._tidying.tidy()
                except LakeError as error:  # a table that is refused; its rows are safe
                    self.upkeep_failure = error
        finally:
            self._writer = None
            self._lease.release()
            self._pins.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _list_segments(self) -> list[Segment]:
        """The segments whose rows are acknowledged: all closed ones, and those of writers that are gone."""
        return [one for folder in list_folders(self._data) for one in list_segments(folder)]

    def _open_store(self) -> Store:
        return Store(self._data, lambda name: self._tables()[name], self._disk)

    def _pop_touched_tables(self) -> frozenset[tuple[str, str]]:
        """The tables that were written to since this was asked last."""
        with self._lock:
            taken, self._touched = self._touched, frozenset()
            return taken

    def _run_flusher(self) -> None:
        """Close segments in time and flush, until the lake is closed."""
        pause, last = TICK, time.monotonic()
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                closed = self._writer is not None and self._writer.close_segment(CLOSE_AFTER)
                more = False
                if closed or began - last >= FLUSH_EVERY:
                    for work in self._chores:
                        work()
                    flushed = self._flusher.flush_batch()
                    last, more = time.monotonic(), flushed is not None and flushed.more
                    self._add_touched_tables(flushed)
                    self.failure = flushed.failure if flushed is not None else None
                # what came in while a round took long has waited long enough
                pause = 0.0 if more or time.monotonic() - began > CLOSE_AFTER else TICK
            except Exception as error:  # noqa: BLE001 - the boundary of a thread: it tells, waits and tries again
                self.failure, pause = error, FLUSH_EVERY

    def _add_touched_tables(self, flushed: FlushResult | None) -> None:
        if flushed is not None and flushed.tables:
            with self._lock:
                self._touched |= flushed.tables
            self._written.set()

    def _keep_up(self) -> None:
        """Join files after every flush, drop old days and delete unused files now and then, until the lake is closed."""
        due = time.monotonic() + UPKEEP_EVERY
        while not self._stop.is_set():
            self._written.wait(TICK)
            try:
                if self._written.is_set():
                    self._written.clear()
                    self._upkeep.compact(self._pop_touched_tables())
                if time.monotonic() >= due or self._tidying.is_requested:
                    due = time.monotonic() + UPKEEP_EVERY
                    self._tidying.tidy()
            except Exception as error:  # noqa: BLE001 - the boundary of a thread: it tells, waits and tries again
                self.upkeep_failure = error
                self._stop.wait(FLUSH_EVERY)


__all__ = ["QUARANTINE", "Lake"]
