"""Operators about the result as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import ColumnDeclaration, OperatorParameter
from nephoscope_kql.tree.node import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class As(Operator):
    """`as name`."""

    name: str
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Render(Operator):
    """`render chart with (properties)`: a hint for whoever shows the rows."""

    chart: str
    properties: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume(Operator):
    """`consume`: reads all rows, gives none."""

    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertSchema(Operator):
    """`assert-schema (a: string, b: long)`: the rows, which must have these columns."""

    columns: tuple[ColumnDeclaration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSchema(Operator):
    """`getschema`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOperator(Operator):
    """An operator whose name the language has but the tree does not (`make-graph`, `graph-match`, ...): refused by name."""

    name: str
