"""Catalog of a query's tables and stored functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nephoscope_kql.types import KqlType


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table: its KQL name as it is stored and its columns, in order, names distinct by case.

    `relation` is the name under which the engine finds the rows ('' = `name`). `storage` says, column by column, how the engine
    stores the values where it is not as types.KqlType says: 'timestamp', 'timestamp_tz', 'timestamp_ns', 'interval', 'text' (a
    dynamic that may be no JSON), 'nested' (a dynamic as list, struct or map), '' as types.KqlType says. `ingested`
    names the datetime column that ingestion_time() reads ('' = the table does not say: null). `day`: a datetime column, and the
    engine's name of a hidden DATE column that holds its UTC day, by which the rows lie in folders (('', '') = they do not).
    """

    name: str
    columns: tuple[tuple[str, KqlType], ...]
    relation: str = ""
    storage: tuple[str, ...] = ()
    ingested: str = ""
    day: tuple[str, str] = ("", "")

    def list_stored_names(self) -> tuple[str, ...]:
        """Return what the engine calls the columns: their own names, but where an earlier one differs only by case,
        with the position."""
        seen: set[str] = set()
        result = []
        for place, (name, _) in enumerate(self.columns):
            lowered = name.lower()
            result.append(f"{name}\u00b7{place}" if lowered in seen else name)
            seen.add(lowered)
        return tuple(result)


@dataclass(frozen=True, slots=True)
class StoredFunction:
    """A workspace function: `body` in KQL, `parameters` as in `.create function` (`start:datetime=datetime(null), T:(a:string)`)."""

    name: str
    body: str
    parameters: str = ""


class Catalog(Protocol):
    """Catalog that the binder queries; every name is case-sensitive, as in Kusto."""

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name, or None."""
        ...

    def find_function(self, name: str) -> StoredFunction | None:
        """The stored function of that name, or None."""
        ...

    def names(self) -> Iterable[str]:
        """The names of all tables and functions: for wildcards and for `did you mean`."""
        ...

    def known_tables(self) -> Iterable[str]:
        """The tables that no wildcard matches, such as those without rows: for `did you mean`."""
        ...

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """The watchlist of an alias: SearchKey and the columns of its items; None where there is none."""
        ...

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """Return what `workspace('name')`, `app`, `resource`, `cluster`, `database`, `arg` (the kind) means, None
        where it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryCatalog:
    """A catalog of given tables and functions."""

    tables: Mapping[str, TableSchema] = field(default_factory=dict)
    functions: Mapping[str, StoredFunction] = field(default_factory=dict)
    watchlists: Mapping[str, TableSchema] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Catalog] = field(default_factory=dict)

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name, or None."""
        return self.tables.get(name)

    def find_function(self, name: str) -> StoredFunction | None:
        """The stored function of that name, or None."""
        return self.functions.get(name)

    def names(self) -> Iterable[str]:
        """The names of all tables and functions."""
        return [*self.tables, *self.functions]

    def known_tables(self) -> Iterable[str]:
        """None: wildcards match every table."""
        return ()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        """The watchlist of an alias, or None."""
        return self.watchlists.get(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        """The catalog of another workspace, database or cluster, or None."""
        return self.places.get((kind, name))

    @staticmethod
    def of(
        tables: Mapping[str, Iterable[tuple[str, str]]],
        functions: Iterable[StoredFunction] = (),
    ) -> MemoryCatalog:
        """A catalog from table name -> (column, type name) pairs."""
        schemas = {
            name: TableSchema(name, tuple((column, KqlType(kind)) for column, kind in columns))
            for name, columns in tables.items()
        }
        return MemoryCatalog(schemas, {function.name: function for function in functions})
