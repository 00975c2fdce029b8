"""Cadence of windows: the period at which a scheduled query runs, and the time columns that decide which windows have rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nephoscope_kql.binder.constants import make_constant
from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.plan.column_references import list_inputs, list_operands
from nephoscope_kql.plan.expressions import (
    AggregateCall,
    BoundCall,
    ColumnRef,
    DynamicPath,
    InQuery,
    ScalarQuery,
    Variable,
    WindowCall,
)
from nephoscope_kql.plan.relations import External, Mined, TableScan
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

TIME = "TimeGenerated"
DAY = 864_000_000_000
#: Functions that give another value each time.
CHANGING = frozenset({"rand", "new_guid"})


@dataclass(frozen=True, slots=True)
class Cadence:
    """The windows of a rule in ticks: they end at every multiple of `frequency` since 1970 and reach back by `period`."""

    frequency: int
    period: int

    @property
    def grain(self) -> int:
        """The steps in which moments are told: five minutes, or the frequency where that is shorter."""
        return min(self.frequency, 5 * 60 * 10_000_000)


@dataclass(frozen=True, slots=True)
class Trace:
    """A relation over the rows of all windows, without which the relation that it stands for has no row in a window.

    Each of its rows happened at `time`, less than `since` ticks before the end of the window. `moments` are columns of the query that
    hold the time of one of the rows behind a row. `exact`: the rows are just those of the query, where `since` puts each in one
    window. `others` are further traces of which each must have a row.
    """

    relation: Relation
    time: Column
    since: int
    moments: frozenset[str] = frozenset()
    exact: bool = True
    others: tuple[Trace, ...] = ()

    @property
    def column_ids(self) -> frozenset[str]:
        """The ids of the columns that hold what the query says."""
        return frozenset(column.id for column in self.relation.columns)

    def is_disjoint(self, cadence: Cadence) -> bool:
        """Return whether each row lies in one window."""
        return self.since <= cadence.frequency


def build_window_end(time: Column, cadence: Cadence) -> Bound:
    """The end of the only window that a row of a time lies in."""
    step = make_constant(cadence.frequency, KqlType.TIMESPAN)
    first = make_constant(UNIX_EPOCH_TICKS, KqlType.DATETIME)
    reference = ColumnRef(type=KqlType.DATETIME, column=time)
    begin = bind_operation("bin_at", KqlType.DATETIME, reference.span, reference, step, first)
    return bind_operation("+", KqlType.DATETIME, reference.span, begin, step)


def find_event_time(scan: TableScan) -> Column | None:
    """The column that says when rows of a table happened; None of a watchlist, whose rows are the same in every window."""
    if scan.table.relation and not scan.table.ingested:
        return None
    return next((column for column in scan.columns if column.name == TIME), None)


def is_window_independent(relation: Relation) -> bool:
    """Return whether a relation has the same rows in every window: it reads no table of events, no file, and no now()."""
    if isinstance(relation, TableScan):
        return find_event_time(relation) is None
    if isinstance(relation, External | Mined):
        return False
    return all(map(is_window_independent, list_inputs(relation))) and all(
        map(is_steady_value, list_expressions(relation))
    )


def is_steady_value(value: Bound) -> bool:
    """Return whether an expression gives the same for a row in every window."""
    if isinstance(value, Variable) or _changes_over_time(value):
        return False
    if isinstance(value, ScalarQuery | InQuery) and not is_window_independent(value.relation):
        return False
    return all(map(is_steady_value, list_operands(value)))


def _changes_over_time(value: Bound) -> bool:
    return isinstance(value, BoundCall) and value.function.name in CHANGING


def list_expressions(relation: Relation) -> Iterator[Bound]:
    """The expressions of a relation, wherever its fields hold them."""
    for name in relation.__dataclass_fields__:
        yield from _iterate_bound(getattr(relation, name))


def _iterate_bound(value: object) -> Iterator[Bound]:
    if isinstance(value, Bound):
        yield value
    elif isinstance(value, Relation):
        return
    elif isinstance(value, tuple):
        for one in value:
            yield from _iterate_bound(one)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, Column):
        for name in value.__dataclass_fields__:
            yield from _iterate_bound(getattr(value, name))


def find_ticks_before_now(value: Bound, cadence: Cadence) -> int | None:
    """The most ticks that a time lies before now(), where it is now() less a constant, also rounded down; None where it is not."""
    if isinstance(value, Variable) and value.name == "now":
        return 0
    if not isinstance(value, BoundCall) or not value.arguments:
        return None
    first, *rest = value.arguments
    back = find_ticks_before_now(first, cadence)
    steps = [one.value for one in rest if isinstance(one, Constant) and type(one.value) is int]
    if back is None or len(steps) != len(rest):
        return None
    name = value.function.name
    if name == "-" and len(steps) == 1 and rest[0].type == KqlType.TIMESPAN:
        return back + steps[0]
    if name in ("bin", "floor") and len(steps) == 1:
        return back + _compute_max_rounding(back, abs(steps[0]), cadence)
    return back + _compute_max_rounding(back, DAY, cadence) if name == "startofday" and not steps else None


def _compute_max_rounding(back: int, step: int, cadence: Cadence) -> int:
    """Return how much a time is rounded down at most: by nothing where every window ends so that it is a multiple of the step."""
    multiples = step and cadence.frequency % step == back % step == UNIX_EPOCH_TICKS % step == 0
    return 0 if multiples else step


def find_recency(condition: Bound, moments: Iterable[str], cadence: Cadence) -> int | None:
    """Count how many ticks before now() one of the moments lies at most where a condition is true; None where it does not say."""
    if not isinstance(condition, BoundCall):
        return None
    name, arguments = condition.function.name, condition.arguments
    if name in ("<", "<=") and len(arguments) == 2:
        name, arguments = {"<": ">", "<=": ">="}[name], arguments[::-1]
    if name not in (">", ">=", "between") or not isinstance(arguments[0], ColumnRef):
        return None
    if arguments[0].column.id not in moments:
        return None
    back = find_ticks_before_now(arguments[1], cadence)
    return None if back is None or back < 0 else back


def find_usable_expression(value: Bound, trace: Trace, cadence: Cadence) -> Bound | None:
    """The expression over the rows of a trace, the end of their window for now(); None where it is about more than these rows."""
    if isinstance(value, Constant):
        return value
    if isinstance(value, ColumnRef):
        return value if value.column.id in trace.column_ids else None
    if isinstance(value, Variable):
        disjoint = value.name == "now" and trace.is_disjoint(cadence)
        return build_window_end(trace.time, cadence) if disjoint else None
    if isinstance(value, ScalarQuery):
        return value if is_steady_value(value) else None
    return _is_usable_inside(value, trace, cadence)


def _is_usable_inside(value: Bound, trace: Trace, cadence: Cadence) -> Bound | None:
    if _changes_over_time(value) or isinstance(value, WindowCall):
        return None
    if isinstance(value, InQuery):
        operand = find_usable_expression(value.operand, trace, cadence)
        return (
            replace(value, operand=operand)
            if operand is not None and is_window_independent(value.relation)
            else None
        )
    if isinstance(value, BoundCall | AggregateCall):
        arguments = [find_usable_expression(one, trace, cadence) for one in value.arguments]
        known = tuple(one for one in arguments if one is not None)
        return replace(value, arguments=known) if len(known) == len(arguments) else None
    if isinstance(value, DynamicPath):
        target = find_usable_expression(value.target, trace, cadence)
        steps = tuple(
            find_usable_expression(one, trace, cadence) if isinstance(one, Bound) else one
            for one in value.steps
        )
        if target is None or any(one is None for one in steps):
            return None
        return replace(value, target=target, steps=tuple(one for one in steps if one is not None))
    return None
