"""Multi-workspace catalog: a table holds the rows of every workspace a query names.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/cross-workspace-queries (implicit)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.lake.queries.resource_graph_tables import PREFIX
from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema
from nephoscope_kql.engines.parquet import FileScan

if TYPE_CHECKING:
    from nephoscope.lake.queries.principal_catalog import LakeCatalog
    from nephoscope.lake.queries.time_span import RowSpan

_JOINED = "joined/"


class MultiWorkspaceCatalog:
    """The catalog of several workspaces (kql.Catalog); functions and watchlists are those of the first."""

    def __init__(self, first: LakeCatalog, others: Sequence[str]) -> None:
        places = (first.resolve_place("workspace", name) for name in others if name != first.workspace)
        self._first = first
        self._places: list[Catalog] = [first, *(place for place in places if place is not None)]
        self._relations: dict[str, list[str]] = {}

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name in all workspaces, or None."""
        several = [one for place in self._places if (one := place.find_table(name)) is not None]
        if not several:
            return None
        if several[0].relation.startswith(PREFIX):  # there is one estate, whichever workspace asks for it
            return several[0]
        relation = f"{_JOINED}{name}"
        self._relations[relation] = [one.relation for one in several]
        return replace(several[0], relation=relation)

    @property
    def read(self) -> list[str]:
        """The tables of the lake that were asked for up to now."""
        return [relation.removeprefix(_JOINED) for relation in self._relations]

    def find_function(self, name: str) -> StoredFunction | None:
        """The stored function of that name in the first workspace, or None."""
        return self._first.find_function(name)

    def names(self) -> Iterable[str]:
        """The tables that hold rows in any of the workspaces, and the functions of the first."""
        tables = [
            name for place in self._places[1:] for name in place.names() if place.find_table(name) is not None
        ]
        return dict.fromkeys([*self._first.names(), *tables])

    def known_tables(self) -> Iterable[str]:
        """Return the tables that the first workspace knows."""
        return self._first.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """The watchlist of an alias in the first workspace."""
        return self._first.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Another workspace."""
        return self._first.resolve_place(kind, name)

    def is_written(self, relation: str) -> bool:
        """Return whether rows of a table that was asked for ever came in to any of the workspaces."""
        return any(self._first.snapshot(one) is not None for one in self._relations.get(relation, ()))

    def scan(self, relation: str) -> FileScan:
        """The files of one table of the lake that was asked for, in all workspaces, as of scans."""
        return _merge_scans([self._first.scan(one) for one in self._relations[relation]])

    def list_scans(self, span: RowSpan | None = None) -> dict[str, FileScan]:
        """Relation -> its files in all workspaces, of each workspace the rows that it shows."""
        found = self._first.list_scans(span)
        return found | {
            relation: _merge_scans([found[one] for one in several])
            for relation, several in self._relations.items()
        }


def _merge_scans(several: Sequence[FileScan]) -> FileScan:
    """Return one scan of all files; those of workspaces that show the same subscriptions are read together."""
    alike: dict[object, list[FileScan]] = {}
    for one in several:
        alike.setdefault(one.only, []).append(one)
    first, *others = (
        replace(scans[0], groups=tuple(group for one in scans for group in one.groups))
        for scans in alike.values()
    )
    return replace(first, also=tuple(others))
