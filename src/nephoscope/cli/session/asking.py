"""A query with the tables, functions and limits that the command line gives it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nephoscope.kql import Compiled, QueryResult
from nephoscope.kql.catalog import MemoryCatalog, TableSchema
from nephoscope.kql.compile import compile_results
from nephoscope.kql.engines.duckdb import DuckDBEngine
from nephoscope.kql.engines.external import AllowedLocations
from nephoscope.kql.errors import KqlError
from nephoscope.kql.types import TYPE_NAMES, KqlType
from nephoscope.sources.functions import FunctionError, functions
from nephoscope.sources.tables.reading import FileTable, TableError, table

_NAMED = re.compile(r"(?P<name>[^=/\\]+)=(?P<rest>.+)", re.DOTALL)
_WATCHLIST = "watchlist:"


class UsageError(ValueError):
    """An option that cannot be used; the text says which and what is wanted."""


@dataclass(frozen=True)
class Asked:
    """A compiled query and what it runs on."""

    text: str
    compiled: tuple[Compiled, ...]
    tables: Mapping[str, FileTable]
    options: Mapping[str, Any]
    external: AllowedLocations

    @staticmethod
    def of(text: str, options: Mapping[str, Any]) -> Asked:
        """Read the tables and compile the query; UsageError for an option, KqlError for the query."""
        declared = dict(_schema(item) for item in options["schemas"])
        reader = allowed(options["external"])
        try:
            found = _tables(options["tables"], declared)
            lists = _tables(options["watchlists"], declared)
            stored = [one for folder in options["functions"] for one in functions(folder)]
        except (TableError, FunctionError) as error:
            raise UsageError(str(error)) from error
        for name in declared:
            if name not in found and name not in lists:
                raise UsageError(f"--schema {name}: no --table has that name")
        catalog = MemoryCatalog(
            {name: one.schema for name, one in found.items()},
            {one.name: one for one in stored},
            {name: _watchlist(name, one.schema) for name, one in lists.items()},
        )
        compiled = compile_results(text, catalog, now=options["now"])
        whole = found | {f"{_WATCHLIST}{name}": one for name, one in lists.items()}
        return Asked(text, compiled, whole, options, reader)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the compiler noticed."""
        return self.compiled[0].notes

    def explained(self) -> str:
        """The SQL of every result, and the values that are bound in it."""
        return "\n\n".join(
            "\n".join([one.sql, *(f"-- ${name} = {value}" for name, value in one.parameters.items())])
            for one in self.compiled
        )

    def results(self) -> tuple[QueryResult, ...]:
        """All results in order; KqlError where a limit is reached or externaldata is refused."""
        rows = {name: one.rows for name, one in self.tables.items() if one.rows is not None}
        files = {name: one.files for name, one in self.tables.items() if one.files}
        memory = self.options["memory"]
        with DuckDBEngine(rows, files=files, memory=memory, external=self.external) as engine:
            return tuple(self._run(engine, one) for one in self.compiled)

    def _run(self, engine: DuckDBEngine, compiled: Compiled) -> QueryResult:
        try:
            return QueryResult(engine.run(compiled, self.options["timeout"]), compiled.name, compiled.hint)
        except KqlError as error:
            raise error.locate(self.text) from error.__cause__


def _tables(given: Iterable[str], declared: Mapping[str, Mapping[str, KqlType]]) -> dict[str, FileTable]:
    found: dict[str, FileTable] = {}
    for item in given:
        name, path = _named(item)
        if name in found:
            raise UsageError(f"two tables are named {name}")
        found[name] = table(name, path, declared.get(name))
    return found


def _named(item: str) -> tuple[str, Path]:
    """NAME=PATH, or PATH alone: the name is the file's."""
    match = _NAMED.fullmatch(item)
    if match is not None:
        return match["name"], Path(match["rest"])
    path = Path(item)
    return path.name.split(".", 1)[0], path


def _schema(item: str) -> tuple[str, dict[str, KqlType]]:
    """`T=when:datetime, what:dynamic`."""
    match = _NAMED.fullmatch(item)
    if match is None:
        raise UsageError(f"--schema {item}: NAME=column:type, column:type is wanted")
    columns: dict[str, KqlType] = {}
    for part in match["rest"].strip().strip("()").split(","):
        name, _, kind = (piece.strip() for piece in part.rpartition(":"))
        if not name or kind.lower() not in TYPE_NAMES:
            raise UsageError(f"--schema {match['name']}: '{part.strip()}' is not column:type")
        columns[name.strip("[]'\"")] = TYPE_NAMES[kind.lower()]
    return match["name"], columns


def _watchlist(name: str, schema: TableSchema) -> TableSchema:
    if "SearchKey" not in dict(schema.columns):
        raise UsageError(f"--watchlist {name}: the file has no column SearchKey")
    return replace(schema, relation=f"{_WATCHLIST}{name}")


def allowed(given: Iterable[str]) -> AllowedLocations:
    """What externaldata may read: folders, hosts, and folders with copies of URLs."""
    folders: list[Path] = []
    hosts: set[str] = set()
    copies: dict[str, Path] = {}
    for item in given:
        url, equals, folder = item.rpartition("=")
        if equals and "://" in url:
            copies[url] = _folder(folder)
        elif Path(item).is_dir():
            folders.append(Path(item))
        elif "/" in item.removeprefix("https://").removeprefix("http://") or "." not in item:
            raise UsageError(f"--external {item}: not a folder, not a host, not URL=DIR")
        else:
            hosts.add(item.rstrip("/"))
    return AllowedLocations(tuple(folders), frozenset(hosts), copies)


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise UsageError(f"--external: {text} is not a folder")
    return path
