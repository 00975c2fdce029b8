"""Several workspaces as one: a table has the rows of all of them, as where a query is asked of more than one workspace.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/cross-workspace-queries (implicit)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nephoscope.kql.catalog import Catalog, StoredFunction, TableSchema

if TYPE_CHECKING:
    from nephoscope.lake.catalog import LakeCatalog


class Joined:
    """The catalog of several workspaces (kql.Catalog); functions and watchlists are those of the first."""

    def __init__(self, first: LakeCatalog, others: Sequence[str]) -> None:
        self._first = first
        places = {name: first.place("workspace", name) for name in others if name != first.workspace}
        self._others = {name: place for name, place in places.items() if place is not None}

    def table(self, name: str) -> TableSchema | None:
        """The table, where the first workspace alone has rows of it."""
        return None if self._holding(name) else self._first.table(name)

    def function(self, name: str) -> StoredFunction | None:
        """A table of several workspaces is a function that reads them all."""
        holding = self._holding(name)
        if not holding:
            return self._first.function(name)
        several = [self._first.workspace, *holding]
        return StoredFunction(name, "union " + ", ".join(f"workspace('{one}').['{name}']" for one in several))

    def names(self) -> Iterable[str]:
        """The tables that hold rows in any of the workspaces, and the functions of the first."""
        found = [*self._first.names()]
        for place in self._others.values():
            found += [name for name in place.names() if place.table(name) is not None]
        return dict.fromkeys(found)

    def watchlist(self, alias: str) -> TableSchema | None:
        """The watchlist of an alias in the first workspace."""
        return self._first.watchlist(alias)

    def place(self, kind: str, name: str) -> Catalog | None:
        """Another workspace."""
        return self._first.place(kind, name)

    def _holding(self, name: str) -> list[str]:
        """The other workspaces that hold rows of a table."""
        return [
            one
            for one, place in self._others.items()
            if self._first.function(name) is None and name in place.names() and place.table(name) is not None
        ]
