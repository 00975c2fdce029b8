"""Table visibility cache: tables of a workspace with rows in a scope."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from nephoscope.lake.queries.principal_catalog import LakeCatalog
    from nephoscope.lake.queries.principal_scope import LakeScope

_MOST = 20_000
#: Seconds for which a table that held a row that is seen is taken to hold one, whatever was written to it since.
_FRESH = 600.0


@dataclass(frozen=True, slots=True)
class _VisibilityEntry:
    """That a version of a table was looked at, at a time.monotonic(), and whether a row of it is seen."""

    version: int
    when: float
    seen: bool

    def is_current(self, version: int, now: float) -> bool:
        return self.version == version or (self.seen and now - self.when < _FRESH)


#: By workspace, table and subscriptions.
_Known = dict[tuple[str, str, frozenset[str]], _VisibilityEntry]


class TableVisibilityCache:
    """The tables of a lake as principals see them; each version of a table is looked at once a scope. Safe for threads."""

    def __init__(self, catalog: Callable[[LakeScope, str], LakeCatalog]) -> None:
        self._catalog = catalog
        self._known: _Known = {}

    def list_visible_tables(self, scope: LakeScope, workspace: str) -> list[str]:
        """The names of the tables that hold rows of the scope, sorted; of a scope without subscriptions those that hold any."""
        with self._catalog(scope, workspace) as catalog:
            names = sorted(catalog.list_written_tables()) if scope.can_read(workspace) else []
            ids = scope.ids
            return names if ids is None else self._find_visible(catalog, names, ids)

    def _find_visible(self, catalog: LakeCatalog, names: list[str], ids: frozenset[str]) -> list[str]:
        known, now = _Known(), time.monotonic()
        with duckdb.connect() as connection:
            for name in names:
                catalog.find_table(name)
                key, version = (
                    (catalog.workspace, name, ids),
                    catalog.list_versions()[catalog.workspace, name],
                )
                found = self._known.get(key)
                if found is None or not found.is_current(version, now):
                    found = _VisibilityEntry(version, now, _has_any_row(connection, catalog, name))
                known[key] = found
        if len(self._known) + len(known) > _MOST:
            self._known = {}
        self._known.update(known)
        return [name for (_, name, _), found in known.items() if found.seen]


def _has_any_row(connection: duckdb.DuckDBPyConnection, catalog: LakeCatalog, name: str) -> bool:
    # the condition is kept, the columns are not read
    scan = catalog.scan(f"{catalog.workspace}/{name}").narrow(())
    return bool(scan.groups and scan.open_relation(connection).limit(1).fetchall())
