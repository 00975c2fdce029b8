"""Time bounds as the store sees them: `TimeGenerated > ago(1d)` compares the stored timestamp, so that parts of files are skipped.

Inside SQL a datetime is a number of ticks. A condition on such a number says nothing to a reader of files, which knows the least and
the greatest *timestamp* of each part. So the conditions of a filter that compare a stored datetime with a value that needs no row are
written over the stored column; the value is rounded to the store's unit in the direction that keeps the condition's meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from sqlglot import exp

from nephoscope.kql.bound import Bound, Call, ColumnRef, InQuery, Path, ScalarQuery, Variable, reads_row
from nephoscope.kql.dialects import build
from nephoscope.kql.dialects.block import Block, Stored
from nephoscope.kql.dialects.scalars import Context, scalar
from nephoscope.kql.references import operands
from nephoscope.kql.types import UNIX_EPOCH_TICKS, KqlType

_MIRRORED = MappingProxyType({">": "<", ">=": "<=", "<": ">", "<=": ">="})
_ROUNDED_UP = frozenset({">=", "<"})
_UNIT_TICKS = MappingProxyType({"timestamp": 10, "timestamp_tz": 10})
_MAKERS = MappingProxyType({"timestamp": "make_timestamp", "timestamp_tz": "make_timestamptz"})


def conjuncts(predicate: Bound) -> Iterator[Bound]:
    """The conditions that `and` joins, left to right."""
    pending = [predicate]
    while pending:
        value = pending.pop()
        if isinstance(value, Call) and value.function.name == "and":
            pending.extend(reversed(value.arguments))
        else:
            yield value


def condition(value: Bound, block: Block, context: Context) -> exp.Expr:
    """The SQL of one condition of a filter over a block."""
    found = _compared(value)
    if found is not None:
        column, operator, limit = found
        stored = block.values[column.column.id].stored
        if stored is not None and stored.unit in _MAKERS:
            return build.binary(operator, stored.sql, _moment(limit, stored, operator, block, context))
    return scalar(value, block.values, context)


def _compared(value: Bound) -> tuple[ColumnRef, str, Bound] | None:
    """(column, operator, limit) of a comparison of a datetime column with a value that needs no row."""
    if not isinstance(value, Call) or value.function.name not in _MIRRORED:
        return None
    left, right = value.arguments
    operator = value.function.name
    if not isinstance(left, ColumnRef):
        left, right, operator = right, left, _MIRRORED[operator]
    if isinstance(left, ColumnRef) and left.type == KqlType.DATETIME and _fixed(right):
        return left, operator, right
    return None


def _fixed(value: Bound) -> bool:
    """Whether a value is the same for every row and cheap to write: constants, now() and arithmetic on them."""
    if reads_row(value) or isinstance(value, InQuery | Path | ScalarQuery):
        return False
    return isinstance(value, Variable) or all(_fixed(item) for item in operands(value))


def _moment(limit: Bound, stored: Stored, operator: str, block: Block, context: Context) -> exp.Expr:
    """The limit in the store's own type: ticks since year 1 are never negative, so that cutting rounds down."""
    ticks = scalar(limit, block.values, context)
    per = _UNIT_TICKS[stored.unit]
    if operator in _ROUNDED_UP:
        ticks = build.binary("+", ticks, build.number(per - 1))
    units = build.binary("//", ticks, build.number(per))
    return build.call(_MAKERS[stored.unit], build.binary("-", units, build.number(UNIX_EPOCH_TICKS // per)))
