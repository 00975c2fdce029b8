"""A table of the lake: its columns, as content/tables says them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.column_types import (
    BAG,
    DAY,
    INGESTED,
    STANDARD,
    TIME,
    build_schema,
    build_stored_names,
)
from nephoscope.lake.schema.machine_identity import Identity
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.types import KqlType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEYS = frozenset({"name", "description", "columns", "bag", "categories", "machine"})


@dataclass(frozen=True)
class LakeTable:
    """A table: `columns` are all of them in order, the standard ones and the `bag` for unknown ones among them.

    `categories` are the categories of resource logs whose records it takes; `machine` are the columns that say which machine a row
    is about (() = none does, None = its definition does not say).
    """

    name: str
    columns: tuple[tuple[str, KqlType], ...]
    bag: str = BAG
    description: str = ""
    categories: tuple[str, ...] = ()
    machine: tuple[tuple[str, Identity], ...] | None = None

    @staticmethod
    def of(
        name: str,
        columns: Mapping[str, KqlType],
        bag: str = BAG,
        description: str = "",
        categories: Iterable[str] = (),
        machine: tuple[tuple[str, Identity], ...] | None = None,
    ) -> LakeTable:
        """A table of its own columns, to which the standard ones and the bag are added; LakeError where it is wrong."""
        every = {TIME: KqlType.DATETIME, **columns}
        every.update({known: kind for known, kind in STANDARD.items() if known not in every})
        every.setdefault(bag, KqlType.DYNAMIC)
        _check_table(name, every, bag)
        for column, kind in machine or ():
            if every.get(column) != KqlType.STRING:
                raise LakeError(
                    f"table {name}: machine: '{column}' ({kind}) is not one of its string columns"
                )
        return LakeTable(name, tuple(every.items()), bag, description, tuple(categories), machine)

    @staticmethod
    def parse(document: Any, where: str) -> LakeTable:
        """A table from its JSON document; LakeError with `where` (the file) where it is wrong."""
        if not isinstance(document, dict) or not isinstance(document.get("columns"), dict):
            raise LakeError(f"{where}: a table is an object with name, description and columns")
        unknown = document.keys() - _KEYS
        if unknown:
            raise LakeError(f"{where}: no such key: {', '.join(sorted(unknown))}")
        try:
            columns = {name: KqlType(kind) for name, kind in document["columns"].items()}
        except ValueError as error:
            raise LakeError(f"{where}: {error}; types are {', '.join(KqlType)}") from error
        name, bag = str(document.get("name", "")), str(document.get("bag", BAG))
        try:
            machine = _read_machine(document.get("machine"))
            description = str(document.get("description", ""))
            return LakeTable.of(name, columns, bag, description, document.get("categories", ()), machine)
        except LakeError as error:
            raise LakeError(f"{where}: {error}") from error

    def document(self) -> dict[str, Any]:
        """The JSON document that parse() takes."""
        columns = {name: kind.value for name, kind in self.columns}
        document: dict[str, object] = {
            "name": self.name,
            "description": self.description,
            "columns": columns,
            "bag": self.bag,
        }
        if self.categories:
            document["categories"] = list(self.categories)
        if self.machine is not None:
            document["machine"] = {column: kind.value for column, kind in self.machine}
        return document

    @cached_property
    def types(self) -> Mapping[str, KqlType]:
        """The type of every column."""
        return dict(self.columns)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of its rows in storage types."""
        return build_schema(self.columns)

    @cached_property
    def stored_columns(self) -> Mapping[str, str]:
        """Column -> its name on disk."""
        names = [name for name, _ in self.columns]
        return dict(zip(names, build_stored_names(names), strict=True))

    def to_schema(self, relation: str) -> TableSchema:
        """Return what the KQL binder sees; `relation` is the engine's name for the rows."""
        return TableSchema(self.name, self.columns, relation, self._storage, INGESTED, (TIME, DAY))

    @cached_property
    def _storage(self) -> tuple[str, ...]:
        return tuple("timestamp_tz" if kind == KqlType.DATETIME else "" for _, kind in self.columns)


def _read_machine(given: object) -> tuple[tuple[str, Identity], ...] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise LakeError("machine must be an object that maps columns to machine properties")
    try:
        return tuple((str(column), Identity(kind)) for column, kind in given.items())
    except ValueError as error:
        raise LakeError(f"machine: {error}; use {', '.join(Identity)}") from error


def _check_table(name: str, columns: Mapping[str, KqlType], bag: str) -> None:
    if not _NAME.fullmatch(name):
        raise LakeError(f"'{name}' is not a table name: use letters, digits and _, at most 128 characters")
    for column in columns:
        if not _NAME.fullmatch(column) or column == "_Day":
            raise LakeError(
                f"table {name}: '{column}' is not a column name: letters, digits and _ (not _Day)"
            )
    for column, kind in STANDARD.items():
        if columns[column] != kind:
            raise LakeError(
                f"table {name}: the standard column {column} is a {kind}, not a {columns[column]}"
            )
    if columns[bag] != KqlType.DYNAMIC:
        raise LakeError(f"table {name}: its bag {bag} is a dynamic, not a {columns[bag]}")
