"""Pushdown predicates: filter conditions in the form that lets a file reader skip files and row groups.

Inside SQL a datetime is a number of ticks and a missing text is ''. A condition on those says nothing to a reader of files, which
knows the least and the greatest *stored* value of each part. A filter drops a row alike where its condition is false and where it is
null, so its conditions may be written over the stored column: a comparison with a moment (rounded to the store's unit in the direction
that keeps the meaning), and whatever a missing text fails as an empty one does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.dialects.scalars import WriterContext
from nephoscope_kql.dialects.select_block import SelectBlock, StoredColumn, Value
from nephoscope_kql.plan.column_references import list_operands
from nephoscope_kql.plan.expressions import (
    BoundCall,
    ColumnRef,
    DynamicPath,
    InQuery,
    ScalarQuery,
    Variable,
    reads_row,
)
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

_MIRRORED = MappingProxyType({">": "<", ">=": "<=", "<": ">", "<=": ">="})
_ROUNDED_UP = frozenset({">=", "<"})
_UNIT_TICKS = MappingProxyType({"timestamp": 10, "timestamp_tz": 10})
_MAKERS = MappingProxyType(
    {
        ("duckdb", "timestamp"): "make_timestamp",
        ("duckdb", "timestamp_tz"): "make_timestamptz",
        ("spark", "timestamp"): "timestamp_micros",
        ("spark", "timestamp_tz"): "timestamp_micros",
    }
)
"""What makes a stored moment of microseconds since 1970: (dialect, storage) -> function."""
_SEARCHES = ("has", "hasprefix", "hassuffix", "contains", "startswith", "endswith")
_FAILED_BY_EMPTY = frozenset(
    {"==", "=~", "in", "in~", "has_any", "has_all", *_SEARCHES, *(f"{name}_cs" for name in _SEARCHES)}
)
"""What '' fails where every other operand is a text that is not empty."""


def list_conjuncts(predicate: Bound) -> Iterator[Bound]:
    """The conditions that `and` joins, left to right."""
    pending = [predicate]
    while pending:
        value = pending.pop()
        if isinstance(value, BoundCall) and value.function.name == "and":
            pending.extend(reversed(value.arguments))
        else:
            yield value


def write_condition(value: Bound, block: SelectBlock, context: WriterContext) -> exp.Expr:
    """The SQL of one condition of a filter over a block: it may be null where the condition is false."""
    if isinstance(value, BoundCall):
        if value.function.name in ("and", "or"):
            sides = [write_condition(side, block, context) for side in value.arguments]
            return exp.Paren(this=nodes.build_binary(value.function.name, *sides))
        found = _build_window(value, block, context) or _write_text_test(value, block, context)
        if found is not None:
            return found
    return _strip_guard(context.write_scalar(value, block))


def _strip_guard(node: exp.Expr) -> exp.Expr:
    """Without a coalesce() to FALSE around it: a filter does not ask."""
    if isinstance(node, exp.Coalesce) and [item.sql() for item in node.expressions] == ["FALSE"]:
        inner: exp.Expr = node.this
        return inner
    return node


def find_window_column(value: Bound) -> ColumnRef | None:
    """The datetime column that a condition compares with a value that needs no row; None where it does not."""
    if not isinstance(value, BoundCall) or value.function.name not in _MIRRORED:
        return None
    for column, limit in (value.arguments, value.arguments[::-1]):
        if isinstance(column, ColumnRef) and column.type == KqlType.DATETIME and _is_row_independent(limit):
            return column
    return None


def _build_window(value: BoundCall, block: SelectBlock, context: WriterContext) -> exp.Expr | None:
    """A comparison of a stored datetime with a value that needs no row."""
    if value.function.name not in _MIRRORED:
        return None
    left, right = value.arguments
    operator = value.function.name
    if not isinstance(left, ColumnRef):
        left, right, operator = right, left, _MIRRORED[operator]
    if not isinstance(left, ColumnRef) or left.type != KqlType.DATETIME or not _is_row_independent(right):
        return None
    stored = block.values[left.column.id].stored
    if stored is None or (context.dialect, stored.unit) not in _MAKERS:
        return None
    moment = _store_time(right, stored, operator, block, context)
    test = nodes.build_binary(operator, stored.sql, moment)
    if stored.day is None or context.dialect != "duckdb":
        return test
    # the day of the limit by the clock of UTC: a cast of a moment with a zone would ask for the session's
    limit = nodes.build_cast(
        _store_time(right, replace(stored, unit="timestamp"), operator, block, context), "DATE"
    )
    day = nodes.build_binary(">=" if operator in (">", ">=") else "<=", stored.day, limit)
    return exp.Paren(this=nodes.build_binary("and", test, day))


def _is_row_independent(value: Bound) -> bool:
    """Return whether a value is the same for every row and cheap to write: constants, now() and arithmetic on them."""
    if reads_row(value) or isinstance(value, InQuery | DynamicPath | ScalarQuery):
        return False
    return isinstance(value, Variable) or all(_is_row_independent(item) for item in list_operands(value))


def _store_time(
    limit: Bound, stored: StoredColumn, operator: str, block: SelectBlock, context: WriterContext
) -> exp.Expr:
    """The limit in the store's own type: ticks since year 1 are never negative, so that cutting rounds down."""
    ticks = context.write_scalar(limit, block)
    per = _UNIT_TICKS[stored.unit]
    if operator in _ROUNDED_UP:
        ticks = nodes.build_binary("+", ticks, nodes.build_number(per - 1))
    units = nodes.build_binary("//", ticks, nodes.build_number(per))
    return nodes.build_call(
        _MAKERS[context.dialect, stored.unit],
        nodes.build_binary("-", units, nodes.build_number(UNIX_EPOCH_TICKS // per)),
    )


def _write_text_test(value: BoundCall, block: SelectBlock, context: WriterContext) -> exp.Expr | None:
    """A test of a stored text that a missing text fails: written over the column as it is stored."""
    text, *others = value.arguments or (value,)
    if value.function.name == "==" and isinstance(text, Constant):
        text, others = others[0], [text]
    if value.function.name not in _FAILED_BY_EMPTY or not isinstance(text, ColumnRef):
        return None
    stored = block.values[text.column.id].stored
    if text.type != KqlType.STRING or stored is None or not all(map(_is_searchable_text, others)):
        return None
    return context.write_scalar(value, SelectBlock(None, {**block.values, text.column.id: Value(stored.sql)}))


def _is_searchable_text(value: Bound) -> bool:
    return isinstance(value, Constant) and value.type == KqlType.STRING and bool(value.value)
