"""Rows of tables as they are: records that name their columns, as Log Analytics exports them and as --table takes them.

A record says its table by `Type`, or the table is asked for. Times stand under TimeGenerated, or what other exports call it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nephoscope.content.loader import load_documents
from nephoscope.ingest.logs.column_filling import fit_value, get_table_columns
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import to_text
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.lake.schema.published_tables import load_published_tables
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

RANK = 20
TIMES = (
    "TimeGenerated",
    "TimeGenerated [UTC]",
    "Timestamp",
    "Timestamp [UTC]",
    "timestamp",
    "time",
    "@timestamp",
)
"""What the time of a row may be called, the best first."""
#: Tables whose rows are the lake's and the detections' own word: a record that names one is taken only where that is asked for.
_ASKED_FOR = frozenset({"Usage", "SentinelHealth", "SecurityAlert", "SecurityIncident"})
COLLECTOR = "nephoscope collector"
"""The Category by which the Heartbeat rows of this product are known."""
#: What a table can be named: of one that there is not, the quarantine says so.
_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)
#: What tells the resource of a row.
_RESOURCE = ("_ResourceId", "ResourceId", "resourceId")
_MADE_BY_THE_LAKE = {"TenantId": "tenantId", "Type": "type"}


@cache
def list_table_names() -> frozenset[str]:
    """The tables of the package."""
    defined = (document.name.removesuffix(".json") for document in load_documents(kind="tables"))
    return frozenset((*defined, *load_published_tables()))


def build_member_row(members: Mapping[str, object], table: str) -> LogRow:
    """The row of a record's members; raises BadRecordError where none of them is its time."""
    values: dict[str, object] = {"TimeGenerated": _read_time(members)}
    types = get_table_columns(table) if table in list_table_names() else {}
    for name, value in members.items():
        if value is None or name == "TimeGenerated":
            continue
        column = name.removesuffix(" [UTC]")
        column = _MADE_BY_THE_LAKE.get(column, column)
        if column == "_IngestedAt":
            column = "given_IngestedAt"
        if column == "type" and value in (table, ""):
            continue
        if column != "TimeGenerated":
            kind = types.get(column)
            values[column] = value if kind is None else _fit_value(kind, value)
    return LogRow(table, values)


def build_row(members: Mapping[str, object], context: StreamContext) -> LogRow:
    """The row of a record for its table, of the resource in the path where it names none; raises BadRecordError where it is none."""
    row = build_member_row(members, choose_table(members, context))
    if context.resource_id and not any(members.get(name) for name in _RESOURCE):
        row.values["_ResourceId"] = context.resource_id.lower()
    return row


def choose_table(members: Mapping[str, object], context: StreamContext) -> str:
    """The table of a record: the one that is asked for or else that it names; raises BadRecordError where it takes no such record."""
    named = members.get("Type")
    table = context.table or (named if isinstance(named, str) else "")
    if not table:
        raise BadRecordError("the row has no table: set one with --table", "Type")
    if table == QUARANTINE:
        raise BadRecordError(f"{QUARANTINE} is written only by nephoscope and accepts no records", "Type")
    own = table in _ASKED_FOR or (table == "Heartbeat" and members.get("Category") == COLLECTOR)
    if own and not context.table:
        raise BadRecordError(f"a record cannot select {table} itself: use --table {table}", "Type")
    return table


def _fit_value(kind: KqlType, value: object) -> object:
    """An empty text is no value of a column that is not text."""
    return None if value == "" and kind is not KqlType.STRING else fit_value(kind, value)


def _read_time(members: Mapping[str, object]) -> object:
    for name in TIMES:
        given = members.get(name)
        if given is not None and given != "":
            found = parse_moment(given) if isinstance(given, str | int | float) else given
            if found is None:
                raise BadRecordError(f"not a time: {to_text(given)[:64]!r}", name)
            return found
    raise BadRecordError("the row has no TimeGenerated")


@dataclass(frozen=True, slots=True)
class TableRowFormat:
    """The format of rows of tables."""

    name: str = "table"
    title: str = "Rows of any table (Log Analytics exports; --table)"
    tables: tuple[str, ...] = ()
    every: bool = False

    @property
    def as_requested(self) -> TableRowFormat:
        """The format for a table that is asked for: every record is a row of it."""
        return TableRowFormat(every=True)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it names a table, one of the package or an imported one, and has a time."""
        table = record.get("Type")
        if self.every:
            return True
        return isinstance(table, str) and "TimeGenerated" in record and _NAME.fullmatch(table) is not None

    def rows(self, record: Mapping[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a record, for the table that is asked for or else the one that it names."""
        yield build_row(record, context)


FORMAT = TableRowFormat()
