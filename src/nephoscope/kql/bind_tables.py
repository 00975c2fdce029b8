"""Binding of what gives rows: tables, variables, functions, pipes, datatable."""

from __future__ import annotations

from nephoscope.kql import tree
from nephoscope.kql.binder import Env, LambdaMeaning, SharedMeaning, binds_source
from nephoscope.kql.bound import Bound, Column, Constant
from nephoscope.kql.catalog import TableSchema
from nephoscope.kql.convert import as_dynamic, explicit
from nephoscope.kql.errors import Span, did_you_mean, invalid, unsupported
from nephoscope.kql.ordering import by_ordinal
from nephoscope.kql.relations import Relation, Rows, Scan
from nephoscope.kql.scope import already_bound, body_of, entered, function_named, known_names, rows_of, shared
from nephoscope.kql.types import KqlType


@binds_source(tree.Pipe)
def pipe(node: tree.Pipe, env: Env) -> Relation:
    """A source and the operators after it."""
    relation: Relation | None = None if node.source is None else env.tabular(node.source)
    current = env
    for operator in node.operators:
        if isinstance(operator, tree.operators.As):
            relation, current = named(operator, relation, current)
        else:
            relation = env.binder.operator(relation, operator, current)
    if relation is None:
        raise invalid("the query has no rows", node.span)
    return relation


def named(operator: tree.operators.As, relation: Relation | None, env: Env) -> tuple[Relation, Env]:
    """`as name`: the rows so far get a name for the operators after it."""
    if relation is None:
        raise invalid("as needs rows", operator.span)
    meaning = already_bound(relation, env)
    return meaning.make(), env.naming({operator.name: meaning})


@binds_source(tree.Name)
def name(node: tree.Name, env: Env) -> Relation:
    """A variable, a stored function without arguments, or a table."""
    meaning = env.names.get(node.name)
    if meaning is not None and not isinstance(meaning, LambdaMeaning):
        return rows_of(meaning, node.name, node.span)
    if meaning is None:
        table = env.binder.catalog.table(node.name)
        if table is not None:
            return scan(table, env)
    if function_named(node.name, env, node.span) is not None:
        return call(tree.Call(name=node.name, span=node.span), env)
    hint = did_you_mean(node.name, known_names(env))
    raise invalid(f"no table, function or variable is named '{node.name}'", node.span, hint)


def scan(table: TableSchema, env: Env) -> Scan:
    """The rows of a table."""
    return Scan(columns=tuple(env.binder.column(name, kind) for name, kind in table.columns), table=table)


@binds_source(tree.Call)
def call(node: tree.Call, env: Env) -> Relation:
    """`materialize(...)`, `table(...)`, or a function that gives rows."""
    if node.name == "materialize":
        return _materialize(node, env).make()
    if node.name == "table":
        return _table(node, env)
    found = function_named(node.name, env, node.span)
    if found is None:
        hint = did_you_mean(node.name, known_names(env))
        raise invalid(f"no function that gives rows is named '{node.name}'", node.span, hint)
    return entered(found, node, env).tabular(body_of(found, node.span))


def _materialize(node: tree.Call, env: Env) -> SharedMeaning:
    if len(node.arguments) != 1:
        raise invalid("materialize() takes 1 argument: rows", node.span)
    return shared(node.arguments[0], env)


def _table(node: tree.Call, env: Env) -> Relation:
    value = env.scalar(node.arguments[0]) if node.arguments else None
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise invalid("table() takes a constant name", node.span)
    return name(tree.Name(name=value.value, span=node.span), env)


@binds_source(tree.Member)
def member(node: tree.Member, _env: Env) -> Relation:
    """`workspace('x').Table`, `database('d').Table`: only what the catalog knows by the same text."""
    raise unsupported("tables of other workspaces, databases and clusters", node.span)


@binds_source(tree.MemberCall)
def member_call(node: tree.MemberCall, _env: Env) -> Relation:
    """`workspace('x').f()`."""
    raise unsupported("functions of other workspaces, databases and clusters", node.span)


@binds_source(tree.Datatable)
def datatable(node: tree.Datatable, env: Env) -> Relation:
    """Rows that the query spells out."""
    width = len(node.columns)
    if width == 0 or len(node.values) % width:
        raise invalid(f"{len(node.values)} values do not fill rows of {width} columns", node.span)
    columns = tuple(env.binder.column(item.name, _declared_type(item)) for item in node.columns)
    if len({column.name for column in columns}) != width:
        raise invalid("two columns have the same name", node.span)
    cells = [
        _cell(env.scalar(value), columns[place % width].type, value.span)
        for place, value in enumerate(node.values)
    ]
    rows = tuple(tuple(cells[start : start + width]) for start in range(0, len(cells), width))
    return given_rows(env, columns, rows)


def given_rows(env: Env, columns: tuple[Column, ...], rows: tuple[tuple[Bound, ...], ...]) -> Rows:
    """Rows of expressions, in their order."""
    ordinal = env.binder.column("", KqlType.LONG)
    order = by_ordinal(ordinal) if len(rows) > 1 else ()
    return Rows(columns=columns, order=order, rows=rows, ordinal=ordinal)


def _declared_type(item: tree.ColumnDeclaration) -> KqlType:
    if item.type is None:
        raise invalid(f"the column '{item.name}' has no type", item.span)
    return item.type


def _cell(value: Bound, kind: KqlType, span: Span) -> Bound:
    if value.type == kind:
        return value
    allowed = (value.type.numeric and kind.numeric) or KqlType.STRING in (value.type, kind)
    if kind == KqlType.DYNAMIC:
        return as_dynamic(value)
    if not allowed and value.type not in (KqlType.DYNAMIC, KqlType.LONG):
        raise invalid(f"a value of type {value.type} in a column of type {kind}", span)
    return explicit(value, kind)
