"""The tables of Resource Graph as queries over the lake read them (lake.GraphTables): of an edition, with what is true now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import DeniedError
from nephoscope.lake.queries.estate_scope import Reaches, ReachesWithin
from nephoscope.posture.published.live_rows import TABLE, LiveRowSource
from nephoscope.posture.published.published_snapshot import GraphCatalog, PublishedSnapshot, add_current_rows
from nephoscope.posture.published.row_access import OPERATIONS, USUAL, RowAccess, Shown, find_row_access
from nephoscope.posture.published.uncollected_table import UncollectedTableError
from nephoscope.posture.reports.resource_graph_tables import COLUMNS, TABLES
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.engines.parquet import FileScan
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.state.workspaces.workspace import Workspace

SUBSCRIPTION = "subscriptionId"
ASSESS = "`nephoscope scan` assesses it"
#: What is true beside an edition, for who reaches some of the estate.
CurrentRows = Callable[[PublishedSnapshot, Reaches], LiveRowSource]


@dataclass(frozen=True, slots=True)
class PublishedGraph:
    """The tables of Resource Graph of an edition (None: nothing was published); `current` gives what is true beside it."""

    snapshot: PublishedSnapshot | None
    current: CurrentRows

    @property
    def version(self) -> int:
        """The version of the edition, -1 where nothing was published."""
        return -1 if self.snapshot is None else self.snapshot.version

    @property
    def tenants(self) -> Mapping[str, str]:
        """The tenant of each subscription, '' where it is not known."""
        return {} if self.snapshot is None else self.snapshot.build_info.tenants

    def names(self) -> Iterable[str]:
        """The names of all tables, as Azure writes them."""
        return TABLES.values()

    def table(self, name: str) -> TableSchema | None:
        """The table of a name in any case of its letters, or None."""
        wanted = name.lower()
        return TableSchema(TABLES[wanted], COLUMNS, wanted) if wanted in TABLES else None

    def describe_gaps(
        self, tables: Iterable[str], reaches: Reaches, subscriptions: frozenset[str] | None
    ) -> Iterable[str]:
        """Return what lower-cased tables lack of what a reach would see had it been collected, a sentence each."""
        if self.snapshot is None:
            return ()
        within = reaches if subscriptions is None else ReachesWithin(reaches, subscriptions)
        return self.snapshot.describe_gaps(frozenset(tables), find_row_access(self.snapshot.types, within))

    def scan(self, table: str, reaches: Reaches, subscriptions: frozenset[str] | None) -> FileScan:
        """The rows of a lower-cased table that a reach sees, those of some subscriptions alone (None = all).

        KqlError where no rows of the table would say nothing of the estate.
        """
        if self.snapshot is None:
            raise KqlError(
                f"no resources were assessed yet, so that {TABLES[table]} cannot be read", hint=ASSESS
            )
        snapshot = self.snapshot
        if subscriptions is not None:
            reaches = ReachesWithin(reaches, subscriptions)
        reach = find_row_access(snapshot.types, reaches)[table]
        if snapshot.list_uncollected_tables([table], {table: reach}):
            raise UncollectedTableError([table])
        found = GraphCatalog(snapshot.files, snapshot.shared_tenants).scan(table, reach)
        if table == TABLE:
            found = add_current_rows(found, snapshot.current(self.current(snapshot, reaches)))
        return found if subscriptions is None else replace(found, only=(SUBSCRIPTION, subscriptions))


def require_whole_access(
    caller: Caller, snapshot: PublishedSnapshot | None, tables: Iterable[str], workspace: Workspace
) -> None:
    """Raise DeniedError where somebody does not read every row that a query of the product itself reads in a workspace.

    Rules run as the product: whoever writes one would else read through its alerts what the own roles do not show. `tables` are the
    lower-cased tables of Resource Graph that it reads.
    """
    seen = find_row_access(snapshot.types, caller.find_reaches) if snapshot is not None else {}
    for table in sorted(tables):
        operation = OPERATIONS.get(table, USUAL)
        if not _is_all_visible(seen.get(table) or caller.find_reach(operation), workspace.subscriptions):
            subject = (
                f"rules and functions of the workspace {workspace.name}, which read all of {TABLES[table]}"
            )
            raise DeniedError(caller, operation, "/", subject)


def _is_all_visible(seen: Shown, subscriptions: frozenset[str] | None) -> bool:
    parts = [reach for _, reach in seen.parts] if isinstance(seen, RowAccess) else [seen]
    return all(
        one.everything or (subscriptions is not None and subscriptions <= one.subscriptions) for one in parts
    )
