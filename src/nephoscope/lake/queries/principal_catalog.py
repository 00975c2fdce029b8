"""Principal catalog: the tables of the lake at one version each, limited to the rows in a principal's scope."""

from __future__ import annotations

import datetime as dt
import re
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nephoscope.lake.queries.arg_function import GraphPlace
from nephoscope.lake.queries.pinned_tables import PinnedTable, PinnedTables, release_pins, scan_pinned_table
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.queries.resource_graph_tables import PREFIX, GraphTables
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.queries.stored_functions import StoredFunctions
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.lake.queries.watchlist_files import Watchlist, Watchlists
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables
from nephoscope.lake.storage.snapshot import TableSnapshot, TableSnapshots
from nephoscope.lake.storage.table_store import get_table_path, list_tables
from nephoscope.lake.storage.version_pins import Pins
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema
from nephoscope_kql.engines.parquet import FileScan
from nephoscope_kql.errors import KqlError
from nephoscope_kql.run import QueryResult

_ALIASES = "_GetWatchlistAlias"
_ARM = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.operationalinsights/workspaces/([^/]+)/?",
    re.IGNORECASE,
)
#: What stands before a workspace's ARM id where Azure Data Explorer is told of it as a cluster.
#: Source: https://learn.microsoft.com/azure/data-explorer/query-monitor-data
_CLUSTER = re.compile(r"https://(?:ade\.loganalytics\.io|adx\.monitor\.azure\.com)(?=/)", re.IGNORECASE)


@dataclass(slots=True)
class SharedCatalogState:
    """State that all catalogs of a data folder share."""

    data: Path
    tables: Callable[[], Tables]
    snapshots: TableSnapshots
    pins: Pins
    workspace: Callable[[str], Workspace]
    find: Callable[[str], str | None]
    functions: StoredFunctions
    watchlists: Watchlists
    graph: Callable[[], GraphTables] | None = None
    visible: Callable[[LakeScope, str], list[str]] | None = None


class LakeCatalog:
    """The catalog of one workspace for one scope (kql.Catalog); a table is pinned when it is first asked for.

    Everything that a query reads through it, other workspaces included, is read at the pinned versions. They stay pinned, safe from
    vacuum, until `close` (or until nobody has the catalog any more).
    """

    def __init__(
        self,
        catalog_state: SharedCatalogState,
        scope: LakeScope,
        workspace: str,
        held: PinnedTables | None = None,
    ) -> None:
        self._catalog_state, self._scope, self._workspace = catalog_state, scope, workspace
        self._lock = threading.Lock()
        self._functions: Mapping[str, StoredFunction] | None = None
        self._shared = held is not None
        self._held = PinnedTables() if held is None else held
        self._pinned = self._held.pinned
        self._released = weakref.finalize(
            self, release_pins, catalog_state.pins, self._pinned, shared=self._shared
        )

    @property
    def scope(self) -> LakeScope:
        """Return whose view it is."""
        return self._scope

    @property
    def workspace(self) -> str:
        """The workspace whose tables need no prefix."""
        return self._workspace

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name, or None; empty where nothing was ever written to it.

        A name that no table of the lake has may be that of a table of Resource Graph, in any case of its letters.
        """
        if not self._scope.can_read(self._workspace):
            return None
        table = self._catalog_state.tables().get(name)
        return self.find_graph_table(name) if table is None else self._find_pinned_schema(table)

    def find_graph_table(self, name: str) -> TableSchema | None:
        """The table of Resource Graph of that name, or None; all are of one evaluation, the newest when the first was asked for."""
        graph = self.pin_graph()
        found = None if graph is None else graph.table(name)
        if found is None:
            return None
        relation = f"{PREFIX}{self._workspace}/{found.relation}"
        with self._lock:
            self._held.asked.setdefault(
                relation, (found.relation, self._catalog_state.workspace(self._workspace))
            )
        return replace(found, relation=relation)

    def pin_graph(self) -> GraphTables | None:
        """The estate as it stays for all that is read through this catalog; None where there is none beside the lake."""
        with self._lock:
            if self._held.graph is None and self._catalog_state.graph is not None:
                self._held.graph = self._catalog_state.graph()
        return self._held.graph

    def read_graph(self, graph: GraphTables) -> None:
        """Read this estate from now on, in the place of the newest."""
        with self._lock:
            self._held.graph = graph

    def find_function(self, name: str) -> StoredFunction | None:
        """The stored function of that name, or None; _GetWatchlistAlias gives the aliases of the watchlists that the scope sees."""
        if name == _ALIASES and self._scope.can_read(self._workspace):
            seen = self._scope.can_read_watchlists(self._workspace)
            aliases = self._catalog_state.watchlists.aliases(self._workspace) if seen else []
            listed = ", ".join(f"'{alias}'" for alias in aliases)
            return StoredFunction(name, f"datatable(WatchlistAlias: string)[{listed}]")
        return self._load_stored_functions().get(name) or load_shipped_functions().get(name)

    def names(self) -> Iterable[str]:
        """The tables that hold rows and the functions: what wildcards match.

        A table without rows, and one of Resource Graph, is known by its name alone. Whose role allows some subscriptions finds the
        tables that hold a row of these, so that a wildcard does not tell which tables others fill.
        """
        if not self._scope.can_read(self._workspace):
            return []
        limited = self._scope.ids is not None and not self._scope.narrowed
        visible = self._catalog_state.visible if limited else None
        known = self.list_written_tables() if visible is None else visible(self._scope, self._workspace)
        return [*known, *self._load_stored_functions()]

    def known_tables(self) -> Iterable[str]:
        """The package's tables and those of Resource Graph, whoever filled them; a table of the workspace's own is not among them."""
        if not self._scope.can_read(self._workspace):
            return ()
        graph = self.pin_graph()
        return [*Tables.builtin().by_name, *(graph.names() if graph is not None else ())]

    def list_written_tables(self) -> list[str]:
        """The tables of the workspace that hold rows, whoever may read them."""
        tables = self._catalog_state.tables()
        return [name for _, name in list_tables(self._catalog_state.data, self._workspace) if name in tables]

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """The watchlist of an alias. Its rows belong to no subscription: for a restricted scope there is none."""
        if not self._scope.can_read_watchlists(self._workspace):
            return None
        found = self._catalog_state.watchlists.get(self._workspace, alias)
        if found is None:
            return None
        relation = f"{self._workspace}/watchlist/{alias.lower()}"
        with self._lock:
            pinned = self._pinned.setdefault(
                relation, PinnedTable(self._catalog_state.workspace(self._workspace), found, None)
            )
        return pinned.table.to_schema(relation)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """The workspace of a name, a GUID or an ARM id, where there is one and the scope allows it; None for all else.

        A workspace is also the database of its name, and a cluster of that one database under the address of its ARM id. `arg("")`
        is Resource Graph.
        """
        if kind == "arg":
            graph = None if name else self.pin_graph()
            return None if graph is None else GraphPlace(self.find_graph_table, tuple(graph.names()))
        if kind in ("workspace", "database"):
            found = self._find_workspace(name)
            return None if found is None else LakeCatalog(self._catalog_state, self._scope, found, self._held)
        address = _CLUSTER.match(name) if kind == "cluster" else None
        id_ = name[address.end() :] if address else ""
        found = self._find_workspace(id_) if _ARM.fullmatch(id_) else None
        return None if found is None else _Cluster(self, found)

    def _find_workspace(self, named: str) -> str | None:
        """The name of a workspace that the scope sees."""
        arm = _ARM.fullmatch(named)
        found = self._catalog_state.find(arm[1] if arm else named)
        return found if found is not None and self._scope.can_read(found) else None

    def list_versions(self) -> dict[tuple[str, str], int]:
        """(workspace, table) -> the pinned version, -1 where there is no table yet."""
        return {
            (one.workspace.name, one.table.name): one.snapshot.version if one.snapshot else -1
            for one in self._pinned.values()
            if isinstance(one.table, LakeTable)
        }

    def snapshot(self, relation: str) -> TableSnapshot | None:
        """The pinned version of a relation that was asked for; None where its table was never written to."""
        return self._pinned[relation].snapshot

    def begin(self, name: str) -> dt.datetime | None:
        """Return when the oldest row of a table happened; None where it has none that the scope may see."""
        if self.find_table(name) is None:
            return None
        snapshot = self.snapshot(f"{self._workspace}/{name}")
        return min((one.first for one in snapshot.files if one.first), default=None) if snapshot else None

    def with_newest_versions(self) -> LakeCatalog:
        """Return the same view at the newest versions."""
        return LakeCatalog(self._catalog_state, self._scope, self._workspace)

    def scan(self, relation: str, span: RowSpan | None = None) -> FileScan:
        """The files of one relation that was asked for, and the rows of them that the scope sees, in a span of time.

        The estate is as it was assessed last, whatever the span.
        """
        if relation in self._held.asked:
            return self._scan_graph(relation)
        return scan_pinned_table(self._pinned[relation], self._scope, span)

    def _scan_graph(self, relation: str) -> FileScan:
        table, workspace = self._held.asked[relation]
        graph = self._held.graph
        if graph is None:
            raise KeyError(relation)
        return graph.scan(table, self._scope.estate, workspace.subscriptions)

    def list_scans(self, span: RowSpan | None = None) -> dict[str, FileScan]:
        """Relation -> the files and the rows of them that the scope sees, for all tables that were asked for, in a span of time."""
        return {relation: self.scan(relation, span) for relation in self.list_relations()}

    def estimate_rows(self, relation: str, span: RowSpan) -> int | None:
        """Count how many rows a table has in a span, were they spread evenly over each file's time; None for what has no time."""
        if relation in self._held.asked:
            return None
        pinned = self._pinned[relation]
        if isinstance(pinned.table, Watchlist):
            return None
        return sum(file.estimate_rows(span.start, span.end) for file in pinned.files(span))

    def list_relations(self) -> frozenset[str]:
        """The relations that were asked for up to now."""
        return frozenset([*self._pinned, *self._held.asked])

    @property
    def graph_tables(self) -> frozenset[str]:
        """The lower-cased tables of Resource Graph that were asked for up to now."""
        return frozenset(table for table, _ in self._held.asked.values())

    def describe_gaps(self, relations: Collection[str] | None = None) -> tuple[str, ...]:
        """Return what relations (None = all that were asked for) lack of what the scope would see had it been collected."""
        graph, within = self._held.graph, defaultdict[frozenset[str] | None, set[str]](set)
        for relation, (table, workspace) in list(self._held.asked.items()):
            if relations is None or relation in relations:
                within[workspace.subscriptions].add(table)
        if graph is None:
            return ()
        lines = (graph.describe_gaps(tables, self._scope.estate, some) for some, tables in within.items())
        return tuple(dict.fromkeys(line for several in lines for line in several))

    def report_gaps(self, results: list[QueryResult]) -> list[QueryResult]:
        """Return results of a query over this catalog, each with what its tables lack."""
        gaps = self.describe_gaps()
        return [replace(one, gaps=gaps) for one in results] if gaps else results

    def files(self) -> dict[str, list[Path]]:
        """Relation -> all its files at the pinned version; a table of Resource Graph that cannot be read has none, and its scan
        says why.
        """
        found: dict[str, list[Path]] = {}
        for relation in self.list_relations():
            try:
                found[relation] = self.scan(relation).paths()
            except KqlError:
                found[relation] = []
        return found

    def close(self) -> None:
        """Let the pinned versions go."""
        self._released()

    def __enter__(self) -> LakeCatalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load_stored_functions(self) -> Mapping[str, StoredFunction]:
        """The functions, as they were when the first was asked for."""
        if self._functions is None:
            sees = self._scope.can_read(self._workspace)
            self._functions = self._catalog_state.functions.for_workspace(self._workspace) if sees else {}
        return self._functions

    def _find_pinned_schema(self, table: LakeTable) -> TableSchema:
        relation = f"{self._workspace}/{table.name}"
        with self._lock:
            if relation not in self._pinned:
                self._pinned[relation] = self._pin_table(table)
        return self._pinned[relation].table.to_schema(relation)

    def _pin_table(self, table: LakeTable) -> PinnedTable:
        path = get_table_path(self._catalog_state.data, self._workspace, table.name)
        snapshot = self._catalog_state.snapshots.read_newest_snapshot(path)
        if snapshot is not None:
            self._catalog_state.pins.hold((self._workspace, table.name, snapshot.version))
        return PinnedTable(self._catalog_state.workspace(self._workspace), table, snapshot)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A workspace under a cluster's address (kql.Catalog): it has no tables but those of its database."""

    catalog: LakeCatalog
    workspace: str

    def find_table(self, name: str) -> TableSchema | None:  # noqa: ARG002 - the protocol's signature
        """None."""
        return None

    def find_function(self, name: str) -> StoredFunction | None:  # noqa: ARG002
        """None."""
        return None

    def names(self) -> Iterable[str]:
        """None."""
        return ()

    def known_tables(self) -> Iterable[str]:
        """None."""
        return ()

    def find_watchlist(self, alias: str) -> TableSchema | None:  # noqa: ARG002
        """None."""
        return None

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Its database, by the workspace's name, GUID or ARM id."""
        found = self.catalog.resolve_place(kind, name) if kind == "database" else None
        return found if isinstance(found, LakeCatalog) and found.workspace == self.workspace else None
