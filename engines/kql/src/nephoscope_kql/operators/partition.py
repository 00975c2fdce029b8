"""The partition and mv-apply operators: a pipe that runs on each part of the rows."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.operator_names import format_operator_name
from nephoscope_kql.binder.ordering import sort_by_ordinal
from nephoscope_kql.errors import NOWHERE, make_invalid_error, make_unsupported_query_error
from nephoscope_kql.operators.expand import expand_rows, find_item_index, parse_row_limit
from nephoscope_kql.plan.relations import Assign, Joined, Numbered, Shared
from nephoscope_kql.plan.values import Column, Relation
from nephoscope_kql.tree.operators import (
    As,
    Find,
    GetSchema,
    Invoke,
    Join,
    Lookup,
    MacroExpand,
    MvApply,
    Partition,
    Print,
    Range,
    Search,
    Union,
)
from nephoscope_kql.types import KqlType

_WHOLE = (As, Find, GetSchema, Invoke, Join, Lookup, MacroExpand, Print, Range, Search, Union)
"""Operators that look at more than the rows of one part, or at none of them."""


def bind_in_parts(relation: Relation, operators: tuple[tree.Operator, ...], env: Env) -> Relation:
    """The operators over the rows, each part (env.partition) alone."""
    for operator in operators:
        if isinstance(operator, _WHOLE):
            what = format_operator_name(operator)
            raise make_unsupported_query_error(
                f"the operator {what} inside mv-apply or partition", operator.span
            )
        relation = env.binder.bind_operator(relation, operator, env)
    return relation


@register_operator_binder(MvApply)
def bind_mv_apply(relation: Relation, operator: MvApply, env: Env) -> Relation:
    """`mv-apply`: each row's elements go through a pipe; the results stand beside the row's other columns."""
    kept, inner = number_and_share(relation, env)
    count, number, apart = len(relation.columns), kept.columns[-1], inner.columns[-1]
    visible = replace_columns(inner, inner.columns[:count])
    rows = expand_rows(
        visible,
        operator.items,
        env,
        index=find_item_index(operator.parameters),
        limit=parse_row_limit(operator.limit, env),
        ordered_by=(apart,),
    )
    rows = replace(rows, open=kept.open)
    untouched = {column.id for column in visible.columns}
    result = bind_in_parts(rows, operator.body.operators, replace(env, partition=(apart,)))
    own = [column for column in result.columns if column.id not in untouched]
    taken = {column.name for column in own}
    columns = [column for column in kept.columns[:count] if column.name not in taken]
    pair = (make_reference(number, NOWHERE), make_reference(apart, NOWHERE))
    joined = Joined(
        columns=(*columns, *own),
        order=(*sort_by_ordinal(number), *result.order),
        kind="inner",
        left=kept,
        right=result,
        keys=(pair,),
    )
    return add_part_columns(joined, kept.columns[count:-1], env)


def number_and_share(relation: Relation, env: Env) -> tuple[Shared, Shared]:
    """The rows, read in two places: their columns, those that keep the parts around them apart, and the row's number."""
    number = env.binder.make_column("", KqlType.LONG)
    unknown = relation.open and env.binder.mistakes is not None
    numbered = Numbered(
        columns=(*relation.columns, *env.partition, number),
        order=relation.order,
        open=unknown,
        input=relation,
        number=number,
    )
    name = env.binder.choose_shared_name()
    kept = Shared(columns=env.binder.build_fresh_columns(numbered), input=numbered, name=name, open=unknown)
    return kept, replace(kept, columns=env.binder.build_fresh_columns(numbered))


def add_part_columns(relation: Relation, copies: tuple[Column, ...], env: Env) -> Relation:
    """The relation with the columns that keep the parts around it apart, under the ids by which these are known, from their copies."""
    assigned = tuple(
        (column, make_reference(copy, NOWHERE)) for column, copy in zip(env.partition, copies, strict=True)
    )
    if not assigned:
        return relation
    return Assign(columns=relation.columns, order=relation.order, input=relation, assigned=assigned)


def replace_columns(relation: Relation, columns: tuple[Column, ...]) -> Relation:
    """The relation showing other columns."""
    return Assign(columns=columns, order=relation.order, open=relation.open, input=relation, assigned=())


@register_operator_binder(Partition)
def bind_partition(relation: Relation, operator: Partition, env: Env) -> Relation:
    """`partition by column (operators)`."""
    if operator.scoped:
        raise make_unsupported_query_error("partition with a query in braces", operator.span)
    value = env.with_relation_columns(relation).bind_scalar(operator.by)
    if isinstance(operator.by, tree.Star):
        raise make_invalid_error("partition takes a column", operator.by.span)
    apart = env.binder.make_column("", value.type)
    rows = Assign(
        columns=relation.columns,
        order=relation.order,
        open=relation.open and env.binder.mistakes is not None,
        input=relation,
        assigned=((apart, value),),
    )
    result = bind_in_parts(rows, operator.body.operators, replace(env, partition=(*env.partition, apart)))
    return Assign(columns=result.columns, input=result, assigned=())
