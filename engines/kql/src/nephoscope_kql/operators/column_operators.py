"""Column operators: where, extend, serialize, the project family, getschema."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.diagnostics import ErrorExpression, build_unknown_value
from nephoscope_kql.binder.environment import CallCollector, Env, make_reference, register_operator_binder
from nephoscope_kql.binder.operands import require_condition
from nephoscope_kql.binder.ordering import ensure_order, is_relation_serialized
from nephoscope_kql.binder.tables import inline_rows
from nephoscope_kql.errors import NOWHERE, Span, UnknownNameError, make_invalid_error, suggest_word
from nephoscope_kql.operators.multi_result_functions import bind_output, list_output_names, list_outputs
from nephoscope_kql.plan.expressions import ColumnRef, WindowCall
from nephoscope_kql.plan.relations import Assign, Filter, Windowed
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.tree.operators import (
    Extend,
    GetSchema,
    Project,
    ProjectAway,
    ProjectByNames,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    Serialize,
    Where,
)
from nephoscope_kql.types import KqlType

_DOTNET = {
    KqlType.BOOL: "System.SByte",
    KqlType.INT: "System.Int32",
    KqlType.LONG: "System.Int64",
    KqlType.REAL: "System.Double",
    KqlType.DECIMAL: "System.Data.SqlTypes.SqlDecimal",
    KqlType.STRING: "System.String",
    KqlType.DATETIME: "System.DateTime",
    KqlType.TIMESPAN: "System.TimeSpan",
    KqlType.GUID: "System.Guid",
    KqlType.DYNAMIC: "System.Object",
}


def build_row_environment(relation: Relation, env: Env) -> tuple[Env, CallCollector]:
    """Return where expressions over a relation's rows are bound; window functions are collected where the rows have an order."""
    windows = CallCollector()
    return env.with_relation_columns(relation, windows if is_relation_serialized(relation) else None), windows


def with_windows(relation: Relation, windows: CallCollector, env: Env) -> Relation:
    """The relation with a hidden column for each window function."""
    for column, call in windows.calls:
        if isinstance(call, WindowCall):
            relation = Windowed(
                columns=relation.columns,
                order=relation.order,
                input=relation,
                column=column,
                call=call,
                partition=env.list_parts(call.span),
            )
    return relation


@register_operator_binder(Where)
def bind_where(relation: Relation, operator: Where, env: Env) -> Relation:
    """`where`."""
    inner, windows = build_row_environment(relation, env)
    predicate = require_condition(inner.bind_scalar(operator.predicate))
    relation = with_windows(relation, windows, env)
    return Filter(columns=relation.columns, order=relation.order, input=relation, predicate=predicate)


def bind_named_values(
    items: tuple[tree.Expression, ...], inner: Env
) -> list[tuple[tuple[str, ...], Bound, tree.Expression]]:
    """The names an item gives (empty = none), its bound value, and its expression."""
    result: list[tuple[tuple[str, ...], Bound, tree.Expression]] = []
    for item in items:
        if isinstance(item, tree.Named):
            names = tuple(name.name for name in item.names)
            result.append((names, inner.bind_scalar(item.value), item.value))
        else:
            implied = get_implied_name(item)
            value = inner.bind_scalar(item)
            names = ((implied,) if implied else ()) or list_output_names(item, value)
            result.append((names, value, item))
    return result


def spread_elements(names: tuple[str, ...], value: Bound, span: Span) -> list[tuple[str, Bound]]:
    """`(a, b) = value`: the elements of a dynamic array, one a name; the results of a function that has several."""
    several = list_outputs(value)
    if several and names:
        return [
            (name, bind_output(value, place, kind))
            for place, (name, (_, kind)) in enumerate(zip(names, several, strict=False))
        ]
    if len(names) < 2:
        return [(names[0] if names else "", value)]
    if isinstance(value, ErrorExpression):
        return [(name, value) for name in names]
    from nephoscope_kql.binder.values import step_into_value

    holder = tree.Star(span=span)
    return [(name, step_into_value(value, place, holder)) for place, name in enumerate(names)]


@register_operator_binder(Extend)
def bind_extend(relation: Relation, operator: Extend, env: Env) -> Relation:
    """`extend`: new columns at the end; a known name takes the place of its column."""
    return extend_relation(relation, operator.items, env)


@register_operator_binder(Serialize)
def bind_serialize(relation: Relation, operator: Serialize, env: Env) -> Relation:
    """`serialize`: rows without an order keep the one they come in."""
    return extend_relation(ensure_order(relation, env), operator.items, env)


def extend_relation(relation: Relation, items: tuple[tree.Expression, ...], env: Env) -> Relation:
    """A relation with further columns."""
    inner, windows = build_row_environment(relation, env)
    columns = list(relation.columns)
    names = ColumnNames([column.name for column in columns])
    places: dict[str, int] = {}
    for at, known in enumerate(columns):
        places.setdefault(known.name, at)
    assigned: list[tuple[Column, Bound]] = []
    for given, value, item in bind_named_values(items, inner):
        if isinstance(item, tree.Star):
            continue
        for name, part in spread_elements(given, value, item.span):
            column, fresh = make_column(name or names.make_default_name(), part, env)
            if fresh:
                assigned.append((column, part))
            place = places.setdefault(column.name, len(columns))
            columns[place : place + 1] = [column]
    relation = with_windows(relation, windows, env)
    _copy_repeated_columns(columns, assigned, env)
    return Assign(columns=tuple(columns), order=relation.order, input=relation, assigned=tuple(assigned))


def _copy_repeated_columns(columns: list[Column], assigned: list[tuple[Column, Bound]], env: Env) -> None:
    """Give a copy to a column that stands under two names, so that ids stay unique."""
    seen: set[str] = set()
    for place, column in enumerate(columns):
        if column.id in seen:
            columns[place] = env.binder.copy_column(column)
            assigned.append((columns[place], make_reference(column, NOWHERE)))
        seen.add(columns[place].id)


def make_column(name: str, value: Bound, env: Env) -> tuple[Column, bool]:
    """The column of a value, and whether it must be computed: a mere column keeps its own under the new name."""
    if isinstance(value, ColumnRef):
        return value.column.with_name(name), False
    return env.binder.make_value_column(name, value), True


@register_operator_binder(Project)
def bind_project(relation: Relation, operator: Project, env: Env) -> Relation:
    """`project`."""
    inner, windows = build_row_environment(relation, env)
    names = ColumnNames()
    columns: list[Column] = []
    assigned: list[tuple[Column, Bound]] = []
    for given, value, item in bind_named_values(operator.items, inner):
        for name, part in spread_elements(given, value, item.span):
            column, fresh = make_column(
                names.make_unique(name) if name else names.make_default_name(), part, env
            )
            columns.append(column)
            if fresh:
                assigned.append((column, part))
    relation = with_windows(relation, windows, env)
    return select_columns(relation, columns, assigned, env)


def select_columns(
    relation: Relation, columns: list[Column], assigned: list[tuple[Column, Bound]], env: Env
) -> Relation:
    """The given columns of a relation; a column that is asked for twice gets a copy, so that ids stay unique."""
    seen: set[str] = set()
    final: list[Column] = []
    copies = list(assigned)
    for column in columns:
        if column.id in seen:
            copy = env.binder.copy_column(column)
            copies.append((copy, make_reference(column, Span(0, 0))))
            column = copy
        seen.add(column.id)
        final.append(column)
    return Assign(columns=tuple(final), order=relation.order, input=relation, assigned=tuple(copies))


def match_columns(relation: Relation, item: tree.Expression) -> list[Column]:
    """The columns that a name or a wildcard means; KqlError where a name means none."""
    if isinstance(item, tree.Ordered):
        return match_columns(relation, item.value)
    if isinstance(item, tree.Star):
        return list(relation.columns)
    if isinstance(item, tree.Wildcard):
        return [column for column in relation.columns if fnmatchcase(column.name, item.pattern)]
    if not isinstance(item, tree.Name):
        raise make_invalid_error("a column's name is expected", item.span)
    found = [column for column in relation.columns if column.name == item.name]
    if not found:
        hint = suggest_word(item.name, [column.name for column in relation.columns])
        raise UnknownNameError(item.name, f"no column is named '{item.name}'", item.span, hint)
    return found


def match_known_columns(relation: Relation, item: tree.Expression, env: Env) -> list[Column]:
    """Match columns as match_columns() does; an unknown name matches none where errors are collected."""
    return env.binder.bind_or_default(
        partial(match_columns, relation, item), [], env.with_relation_columns(relation)
    )


@register_operator_binder(ProjectAway)
def bind_project_away(relation: Relation, operator: ProjectAway, env: Env) -> Relation:
    """`project-away`."""
    gone = {column.id for item in operator.items for column in match_known_columns(relation, item, env)}
    return select_columns(relation, [column for column in relation.columns if column.id not in gone], [], env)


@register_operator_binder(ProjectKeep)
def bind_project_keep(relation: Relation, operator: ProjectKeep, env: Env) -> Relation:
    """`project-keep`: the columns stay in their order."""
    kept = {column.id for item in operator.items for column in match_known_columns(relation, item, env)}
    return select_columns(relation, [column for column in relation.columns if column.id in kept], [], env)


@register_operator_binder(ProjectRename)
def bind_project_rename(relation: Relation, operator: ProjectRename, env: Env) -> Relation:
    """`project-rename`."""
    names: dict[str, str] = {}
    missing: list[Column] = []
    for item in operator.items:
        found = match_known_columns(relation, item.value, env)
        names.update((old.id, item.names[0].name) for old in found)
        if not found:
            missing.append(env.binder.make_value_column(item.names[0].name, build_unknown_value(item.span)))
    relation = replace(relation, columns=(*relation.columns, *missing)) if missing else relation
    columns = [column.with_name(names.get(column.id, column.name)) for column in relation.columns]
    twice = {column.name for column in columns if sum(other.name == column.name for other in columns) > 1}
    if twice:
        raise make_invalid_error(f"two columns would be named '{min(twice)}'", operator.span)
    return select_columns(relation, columns, [], env)


@register_operator_binder(ProjectReorder)
def bind_project_reorder(relation: Relation, operator: ProjectReorder, env: Env) -> Relation:
    """`project-reorder`: the named columns first, the others after them."""
    first: dict[str, Column] = {}
    for item in operator.items:
        found = match_known_columns(relation, item, env)
        if isinstance(item, tree.Ordered) and item.ascending is not None:
            found.sort(key=lambda column: column.name.lower(), reverse=not item.ascending)
        for column in found:
            first.setdefault(column.id, column)
    rest = [column for column in relation.columns if column.id not in first]
    return select_columns(relation, [*first.values(), *rest], [], env)


@register_operator_binder(ProjectByNames)
def bind_project_by_names(relation: Relation, operator: ProjectByNames, env: Env) -> Relation:
    """`project-by-names`: the columns whose names or patterns constants say; a name that no column has is passed over."""
    chosen: dict[str, Column] = {}
    for item in operator.items:
        for pattern in _list_patterns(item.value if isinstance(item, tree.Named) else item, env):
            found = [column for column in relation.columns if fnmatchcase(column.name, pattern)]
            chosen.update((column.id, column) for column in found if column.id not in chosen)
    return select_columns(relation, list(chosen.values()), [], env)


def _list_patterns(item: tree.Expression, env: Env) -> list[str]:
    value = env.without_row().bind_scalar(item)
    if not isinstance(value, Constant):
        raise make_invalid_error("project-by-names takes constant texts and arrays of texts", item.span)
    names = value.value if isinstance(value.value, list) else [value.value]
    if not all(isinstance(name, str) for name in names):
        raise make_invalid_error("project-by-names takes constant texts and arrays of texts", item.span)
    return [str(name).replace("[", "[[]") for name in names]


@register_operator_binder(GetSchema)
def bind_getschema(relation: Relation, operator: GetSchema, env: Env) -> Relation:
    """`getschema`: a row a column."""
    named = (
        ("ColumnName", KqlType.STRING),
        ("ColumnOrdinal", KqlType.LONG),
        ("DataType", KqlType.STRING),
        ("ColumnType", KqlType.STRING),
    )
    columns = tuple(env.binder.make_column(name, kind) for name, kind in named)
    rows = tuple(
        (
            constants.make_text(column.name, operator.span),
            constants.make_long_constant(place, operator.span),
            constants.make_text(_DOTNET[column.type], operator.span),
            constants.make_text(column.type.value, operator.span),
        )
        for place, column in enumerate(relation.columns)
    )
    return inline_rows(env, columns, rows)
