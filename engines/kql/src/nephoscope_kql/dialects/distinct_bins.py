"""Distinct bins of a time a group, counted in two steps: DISTINCT keeps every pair of group and bin, this a bit each.

First a row for each group and run of 63 bins: bits of the bins met, and parts of the other aggregates; then the parts put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.functions.aggregates import WRAP
from nephoscope_kql.plan.expressions import AggregateCall, BoundCall
from nephoscope_kql.plan.values import Bound, Column, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.dialects.relational import Emitter

#: Bins of one number: the bits of a BIGINT without its sign.
BINS = 63
DAY = 864_000_000_000
_DISTINCT = frozenset(("dcount", "count_distinct"))
_COUNTS = {"count": False, "countif": True}
_SUMS = {"sum": False, "sumif": True}
_EXTREMES = {"min": "min", "minif": "min", "max": "max", "maxif": "max"}
#: Types whose extremes are in the order of their values, and whose parts add up to the same sum in any order.
_ORDERED = frozenset((KqlType.INT, KqlType.LONG, KqlType.DATETIME, KqlType.TIMESPAN, KqlType.STRING))
_SUMMED = frozenset((KqlType.INT, KqlType.LONG, KqlType.TIMESPAN))
Combine = Callable[[exp.Expr], exp.Expr]


class _Bins(NamedTuple):
    """A time rounded down to a multiple of a size of ticks."""

    time: Bound
    size: int


class _Part(NamedTuple):
    """An aggregate of the first step, and what the second makes of it."""

    sql: exp.Expr
    combine: Combine


def find_bins(calls: Iterable[AggregateCall]) -> _Bins | None:
    """The bins whose distinct values one of several aggregates counts, where all others have parts; None else."""
    found = [_read_bins(call.arguments[0]) for call in calls if call.aggregate.name in _DISTINCT]
    if len(found) == 1 and all(call.aggregate.name in _DISTINCT or _has_parts(call) for call in calls):
        return found[0]
    return None


def _read_bins(value: Bound) -> _Bins | None:
    if not isinstance(value, BoundCall) or value.type != KqlType.DATETIME:
        return None
    time, *rest = value.arguments
    if time.type != KqlType.DATETIME:
        return None
    if value.function.name == "startofday" and not rest:
        return _Bins(time, DAY)
    size = rest[0] if len(rest) == 1 and value.function.name == "bin" else None
    if isinstance(size, Constant) and isinstance(size.value, int) and size.value > 0:
        return _Bins(time, size.value)
    return None


def _has_parts(call: AggregateCall) -> bool:
    name = call.aggregate.name
    if name in _COUNTS:
        return True
    kind = call.arguments[0].type
    return (name in _SUMS and kind in _SUMMED) or (name in _EXTREMES and kind in _ORDERED)


def write_in_steps(
    bins: _Bins,
    groups: list[tuple[str, exp.Expr]],
    wanted: list[tuple[Column, AggregateCall]],
    block: SelectBlock,
    emitter: Emitter,
) -> SelectBlock:
    """GROUP BY the groups and the runs of bins, then by the groups."""
    number = nodes.build_binary("//", emitter.write_scalar(bins.time, block), _write_number(bins.size))
    run = (emitter.choose_fresh_name(), nodes.build_binary("//", number, _write_number(BINS)))
    met = nodes.build_binary("<<", _write_number(1), nodes.build_binary("%", number, _write_number(BINS)))
    parts = [
        _Part(nodes.aggregate("bit_or", met), _count_bits)
        if call.aggregate.name in _DISTINCT
        else _split_call(call, [emitter.write_scalar(one, block) for one in call.arguments], emitter)
        for _, call in wanted
    ]
    names = [emitter.choose_fresh_name() for _ in parts]
    keys = [*groups, run]
    items = [*keys, *((name, part.sql) for name, part in zip(names, parts, strict=True))]
    first = make_block_over(_select_grouped_items(block, items, len(keys)), [name for name, _ in items])
    combined = [(name, nodes.build_name(name)) for name, _ in groups]
    for (column, call), name, part in zip(wanted, names, parts, strict=True):
        value = part.combine(nodes.build_name(name))
        combined.append(
            (
                column.id,
                nodes.build_coalesce(value, nodes.build_text("")) if call.type == KqlType.STRING else value,
            )
        )
    return make_block_over(
        _select_grouped_items(first, combined, len(groups)), [name for name, _ in combined]
    )


def _select_grouped_items(block: SelectBlock, items: list[tuple[str, exp.Expr]], keys: int) -> exp.Select:
    """The SELECT of items, grouped by the first of them."""
    select = block.build_select(items)
    select.set("group", exp.Group(expressions=[nodes.build_number(place + 1) for place in range(keys)]))
    return select


def _split_call(call: AggregateCall, arguments: list[exp.Expr], emitter: Emitter) -> _Part:
    name = call.aggregate.name
    if name in _COUNTS:
        where = arguments[0] if _COUNTS[name] else None
        counted = exp.Count(this=exp.Star())
        return _Part(
            counted if where is None else exp.Filter(this=counted, expression=exp.Where(this=where)),
            lambda part: nodes.build_cast(nodes.aggregate("sum", part), "BIGINT"),
        )
    where = arguments[1] if len(arguments) > 1 else None
    if name in _SUMS:
        return _Part(
            nodes.aggregate("sum", arguments[0], where=where),
            lambda part: nodes.build_call(
                emitter.use_routine(WRAP),
                nodes.build_coalesce(nodes.aggregate("sum", part), nodes.build_number(0)),
            ),
        )
    extreme = _EXTREMES[name]
    return _Part(
        nodes.aggregate(extreme, arguments[0], where=where), lambda part: nodes.aggregate(extreme, part)
    )


def _count_bits(part: exp.Expr) -> exp.Expr:
    counted = nodes.aggregate("sum", nodes.build_call("bit_count", part))
    return nodes.build_cast(nodes.build_coalesce(counted, nodes.build_number(0)), "BIGINT")


def _write_number(value: int) -> exp.Expr:
    return nodes.build_cast(nodes.build_number(value), "BIGINT")
