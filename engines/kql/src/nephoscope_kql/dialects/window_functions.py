"""Window functions in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.select_block import SelectBlock, Value
from nephoscope_kql.dialects.session_window import write_session
from nephoscope_kql.errors import make_unsupported_query_error
from nephoscope_kql.functions.arithmetic import WRAP, WRAP_INT
from nephoscope_kql.plan.column_references import count_columns, list_order_ids
from nephoscope_kql.plan.expressions import WindowCall
from nephoscope_kql.plan.relations import Windowed
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

RANKS = frozenset({"row_rank_dense", "row_rank_min"})
Write: TypeAlias = Callable[[WindowCall, list[exp.Expr], list[exp.Expr], SelectBlock, Emitter], exp.Expr]


def build_running_frame() -> exp.WindowSpec:
    """The frame from the first row to this one."""
    return exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")


@writes(Windowed)
def write_windowed(relation: Windowed, needed: Needed, emitter: Emitter) -> SelectBlock:
    """A column from a window over the rows in their order."""
    return write_window(relation, needed, emitter, _write_window_call)


def write_window(relation: Windowed, needed: Needed, emitter: Emitter, write: Write) -> SelectBlock:
    """A column from a window; `write` gives the SQL of a call from its partition and the keys of its order."""
    call = relation.call
    passing = (needed - {relation.column.id}) | list_order_ids(relation.order)
    values = [*call.arguments, *relation.partition, *([call.restart] if call.restart is not None else [])]
    values += [key.value for key in relation.order]
    block = emitter.write_block_over(relation.input, passing, values, before_where=False)
    if relation.column.id not in needed:
        return block
    group: list[exp.Expr] = []
    if call.restart is not None and call.function != "row_window_session":
        block, run = _collect_runs(call, relation, passing, block, emitter)
        group = [run]
    if call.function in RANKS:
        return _write_rank(relation, passing, block, group, emitter)
    partition, keys = _build_frame(relation, block, group, emitter)
    if call.function == "row_window_session":
        block, found = write_session(call, block, passing, partition, keys, emitter)
        block.values[relation.column.id] = Value(found)
        return block
    block.values[relation.column.id] = Value(write(call, partition, keys, block, emitter), 8, window=True)
    return block


def _build_frame(
    relation: Windowed, block: SelectBlock, group: list[exp.Expr], emitter: Emitter
) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """The partition and the keys of the order of a window over a block."""
    partition = [*(emitter.write_scalar(value, block) for value in relation.partition), *group]
    return partition, emitter.write_keys(relation.order, block)


def _collect_runs(
    call: WindowCall, relation: Windowed, passing: Needed, block: SelectBlock, emitter: Emitter
) -> tuple[SelectBlock, exp.Expr]:
    """A hidden column that counts the restarts so far."""
    if call.restart is None:
        raise AssertionError
    restarts = nodes.build_cast(
        nodes.build_coalesce(emitter.write_scalar(call.restart, block), nodes.build_boolean(False)), "INTEGER"
    )
    parts = [emitter.write_scalar(value, block) for value in relation.partition]
    counted = nodes.build_window(
        nodes.build_call("sum", restarts),
        parts,
        emitter.write_keys(relation.order, block),
        build_running_frame(),
    )
    return _seal_window(block, counted, passing | count_columns(relation.partition).keys(), call, emitter)


def _seal_window(
    block: SelectBlock, value: exp.Expr, passing: Needed, call: WindowCall, emitter: Emitter
) -> tuple[SelectBlock, exp.Expr]:
    """A new block in which a window's value is a plain column."""
    name = emitter.choose_fresh_name()
    block.values[name] = Value(value, 8, window=True)
    ids = (passing | count_columns(call.arguments).keys() | {name}) & block.values.keys()
    sealed = block.seal(sorted(ids))
    return sealed, sealed.values[name].sql


def _write_window_call(
    call: WindowCall,
    partition: list[exp.Expr],
    keys: list[exp.Expr],
    block: SelectBlock,
    emitter: Emitter,
) -> exp.Expr:
    arguments = [emitter.write_scalar(argument, block) for argument in call.arguments]
    if call.function in ("prev", "next"):
        name = "lag" if call.function == "prev" else "lead"
        return nodes.build_window(nodes.build_call(name, *arguments), partition, keys)
    if call.function == "row_number":
        number = nodes.build_window(nodes.build_call("row_number"), partition, keys)
        if not arguments:
            return number
        return nodes.build_binary("-", nodes.build_binary("+", number, arguments[0]), nodes.build_number(1))
    if call.function == "row_cumsum":
        total = nodes.build_window(
            nodes.build_call("sum", arguments[0]), partition, keys, build_running_frame()
        )
        return _check_total(nodes.build_coalesce(total, nodes.build_number(0)), call.type, emitter)
    raise make_unsupported_query_error(f"{call.function}()", call.span)


def _check_total(total: exp.Expr, kind: KqlType, emitter: Emitter) -> exp.Expr:
    """A sum in its type: int and long wrap around, a timespan that is too long is null."""
    if kind.is_integer:
        return nodes.build_call(emitter.use_routine(WRAP if kind == KqlType.LONG else WRAP_INT), total)
    return nodes.try_cast(total, kind.physical)


def _write_rank(
    relation: Windowed, passing: Needed, block: SelectBlock, group: list[exp.Expr], emitter: Emitter
) -> SelectBlock:
    """Ranks: how many runs of equal values there are so far, or the number of the first row of the present run."""
    call, dense = relation.call, relation.call.function == "row_rank_dense"
    ids = passing | count_columns(relation.partition).keys() | {run.name for run in group}
    partition, keys = _build_frame(relation, block, group, emitter)
    first = _build_run_start(emitter.write_scalar(call.arguments[0], block), partition, keys)
    number = nodes.build_window(nodes.build_call("row_number"), partition, _order_keys(keys))
    beginning = nodes.build_case(
        (first, nodes.build_number(1) if dense else number),
        otherwise=nodes.build_number(0) if dense else None,
    )
    block, mark = _seal_window(block, beginning, ids, call, emitter)
    partition, keys = _build_frame(relation, block, group, emitter)
    total = nodes.build_window(
        nodes.build_call("sum" if dense else "max", mark), partition, _order_keys(keys), build_running_frame()
    )
    block.values[relation.column.id] = Value(nodes.build_cast(total, KqlType.LONG.physical), 8, window=True)
    return block


def _build_run_start(value: exp.Expr, partition: list[exp.Expr], keys: list[exp.Expr]) -> exp.Expr:
    """Return whether a row has no row before it, or one of another value."""
    number = nodes.build_window(nodes.build_call("row_number"), partition, _order_keys(keys))
    before = nodes.build_window(nodes.build_call("lag", value), partition, _order_keys(keys))
    changed = nodes.build_binary("is distinct from", before, value)
    return nodes.build_chain("or", [nodes.build_binary("=", number, nodes.build_number(1)), changed])


def _order_keys(keys: list[exp.Expr]) -> list[exp.Expr]:
    """Keys of an order; a constant where every row has the same, because an engine may want one."""
    return keys or [nodes.sort_key(nodes.build_number(1))]
