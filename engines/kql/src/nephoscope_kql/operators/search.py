"""search and find: rows of several tables that meet one condition."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.calls import pack_columns
from nephoscope_kql.binder.environment import Env, LambdaMeaning, make_reference, register_operator_binder
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.search_terms import Part, filter_parts
from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.operators.column_operators import match_columns, select_columns
from nephoscope_kql.operators.join import find_parameter, read_parameter_choice
from nephoscope_kql.operators.union import bind_union_parts, build_union_with_source
from nephoscope_kql.plan.relations import Assign
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.tree.operators import Find, Search
from nephoscope_kql.types import KqlType

PACK = "pack_"


def _list_tables(items: tuple[tree.Expression, ...], env: Env, span: Span) -> list[Part]:
    """The tables that are named, or all that the catalog has and the views that the query declares."""
    if items:
        found = [part for item in items for part in bind_union_parts(item, env)]
        return [(name or f"union_arg{place}", rows) for place, (name, rows) in enumerate(found)]
    stored = {name for name in env.catalog.names() if env.catalog.find_table(name) is not None}
    views = {
        name
        for name, meaning in env.names.items()
        if isinstance(meaning, LambdaMeaning) and meaning.function.view and not meaning.function.parameters
    }
    names = [name for name in stored | views if env.can_see(name)]
    if not names:
        raise make_invalid_error("no table to search", span)
    return [(name, env.bind_tabular(tree.Name(name=name, span=span))) for name in sorted(names)]


@register_operator_binder(Search)
def bind_search(relation: Relation | None, operator: Search, env: Env) -> Relation:
    """`search`: the column `$table` says where a row comes from."""
    if relation is not None and operator.tables:
        raise make_invalid_error("search in (...) starts a query", operator.span)
    piped = [] if relation is None else [("search_arg0", relation)]
    parts = piped or _list_tables(operator.tables, env, operator.span)
    kinds = ("default", "case_insensitive", "case_sensitive")
    exact = read_parameter_choice(operator.parameters, "kind", kinds, "search") == "case_sensitive"
    return build_union_with_source(
        "$table", filter_parts(parts, operator.predicate, env, exact), env, operator.span
    )


@register_operator_binder(Find)
def bind_find(relation: Relation | None, operator: Find, env: Env) -> Relation:
    """`find`: where a row comes from, the columns that are asked for, and the others in the bag `pack_`."""
    if relation is not None:
        raise make_invalid_error("find starts a query", operator.span)
    tables = _list_tables(operator.tables, env, operator.span)
    parts = filter_parts(tables, operator.predicate, env)
    label = _choose_label(operator)
    if operator.columns is not None:
        return _project_parts(label, parts, operator, env)
    wanted = _order_columns_smartly(parts, operator.predicate)
    away = {
        column.name
        for item in operator.away
        for _, rows in parts
        for column in _list_matching_columns(rows, item)
    }
    wanted = [name for name in wanted if name not in away]
    pack = not any(_is_pack(item) or getattr(item, "name", "") == PACK for item in operator.away)
    cut = [(name, _bind_cut(rows, wanted, away, pack, env, operator.span)) for name, rows in parts]
    found = build_union_with_source(label, cut, env, operator.span)
    return replace(_reorder_columns(found, [label, *wanted], env), open=any(rows.open for _, rows in tables))


def _choose_label(operator: Find) -> str:
    given = find_parameter(operator.parameters, "withsource") or find_parameter(
        operator.parameters, "with_source"
    )
    value = given.values[0] if given is not None and given.values else None
    return value.name if isinstance(value, tree.Name) else "source_"


def _order_columns_smartly(parts: list[Part], predicate: tree.Expression) -> list[str]:
    """The columns that the condition names, then those that all tables have."""
    known = {column.name for _, rows in parts for column in rows.columns}
    named = [
        node.name
        for node in tree.node.walk_nodes(predicate)
        if isinstance(node, tree.Name) and node.name in known
    ]
    common = [
        column.name
        for column in (parts[0][1].columns if parts else ())
        if all(any(column.name == other.name for other in rows.columns) for _, rows in parts)
    ]
    return list(dict.fromkeys([*named, *common]))


def _list_matching_columns(rows: Relation, item: tree.Expression) -> list[Column]:
    """The columns that an item of project or project-away means in one table: none where the table lacks it."""
    if isinstance(item, tree.Name | tree.TypedName):
        return [column for column in rows.columns if column.name == item.name]
    return match_columns(rows, item) if isinstance(item, tree.Wildcard | tree.Star) else []


def _is_pack(item: tree.Expression) -> bool:
    return isinstance(item, tree.Call) and item.name in ("pack", "pack_all", "bag_pack")


def _bind_cut(
    rows: Relation, wanted: list[str], away: set[str], pack: bool, env: Env, span: Span
) -> Relation:
    """The wanted columns of one table, and the others packed."""
    columns = [column for column in rows.columns if column.name in wanted]
    rest = [column for column in rows.columns if column.name not in wanted and column.name not in away]
    assigned: list[tuple[Column, Bound]] = []
    if pack:
        bag = env.binder.make_column(PACK, KqlType.DYNAMIC)
        assigned.append((bag, pack_columns(rest, span)))
        columns.append(bag)
    return Assign(columns=tuple(columns), order=rows.order, input=rows, assigned=tuple(assigned))


def _project_parts(label: str, parts: list[Part], operator: Find, env: Env) -> Relation:
    """`find ... project a, b: type, pack(*)`: a table that lacks a column has its null."""
    items = operator.columns or ()
    pack = any(_is_pack(item) for item in items)
    names = list(
        dict.fromkeys(
            name
            for item in items
            if not _is_pack(item)
            for name in (
                [item.name]
                if isinstance(item, tree.Name | tree.TypedName)
                else _list_matching_names(parts, item)
            )
        )
    )
    known = {column.name for _, rows in parts for column in rows.columns}
    typed = {item.name: item.type for item in items if isinstance(item, tree.TypedName)}
    for item in items:
        if isinstance(item, tree.Name) and parts and item.name not in known and item.name != label:
            raise make_invalid_error(f"no table has a column '{item.name}'", item.span)
    cut = [
        (
            name,
            _convert_columns(
                _bind_cut(rows, names, set(), pack, env, operator.span), typed, env, operator.span
            ),
        )
        for name, rows in parts
    ]
    return _reorder_columns(build_union_with_source(label, cut, env, operator.span), [label, *names], env)


def _list_matching_names(parts: list[Part], item: tree.Expression) -> list[str]:
    return [column.name for _, rows in parts for column in _list_matching_columns(rows, item)]


def _convert_columns(rows: Relation, typed: dict[str, KqlType], env: Env, span: Span) -> Relation:
    """Columns in the types that the query gives them, also those that the table lacks."""
    columns = list(rows.columns)
    assigned: list[tuple[Column, Bound]] = []
    for name, kind in typed.items():
        place = next((at for at, column in enumerate(columns) if column.name == name), None)
        made = env.binder.make_column(name, kind)
        if place is None:
            assigned.append((made, constants.make_null(kind, span)))
            columns.append(made)
        elif columns[place].type != kind:
            assigned.append((made, convert_explicitly(make_reference(columns[place], span), kind)))
            columns[place] = made
    return Assign(columns=tuple(columns), order=rows.order, input=rows, assigned=tuple(assigned))


def _reorder_columns(rows: Relation, names: list[str], env: Env) -> Relation:
    """The columns in the order of names (one name may have become several, one a type), the bag last."""

    def find_column_place(column: Column) -> int:
        if column.name == PACK:
            return len(names) + 1
        bare = column.name if column.name in names else column.name.rsplit("_", 1)[0]
        return names.index(bare) if bare in names else len(names)

    return replace(select_columns(rows, sorted(rows.columns, key=find_column_place), [], env), order=())
