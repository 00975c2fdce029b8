"""Point-in-time logs: the lake and an estate at one moment, for analyzers (estate.Logs)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.estate.log_queries import (
    DeclaredReads,
    FileAggregate,
    LogNotReceivedError,
    Logs,
    UndeclaredTableError,
)
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.estate_scope import grant_full_reach
from nephoscope.lake.queries.multi_workspace_catalog import MultiWorkspaceCatalog
from nephoscope.lake.queries.principal_catalog import LakeCatalog
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.query_engine import EngineRows, QueryPipeline
from nephoscope.lake.storage.file_aggregates import AggregateQuery, FileAggregates
from nephoscope.lake.storage.shared_engine import SharedEngine
from nephoscope.lake.storage.table_store import LAKE, list_tables
from nephoscope.posture.scans.resource_graph_tables import JudgedGraph
from nephoscope.state import State, StateError
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns
from nephoscope_kql.compile import compile_query
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.errors import KqlError
from nephoscope_kql.types import KqlType

TIMEOUT = 120.0
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
#: Tables about the world and not about a tenant: their rows are of no subscription.
UNOWNED = frozenset({"ThreatIntelIndicators", "ThreatIntelligenceIndicator"})


@dataclass(frozen=True)
class FrozenLogs:
    """The rows of an estate's subscriptions in all workspaces, and indicators: other rows may be of another tenant, and decide
    nothing here."""

    catalog: LakeCatalog
    others: Sequence[str]
    estate: Estate
    now: datetime
    aggregates: FileAggregates
    _answers: dict[
        tuple[str | FileAggregate, DeclaredReads], list[dict[str, object]] | DataNotCollectedError
    ] = field(default_factory=dict)
    _tables: dict[str, TableSchema | None] = field(default_factory=dict)

    @cached_property
    def _every_workspace_catalog(self) -> MultiWorkspaceCatalog:
        return MultiWorkspaceCatalog(self.catalog, self.others)

    def _find_table(self, name: str) -> TableSchema | None:
        """Return the table of that name in all workspaces, None where no row of it ever came in; it is looked up once, since what
        is frozen stays as it is."""
        if name not in self._tables:
            self._tables[name] = (
                self._every_workspace_catalog.find_table(name) if name in self._stored_tables else None
            )
        return self._tables[name]

    @cached_property
    def _stored_tables(self) -> frozenset[str]:
        """The tables that are there in any of the workspaces: analyzers declare many that nothing fills."""
        places = {self.catalog.workspace, *self.others}
        return frozenset(name for place, name in list_tables(self.aggregates.data) if place in places)

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, Any]]:
        """The rows of a KQL query, each by the names of its columns; see estate.Logs."""
        return self._answer_query(text, declared, lambda: self._run_query(text, declared))

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, object]]:
        """The merged rows of an aggregate that is kept by file; see estate.Logs."""
        if asked.table in declared.tables and asked.table not in self._stored_tables:
            raise LogNotReceivedError(f"rows of {asked.table}")
        return self._answer_query(asked, declared, lambda: self._merge_aggregate(asked, declared))

    def _answer_query(
        self, asked: str | FileAggregate, declared: DeclaredReads, ask: Callable[[], pa.Table]
    ) -> list[dict[str, object]]:
        key = (asked, declared)
        if key not in self._answers:
            self._answers[key] = _query_once(ask)
        found = self._answers[key]
        if isinstance(found, DataNotCollectedError):
            raise type(found)(found.what, found.cause) from found
        return found

    def read_versions(self, tables: Collection[str]) -> dict[str, object]:
        """Table -> its versions in the workspaces."""
        found: dict[str, list[tuple[tuple[str, str], int]]] = {table: [] for table in sorted(tables)}
        for table in found:
            self._find_table(table)
        for place, version in sorted(self.catalog.list_versions().items()):
            if place[1] in found:
                found[place[1]].append((place, version))
        return {table: tuple(versions) for table, versions in found.items()}

    def _run_query(self, text: str, declared: DeclaredReads) -> pa.Table:
        self.catalog.read_graph(JudgedGraph(self.estate, declared.types))
        seen = MultiWorkspaceCatalog(self.catalog, self.others)
        compiled = compile_query(text, seen, now=self.now)

        def rows() -> EngineRows:
            self._require_tables(declared.tables, seen)
            return EngineRows(scans=seen.list_scans())

        return QueryPipeline(seen, rows).run((compiled,), text)[-1].table

    def _merge_aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> pa.Table:
        if asked.table not in declared.tables:
            raise _build_undeclared_error(asked.table)
        table = self._find_table(asked.table)
        if table is None or not self._every_workspace_catalog.is_written(table.relation):
            raise LogNotReceivedError(f"rows of {asked.table}")
        scan = self._every_workspace_catalog.scan(table.relation)
        steps = AggregateQuery(asked.by_file, asked.merge, asked.combine)
        return self.aggregates.merge(steps, table, scan, self.now)

    def _require_tables(self, declared: Collection[str], seen: MultiWorkspaceCatalog) -> None:
        """Raise UndeclaredTableError for a table that is not declared, LogNotReceivedError for one of which no row ever came in."""
        held = {table for (_, table), version in self.catalog.list_versions().items() if version >= 0}
        for table in seen.read:
            if table not in declared:
                raise _build_undeclared_error(table)
            if table not in held:
                raise LogNotReceivedError(f"rows of {table}")


def _query_once(ask: Callable[[], pa.Table]) -> list[dict[str, object]] | DataNotCollectedError:
    """Return the rows of an answer, or why there is none: every resource of an analyzer asks for it."""
    try:
        with set_deadline_within(TIMEOUT):
            return _list_records(ask())
    except DataNotCollectedError as gap:
        return gap
    except (KqlError, StateError) as error:
        failed = DataNotCollectedError(f"rows of logs: {error}")
        failed.__cause__ = error
        return failed


def _build_undeclared_error(table: str) -> UndeclaredTableError:
    return UndeclaredTableError(f"{table} is not among the TABLES of the analyzer")


def _list_records(table: pa.Table) -> list[dict[str, object]]:
    columns = list_typed_columns(table)
    names = [name for name, _ in columns]
    times = [name for name, kind in columns if kind is KqlType.DATETIME]
    found = [dict(zip(names, row, strict=True)) for row in iterate_rows(table)]
    for row in found if times else ():
        for name in times:
            if row[name] is not None:
                row[name] = _FIRST + timedelta(microseconds=row[name] // 10)
    return found


def _list_workspaces(state: State, subscriptions: frozenset[str]) -> list[str]:
    """List the workspaces that show rows of some of these subscriptions, all where none does."""
    every = {one.name: one.subscriptions for one in state.workspaces.all()}
    shown = [one for one, ids in every.items() if ids is None or not subscriptions.isdisjoint(ids)]
    return shown or list(every)


@contextmanager
def open_frozen_logs(data: Path, state: State | None, estate: Estate, now: datetime) -> Iterator[Logs | None]:
    """Open the logs of a data folder as they are now, beside an estate that is judged; None where it has no state."""
    if state is None:
        yield None
        return
    ids = frozenset(one.rsplit("/", 1)[-1].lower() for one in estate.subscriptions)
    first, *others = _list_workspaces(state, ids)
    scope = LakeScope(ids, estate=grant_full_reach, unowned=UNOWNED)
    with (
        Lake.open(data, state) as lake,
        lake.catalog(scope, first) as catalog,
        SharedEngine(data / LAKE) as engines,
    ):
        yield FrozenLogs(catalog, others, estate, now, FileAggregates(data, Disk(), engines))
