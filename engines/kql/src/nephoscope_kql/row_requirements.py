"""Row requirements: the tables and conditions that must match in a window before a query can return rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from nephoscope_kql.binder.constants import make_constant
from nephoscope_kql.binder.operands import bind_operation
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef, InQuery, list_conjuncts
from nephoscope_kql.plan.relations import (
    Aggregated,
    Assign,
    Concatenated,
    Expanded,
    Filter,
    FirstOf,
    Joined,
    Limited,
    Numbered,
    Scanned,
    Series,
    Shared,
    Sorted,
    TableScan,
    Windowed,
)
from nephoscope_kql.plan.required_tables import has_no_rows
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType
from nephoscope_kql.window_cadence import (
    Cadence,
    Trace,
    build_window_end,
    find_event_time,
    find_recency,
    find_usable_expression,
    is_window_independent,
)

#: They give rows of their input; what they add to them depends on other rows of the window.
_PASSING = (FirstOf, Limited, Numbered, Scanned, Sorted, Windowed)
_LEFT = frozenset({"inner", "innerunique", "leftouter", "leftsemi", "leftanti"})
_RIGHT = frozenset({"rightouter", "rightsemi", "rightanti"})
_BOTH = frozenset({"inner", "innerunique", "leftsemi", "rightsemi"})
#: Aggregates whose value is the time of a row where that is what they are asked for.
_OF_A_ROW = frozenset({"max", "min", "take_any", "any", "anyif", "take_anyif", "maxif", "minif"})
#: Aggregates that may give something else for the same rows.
_ANY = frozenset({"take_any", "take_anyif", "any", "anyif", "arg_max", "arg_min"})
#: Aggregates of no more than what is asked here.
_GREATEST = "max"


def find_candidates(
    relation: Relation, cadence: Cadence, empty: frozenset[str] = frozenset()
) -> tuple[tuple[Relation, int], ...]:
    """The relations of which each must have a row for a window to have one; none where that is not known.

    `empty` names relations, as the engine calls them, that have no row in any window.

    Each has one column, the distinct times of its rows in steps of the cadence's grain, and says how many ticks before the end of its
    window a row lies at most.
    """
    trace = Tracer(cadence, empty).read(relation)
    several = [] if trace is None else [trace, *_concatenate_traces(trace.others)]
    return tuple((_build_steps(one, cadence), one.since) for one in several)


def _concatenate_traces(traces: Iterable[Trace]) -> list[Trace]:
    return [each for one in traces for each in (one, *_concatenate_traces(one.others))]


def _build_steps(trace: Trace, cadence: Cadence) -> Relation:
    reference = ColumnRef(type=KqlType.DATETIME, column=trace.time)
    step = make_constant(cadence.grain, KqlType.TIMESPAN)
    first = make_constant(UNIX_EPOCH_TICKS, KqlType.DATETIME)
    when = bind_operation("bin_at", KqlType.DATETIME, reference.span, reference, step, first)
    column = Column("when", "When", KqlType.DATETIME)
    return Aggregated(columns=(column,), input=trace.relation, groups=((column, when),), aggregates=())


@dataclass(slots=True)
class Tracer:
    """Reads relations, each once: they are shared within a query."""

    cadence: Cadence
    empty: frozenset[str] = frozenset()
    _known: dict[int, Trace | None] = field(default_factory=dict)
    _made: int = 0

    def read(self, relation: Relation) -> Trace | None:
        """The trace of a relation; None where what it needs is not known."""
        if id(relation) not in self._known:
            self._known[id(relation)] = self._trace_relation(relation)
        return self._known[id(relation)]

    def _trace_relation(self, relation: Relation) -> Trace | None:
        if isinstance(relation, _PASSING):
            below = self.read(relation.input)
            return below and replace(below, exact=below.exact and isinstance(relation, Sorted))
        readers: dict[type[Relation], Callable[..., Trace | None]] = {
            TableScan: self._trace_scan, Filter: self._trace_filter, Assign: self._trace_assign,
            Expanded: self._trace_expanded_rows, Shared: self._trace_shared_rows,
            Aggregated: self._trace_aggregated_rows, Series: self._trace_series, Joined: self._trace_join,
            Concatenated: self._trace_concatenated_rows,
        }  # fmt: skip
        reader = readers.get(type(relation))
        return reader(relation) if reader is not None else None

    def _build_column(self) -> Column:
        self._made += 1
        return Column(f"when{self._made}", "When", KqlType.DATETIME)

    def _trace_scan(self, scan: TableScan) -> Trace | None:
        time = find_event_time(scan)
        if time is None:
            return None
        made, reference = self._build_column(), ColumnRef(type=time.type, column=time)
        named = Assign(columns=(*scan.columns, made), input=scan, assigned=((made, reference),))
        return Trace(named, made, self.cadence.period, frozenset([time.id]))

    def _trace_filter(self, relation: Filter) -> Trace | None:
        below = self.read(relation.input)
        if below is None:
            return None
        conditions = list(list_conjuncts(relation.predicate))
        limits = [
            back for one in conditions if (back := find_recency(one, below.moments, self.cadence)) is not None
        ]
        trace = replace(below, since=min([below.since, *limits]))
        met = [find_usable_expression(one, trace, self.cadence) for one in conditions]
        for found in met:
            if found is not None:
                narrowed = Filter(columns=trace.relation.columns, input=trace.relation, predicate=found)
                trace = replace(trace, relation=narrowed)
        within = [one for one, found in zip(conditions, met, strict=True) if found is None]
        others = tuple(
            other
            for one in within
            if isinstance(one, InQuery) and not one.negated and (other := self.read(one.relation)) is not None
        )
        return replace(trace, exact=trace.exact and not within, others=trace.others + others)

    def _trace_assign(self, relation: Assign) -> Trace | None:
        below = self.read(relation.input)
        if below is None:
            return None
        named = [
            (column, find_usable_expression(value, below, self.cadence))
            for column, value in relation.assigned
        ]
        assigned = tuple((column, value) for column, value in named if value is not None)
        return self._put_assigned_columns(
            below, relation.columns, assigned, frozenset(column.id for column, _ in named)
        )

    def _put_assigned_columns(
        self,
        below: Trace,
        columns: Sequence[Column],
        assigned: tuple[tuple[Column, Bound], ...],
        made: frozenset[str],
    ) -> Trace:
        """The trace with columns that are assigned; those of `made` that are not are not known any more."""
        known = (below.column_ids - made) | {column.id for column, _ in assigned}
        shown = tuple(column for column in columns if column.id in known and column.id != below.time.id)
        aliases = {
            column.id
            for column, value in assigned
            if isinstance(value, ColumnRef) and value.column.id in below.moments | {below.time.id}
        }
        return replace(
            below,
            relation=Assign(columns=(*shown, below.time), input=below.relation, assigned=assigned),
            moments=(below.moments - made) | aliases,
        )

    def _trace_expanded_rows(self, relation: Expanded) -> Trace | None:
        below = self.read(relation.input)
        if below is None:
            return None
        values = [find_usable_expression(one.value, below, self.cadence) for one in relation.expansions]
        if any(value is None for value in values):
            return replace(below, exact=False)
        expansions = tuple(
            replace(one, value=value)
            for one, value in zip(relation.expansions, values, strict=True)
            if value is not None
        )
        known = below.column_ids | {one.column.id for one in expansions} | {relation.position.id}
        shown = tuple(one for one in relation.columns if one.id in known)
        hidden = () if relation.position in shown else (relation.position,)
        expanded = replace(
            relation,
            columns=(*shown, *hidden, below.time),
            order=(),
            input=below.relation,
            expansions=expansions,
        )
        made = frozenset(one.column.id for one in expansions)
        return replace(below, relation=expanded, moments=below.moments - made)

    def _trace_shared_rows(self, relation: Shared) -> Trace | None:
        below = self.read(relation.input)
        if below is None:
            return None
        pairs = list(zip(relation.columns, relation.input.columns, strict=True))
        time = self._build_column()
        assigned = [
            (new, ColumnRef(type=old.type, column=old)) for new, old in pairs if old.id in below.column_ids
        ]
        assigned.append((time, ColumnRef(type=KqlType.DATETIME, column=below.time)))
        named = Assign(
            columns=tuple(column for column, _ in assigned), input=below.relation, assigned=tuple(assigned)
        )
        moments = frozenset(new.id for new, old in pairs if old.id in below.moments)
        return replace(below, relation=named, time=time, moments=moments)

    def _trace_aggregated_rows(self, relation: Aggregated) -> Trace | None:
        below = self.read(relation.input) if relation.groups else None
        if below is None:
            return None
        groups = [
            (column, find_usable_expression(value, below, self.cadence)) for column, value in relation.groups
        ]
        whole = all(value is not None for _, value in groups)
        known = tuple((column, value) for column, value in groups if value is not None)
        moments = frozenset(
            column.id
            for column, call in relation.aggregates
            if call.aggregate.name in _OF_A_ROW
            and isinstance(call.arguments[0], ColumnRef)
            and call.arguments[0].column.id in below.moments
        )
        if whole and below.exact and below.is_disjoint(self.cadence):
            return self._trace_window_groups(relation, below, known, moments)
        made = frozenset(column.id for column, _ in relation.groups)
        trace = self._put_assigned_columns(below, [column for column, _ in known], known, made)
        aliases = frozenset(column.id for column, _ in known) & trace.moments
        return replace(trace, exact=False, moments=aliases | moments)

    def _trace_window_groups(
        self,
        relation: Aggregated,
        below: Trace,
        groups: tuple[tuple[Column, Bound], ...],
        moments: frozenset[str],
    ) -> Trace:
        """The groups of each window by itself."""
        window, time = self._build_column(), self._build_column()
        ends = build_window_end(below.time, self.cadence)
        reference = ColumnRef(type=KqlType.DATETIME, column=below.time)
        latest = self._build_greatest_time(reference)
        aggregates = [(time, latest)]
        for column, call in relation.aggregates:
            found = None if call.aggregate.name in _ANY else find_usable_expression(call, below, self.cadence)
            if isinstance(found, AggregateCall):
                aggregates.append((column, found))
        columns = (*(column for column, _ in groups), window, *(column for column, _ in aggregates))
        grouped = Aggregated(
            columns=columns,
            input=below.relation,
            groups=(*groups, (window, ends)),
            aggregates=tuple(aggregates),
        )
        aliases = frozenset(
            column.id
            for column, value in groups
            if isinstance(value, ColumnRef) and value.column.id in below.moments
        )
        return replace(below, relation=grouped, time=time, moments=moments | aliases)

    @staticmethod
    def _build_greatest_time(value: Bound) -> AggregateCall:
        from nephoscope_kql.registry import load_aggregates

        return AggregateCall(
            type=KqlType.DATETIME, aggregate=load_aggregates()[_GREATEST], arguments=(value,)
        )

    def _trace_series(self, relation: Series) -> Trace | None:
        below = self.read(relation.input) if relation.groups and not relation.nonempty else None
        if below is None:
            return None
        found = [
            (column, find_usable_expression(value, below, self.cadence)) for column, value in relation.groups
        ]
        known = tuple((column, value) for column, value in found if value is not None)
        made = frozenset(column.id for column, _ in relation.groups)
        trace = self._put_assigned_columns(below, [column for column, _ in known], known, made)
        return replace(trace, exact=False, moments=frozenset())

    def _trace_concatenated_rows(self, relation: Concatenated) -> Trace | None:
        several = [
            (self.read(one), fills)
            for one, fills in zip(relation.inputs, relation.fills, strict=True)
            if not has_no_rows(one, self.empty)
        ]
        rows = [(one, fills) for one, fills in several if one is not None]
        if not rows or len(rows) < len(several):
            return None
        traces = [one for one, _ in rows]
        filled = [
            [find_usable_expression(value, trace, self.cadence) for value in fills] for trace, fills in rows
        ]
        places = [n for n in range(len(relation.columns)) if all(one[n] is not None for one in filled)]
        time = self._build_column()
        fills = tuple(
            (*(one[n] for n in places), ColumnRef(type=KqlType.DATETIME, column=trace.time))
            for trace, one in zip(traces, filled, strict=True)
        )
        moments = frozenset(
            column.id
            for n, column in enumerate(relation.columns)
            if all(_is_moment(f[n], t) for t, f in rows)
        )
        union = Concatenated(
            columns=(*(relation.columns[n] for n in places), time),
            inputs=tuple(one.relation for one in traces),
            fills=fills,  # type: ignore[arg-type]
        )
        return Trace(union, time, max(one.since for one in traces), moments, all(one.exact for one in traces))

    def _trace_join(self, relation: Joined) -> Trace | None:
        left = self.read(relation.left) if relation.kind not in _RIGHT else None
        right = self.read(relation.right) if relation.kind in _RIGHT | _BOTH else None
        if relation.kind not in _LEFT | _RIGHT:
            return None
        if right is not None and (
            left is None or relation.kind in _RIGHT or (relation.kind in _BOTH and right.since < left.since)
        ):
            others = (left,) if left is not None else ()
            return replace(right, exact=False, others=right.others + others)
        return None if left is None else self._trace_left_join(relation, left, right)

    def _trace_left_join(self, relation: Joined, left: Trace, right: Trace | None) -> Trace:
        others = (right,) if right is not None and relation.kind in _BOTH else ()
        joined = (
            self._trace_window_independent_join(relation, left)
            if is_window_independent(relation.right)
            else None
        )
        if joined is None and relation.kind != "innerunique":
            joined = self._trace_same_window_join(relation, left)
        if joined is not None:
            return joined
        return replace(left, exact=False, others=left.others + others)

    def _trace_window_independent_join(self, relation: Joined, left: Trace) -> Trace | None:
        """A join with rows that are the same in every window."""
        keys = [(find_usable_expression(one, left, self.cadence), other) for one, other in relation.keys]
        if relation.residual is not None or any(one is None for one, _ in keys):
            return None
        known = left.column_ids | {column.id for column in relation.right.columns}
        shown = tuple(column for column in relation.columns if column.id in known)
        kept = tuple((one, other) for one, other in keys if one is not None)
        kind = "inner" if relation.kind == "innerunique" else relation.kind
        joined = Joined(
            columns=(*shown, left.time), kind=kind, left=left.relation, right=relation.right, keys=kept
        )
        return replace(left, relation=joined, exact=left.exact and relation.kind != "innerunique")

    def _trace_same_window_join(self, relation: Joined, left: Trace) -> Trace | None:
        """A join of rows that lie in one window each, with those of the same."""
        right = self.read(relation.right)
        if right is None or relation.residual is not None or not right.exact or right.others:
            return None
        if not (left.is_disjoint(self.cadence) and right.is_disjoint(self.cadence)):
            return None
        keys = [
            (
                find_usable_expression(one, left, self.cadence),
                find_usable_expression(other, right, self.cadence),
            )
            for one, other in relation.keys
        ]
        kept = tuple((one, other) for one, other in keys if one is not None and other is not None)
        if len(kept) < len(keys):
            return None
        window = (build_window_end(left.time, self.cadence), build_window_end(right.time, self.cadence))
        known = left.column_ids | right.column_ids
        shown = tuple(column for column in relation.columns if column.id in known)
        joined = Joined(
            columns=(*shown, left.time),
            kind=relation.kind,
            left=left.relation,
            right=right.relation,
            keys=(*kept, window),
        )
        return replace(left, relation=joined)


def _is_moment(value: Bound, trace: Trace) -> bool:
    return isinstance(value, ColumnRef) and value.column.id in trace.moments
