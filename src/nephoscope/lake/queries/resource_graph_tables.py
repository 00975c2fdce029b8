"""Resource Graph tables beside the lake's own: the interface that the estate implements for queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.lake.queries.estate_scope import Reaches
    from nephoscope_kql.catalog import TableSchema
    from nephoscope_kql.engines.parquet import FileScan

PREFIX = "arg()/"
"""What relations of these tables begin with; no workspace can be called so."""


class GraphTables(Protocol):
    """The tables at one evaluation of the estate."""

    @property
    def version(self) -> int:
        """The version of the evaluation, -1 where the estate was never assessed."""
        ...

    @property
    def tenants(self) -> Mapping[str, str]:
        """The tenant of each subscription (a lower-cased GUID), '' where it is not known."""
        ...

    def names(self) -> Iterable[str]:
        """The names of all tables, as Azure writes them."""
        ...

    def table(self, name: str) -> TableSchema | None:
        """The table of a name in any case of its letters, with that name in lower case as its relation; None for another."""
        ...

    def describe_gaps(
        self, tables: Iterable[str], reaches: Reaches, subscriptions: frozenset[str] | None
    ) -> Iterable[str]:
        """Return what lower-cased tables lack of what `scan` would show had it been collected, a sentence each."""
        ...

    def scan(self, table: str, reaches: Reaches, subscriptions: frozenset[str] | None) -> FileScan:
        """The rows of a lower-cased table that a reach sees, those of some subscriptions alone (None = all, also without one).

        KqlError where it cannot be read, or where that it has no rows would say nothing of the estate.
        """
        ...
