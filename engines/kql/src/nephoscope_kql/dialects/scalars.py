"""Scalar expressions in SQL."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from nephoscope_kql.dialects import size_estimates as growth
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.errors import NOWHERE, KqlError, make_unsupported_query_error
from nephoscope_kql.functions.size_guard import ROOM
from nephoscope_kql.plan.expressions import BoundCall, ColumnRef, DynamicPath, InQuery, ScalarQuery, Variable
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Macro, Routine
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.plan.values import Relation, SortKey
    from nephoscope_kql.tree import Scalar

_POINTER = "'/' || replace(replace({}, '~', '~0'), '/', '~1')"
_OWN_TEXT = "json_extract_string(place, '$')"
AT = Macro(
    "kql_at",
    "CREATE OR REPLACE TEMP MACRO kql_at(target, place) AS CASE WHEN json_type(target) = 'ARRAY' THEN "
    "nullif(CAST(json_extract(target, CASE WHEN place < 0 THEN '$[#' || CAST(place AS VARCHAR) || ']' "
    "ELSE '$[' || CAST(place AS VARCHAR) || ']' END) AS VARCHAR), 'null') END",
)
STEP = Macro(
    "kql_step",
    "CREATE OR REPLACE TEMP MACRO kql_step(target, place) AS CASE json_type(place) "
    f"WHEN 'VARCHAR' THEN nullif(CAST(json_extract(target, {_POINTER.format(_OWN_TEXT)}) AS VARCHAR), "
    "'null') WHEN 'UBIGINT' THEN kql_at(target, CAST(place AS BIGINT)) "
    "WHEN 'BIGINT' THEN kql_at(target, CAST(place AS BIGINT)) END",
    (AT,),
)
KEY = Macro(
    "kql_key",
    "CREATE OR REPLACE TEMP MACRO kql_key(target, place) AS CASE WHEN json_type(target) = 'OBJECT' THEN "
    f"nullif(CAST(json_extract(target, {_POINTER.format('place')}) AS VARCHAR), 'null') END",
)
CHAINED = frozenset("+-*/%")
"""Operators of arithmetic, which chain to the left."""
_SIMPLE_KEY = re.compile(r"[A-Za-z_@$0-9 .:/()-]+")


class WriterContext(Protocol):
    """Members of the whole query that the writer of expressions needs."""

    dialect: str
    growth: growth.ColumnGrowth

    def use_routine(self, routine: Routine) -> str:
        """Make a routine part of the query."""
        ...

    def make_parameter(self, name: str) -> exp.Expr:
        """A value that is bound when the query runs."""
        ...

    def write_rows(self, relation: Relation, needed: frozenset[str]) -> SelectBlock:
        """The block of a sub-query."""
        ...

    def write_scalar(self, value: Bound, block: SelectBlock) -> exp.Expr:
        """The SQL of an expression over a block."""
        ...

    def count(self) -> None:
        """Count what is written."""
        ...

    def compute_once(self, value: ScalarQuery, make: Callable[[], exp.Subquery]) -> exp.Subquery:
        """The sub-query of a value."""
        ...


def write_scalar_expression(value: Bound, values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    """The SQL of an expression over columns that are written as `values` says."""
    if isinstance(value, ColumnRef):
        return values[value.column.id].sql
    if isinstance(value, Constant):
        return write_constant(value.value, value.type)
    context.count()
    return _WRITERS[type(value)](value, values, context)


def _write_call(value: BoundCall, values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    if value.function.name == "tostring" and isinstance(value.arguments[0], DynamicPath):
        text = _build_path_text(value.arguments[0], values, context)
        if text is not None:
            return text
    if value.function.name in CHAINED:
        return _build_chain(value, values, context)
    arguments = [write_scalar_expression(argument, values, context) for argument in value.arguments]
    built = _build_call(value, arguments, context)
    if context.growth.may_grow(value):
        bytes_ = growth.write_size_bound(value, lambda part: write_scalar_expression(part, values, context))
        built = growth.guard_value_size(built, bytes_, context.use_routine(ROOM))
    if value.type == KqlType.STRING and may_be_null(value):
        return nodes.build_coalesce(built, nodes.build_text(""))
    return built


def _build_call(value: BoundCall, arguments: list[exp.Expr], context: WriterContext) -> exp.Expr:
    call = Arguments(arguments, value.arguments, value.type, value.span, context.use_routine)
    return value.function.find_builder(context.dialect, value.span)(call)


def _build_chain(value: BoundCall, values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    """Arithmetic from the left; long chains are walked without recursion."""
    links = [value]
    while isinstance(first := links[-1].arguments[0], BoundCall) and first.function.name in CHAINED:
        links.append(first)
    written = write_scalar_expression(links[-1].arguments[0], values, context)
    for link in reversed(links):
        written = _build_call(
            link, [written, write_scalar_expression(link.arguments[1], values, context)], context
        )
    return written


def may_be_null(value: BoundCall) -> bool:
    """Return whether the SQL of a call may be NULL although KQL's strings never are."""
    return value.function.nullable or any(argument.nullable for argument in value.arguments)


def _build_variable(value: Variable, _values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    return context.make_parameter(value.name)


def _build_path(value: DynamicPath, values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    target = write_scalar_expression(value.target, values, context)
    fixed: list[str | int] = []
    for step in value.steps:
        if isinstance(step, Bound):
            target = _build_computed_step(_extract_path(target, fixed), step, values, context)
            fixed = []
        else:
            fixed.append(step)
    return _extract_path(target, fixed)


def _build_path_text(
    value: DynamicPath, values: Mapping[str, Value], context: WriterContext
) -> exp.Expr | None:
    """`tostring()` of a path in one extraction, where its steps are constant."""
    fixed = [step for step in value.steps if not isinstance(step, Bound)]
    path = build_json_path(fixed)
    if len(fixed) != len(value.steps) or path is None:
        return None
    found = nodes.build_call(
        "json_extract_string", write_scalar_expression(value.target, values, context), nodes.build_text(path)
    )
    return nodes.build_coalesce(found, nodes.build_text(""))


def _extract_path(target: exp.Expr, steps: list[str | int]) -> exp.Expr:
    if not steps:
        return target
    path = build_json_path(steps)
    if path is None:
        for step in steps:
            target = _extract_by_path(target, build_json_path([step]) or build_json_pointer(str(step)))
        return target
    return _extract_by_path(target, path)


def _extract_by_path(target: exp.Expr, path: str) -> exp.Expr:
    found = nodes.build_cast(nodes.build_call("json_extract", target, nodes.build_text(path)), "VARCHAR")
    return nodes.build_call("nullif", found, nodes.build_text("null"))


def build_json_path(steps: list[str | int]) -> str | None:
    """The JSON path of constant steps; None where a key has characters that paths cannot hold."""
    result = "$"
    for step in steps:
        if isinstance(step, str):
            if not _SIMPLE_KEY.fullmatch(step):
                return None
            result += f'."{step}"'
        else:
            result += f"[{step}]" if step >= 0 else f"[#{step}]"
    return result


def build_json_pointer(key: str) -> str:
    """The JSON pointer of one key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _build_computed_step(
    target: exp.Expr, step: Bound, values: Mapping[str, Value], context: WriterContext
) -> exp.Expr:
    routine = {KqlType.STRING: KEY, KqlType.DYNAMIC: STEP}.get(step.type, AT)
    return nodes.build_call(
        context.use_routine(routine), target, write_scalar_expression(step, values, context)
    )


def _build_scalar_query(value: ScalarQuery, _values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    def make() -> exp.Subquery:
        block = context.write_rows(value.relation, frozenset({value.column.id}))
        order = [one for key in value.relation.order for one in write_ordered_keys(key, block, context)]
        return exp.Subquery(
            this=block.build_select(block.list_columns([value.column.id]), order, nodes.build_number(1))
        )

    node = context.compute_once(value, make)
    return nodes.build_coalesce(node, nodes.build_text("")) if value.type == KqlType.STRING else node


def write_ordered_keys(key: SortKey, block: SelectBlock, context: WriterContext) -> list[exp.Expr]:
    """A key of an order over a block: NaN stands between the nulls and the numbers, which DuckDB does only where nulls are high."""
    value = write_scalar_expression(key.value, block.values, context)
    if key.value.type != KqlType.REAL or isinstance(key.value, Constant) or key.ascending != key.nulls_first:
        return [nodes.sort_key(value, key.ascending, key.nulls_first)]
    low = nodes.build_cast(nodes.build_text("-Infinity"), KqlType.REAL.physical)
    undefined = nodes.build_call("isnan", value)
    return [
        nodes.sort_key(nodes.build_case((undefined, low), otherwise=value), key.ascending, key.nulls_first),
        nodes.sort_key(undefined, not key.ascending, key.nulls_first),
    ]


def _write_in_query(value: InQuery, values: Mapping[str, Value], context: WriterContext) -> exp.Expr:
    block = context.write_rows(value.relation, frozenset({value.column.id}))
    operand = write_scalar_expression(value.operand, values, context)
    found = block.values[value.column.id].sql
    if value.insensitive:
        operand, found = nodes.build_call("lower", operand), nodes.build_call("lower", found)
    if value.column.type != KqlType.STRING:
        block = block if not block.has_window else block.seal([value.column.id])
        block.where.append(nodes.is_not_null(found))
    inside: exp.Expr = exp.In(
        this=nodes.wrap_in_parentheses(operand), query=exp.Subquery(this=block.build_select([("k", found)]))
    )
    if value.operand.nullable:
        inside = nodes.build_coalesce(inside, nodes.build_boolean(False))
    return nodes.build_not(inside) if value.negated else inside


_WRITERS: dict[type[Bound], Callable[[Any, Mapping[str, Value], WriterContext], exp.Expr]] = {
    BoundCall: _write_call,
    Variable: _build_variable,
    DynamicPath: _build_path,
    ScalarQuery: _build_scalar_query,
    InQuery: _write_in_query,
}


def write_constant(value: Scalar, kind: KqlType) -> exp.Expr:
    """A constant in SQL."""
    if value is None:
        return nodes.build_null(kind) if kind != KqlType.STRING else nodes.build_text("")
    if isinstance(value, bool) and kind == KqlType.BOOL:
        return nodes.build_boolean(value)
    if kind == KqlType.DYNAMIC:
        return _write_text_literal(write_json_text(value))
    if isinstance(value, str):
        return _write_text_literal(value)
    if kind == KqlType.REAL:
        return _write_real(float(value))  # type: ignore[arg-type]
    if kind == KqlType.DECIMAL:
        return nodes.build_cast(nodes.build_text(_format_decimal_text(Decimal(str(value)))), kind.physical)
    if isinstance(value, int):
        return nodes.build_cast(nodes.build_number(value), kind.physical)
    raise KqlError(f"a constant of type {kind} cannot be written")


def _format_decimal_text(value: Decimal) -> str:
    if abs(value) >= 10**21:
        raise make_unsupported_query_error("a decimal of more than 21 digits before the point", NOWHERE)
    return format(value, "f")


def _write_text_literal(value: str) -> exp.Expr:
    """A text literal; NUL, which SQL text cannot hold, by chr(0)."""
    value = value.encode("utf-8", "replace").decode()
    parts = value.split("\0")
    if len(parts) == 1:
        return nodes.build_text(value)
    pieces: list[exp.Expr] = [nodes.build_text(parts[0])]
    for part in parts[1:]:
        pieces += [nodes.build_call("chr", nodes.build_number(0)), nodes.build_text(part)]
    return exp.Paren(this=nodes.build_chain("||", pieces))


def _write_real(value: float) -> exp.Expr:
    if math.isnan(value) or math.isinf(value):
        return nodes.build_cast(nodes.build_text(str(value)), "DOUBLE")
    text = repr(abs(value))
    literal = exp.Literal(this=text if "e" in text else f"{text}e0", is_string=False)
    negative = math.copysign(1.0, value) < 0
    return exp.Paren(this=exp.Neg(this=literal)) if negative else literal


def write_json_text(value: Scalar) -> str:
    """The canonical JSON text of a dynamic's value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
