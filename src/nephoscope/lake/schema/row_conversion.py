"""Row conversion: rows in the types and columns of their table; other values go into its bag."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.lake import dictionary_rows
from nephoscope.lake.dictionary_rows import is_packed
from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.arrow_column import (
    CoercedColumn,
    build_constant_array,
    build_empty_array,
    coerce_column,
)
from nephoscope.lake.schema.coercion import NONE, to_json_text
from nephoscope.lake.schema.column_types import INGESTED, MOMENT, RESOURCE, SUBSCRIPTION, TENANT, TIME, TYPE
from nephoscope.lake.schema.resource_bound_rows import Senders, hold_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.types import KqlType

TOO_OLD = "TimeGenerated is older than"
"""What the reason of a row begins with that lies before the retention of its table."""
EARLY = dt.timedelta(days=1)
"""How far ahead of now a row may lie."""
_SUBSCRIPTION = r"^/subscriptions/(?P<id>[^/]+)"
_WITHIN = re.compile(_SUBSCRIPTION, re.IGNORECASE)
_NAMED = "SubscriptionId"
"""The column in which rows of shipped tables name their subscription; in an own table it may mean anything."""
_GUID = r"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_OWN, _TEXTS = "_cl", (KqlType.STRING, KqlType.GUID)
_MADE = frozenset({TENANT, TYPE, INGESTED})


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table, ready to be written; `bad` are those that were left out: (place among the given rows, reason)."""

    table: pa.Table
    bad: list[tuple[int, str]] = field(default_factory=list)


def to_arrow_rows(
    table: LakeTable,
    rows: Sequence[Mapping[str, object]],
    *,
    workspace: Workspace,
    now: dt.datetime,
    whole: bool = True,
    senders: Senders = (),
) -> TableRows:
    """Rows of values by column name, in the storage types of the table; its columns that no row gives only where it is to be `whole`.

    A value that does not fit its column, or whose column the table has not, goes to the bag under its own name (null in the
    column). A row whose TimeGenerated is no time, or lies outside [now - retention, now + 1 d], is bad. TenantId, Type and
    _IngestedAt are set here, and _SubscriptionId where _ResourceId tells it, else SubscriptionId where nothing is given for it; what
    was given for them and differs is in the bag as `given_SubscriptionId` and so on, since they decide who sees a row. `senders` say
    who sent the rows (() = nobody who is bound): what a bound sender may not say makes a row bad.
    """
    names = set().union(*rows) if rows else set()
    bags: dict[int, dict[str, object]] = {}
    columns: dict[str, pa.Array] = {}
    unfit_time: dict[int, object] = {}
    given = [name for name, _ in table.columns if name in names - _MADE and name != table.bag]
    for name, values in zip(given, _iterate_values(rows, given), strict=True):
        found = coerce_column(values, table.types[name])
        columns[name] = found.array
        if name == TIME:
            unfit_time = found.unfit
        _keep_uncoerced_values(bags, name, found)
    unknown = names - table.types.keys()
    if unknown or table.bag in names:
        _collect_unknown_columns(bags, rows, unknown, table.bag if table.bag in names else None)
    _put_bag_contradictions(bags, table, rows, names)
    if bags:
        columns[table.bag] = pa.array(
            [to_json_text(bags[place]) if place in bags else None for place in range(len(rows))], pa.string()
        )
    columns.setdefault(TIME, build_empty_array(KqlType.DATETIME, len(rows)))
    made = _complete_rows(table, columns, len(rows), workspace, now, whole=whole)
    made, refused = hold_rows(table, made, senders)
    return _check_rows(made, _find_retention_days(workspace, table), now, unfit_time, refused)


def _iterate_values(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> Iterable[Sequence[object]]:
    """The values of rows by column; what a row has not is None."""
    if rows and len(names) > 1:
        with suppress(KeyError):  # rows that all have the same columns are taken apart at once
            return list(zip(*map(itemgetter(*names), rows), strict=True))
    return ([row.get(name) for row in rows] for name in names)


def complete_rows(
    table: LakeTable, arrow: pa.Table, *, workspace: Workspace, now: dt.datetime, senders: Senders = ()
) -> TableRows:
    """An Arrow table whose columns are in storage types already, with the table's other columns added; bad rows as to_arrow_rows().

    Texts may be packed (packed.py); they stay so where no sender is bound, and the columns that are made are packed then too.

    LakeError where a column is not the table's or has another type than the table stores.
    """
    if any(sender is not None for sender, _ in senders):
        arrow = arrow.cast(dictionary_rows.unpack_schema(arrow.schema))
    columns: dict[str, pa.Array] = {}
    for name in arrow.column_names:
        wanted = table.schema.field(name).type if name in table.types else None
        column = arrow.column(name)
        if wanted is None or (
            column.type != wanted and not (pa.types.is_string(wanted) and is_packed(column.type))
        ):
            raise LakeError(f"table {table.name}: a column {name} of {column.type}, wanted is {wanted}")
        if name not in _MADE:
            columns[name] = _drop_null_rows(column) if table.types[name] == KqlType.STRING else column
    packs = any(is_packed(column.type) for column in columns.values())
    whole = (_make_packed_table if packs else _complete_rows)(table, columns, arrow.num_rows, workspace, now)
    whole, refused = hold_rows(table, whole, senders)
    return _check_rows(whole, _find_retention_days(workspace, table), now, {}, refused)


def _make_packed_table(
    table: LakeTable, columns: Mapping[str, object], length: int, workspace: Workspace, now: dt.datetime
) -> pa.Table:
    """As _completed(), the texts that are made packed."""
    resource = columns.get(RESOURCE, dictionary_rows.build_constant_column("", length))
    made = {
        TENANT: dictionary_rows.build_constant_column(workspace.id, length),
        TYPE: dictionary_rows.build_constant_column(table.name, length),
        INGESTED: pa.repeat(pa.scalar(now, MOMENT), length),
        RESOURCE: dictionary_rows.to_lower_case(resource),
        SUBSCRIPTION: _pack_subscriptions(table, columns, resource, length),
    }
    present = {**{name: build_empty_array(kind, length) for name, kind in table.columns}, **columns, **made}
    fields = [table.schema.field(name).with_type(present[name].type) for name, _ in table.columns]
    return pa.Table.from_arrays([present[name] for name, _ in table.columns], schema=pa.schema(fields))


def _pack_subscriptions(table: LakeTable, columns: Mapping[str, Any], resource: Any, length: int) -> object:
    """As _subscriptions(), packed; each id of a resource is looked at once where all of them tell a subscription."""
    chunks = resource.chunks if isinstance(resource, pa.ChunkedArray) else [resource]
    if all(is_packed(one.type) for one in chunks):
        subscription_sets = [_extract_subscription_ids(one.dictionary) for one in chunks]
        if not any("" in one for one in subscription_sets):
            texts = zip(chunks, subscription_sets, strict=True)
            packs = [
                pa.DictionaryArray.from_arrays(one.indices, pa.array(found, pa.string()))
                for one, found in texts
            ]
            return pa.chunked_array(packs, pa.dictionary(pa.int32(), pa.string()))
    plain = {name: columns[name].cast(pa.string()) for name in (SUBSCRIPTION, _NAMED) if name in columns}
    return _build_subscriptions(table, plain, resource.cast(pa.string()), length).dictionary_encode()


def _extract_subscription_ids(ids: pa.Array) -> list[str]:
    """The subscription in each id of a resource, in lower case; empty where there is none."""
    known = [_WITHIN.match(one) for one in ids.to_pylist()]
    return [found["id"].lower() if found else "" for found in known]


def _drop_null_rows(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not column.null_count:
        return column
    return (column.cast(pa.string()) if is_packed(column.type) else column).fill_null("")


def split_by_workspace(rows: pa.Table, counts: Sequence[tuple[Workspace, int]]) -> Iterator[pa.Table]:
    """Rows of several workspaces that lie behind each other, each with the id of its own."""
    place, start = rows.schema.get_field_index(TENANT), 0
    for workspace, count in counts:
        own = rows.slice(start, count)
        yield own.set_column(place, rows.schema.field(place), build_constant_array(workspace.id, count))
        start += count


def _find_retention_days(workspace: Workspace, table: LakeTable) -> int:
    return workspace.get_retention_days(table.name)


def _put_bag_contradictions(
    bags: dict[int, dict[str, object]],
    table: LakeTable,
    rows: Sequence[Mapping[str, object]],
    names: set[str],
) -> None:
    """Put into each row's bag what it gives for a column that is not its own to say, where that differs from what is written."""
    for name in sorted((_MADE | {SUBSCRIPTION}) & names):
        for place, row in enumerate(rows):
            value = row.get(name)
            if value is None or value == "" or (name == TYPE and value == table.name):
                continue
            if name == SUBSCRIPTION:
                parts = _WITHIN.match(str(row.get(RESOURCE) or ""))
                if parts is None or parts["id"].lower() == str(value).lower():
                    continue
            bags.setdefault(place, {})[f"given{name}" if name[0] == "_" else name] = value


def _keep_uncoerced_values(bags: dict[int, dict[str, object]], name: str, found: CoercedColumn) -> None:
    for place, value in found.unfit.items():
        bags.setdefault(place, {})[name] = value


def _collect_unknown_columns(
    bags: dict[int, dict[str, object]],
    rows: Sequence[Mapping[str, object]],
    unknown: set[str],
    bag: str | None,
) -> None:
    """Put into each row's bag what it has under names that are no columns, after what its bag has already."""
    for place, row in enumerate(rows):
        given = build_bag(row.get(bag), bag) if bag else {}
        others = {name: value for name, value in row.items() if name in unknown and value is not None}
        if given or others:
            bags[place] = {**given, **others, **bags.get(place, {})}


def build_bag(value: object, name: str) -> dict[str, object]:
    """The bag that a row brings; what is no bag is kept in one, under the bag's name."""
    if value is None or isinstance(value, dict):
        return value or {}
    if isinstance(value, str):
        try:
            found = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            found = value
        if isinstance(found, dict):
            return found
    return {name: value} if value != "" else {}


def _complete_rows(
    table: LakeTable,
    columns: Mapping[str, object],
    length: int,
    workspace: Workspace,
    now: dt.datetime,
    *,
    whole: bool = True,
) -> pa.Table:
    resource = columns.get(RESOURCE, build_constant_array("", length))
    made = {
        TENANT: build_constant_array(workspace.id, length),
        TYPE: build_constant_array(table.name, length),
        INGESTED: pa.repeat(pa.scalar(now, MOMENT), length),
        RESOURCE: pc.utf8_lower(resource),
        SUBSCRIPTION: _build_subscriptions(table, columns, resource, length),
    }
    present = {**columns, **made}
    if not whole:
        given = [table.schema.field(name) for name, _ in table.columns if name in present]
        return pa.Table.from_arrays([present[one.name] for one in given], schema=pa.schema(given))
    arrays = [
        present[name] if name in present else build_empty_array(kind, length) for name, kind in table.columns
    ]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _build_subscriptions(table: LakeTable, columns: Mapping[str, Any], resource: Any, length: int) -> Any:
    """The subscription of the resource's id, else the one that is given, else the one that the row names; in lower case."""
    ids = resource.combine_chunks() if isinstance(resource, pa.ChunkedArray) else resource
    if isinstance(ids, pa.ChunkedArray):
        ids = pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], pa.string())
    distinct = ids.dictionary_encode()
    looked_up = pa.array(_extract_subscription_ids(distinct.dictionary), pa.string())
    found = looked_up.take(distinct.indices) if len(looked_up) else build_constant_array("", length)
    if SUBSCRIPTION in columns:
        found = _fill_empty(found, pc.utf8_lower(columns[SUBSCRIPTION]))
    if _NAMED in columns and table.types[_NAMED] in _TEXTS and not table.name.lower().endswith(_OWN):
        found = _fill_empty(found, _read_guids(columns[_NAMED]))
    return found


def _fill_empty(found: object, other: object) -> object:
    return pc.if_else(pc.equal(found, ""), other, found)


def _read_guids(column: object) -> object:
    """The GUIDs in lower case; empty where a text is none."""
    return pc.if_else(
        pc.match_substring_regex(column, _GUID).fill_null(fill_value=False), pc.utf8_lower(column), ""
    )


def _check_rows(
    whole: pa.Table, days: int, now: dt.datetime, unfit: Mapping[int, object], refused: Mapping[int, str]
) -> TableRows:
    """The rows in the allowed days that are not refused, and why the others are not among them."""
    times = whole.column(TIME)
    first, last = pa.scalar(now - dt.timedelta(days=days), MOMENT), pa.scalar(now + EARLY, MOMENT)
    good = pc.and_(pc.greater_equal(times, first), pc.less_equal(times, last)).fill_null(fill_value=False)
    if refused:
        good = pc.and_(good, pa.array([place not in refused for place in range(whole.num_rows)]))
    if pc.all(good).as_py() is not False:
        return TableRows(whole)
    places = pc.indices_nonzero(pc.invert(good)).to_pylist()
    bad = [
        (place, refused.get(place) or _format_reason(times[place].as_py(), unfit.get(place, NONE), days, now))
        for place in places
    ]
    return TableRows(whole.filter(good), bad)


def _format_reason(time: dt.datetime | None, unfit: object, days: int, now: dt.datetime) -> str:
    if unfit is not NONE:
        return f"TimeGenerated is no time: {to_json_text(unfit)[:100]}"
    if time is None:
        return "the row has no TimeGenerated"
    if time > now:
        return "TimeGenerated lies more than a day ahead"
    return f"{TOO_OLD} the {days} days that the table is kept"
