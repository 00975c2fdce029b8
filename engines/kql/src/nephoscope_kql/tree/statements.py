"""The statements of a query."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import Lambda, LambdaParameter, Literal
from nephoscope_kql.tree.node import Expression, Node, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Let(Statement):
    """`let name = value`: a scalar, a tabular expression or a Lambda."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Statement):
    """`set option` or `set option = value`."""

    name: str
    value: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasStatement(Statement):
    """`alias database name = value`."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternCase(Node):
    """`("a", "b").["path"] = { body }` of a pattern; `body` has the pattern's parameters, with the path last."""

    values: tuple[Literal, ...]
    body: Lambda


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Statement):
    """`declare pattern name = (a: string)[path: string] { cases }`; `path`: it has one; no cases where the name stands alone."""

    name: str
    path: bool = False
    cases: tuple[PatternCase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrict(Statement):
    """`restrict access to (...)`."""

    names: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameters(Statement):
    """`declare query_parameters(name: type = default, ...)`."""

    parameters: tuple[LambdaParameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Statement):
    """An expression whose rows (or scalar) are a result of the query."""

    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Node):
    """A whole query."""

    statements: tuple[Statement, ...]
