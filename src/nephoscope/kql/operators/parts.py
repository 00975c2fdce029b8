"""mv-apply and partition: a pipe that runs on each part of the rows alone."""

from __future__ import annotations

from dataclasses import replace

from nephoscope.kql import tree
from nephoscope.kql.bind_tables import named
from nephoscope.kql.binder import Env, binds_operator, reference
from nephoscope.kql.bound import Column
from nephoscope.kql.errors import NOWHERE, invalid, unsupported
from nephoscope.kql.operators.expand import expanded, item_index, limit_of
from nephoscope.kql.relations import Assign, Joined, Numbered, Relation, Shared
from nephoscope.kql.tree.operators import As, Join, Lookup, MvApply, Partition, Union
from nephoscope.kql.types import KqlType

_WHOLE = (Join, Lookup, Union)


def run_parts(relation: Relation, operators: tuple[tree.Operator, ...], env: Env) -> Relation:
    """The operators over the rows, each part (env.partition) alone."""
    for operator in operators:
        if isinstance(operator, _WHOLE):
            raise unsupported("a join or union inside mv-apply or partition", operator.span)
        if isinstance(operator, As):
            relation, env = named(operator, relation, env)
        else:
            relation = env.binder.operator(relation, operator, env)
    return relation


@binds_operator(MvApply)
def mv_apply(relation: Relation, operator: MvApply, env: Env) -> Relation:
    """`mv-apply`: each row's elements go through a pipe; the results stand beside the row's other columns."""
    number = env.binder.column("", KqlType.LONG)
    unknown = relation.open and env.binder.mistakes is not None
    numbered = Numbered(
        columns=(*relation.columns, number),
        order=relation.order,
        open=unknown,
        input=relation,
        number=number,
    )
    name = env.binder.shared_name()
    kept = Shared(columns=env.binder.fresh(numbered), input=numbered, name=name, open=unknown)
    inner = Shared(columns=env.binder.fresh(numbered), input=numbered, name=name, open=unknown)
    apart = inner.columns[-1]
    visible = replace_columns(inner, inner.columns[:-1])
    rows = expanded(
        visible,
        operator.items,
        env,
        index=item_index(operator.parameters),
        limit=limit_of(operator.limit, env),
        keep_empty=False,
        ordered_by=(apart,),
    )
    rows = replace(rows, open=unknown)
    untouched = {column.id for column in visible.columns}
    result = run_parts(rows, operator.body.operators, replace(env, partition=(*env.partition, apart)))
    own = [column for column in result.columns if column.id not in untouched]
    taken = {column.name for column in own}
    columns = [column for column in kept.columns[:-1] if column.name not in taken]
    pair = (reference(kept.columns[-1], NOWHERE), reference(apart, NOWHERE))
    return Joined(columns=(*columns, *own), kind="inner", left=kept, right=result, keys=(pair,))


def replace_columns(relation: Relation, columns: tuple[Column, ...]) -> Relation:
    """The relation showing other columns."""
    return Assign(columns=columns, order=relation.order, open=relation.open, input=relation, assigned=())


@binds_operator(Partition)
def partition(relation: Relation, operator: Partition, env: Env) -> Relation:
    """`partition by column (operators)`."""
    if operator.scoped:
        raise unsupported("partition with a query in braces", operator.span)
    value = env.over(relation).scalar(operator.by)
    if isinstance(operator.by, tree.Star):
        raise invalid("partition takes a column", operator.by.span)
    apart = env.binder.column("", value.type)
    rows = Assign(
        columns=relation.columns,
        order=relation.order,
        open=relation.open and env.binder.mistakes is not None,
        input=relation,
        assigned=((apart, value),),
    )
    result = run_parts(rows, operator.body.operators, replace(env, partition=(*env.partition, apart)))
    return Assign(columns=result.columns, input=result, assigned=())
