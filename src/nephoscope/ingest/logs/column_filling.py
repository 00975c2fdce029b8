"""Put the members of a record into the columns of a table: matched by name, fitted to the type, the rest kept for the bag."""

from __future__ import annotations

import re
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope.files.json_value import decode_json
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import (
    parse_integer,
    parse_real,
    parse_subscription,
    read_resource_id,
    read_time,
    to_text,
)
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.schema.published_tables import load_published_tables
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from nephoscope.ingest.logs.log_format import StreamContext

#: Columns that the lake fills: a member of that name is something else.
_OF_THE_LAKE = frozenset({"timegenerated", "tenantid", "type", "resourceid", "subscriptionid", "ingestedat"})
_NOT_OF_A_NAME = re.compile(r"[^a-z0-9]")
_MEMO = 4096


def fold_name(name: str) -> str:
    """A name without case and separators: `userPrincipalName` and `user_principal_name` are one."""
    return _NOT_OF_A_NAME.sub("", name.lower())


@cache
def get_table_columns(table: str) -> Mapping[str, KqlType]:
    """The columns of a table of the package, by name; KeyError where it has none of that name."""
    for document in load_documents(kind="tables"):
        if document.name == f"{table}.json":
            return {name: KqlType(kind) for name, kind in document.json()["columns"].items()}
    return load_published_tables()[table].types


class Filling:
    """Fills rows of one table; `renames` says the column of a member whose name does not tell it, where the table has that column."""

    def __init__(self, table: str, renames: Mapping[str, str] | None = None) -> None:
        self.table = table
        self._renames = renames or {}
        self._known: dict[str, tuple[str, KqlType]] = {}

    @cached_property
    def types(self) -> Mapping[str, KqlType]:
        """The columns of the table and their types."""
        return get_table_columns(self.table)

    @cached_property
    def _columns_by_member(self) -> dict[str, str]:
        names = [name for name in self.types if not name.startswith("_")]
        every = {fold_name(name): name for name in reversed(names)}
        found = {name: column for name, column in every.items() if name not in _OF_THE_LAKE}
        renamed = {fold_name(name): every.get(fold_name(column)) for name, column in self._renames.items()}
        return {**found, **{name: column for name, column in renamed.items() if column}}

    def column(self, name: str) -> str:
        """The column for a member, '' where the table has none."""
        return (self._known.get(name) or self._choose_column(name))[0]

    def _choose_column(self, name: str) -> tuple[str, KqlType]:
        """The column for a member and its type; ('', ...) where the table has none."""
        column = self._columns_by_member.get(fold_name(name), "")
        known = (column, self.types.get(column, KqlType.DYNAMIC))
        if len(self._known) < _MEMO:
            self._known[name] = known
        return known

    def fill(
        self, values: dict[str, object], members: Mapping[str, object], skip: Container[str] = ()
    ) -> None:
        """Add members to a row's values; a column that has another value already keeps it, and the bag gets the member."""
        places = self._known
        for name, value in members.items():
            if value is None or name in skip:
                continue
            column, kind = places.get(name) or self._choose_column(name)
            if not column:
                values.setdefault(_choose_bag_name(name), value)
                continue
            text = type(value) is str
            if kind is KqlType.STRING:
                fitting = value if text else to_text(value)
            elif kind is KqlType.DYNAMIC:
                fitting = parse_json_text(value) if text else value
            else:
                fitting = fit_value(kind, value)
            if column not in values:
                values[column] = fitting
            elif values[column] != fitting and name != column:
                values.setdefault(_choose_bag_name(name), value)

    def row(self, values: dict[str, object]) -> LogRow:
        """The row of the values."""
        return LogRow(self.table, values)


def start_row(record: dict[str, object], context: StreamContext) -> dict[str, object]:
    """The columns that every row of a resource log begins with; raises BadRecordError where there is no time."""
    values: dict[str, object] = {"TimeGenerated": read_time(record)}
    resource_id = read_resource_id(record, context)
    if resource_id:
        values["_ResourceId"] = resource_id
        subscription = parse_subscription(resource_id)
        if subscription:
            values["_SubscriptionId"] = subscription
    return values


def fit_value(kind: KqlType, value: object) -> object:
    """A JSON value as its column takes it: numbers written as text become numbers, JSON text an object, an object JSON text.

    A value that does not fit is returned as it is: the lake puts it into the bag.
    """
    if kind is KqlType.STRING:
        return to_text(value)
    if kind is KqlType.DYNAMIC:
        return parse_json_text(value)
    found: object = None
    if kind is KqlType.DATETIME:
        found = parse_moment(value)
    elif kind in (KqlType.INT, KqlType.LONG):
        found = parse_integer(value)
    elif kind is KqlType.REAL:
        found = parse_real(value)
    elif kind is KqlType.BOOL:
        found = _read_truth(value)
    return value if found is None else found


def parse_json_text(value: object) -> object:
    """The object or array in a text that is its JSON; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return decode_json(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _read_truth(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return {0: False, 1: True}.get(value) if isinstance(value, int) else None


@lru_cache(maxsize=_MEMO)
def _choose_bag_name(name: str) -> str:
    """The name in the bag: never that of a column that the lake fills, nor of one that says whose a row is (`_SubscriptionId`)."""
    if fold_name(name) not in _OF_THE_LAKE:
        return name
    plain = name.lstrip("_")
    return f"given{name}" if plain != name else plain[:1].lower() + plain[1:]
