"""Window functions in Spark's SQL: they need an order, lag() a plain number; sums wrap by themselves."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.block import SelectBlock
from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.dialects.spark.gathered import write_gathered
from nephoscope_kql.dialects.windows import running_frame, write_window
from nephoscope_kql.errors import unsupported_error
from nephoscope_kql.plan.expressions import WindowCall
from nephoscope_kql.plan.relations import Windowed
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import build
from nephoscope_kql.types import KqlType

E = exp.Expr


def write_windowed(relation: Windowed, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """A column from a window over the rows in their order."""
    if relation.call.function == "row_window_session" and relation.column.id in needed:
        return write_gathered(relation, needed, emitter)
    return write_window(relation, needed, emitter, _write_window_call)


def _write_window_call(
    call: WindowCall, partition: list[E], keys: list[E], block: SelectBlock, emitter: Emitter
) -> E:
    arguments = [emitter.scalar(argument, block) for argument in call.arguments]
    order = keys or [build.sort_key(build.number(1))]
    if call.function in ("prev", "next"):
        return _neighbour(call, arguments, partition, order)
    if call.function == "row_number":
        number: E = build.cast(build.window(build.call("row_number"), partition, order), "BIGINT")
        if not arguments:
            return number
        return build.binary("-", build.binary("+", number, arguments[0]), build.number(1))
    if call.function == "row_cumsum":
        name = "try_sum" if call.type == KqlType.TIMESPAN else "sum"
        total = build.window(build.call(name, arguments[0]), partition, order, running_frame())
        return build.cast(build.coalesce(total, build.number(0)), call.type.physical)
    raise unsupported_error(f"{call.function}()", call.span)


def _neighbour(call: WindowCall, arguments: list[E], partition: list[E], order: list[E]) -> E:
    """lag() or lead(); a default that Spark does not take for a constant is put in afterwards."""
    name = "lag" if call.function == "prev" else "lead"
    places: list[E] = []
    if len(arguments) > 1:
        offset = call.arguments[1]
        if not isinstance(offset, Constant) or not isinstance(offset.value, int):
            raise unsupported_error(f"{call.function}() by a number that is not a constant", offset.span)
        places = [build.number(offset.value)]
    found = build.window(build.call(name, arguments[0], *places), partition, order)
    if len(arguments) < 3:
        return found
    outside = build.window(build.call(name, build.boolean(True), *places), partition, order)
    return build.case((build.is_null(outside), arguments[2]), otherwise=found)
