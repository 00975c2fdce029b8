"""Scalar expressions in Spark's SQL: said natively where the table of functions can, else evaluated by a vectorised function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlglot import exp

from nephoscope_kql.dialects.scalars import may_be_null, write_constant
from nephoscope_kql.dialects.select_block import Value
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.dialects.spark.functions import NATIVE, lower_case
from nephoscope_kql.plan.expressions import BoundCall, ColumnRef, InQuery, ScalarQuery, Variable
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.dialects.relational import Emitter

Values = Mapping[str, Value]
CONNECTIVES = frozenset({"and", "or", "not", "_part", "_parts_if", "_kept"})
"""Their operands are written apart, so that Spark sees each condition."""


def write_scalar(value: Bound, values: Values, emitter: Emitter) -> exp.Expr:
    """The SQL of an expression over columns that are written as `values` says."""
    said = _write_native(value, values, emitter)
    if said is not None:
        return said
    if isinstance(value, BoundCall) and value.function.name in CONNECTIVES:
        arguments = [write_scalar(item, values, emitter) for item in value.arguments]
        built = NATIVE[value.function.name](_build_arguments(value, arguments, emitter))
        if built is not None:
            return built
    return vectorised_functions.write_expression(
        value, lambda leaf: write_scalar(leaf, values, emitter), emitter.use_routine
    )


def _write_native(value: Bound, values: Values, emitter: Emitter) -> exp.Expr | None:
    """The SQL where every part is said natively, else None."""
    emitter.count()
    if isinstance(value, ColumnRef):
        return values[value.column.id].sql
    if isinstance(value, Constant):
        return write_constant(value.value, value.type)
    if isinstance(value, Variable):
        return emitter.make_parameter(value.name)
    if isinstance(value, ScalarQuery):
        return _build_scalar_query(value, emitter)
    if isinstance(value, InQuery):
        return _write_in_query(value, values, emitter)
    return _build_call(value, values, emitter) if isinstance(value, BoundCall) else None


def _build_call(value: BoundCall, values: Values, emitter: Emitter) -> exp.Expr | None:
    builder = NATIVE.get(value.function.name)
    if builder is None:
        return None
    arguments: list[exp.Expr] = []
    for item in value.arguments:
        said = _write_native(item, values, emitter)
        if said is None:
            return None
        arguments.append(said)
    built = builder(_build_arguments(value, arguments, emitter))
    if built is not None and value.type == KqlType.STRING and may_be_null(value):
        return nodes.build_coalesce(built, nodes.build_text(""))
    return built


def _build_arguments(value: BoundCall, arguments: list[exp.Expr], emitter: Emitter) -> Arguments:
    return Arguments(arguments, value.arguments, value.type, value.span, emitter.use_routine)


def _build_scalar_query(value: ScalarQuery, emitter: Emitter) -> exp.Expr:
    def make() -> exp.Subquery:
        block = emitter.write_rows(value.relation, frozenset({value.column.id}))
        order = emitter.write_keys(value.relation.order, block)
        return exp.Subquery(
            this=block.build_select(block.list_columns([value.column.id]), order, nodes.build_number(1))
        )

    node = emitter.compute_once(value, make)
    return nodes.build_coalesce(node, nodes.build_text("")) if value.type == KqlType.STRING else node


def _write_in_query(value: InQuery, values: Values, emitter: Emitter) -> exp.Expr:
    block = emitter.write_rows(value.relation, frozenset({value.column.id}))
    block = block.seal([value.column.id])
    operand = write_scalar(value.operand, values, emitter)
    found = block.values[value.column.id].sql
    if value.insensitive:
        operand, found = lower_case(operand), lower_case(found)
    if value.column.type != KqlType.STRING:
        block.where.append(nodes.is_not_null(found))
    query = exp.Subquery(this=block.build_select([("k", found)]))
    inside: exp.Expr = exp.In(this=nodes.wrap_in_parentheses(operand), query=query)
    if value.operand.nullable:
        inside = nodes.build_coalesce(inside, nodes.build_boolean(False))
    return nodes.build_not(inside) if value.negated else inside
