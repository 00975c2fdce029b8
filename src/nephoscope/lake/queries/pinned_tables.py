"""Tables of the lake that a query reads, each pinned at one version, and their files within a scope and a span of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.queries.resource_graph_tables import GraphTables
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.lake.queries.watchlist_files import Watchlist
from nephoscope.lake.schema.column_types import DAY, SUBSCRIPTION, build_stored_names
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.storage.snapshot import ParquetFile, TableSnapshot, read_time_bounds
from nephoscope.lake.storage.version_pins import Pins
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.engines.parquet import FileColumn, FileScan
from nephoscope_kql.types import KqlType

_SQL = {KqlType.DATETIME: "TIMESTAMPTZ"}


@dataclass(frozen=True, slots=True)
class PinnedTable:
    """A table at a version, or a watchlist as it was; `snapshot` is None where a table was never written to, and for a watchlist."""

    workspace: Workspace
    table: LakeTable | Watchlist
    snapshot: TableSnapshot | None

    def files(self, span: RowSpan | None = None) -> list[ParquetFile]:
        """The files that may have rows in a span of time; none of a watchlist."""
        if self.snapshot is None:
            return []
        if span is None:
            return list(self.snapshot.files)
        return [
            file
            for file in self.snapshot.files
            if file.may_have(span.start, span.end) and (span.since is None or _may_hold_rows(file, span))
        ]


@dataclass(slots=True)
class PinnedTables:
    """Tables and watchlists by relation that a query and its functions read, and the estate, each pinned at one version.

    `asked` are the tables of Resource Graph that were asked for: relation -> the lower-cased table, and the workspace it was asked in.
    """

    pinned: dict[str, PinnedTable] = field(default_factory=dict)
    asked: dict[str, tuple[str, Workspace]] = field(default_factory=dict)
    graph: GraphTables | None = None


def release_pins(pins: Pins, pinned: Mapping[str, PinnedTable], *, shared: bool) -> None:
    """Let the files of versions go that a query held; a catalog that shares them with another leaves them."""
    if not shared:
        several = list(pinned.values())
        pins.drop(
            [
                (one.workspace.name, one.table.name, one.snapshot.version)
                for one in several
                if one.snapshot and isinstance(one.table, LakeTable)
            ]
        )


def _may_hold_rows(file: ParquetFile, span: RowSpan) -> bool:
    times = read_time_bounds(file.path)
    if times is None:
        return True
    first, last = times
    return (span.since is None or last >= span.since) and (span.ingested is None or first < span.ingested)


def scan_pinned_table(pinned: PinnedTable, scope: LakeScope, span: RowSpan | None) -> FileScan:
    """Return the columns and files of a table at its version, with the rows that a scope and a span of time leave."""
    table = pinned.table
    seen = table.to_schema("")
    names = [name for name, _ in table.columns]
    columns = tuple(
        FileColumn(name, stored, _SQL.get(kind, kind.physical))
        for name, stored, (_, kind) in zip(
            seen.list_stored_names(), build_stored_names(names), table.columns, strict=True
        )
    )
    if isinstance(table, Watchlist):
        return FileScan(
            columns, ((table.path,),), _find_visible_subscriptions(pinned.workspace, scope, frozenset())
        )
    return FileScan(
        columns,
        _list_groups(pinned.files(span)),
        _find_visible_subscriptions(pinned.workspace, scope, scope.unowned & {table.name}),
        span.list_ranges() if span else (),
        DAY,
    )


def _find_visible_subscriptions(
    workspace: Workspace, scope: LakeScope, unowned: frozenset[str]
) -> tuple[str, frozenset[str]] | None:
    """The subscriptions that the workspace shows and the scope allows ('' = none, of what is `unowned`); None = all rows."""
    allowed = scope.ids if scope.ids is None or not unowned else scope.ids | {""}
    chosen = [ids for ids in (workspace.subscriptions, allowed) if ids is not None]
    return (SUBSCRIPTION, frozenset.intersection(*chosen)) if chosen else None


def _list_groups(files: Iterable[ParquetFile]) -> tuple[tuple[Path, ...], ...]:
    """Files with equal columns: our own say it in their name. The newest come first: the engine opens one to know columns."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(files, key=lambda file: file.day, reverse=True):
        name = file.path.name.split("-")
        own = len(name) == 3 and name[0] == "part" and len(name[1]) == 12
        groups[name[1] if own else file.relative].append(file.path)
    return tuple(tuple(group) for group in groups.values())
