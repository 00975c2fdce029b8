"""scan: rows that match steps, one after the other."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.environment import Env, ScalarMeaning, register_operator_binder
from nephoscope_kql.binder.operands import require_condition
from nephoscope_kql.binder.ordering import ensure_order, sort_by_ordinal
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error, suggest_word
from nephoscope_kql.operators.join import find_parameter
from nephoscope_kql.operators.partition import replace_columns
from nephoscope_kql.operators.row_operators import sort_rows
from nephoscope_kql.plan.relations import BoundScanStep, Scanned
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.tree.operators import Scan
from nephoscope_kql.types import KqlType


@register_operator_binder(Scan)
def bind_scan(relation: Relation, operator: Scan, env: Env) -> Relation:
    """`scan`: a row for each match of a row with a step."""
    rows = sort_rows(relation, operator.order, env) if operator.order else relation
    relation = replace(ensure_order(rows, env), open=relation.open)
    known = {column.name for column in relation.columns}
    declared = tuple(_bind_declaration(item, known, env) for item in operator.declarations)
    steps = _list_steps(relation, operator, declared, env)
    own = env.with_relation_columns(relation)
    partition = (*env.list_parts(operator.span), *(own.bind_scalar(item) for item in operator.partition))
    label = find_parameter(operator.parameters, "with_match_id")
    value = label.values[0] if label is not None and label.values else None
    match = env.binder.make_column(value.name if isinstance(value, tree.Name) else "", KqlType.LONG)
    number, step = (env.binder.make_column("", KqlType.LONG) for _ in range(2))
    columns = (*relation.columns, *(column for column, _ in declared), *([match] if match.name else []))
    return Scanned(
        columns=columns,
        order=(*sort_by_ordinal(number), *sort_by_ordinal(step)),
        input=replace_columns(relation, (*relation.columns, *env.partition)),
        steps=steps,
        declared=declared,
        match=match,
        number=number,
        step=step,
        partition=partition,
    )


def _bind_declaration(
    item: tree.operators.ScanDeclaration, known: set[str], env: Env
) -> tuple[Column, Bound]:
    if item.name in known:
        raise make_invalid_error(
            f"the input already has a column '{item.name}': declare another name", item.span
        )
    kind = item.type or KqlType.DYNAMIC
    value: Bound = constants.make_null(kind, item.span)
    if item.default is not None:
        value = convert_explicitly(env.without_row().bind_scalar(item.default), kind)
    return env.binder.make_column(item.name, kind), value


def _list_steps(
    relation: Relation, operator: Scan, declared: tuple[tuple[Column, Bound], ...], env: Env
) -> tuple[BoundScanStep, ...]:
    """The steps; a condition sees its own and all earlier steps' columns, and declared columns by their defaults."""
    if len({step.name for step in operator.steps}) != len(operator.steps):
        raise make_invalid_error("two steps of scan have the same name", operator.span)
    defaults = {column.name: ScalarMeaning(value) for column, value in declared}
    every = (*relation.columns, *(column for column, _ in declared))
    found: list[BoundScanStep] = []
    sides: dict[str, dict[str, Column]] = {}
    for step in operator.steps:
        if step.optional:
            raise make_unsupported_query_error("an optional step of scan", step.span)
        seen = tuple((column, env.binder.make_column(column.name, column.type)) for column in every)
        sides[step.name] = {own.name: own for _, own in seen}
        inner = replace(env.with_relation_columns(relation).with_names(defaults), sides=dict(sides))
        test = require_condition(inner.bind_scalar(step.condition))
        assigned = tuple(_bind_assignment(item, declared, inner) for item in step.assignments)
        found.append(BoundScanStep(step.name, test, assigned, seen, step.output or "all"))
    return tuple(found)


def _bind_assignment(
    item: tree.Named, declared: tuple[tuple[Column, Bound], ...], env: Env
) -> tuple[Column, Bound]:
    name = item.names[0].name
    column = next((column for column, _ in declared if column.name == name), None)
    if column is None:
        hint = suggest_word(name, [column.name for column, _ in declared])
        raise make_invalid_error(f"scan declares no column '{name}'", item.span, hint)
    return column, convert_explicitly(env.bind_scalar(item.value), column.type)
