"""The `arg("")` function: Azure Resource Graph as a cluster in a query, as Log Analytics writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema


@dataclass(frozen=True, slots=True)
class GraphPlace:
    """The tables of Resource Graph alone (kql.Catalog); `tables` gives one by its name in any case, `known` are all.

    Source: https://learn.microsoft.com/azure/azure-monitor/logs/azure-monitor-data-explorer-proxy
    """

    tables: Callable[[str], TableSchema | None]
    known: tuple[str, ...]

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name in any case of its letters, or None."""
        return self.tables(name)

    def find_function(self, name: str) -> StoredFunction | None:  # noqa: ARG002
        """None."""
        return None

    def names(self) -> Iterable[str]:
        """None: a wildcard matches none of them."""
        return ()

    def known_tables(self) -> Iterable[str]:
        """Every table of Resource Graph."""
        return self.known

    def find_watchlist(self, alias: str) -> TableSchema | None:  # noqa: ARG002
        """None."""
        return None

    def resolve_place(self, kind: str, name: str) -> Catalog | None:  # noqa: ARG002
        """None."""
        return None
