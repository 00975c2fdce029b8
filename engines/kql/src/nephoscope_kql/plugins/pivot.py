"""pivot: the values of a column as columns."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.calls import make_aggregate_call
from nephoscope_kql.binder.column_naming import ColumnNames
from nephoscope_kql.binder.environment import make_reference
from nephoscope_kql.binder.kql_rewrites import compose_query
from nephoscope_kql.binder.operands import bind_comparison, bind_operation
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.plugin_interface import PluginCall, declare_plugin, mark_open
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef
from nephoscope_kql.plan.query_probe import prepare_for_reuse
from nephoscope_kql.plan.relations import Aggregated, Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.registry import load_aggregates
from nephoscope_kql.tree.operators import Summarize
from nephoscope_kql.types import KqlType

MAX_COLUMNS = 10_000
"""How many different values the pivot column may have."""
_ZERO = frozenset({"count", "countif", "dcount", "dcountif", "sum", "sumif"})
_EMPTY: dict[str, dict[str, object] | list[object]] = {
    "make_bag": {},
    "make_list": [],
    "make_set": [],
    "makelist": [],
    "makeset": [],
}
_VALUES = "Cells | summarize by k | sort by k asc"


@declare_plugin("pivot(pivotColumn: any, [aggregate = count()], [column: any], ...)", schema=True)
def pivot(call: PluginCall) -> Relation:
    """Make a column of every value of a column; each cell aggregates the rows that have that value."""
    turned = call.bind_column(0, "pivotColumn")
    total = _build_total(call)
    groups = call.bind_dimensions(2 if len(call.arguments) > 1 else 1) or _list_remaining_columns(
        call, turned, total
    )
    cells = _build_cells(call, turned, total, [value for _, value in groups])
    labels = [name for name, _ in groups]
    if call.schema is not None:
        return _declare_columns(call, cells, labels, total)
    probe = call.env.binder.probe
    if probe is None:
        return mark_open(_build_table(call, cells, labels, [], total), call.env)
    cells = prepare_for_reuse(cells, probe)
    found = [str(row[0]) for row in probe.fetch_rows(compose_query(_VALUES, call, {"Cells": cells}))]
    if len(found) > MAX_COLUMNS:
        raise make_unsupported_query_error(
            f"pivot() over more than {MAX_COLUMNS} different values", call.span
        )
    return mark_open(_build_table(call, cells, labels, found, total), call.env)


def _build_total(call: PluginCall) -> tree.Call:
    """The aggregate of a cell."""
    if len(call.arguments) < 2:
        return tree.Call(name="count", span=call.span)
    found = call.arguments[1]
    if isinstance(found, tree.Named):
        found = found.value
    if not isinstance(found, tree.Call) or found.name not in load_aggregates():
        raise make_invalid_error(
            "the second argument of pivot() must be an aggregate", found.span, "such as sum(x), take_any(x)"
        )
    return found


def _list_remaining_columns(call: PluginCall, turned: Column, total: tree.Call) -> list[tuple[str, Bound]]:
    """All columns but the pivoted and the aggregated one."""
    used = {turned.id}
    if total.arguments:
        value = call.bind_value(total.arguments[0])
        used |= {value.column.id} if isinstance(value, ColumnRef) else set()
    return [
        (column.name, make_reference(column, call.span))
        for column in call.relation.columns
        if column.id not in used
    ]


def _build_cells(call: PluginCall, turned: Column, total: tree.Call, groups: list[Bound]) -> Relation:
    """A row for every group and value: g0, g1 ... the group, k the value as text, a the aggregate."""
    made = {f"g{place}": value for place, value in enumerate(groups)}
    made["k"] = convert_explicitly(make_reference(turned, call.span), KqlType.STRING)
    hidden = {f"\x00{name}": value for name, value in made.items()}
    rows = call.assign_columns(hidden, keep=True)
    given = tuple(
        tree.Named(names=(tree.Name(name=name),), value=tree.Name(name=f"\x00{name}"), span=call.span)
        for name in made
    )
    cell = tree.Named(names=(tree.Name(name="a"),), value=total, span=call.span)
    summarized = Summarize(aggregates=(cell,), groups=given, span=call.span)
    return call.env.binder.bind_operator(rows, summarized, replace(call.env, composed=True))


def _build_table(
    call: PluginCall, cells: Relation, labels: list[str], values: list[str], total: tree.Call
) -> Relation:
    """A row a group, a column for each of the values."""
    known = {column.name: make_reference(column, call.span) for column in cells.columns}
    names = ColumnNames()
    groups = [
        (call.env.binder.make_column(names.make_unique(label or f"Column{place + 1}"), key.type), key)
        for place, label in enumerate(labels)
        for key in [known[f"g{place}"]]
    ]
    picked = [_build_aggregate_cell(call, known, value) for value in values]
    kind = known["a"].type
    rows = Aggregated(
        columns=(*(column for column, _ in groups), *(column for column, _ in picked)),
        input=cells,
        groups=tuple(groups),
        aggregates=tuple(picked),
    )
    nothing = _find_empty_value(total.name, kind)
    made = [
        (call.env.binder.make_column(names.make_unique(value), kind), _fill_cell(column, nothing, call))
        for value, (column, _) in zip(values, picked, strict=True)
    ]
    shown = (*(column for column, _ in groups), *(column for column, _ in made))
    return Assign(columns=shown, input=rows, assigned=tuple(made))


def _build_aggregate_cell(
    call: PluginCall, known: dict[str, ColumnRef], value: str
) -> tuple[Column, AggregateCall]:
    """The aggregate of the one cell of a group that has a value."""
    same = bind_comparison("==", known["k"], constants.make_text(value, call.span), call.span)
    found = make_aggregate_call(load_aggregates()["take_anyif"], [known["a"], same], call.node)
    return call.env.binder.make_column("", found.type), found


def _fill_cell(column: Column, nothing: Bound, call: PluginCall) -> Bound:
    """A cell, and what it holds where it has no rows."""
    cell = make_reference(column, call.span)
    if isinstance(nothing, Constant) and nothing.value in (None, ""):
        return cell
    return bind_operation("coalesce", column.type, call.span, cell, nothing)


def _find_empty_value(name: str, kind: KqlType) -> Bound:
    """Return what an aggregate gives for a cell without rows."""
    if name in _ZERO:
        return convert_explicitly(constants.make_long_constant(0), kind)
    if name in _EMPTY:
        return constants.make_constant(_EMPTY[name], KqlType.DYNAMIC)
    return constants.make_null(kind)


def _declare_columns(call: PluginCall, cells: Relation, labels: list[str], total: tree.Call) -> Relation:
    """The columns that the schema says: groups by their names, all others are values."""
    schema = call.schema or ()
    values = [item.name for item in schema if item.name not in labels]
    table = _build_table(call, cells, labels, values, total)
    known = {column.name: column for column in table.columns}
    columns: list[Column] = list(table.columns[: len(labels)]) if call.extends else []
    assigned: list[tuple[Column, Bound]] = []
    for item in schema:
        column = known[item.name]
        if item.type not in (None, column.type):
            value = convert_explicitly(make_reference(column, item.span), item.type or column.type)
            column = call.env.binder.make_column(item.name, value.type)
            assigned.append((column, value))
        columns.append(column)
    return Assign(columns=tuple(columns), input=table, assigned=tuple(assigned))
