"""Time-independent rows: the part of a query that reads table rows without now(), so that windows can share its result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.errors import NOWHERE
from nephoscope_kql.plan.column_references import count_columns, list_inputs, list_operands
from nephoscope_kql.plan.expressions import (
    AggregateCall,
    ColumnRef,
    InQuery,
    ScalarQuery,
    Variable,
    WindowCall,
    list_conjuncts,
)
from nephoscope_kql.plan.relations import Assign, Concatenated, Filter, Materialized, TableScan
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.types import KqlType
from nephoscope_kql.window_cadence import find_event_time, is_steady_value, list_expressions

SINCE, UNTIL = "since", "until"
"""The parameters that say which of the kept rows are in a window: from the first on until before the second."""
_names = count(1)


@dataclass(frozen=True, slots=True)
class SteadyBase:
    """Rows with the `time` at which each happened; `hidden` columns are read by their ids. `narrowed`: fewer than in the tables."""

    relation: Relation
    time: Column
    hidden: tuple[Column, ...] = ()
    narrowed: bool = False


@dataclass(frozen=True, slots=True)
class SteadyRows:
    """Rows that are the same in every window which holds their `time`; a query finds them under `name`, columns by their ids."""

    name: str
    relation: Relation
    time: Column
    hidden: tuple[Column, ...] = ()

    def keep_columns(self, ids: Collection[str]) -> Relation:
        """The rows with the columns of some ids alone, and the time."""
        every = (*self.relation.columns, *self.hidden)
        columns = [one for one in every if one.id in ids and one.id != self.time.id]
        return Assign(columns=(*columns, self.time), input=self.relation, assigned=())


@dataclass(slots=True)
class SteadySplit:
    """A query in two: rows that are computed once for many windows, and by id() of a relation what reads them `instead`."""

    rows: list[SteadyRows] = field(default_factory=list)
    instead: dict[int, Relation] = field(default_factory=dict)
    _seen: dict[int, Relation] = field(default_factory=dict)

    @classmethod
    def of(cls, relation: Relation) -> SteadySplit:
        """Split a bound query; without `rows` where nothing of it can be computed before."""
        split = cls()
        split._walk_relation(relation)
        return split

    def _walk_relation(self, relation: Relation) -> None:
        pending = [relation]
        while pending:
            one = pending.pop()
            if id(one) in self._seen:
                continue
            self._seen[id(one)] = one  # kept alive, so that no other relation gets its id
            base, steps = _split_chain(one)
            read = _find_base(base) if steps else None
            if read is None or not self._collect_steps(one, read, steps):
                pending += list_inputs(one)
                pending += _find_subqueries(list_expressions(one))
                continue
            for step in steps:
                pending += _find_subqueries(list_expressions(step))

    def _collect_steps(self, relation: Relation, base: SteadyBase, steps: list[Filter | Assign]) -> bool:
        steady, rest = _divide_steps(base.relation, steps)
        if steady is base.relation and not base.narrowed:
            return False
        name = f"steady_{next(_names)}"
        self.rows.append(SteadyRows(name, steady, base.time, base.hidden))
        kept = Materialized(columns=(*steady.columns, *base.hidden), name=name)
        inside: Relation = Filter(columns=kept.columns, input=kept, predicate=_build_time_bounds(base.time))
        for step in rest:
            shown = (*inside.columns, *(column for column, _ in getattr(step, "assigned", ())))
            inside = replace(step, columns=shown, input=inside)
        self.instead[id(relation)] = replace(
            inside, columns=relation.columns, order=relation.order, open=relation.open
        )
        return True


def _split_chain(relation: Relation) -> tuple[Relation, list[Filter | Assign]]:
    """Return what lies below filters and assignments that look at a row alone, and these, the lowest first."""
    steps: list[Filter | Assign] = []
    while isinstance(relation, Filter | Assign) and not any(
        map(_reads_other_rows, list_expressions(relation))
    ):
        steps.append(relation)
        relation = relation.input
    return relation, steps[::-1]


def _find_base(relation: Relation) -> SteadyBase | None:
    """A table of events, or a union of rows of such that are the same in every window; None for others."""
    if isinstance(relation, TableScan):
        time = find_event_time(relation)
        hidden = () if relation.ingested is None else (relation.ingested,)
        return None if time is None else SteadyBase(relation, time, hidden)
    if not isinstance(relation, Concatenated):
        return None
    parts = [_find_steady_base(one) for one in relation.inputs]
    found = [one for one in parts if one is not None]
    if len(found) < len(parts) or not all(is_steady_value(one) for fill in relation.fills for one in fill):
        return None
    time = Column(f"steady_time_{next(_names)}", "TimeGenerated", KqlType.DATETIME)
    fills = tuple(
        (*fill, ColumnRef(type=KqlType.DATETIME, column=part.time))
        for fill, part in zip(relation.fills, found, strict=True)
    )
    columns, parted = (*relation.filled_columns, time), tuple(one.relation for one in found)
    joined = replace(relation, columns=columns, inputs=parted, fills=fills, order=(), ingested=None)
    hidden = () if relation.ingested is None else (relation.ingested,)
    return SteadyBase(joined, time, hidden, narrowed=any(one.narrowed for one in found))


def _find_steady_base(relation: Relation) -> SteadyBase | None:
    """A relation all of which is the same in every window; None where it is not."""
    below, steps = _split_chain(relation)
    base = _find_base(below)
    if base is None:
        return None
    steady, rest = _divide_steps(base.relation, steps)
    narrowed = base.narrowed or steady is not base.relation
    return None if rest else replace(base, relation=steady, narrowed=narrowed)


def _divide_steps(base: Relation, steps: Iterable[Filter | Assign]) -> tuple[Relation, list[Filter | Assign]]:
    """The steady part of steps with every column that there is, and the steps that are left, in order."""
    steady: Relation = base
    rest: list[Filter | Assign] = []
    late: set[str] = set()

    def is_movable(value: Bound) -> bool:
        return is_steady_value(value) and not late.intersection(count_columns([value]))

    for step in steps:
        if isinstance(step, Filter):
            for one in list_conjuncts(step.predicate):
                if is_movable(one):
                    steady = Filter(columns=steady.columns, input=steady, predicate=one)
                else:
                    rest.append(Filter(columns=(), input=base, predicate=one))
            continue
        early = tuple(pair for pair in step.assigned if is_movable(pair[1]))
        if early:
            shown = (*steady.columns, *(column for column, _ in early))
            steady = Assign(columns=shown, input=steady, assigned=early)
        left = tuple(pair for pair in step.assigned if pair not in early)
        if left:
            late.update(column.id for column, _ in left)
            rest.append(Assign(columns=(), input=base, assigned=left))
    return steady, rest


def _build_time_bounds(time: Column) -> Bound:
    moment = ColumnRef(type=KqlType.DATETIME, column=time)
    since, until = (Variable(type=KqlType.DATETIME, name=name) for name in (SINCE, UNTIL))
    ends = (
        bind_operation(">=", KqlType.BOOL, NOWHERE, moment, since),
        bind_operation("<", KqlType.BOOL, NOWHERE, moment, until),
    )
    return bind_operation("and", KqlType.BOOL, NOWHERE, *ends)


def _reads_other_rows(value: Bound) -> bool:
    """Return whether an expression is about other rows beside its own."""
    return isinstance(value, WindowCall | AggregateCall) or any(map(_reads_other_rows, list_operands(value)))


def _find_subqueries(values: Iterable[Bound]) -> Iterator[Relation]:
    """The relations of sub-queries inside expressions."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, InQuery | ScalarQuery):
            yield value.relation
        pending.extend(list_operands(value))
