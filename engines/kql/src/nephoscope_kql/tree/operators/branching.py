"""Operators that hold pipes of their own, call functions, or walk rows in order."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import Call, ColumnDeclaration, Named, OperatorParameter, Ordered, Pipe
from nephoscope_kql.tree.node import Expression, Node, Operator
from nephoscope_kql.types import KqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate(Operator):
    """`evaluate plugin(arguments) : (schema)`; `schema` None where it is left out; `extends` for `(*, ...)`."""

    call: Call
    schema: tuple[ColumnDeclaration, ...] | None = None
    extends: bool = False
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke(Operator):
    """`invoke f(arguments)`: the piped rows are the first argument."""

    call: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition(Operator):
    """`partition by column (operators)` or `{ query }`: `body` is a Pipe without source, or a whole query where `scoped`."""

    by: Expression
    body: Pipe
    scoped: bool = False
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Operator):
    """`fork name = (operators) ...`: (name or '', Pipe without source) pairs as Named with one name, or bare Pipes."""

    branches: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet(Operator):
    """`facet by columns with (operators)`."""

    columns: tuple[Expression, ...]
    body: Pipe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDeclaration(Node):
    """`name: type = default` of scan's declare."""

    name: str
    type: KqlType | None
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep(Node):
    """`step name optional output=all: condition => name = value, ...;`."""

    name: str
    condition: Expression
    assignments: tuple[Named, ...] = ()
    optional: bool = False
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operator):
    """`scan with_match_id=... declare (...) order by ... partition by ... with (steps)`."""

    steps: tuple[ScanStep, ...]
    declarations: tuple[ScanDeclaration, ...] = ()
    order: tuple[Ordered, ...] = ()
    partition: tuple[Expression, ...] = ()
    parameters: tuple[OperatorParameter, ...] = ()
