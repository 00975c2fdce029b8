"""top-nested and top-hitters: the greatest groups, level by level."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.environment import (
    CallCollector,
    Env,
    SharedTableMeaning,
    make_reference,
    register_operator_binder,
)
from nephoscope_kql.binder.operands import bind_comparison
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.scope import share_bound_rows
from nephoscope_kql.errors import NOWHERE, Span, make_unsupported_query_error
from nephoscope_kql.operators.row_operators import bind_row_count, limit_rows
from nephoscope_kql.operators.summarize import group_rows
from nephoscope_kql.plan.relations import Assign, Concatenated, Filter, Joined, JoinKind, Numbered, Sorted
from nephoscope_kql.plan.values import Bound, Column, Relation, SortKey
from nephoscope_kql.tree.operators import NestedClause, TopHitters, TopNested
from nephoscope_kql.types import KqlType

Clauses = tuple[NestedClause, ...]


@register_operator_binder(TopNested)
def bind_top_nested(relation: Relation, operator: TopNested, env: Env) -> Relation:
    """`top-nested`: the greatest groups of the first value, within each the greatest of the second, and so on.

    The groups so far hold, level by level, a column for the value and one for the aggregate.
    """
    if env.partition:
        raise make_unsupported_query_error("top-nested inside mv-apply or partition", operator.span)
    clauses = operator.clauses
    rows = share_bound_rows(_add_level_keys(relation, clauses, env), env)
    groups: SharedTableMeaning | None = None
    results: list[Relation] = []
    for level, clause in enumerate(clauses):
        top = share_bound_rows(_bind_top_groups(rows.make(), clauses, level, env), env)
        if clause.others is not None:
            rest = _match_groups("leftanti", rows.make(), top.make(), level, len(clauses))
            results.append(_nest_below(groups, _group_others(rest, clauses, level, env), level))
        rows = share_bound_rows(_match_groups("leftsemi", rows.make(), top.make(), level, len(clauses)), env)
        groups = share_bound_rows(_nest_below(groups, top.make(), level), env)
    whole = [] if groups is None else [groups.make()]
    return _bind_result([*whole, *results], clauses, env, operator.span)


def _add_level_keys(relation: Relation, clauses: Clauses, env: Env) -> Relation:
    """The rows with the value of every level in their last columns."""
    inner = env.with_relation_columns(relation)
    keys: list[tuple[Column, Bound]] = []
    for clause in clauses:
        value = inner.bind_scalar(
            clause.value.value if isinstance(clause.value, tree.Named) else clause.value
        )
        keys.append((env.binder.make_column("", value.type), value))
    columns = (*relation.columns, *(column for column, _ in keys))
    return Assign(columns=columns, order=relation.order, input=relation, assigned=tuple(keys))


def _list_keys(relation: Relation, level: int, levels: int) -> tuple[Column, ...]:
    """The columns of the values up to a level, of rows that have one for every level."""
    return relation.columns[len(relation.columns) - levels :][: level + 1]


def _group_levels(
    relation: Relation, keys: tuple[Column, ...], by: list[tree.Expression], env: Env
) -> Relation:
    """The aggregates a combination of keys: columns of the keys, then of the aggregates."""
    collector = CallCollector()
    inner = replace(env.with_relation_columns(relation), aggregates=collector)
    values = [("", inner.bind_scalar(one.value if isinstance(one, tree.Named) else one)) for one in by]
    groups: list[tuple[Column, Bound]] = [
        (env.binder.make_column("", key.type), make_reference(key, by[0].span)) for key in keys
    ]
    return group_rows(relation, groups, collector, values, env)


def _bind_top_groups(relation: Relation, clauses: Clauses, level: int, env: Env) -> Relation:
    """The groups of a level that are kept: columns of the values up to it, then of its aggregate."""
    clause = clauses[level]
    found = _group_levels(relation, _list_keys(relation, level, len(clauses)), [clause.by], env)
    if clause.count is None:
        return found
    *outer, key, amount = (make_reference(column, clause.span) for column in found.columns)
    up = bool(clause.ascending)
    order = (SortKey(amount, up, up), SortKey(key, ascending=True, nulls_first=True))
    number = env.binder.make_column("", KqlType.LONG)
    numbered = Numbered(
        columns=found.columns,
        input=Sorted(columns=found.columns, order=order, input=found),
        number=number,
        partition=tuple(outer),
    )
    most = bind_row_count(clause.count, env)
    kept = bind_comparison("<=", make_reference(number, clause.span), most, clause.span)
    return Filter(columns=found.columns, input=numbered, predicate=kept)


def _match_groups(kind: JoinKind, rows: Relation, top: Relation, level: int, levels: int) -> Relation:
    """The rows that are in one of the groups, or in none."""
    pairs = zip(_list_keys(rows, level, levels), top.columns, strict=False)
    keys = tuple((make_reference(one, NOWHERE), make_reference(two, NOWHERE)) for one, two in pairs)
    return Joined(columns=rows.columns, kind=kind, left=rows, right=top, keys=keys)


def _group_others(rest: Relation, clauses: Clauses, level: int, env: Env) -> Relation:
    """One row for the groups of a level that are not kept: its label, no values below, every aggregate."""
    clause = clauses[level]
    keys = _list_keys(rest, level, len(clauses))
    anyone = env.binder.make_column("", KqlType.LONG)
    one = ((anyone, constants.make_long_constant(0, clause.span)),)
    whole = Assign(columns=(*rest.columns, anyone), input=rest, assigned=one)
    found = _group_levels(whole, (anyone, *keys[:-1]), [later.by for later in clauses[level:]], env)
    _, *rest_columns = found.columns
    columns, amounts = rest_columns[:level], rest_columns[level:]
    assigned: list[tuple[Column, Bound]] = []
    for place, amount in enumerate(amounts):
        kind = _list_keys(rest, level + place, len(clauses))[-1].type
        label: Bound = constants.make_null(kind, clause.span)
        if place == 0 and clause.others is not None:
            label = convert_explicitly(env.without_row().bind_scalar(clause.others), kind)
        assigned.append((env.binder.make_column("", kind), label))
        columns += [assigned[-1][0], amount]
    return Assign(columns=tuple(columns), input=found, assigned=tuple(assigned))


def _nest_below(groups: SharedTableMeaning | None, found: Relation, level: int) -> Relation:
    """The groups so far with what was found within each: `found` begins with the values of the levels above it."""
    if groups is None:
        return found
    left = groups.make()
    pairs = zip(left.columns[::2], found.columns[:level], strict=True)
    keys = tuple((make_reference(one, NOWHERE), make_reference(two, NOWHERE)) for one, two in pairs)
    return Joined(
        columns=(*left.columns, *found.columns[level:]), kind="inner", left=left, right=found, keys=keys
    )


def _bind_result(parts: list[Relation], clauses: Clauses, env: Env, span: Span) -> Relation:
    names = ColumnNames()
    labels: list[str] = []
    for clause in clauses:
        given = clause.value
        own = given.names[0].name if isinstance(given, tree.Named) else get_implied_name(given)
        label = names.make_unique(own) if own else names.make_default_name()
        amount = clause.by.names[0].name if isinstance(clause.by, tree.Named) else f"aggregated_{label}"
        labels += [label, names.make_unique(amount)]
    columns = tuple(
        env.binder.make_column(name, column.type)
        for name, column in zip(labels, parts[0].columns, strict=True)
    )
    fills = tuple(tuple(make_reference(column, span) for column in part.columns) for part in parts)
    return Concatenated(columns=columns, inputs=tuple(parts), fills=fills)


@register_operator_binder(TopHitters)
def bind_top_hitters(relation: Relation, operator: TopHitters, env: Env) -> Relation:
    """`top-hitters n of value by weight`: the greatest first. Kusto estimates, this counts."""
    inner = env.with_relation_columns(relation)
    item = operator.value
    expression = item.value if isinstance(item, tree.Named) else item
    name = item.names[0].name if isinstance(item, tree.Named) else get_implied_name(item) or "Column1"
    value = inner.bind_scalar(expression)
    weight = operator.by.value if isinstance(operator.by, tree.Named) else operator.by
    arguments = () if weight is None else (weight,)
    by = tree.Call(name="count" if weight is None else "sum", arguments=arguments, span=operator.span)
    collector = CallCollector()
    total = replace(inner, aggregates=collector).bind_scalar(by)
    label = f"approximate_count_{name}" if weight is None else f"approximate_sum_{get_implied_name(weight)}"
    groups = [(env.binder.make_column(name, value.type), value)]
    rows = group_rows(relation, groups, collector, [(label, total)], env)
    order = (SortKey(make_reference(rows.columns[1], operator.span), ascending=False, nulls_first=False),)
    ordered = Sorted(columns=rows.columns, order=order, input=rows)
    return limit_rows(ordered, bind_row_count(operator.count, env), env)
