"""mv-expand and mv-apply."""

from __future__ import annotations

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.ordering import sort_by_ordinal
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.operators.column_operators import select_columns
from nephoscope_kql.operators.join import find_parameter, read_parameter_choice
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Assign, Expanded, ExpandedColumn
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.tree.operators import ExpandItem, MvExpand
from nephoscope_kql.types import KqlType


@register_operator_binder(MvExpand)
def bind_mv_expand(relation: Relation, operator: MvExpand, env: Env) -> Relation:
    """`mv-expand`: a row an element; several arrays side by side."""
    given = "bagexpansion" if find_parameter(operator.parameters, "bagexpansion") else "kind"
    mode = read_parameter_choice(operator.parameters, given, ("bag", "array"), "mv-expand")
    return expand_rows(
        relation,
        operator.items,
        env,
        as_array=mode == "array",
        index=find_item_index(operator.parameters),
        limit=parse_row_limit(operator.limit, env),
    )


def find_item_index(parameters: tuple[tree.OperatorParameter, ...]) -> str:
    """The name that with_itemindex gives to the element's place, '' without it."""
    found = find_parameter(parameters, "with_itemindex")
    value = found.values[0] if found is not None and found.values else None
    return value.name if isinstance(value, tree.Name) else ""


def parse_row_limit(expression: tree.Expression | None, env: Env) -> int | None:
    """Count how many elements at most; None without a limit."""
    if expression is None:
        return None
    value = env.without_row().bind_scalar(expression)
    if not isinstance(value, Constant) or not isinstance(value.value, int):
        raise make_invalid_error("the limit must be a constant number", expression.span)
    return value.value


def expand_rows(
    relation: Relation,
    items: tuple[ExpandItem, ...],
    env: Env,
    *,
    as_array: bool = False,
    index: str = "",
    limit: int | None = None,
    ordered_by: tuple[Column, ...] = (),
) -> Relation:
    """The rows of a relation once for every element of its arrays."""
    inner = env.with_relation_columns(relation)
    columns = list(relation.columns)
    names = ColumnNames([column.name for column in columns])
    expansions: list[ExpandedColumn] = []
    typed: list[tuple[Column, Bound]] = []
    for item in items:
        value = inner.bind_scalar(item.value)
        if value.type != KqlType.DYNAMIC:
            raise make_invalid_error(f"only a dynamic can be expanded, not {value.type}", item.span)
        raw = env.binder.make_column("", KqlType.DYNAMIC)
        expansions.append(ExpandedColumn(raw, value, as_array))
        column = _build_result_column(item, raw, typed, env)
        _place_column(columns, column, item, value, names)
    position = env.binder.make_column(index, KqlType.LONG)
    first = relation.order or tuple(key for column in ordered_by for key in sort_by_ordinal(column))
    order = (*first, *sort_by_ordinal(position)) if first else ()
    rows = Expanded(
        columns=relation.columns,
        order=order,
        input=relation,
        expansions=tuple(expansions),
        position=position,
        limit=limit,
    )
    if index:
        columns.insert(len(relation.columns), position)
    return (
        select_columns(rows, columns, typed, env)
        if not typed
        else Assign(columns=tuple(columns), order=order, input=rows, assigned=tuple(typed))
    )


def _build_result_column(
    item: ExpandItem, raw: Column, typed: list[tuple[Column, Bound]], env: Env
) -> Column:
    if item.type is None or item.type == KqlType.DYNAMIC:
        return raw
    column = env.binder.make_column("", item.type)
    typed.append((column, convert_explicitly(make_reference(raw, item.span), item.type)))
    return column


def _place_column(
    columns: list[Column], column: Column, item: ExpandItem, value: Bound, names: ColumnNames
) -> None:
    """A column that is expanded under its own name stays in its place, everything else comes last."""
    wanted = item.name or get_implied_name(item.value)
    own = isinstance(value, ColumnRef) and isinstance(item.value, tree.Name)
    at = next((place for place, known in enumerate(columns) if known.name == wanted), None)
    if at is not None and (own or item.name or not isinstance(item.value, tree.Name)):
        columns[at] = column.with_name(wanted)
    else:
        columns.append(column.with_name(names.make_unique(wanted) if wanted else names.make_default_name()))
