"""Binding of what gives rows: tables, variables, functions, pipes, datatable."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import (
    GRAPH_IS_NO_TABLE,
    Env,
    LambdaMeaning,
    SharedTableMeaning,
    register_source_binder,
)
from nephoscope_kql.binder.options import restrict_to_scope
from nephoscope_kql.binder.ordering import sort_by_ordinal
from nephoscope_kql.binder.overload_resolution import convert_explicitly, convert_to_dynamic
from nephoscope_kql.binder.places import resolve_place
from nephoscope_kql.binder.scope import (
    bind_shared_rows,
    choose_pattern_case,
    enter_function,
    find_function,
    get_lambda_body,
    list_known_names,
    resolve_rows,
    share_bound_rows,
)
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.errors import (
    Span,
    UnknownSourceError,
    make_invalid_error,
    make_unsupported_query_error,
    suggest_word,
)
from nephoscope_kql.plan.relations import Graph, Rows, TableScan
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType


@register_source_binder(tree.Pipe)
def bind_pipe(node: tree.Pipe, env: Env) -> Relation:
    """A source and the operators after it."""
    relation: Relation | None = None if node.source is None else env.bind_tabular(node.source)
    current = env
    for operator in node.operators:
        if isinstance(operator, tree.operators.As):
            relation, current = name_relation(operator, relation, current)
        else:
            relation = env.binder.bind_operator(relation, operator, current)
    if relation is None:
        raise make_invalid_error("the query has no rows", node.span)
    return relation


def name_relation(operator: tree.operators.As, relation: Relation | None, env: Env) -> tuple[Relation, Env]:
    """`as name`: the rows so far get a name for the operators after it."""
    if relation is None:
        raise make_invalid_error("as needs rows", operator.span)
    if isinstance(relation, Graph):
        raise make_invalid_error(GRAPH_IS_NO_TABLE, operator.span)
    meaning = share_bound_rows(relation, env, operator.name)
    return meaning.make(), env.with_names({operator.name: meaning})


@register_source_binder(tree.Name)
def bind_name(node: tree.Name, env: Env) -> Relation:
    """A variable, a stored function without arguments, or a table."""
    meaning = env.names.get(node.name)
    if not env.can_see(node.name):
        raise make_invalid_error(f"'{node.name}' is not accessible under restrict access", node.span)
    if meaning is not None and not isinstance(meaning, LambdaMeaning):
        return resolve_rows(meaning, node.name, node.span, env)
    if meaning is None:
        table = env.catalog.find_table(node.name)
        if table is not None:
            return scan_table(table, env)
    if find_function(node.name, env, node.span) is not None:
        return bind_call(tree.Call(name=node.name, span=node.span), env)
    hint = suggest_word(node.name, list_known_names(env))
    raise UnknownSourceError(
        f"no table, function or variable is named '{node.name}'", node.span, "invalid", hint
    )


def scan_table(table: TableSchema, env: Env) -> Relation:
    """The rows of a table, in the time scope that `set query_datetimescope_...` gives."""
    columns = tuple(env.binder.make_column(name, kind) for name, kind in table.columns)
    ingested = env.binder.make_column("", KqlType.DATETIME) if table.ingested else None
    return restrict_to_scope(TableScan(columns=columns, table=table, ingested=ingested), env)


@register_source_binder(tree.Call)
def bind_call(node: tree.Call, env: Env) -> Relation:
    """`materialize(...)`, `table(...)`, `_GetWatchlist(...)`, or a function that gives rows."""
    if node.name == "materialize":
        return _materialize_call(node, env).make()
    if node.name == "table":
        return _bind_table(node, env)
    if node.name == "external_table":
        raise make_unsupported_query_error(
            "external_table()", node.span, "externaldata reads files of allowed folders and hosts"
        )
    case = choose_pattern_case(node, env)
    if case is not None:
        return enter_function(*case, env).bind_tabular(get_lambda_body(case[0], node.span))
    found = find_function(node.name, env, node.span)
    if found is None and node.name == "_GetWatchlist":
        return _bind_watchlist(node, env)
    if not env.can_see(node.name):
        raise make_invalid_error(f"'{node.name}' is not accessible under restrict access", node.span)
    if found is None:
        hint = suggest_word(node.name, list_known_names(env))
        raise UnknownSourceError(
            f"no function that gives rows is named '{node.name}'", node.span, "invalid", hint
        )
    return enter_function(found, node, env).bind_tabular(get_lambda_body(found, node.span))


def _materialize_call(node: tree.Call, env: Env) -> SharedTableMeaning:
    if len(node.arguments) != 1:
        raise make_invalid_error("materialize() takes 1 argument: rows", node.span)
    return bind_shared_rows(node.arguments[0], env)


def _bind_table(node: tree.Call, env: Env) -> Relation:
    return bind_name(tree.Name(name=_read_constant_name(node, env), span=node.span), env)


def _read_constant_name(node: tree.Call, env: Env) -> str:
    value = env.without_row().bind_scalar(node.arguments[0]) if node.arguments else None
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise make_invalid_error(f"{node.name}() takes a constant name", node.span)
    return value.value


WATCHLIST = (
    ("_DTItemId", KqlType.STRING),
    ("LastUpdatedTimeUTC", KqlType.DATETIME),
    ("SearchKey", KqlType.STRING),
)
"""The columns that every watchlist has before those of its items."""


def _bind_watchlist(node: tree.Call, env: Env) -> Relation:
    """`_GetWatchlist('alias')`; one that nobody has has no rows, as in Sentinel, and a note says so."""
    alias = _read_constant_name(node, env)
    table = env.catalog.find_watchlist(alias)
    if table is not None:
        return scan_table(table, env)
    env.binder.notes[f"no watchlist is named '{alias}': it has no rows"] = None
    columns = tuple(env.binder.make_column(label, kind) for label, kind in WATCHLIST)
    return inline_rows(env, columns, ())


@register_source_binder(tree.Member)
def bind_member(node: tree.Member, env: Env) -> Relation:
    """`pattern('a').path`, or `workspace('x').Table`, `cluster('c').database('d').Table`: where the catalog knows the place."""
    case = choose_pattern_case(node, env)
    if case is not None:
        return enter_function(*case, env).bind_tabular(get_lambda_body(case[0], node.span))
    return bind_name(tree.Name(name=node.name, span=node.span), _enter_place(node.target, env))


@register_source_binder(tree.MemberCall)
def bind_member_call(node: tree.MemberCall, env: Env) -> Relation:
    """`workspace('x').f()`: its arguments are bound here, its body there."""
    there = _enter_place(node.target, env)
    if node.call.name in ("table", "_GetWatchlist"):
        return bind_call(node.call, there)
    found = find_function(node.call.name, there, node.span)
    if found is None:
        hint = suggest_word(node.call.name, list_known_names(there))
        raise UnknownSourceError(
            f"no function that gives rows is named '{node.call.name}'", node.span, "invalid", hint
        )
    return enter_function(found, node.call, env).bind_tabular(get_lambda_body(found, node.span))


def _enter_place(target: tree.Expression, env: Env) -> Env:
    return replace(env.without_row(), names={}, place=resolve_place(target, env))


@register_source_binder(tree.Datatable)
def bind_datatable(node: tree.Datatable, env: Env) -> Relation:
    """Rows that the query spells out."""
    width = len(node.columns)
    if len(node.values) % width if width else node.values:
        raise make_invalid_error(f"{len(node.values)} values do not fill rows of {width} columns", node.span)
    columns = tuple(env.binder.make_column(item.name, _infer_declared_type(item)) for item in node.columns)
    if len({column.name for column in columns}) != width:
        raise make_invalid_error("two columns have the same name", node.span)
    cells = [
        _bind_cell(env.bind_scalar(value), columns[place % width].type, value.span)
        for place, value in enumerate(node.values)
    ]
    rows = tuple(tuple(cells[start : start + width]) for start in range(0, len(cells), max(width, 1)))
    return inline_rows(env, columns, rows)


def inline_rows(env: Env, columns: tuple[Column, ...], rows: tuple[tuple[Bound, ...], ...]) -> Rows:
    """Rows of expressions, in their order."""
    ordinal = env.binder.make_column("", KqlType.LONG)
    order = sort_by_ordinal(ordinal) if len(rows) > 1 else ()
    return Rows(columns=columns, order=order, rows=rows, ordinal=ordinal)


def _infer_declared_type(item: tree.ColumnDeclaration) -> KqlType:
    if item.type is None:
        raise make_invalid_error(f"the column '{item.name}' has no type", item.span)
    return item.type


def _bind_cell(value: Bound, kind: KqlType, span: Span) -> Bound:
    if value.type == kind:
        return value
    allowed = (value.type.is_numeric and kind.is_numeric) or KqlType.STRING in (value.type, kind)
    if kind == KqlType.DYNAMIC:
        return convert_to_dynamic(value)
    if not allowed and value.type not in (KqlType.DYNAMIC, KqlType.LONG):
        raise make_invalid_error(f"a value of type {value.type} in a column of type {kind}", span)
    return convert_explicitly(value, kind)
