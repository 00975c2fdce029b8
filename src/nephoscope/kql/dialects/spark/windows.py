"""Window functions in Spark's SQL: as in dialects/windows.py, with what Spark asks of them."""

from __future__ import annotations

from sqlglot import exp

from nephoscope.kql.bound import Constant
from nephoscope.kql.dialects import build
from nephoscope.kql.dialects.block import Block, Value
from nephoscope.kql.dialects.relational import Needed
from nephoscope.kql.dialects.spark.emitter import SparkEmitter
from nephoscope.kql.dialects.windows import write_windowed as write
from nephoscope.kql.errors import unsupported
from nephoscope.kql.relations import Windowed


def write_windowed(relation: Windowed, needed: Needed, emitter: SparkEmitter) -> Block:
    """A column from a window over the rows in their order."""
    block = write(relation, needed, emitter)
    made = block.values.get(relation.column.id)
    if made is not None and relation.call.function in ("prev", "next"):
        block.values[relation.column.id] = Value(_neighbour(made.sql, relation), made.size, window=True)
    return block


def _neighbour(window: exp.Expr, relation: Windowed) -> exp.Expr:
    """lag() or lead() by a plain number."""
    arguments = relation.call.arguments
    if len(arguments) < 2:
        return window
    offset = arguments[1]
    if not isinstance(offset, Constant) or not isinstance(offset.value, int):
        raise unsupported(f"{relation.call.function}() by a number that is no constant", offset.span)
    parts = list(window.this.expressions)
    parts[1] = build.number(offset.value)
    return exp.Window(
        this=build.call(str(window.this.this), *parts),
        partition_by=window.args.get("partition_by"),
        order=window.args.get("order"),
    )
