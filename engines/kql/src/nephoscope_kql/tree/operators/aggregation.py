"""Operators that make one row of many."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import OperatorParameter
from nephoscope_kql.tree.node import Expression, Node, Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarize(Operator):
    """`summarize aggregates by groups`."""

    aggregates: tuple[Expression, ...]
    groups: tuple[Expression, ...] = ()
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedClause(Node):
    """`n of value with others = label by aggregate order` of top-nested; `count` None means all."""

    count: Expression | None
    value: Expression
    others: Expression | None
    by: Expression
    ascending: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopNested(Operator):
    """`top-nested clause, top-nested clause, ...`."""

    clauses: tuple[NestedClause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopHitters(Operator):
    """`top-hitters n of value by weight`."""

    count: Expression
    value: Expression
    by: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesItem(Node):
    """`name = aggregate default = value` of make-series."""

    value: Expression
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSeries(Operator):
    """`make-series items on axis from low to high step step by groups`; the old `in range(low, high, step)` fills the same fields."""

    items: tuple[SeriesItem, ...]
    axis: Expression
    step: Expression
    low: Expression | None = None
    high: Expression | None = None
    groups: tuple[Expression, ...] = ()
    parameters: tuple[OperatorParameter, ...] = ()
    in_range: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Operator):
    """`reduce by value with threshold=..., characters=...`."""

    value: Expression
    parameters: tuple[OperatorParameter, ...] = ()
