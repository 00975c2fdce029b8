"""Operators that filter or order rows."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import OperatorParameter, Ordered
from nephoscope_kql.tree.node import Expression, Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(Operator):
    """`where predicate` (also `filter`)."""

    predicate: Expression
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct(Operator):
    """`distinct a, b` or `distinct *`."""

    items: tuple[Expression, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Operator):
    """`count` (with `as name`)."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Operator):
    """`take n` (also `limit`)."""

    count: Expression
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort(Operator):
    """`sort by a asc nulls first, ...` (also `order by`)."""

    keys: tuple[Ordered, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Top(Operator):
    """`top n by key`."""

    count: Expression
    keys: tuple[Ordered, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Operator):
    """`sample n`."""

    count: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDistinct(Operator):
    """`sample-distinct n of value`."""

    count: Expression
    value: Expression
