"""Window functions in Spark's SQL: they need an order, lag() a plain number; sums wrap by themselves."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.select_block import SelectBlock
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.dialects.spark.single_worker_queries import write_gathered_rows
from nephoscope_kql.dialects.window_functions import build_running_frame, write_window
from nephoscope_kql.errors import make_unsupported_query_error
from nephoscope_kql.plan.expressions import WindowCall
from nephoscope_kql.plan.relations import Windowed
from nephoscope_kql.plan.values import Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr


def write_windowed_rows(relation: Windowed, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """A column from a window over the rows in their order."""
    if relation.call.function == "row_window_session" and relation.column.id in needed:
        return write_gathered_rows(relation, needed, emitter)
    return write_window(relation, needed, emitter, _write_window_call)


def _write_window_call(
    call: WindowCall, partition: list[E], keys: list[E], block: SelectBlock, emitter: Emitter
) -> E:
    arguments = [emitter.write_scalar(argument, block) for argument in call.arguments]
    order = keys or [nodes.sort_key(nodes.build_number(1))]
    if call.function in ("prev", "next"):
        return _build_neighbor(call, arguments, partition, order)
    if call.function == "row_number":
        number: E = nodes.build_cast(
            nodes.build_window(nodes.build_call("row_number"), partition, order), "BIGINT"
        )
        if not arguments:
            return number
        return nodes.build_binary("-", nodes.build_binary("+", number, arguments[0]), nodes.build_number(1))
    if call.function == "row_cumsum":
        name = "try_sum" if call.type == KqlType.TIMESPAN else "sum"
        total = nodes.build_window(
            nodes.build_call(name, arguments[0]), partition, order, build_running_frame()
        )
        return nodes.build_cast(nodes.build_coalesce(total, nodes.build_number(0)), call.type.physical)
    raise make_unsupported_query_error(f"{call.function}()", call.span)


def _build_neighbor(call: WindowCall, arguments: list[E], partition: list[E], order: list[E]) -> E:
    """lag() or lead(); a default that Spark does not take for a constant is put in afterwards."""
    name = "lag" if call.function == "prev" else "lead"
    places: list[E] = []
    if len(arguments) > 1:
        offset = call.arguments[1]
        if not isinstance(offset, Constant) or not isinstance(offset.value, int):
            raise make_unsupported_query_error(
                f"{call.function}() by a number that is not a constant", offset.span
            )
        places = [nodes.build_number(offset.value)]
    found = nodes.build_window(nodes.build_call(name, arguments[0], *places), partition, order)
    if len(arguments) < 3:
        return found
    outside = nodes.build_window(nodes.build_call(name, nodes.build_boolean(True), *places), partition, order)
    return nodes.build_case((nodes.is_null(outside), arguments[2]), otherwise=found)
