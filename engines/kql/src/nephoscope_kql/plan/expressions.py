"""A query after binding: every expression typed, every column with an internal name. The SQL builder and the witness read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope_kql.plan.values import Bound, Column
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.plan.function_signatures import Aggregate, ScalarFunction
    from nephoscope_kql.plan.values import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Bound):
    """A value that is given when the query runs: `now`, or a query parameter."""

    name: str

    @property
    def nullable(self) -> bool:
        """`now` is never null."""
        return self.name != "now" and self.type != KqlType.STRING


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRef(Bound):
    """The value of a column of the input relation."""

    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCall(Bound):
    """A function or an operator (`+`, `has`, `and` are functions of those names) on arguments already of its parameters' types."""

    function: ScalarFunction
    arguments: tuple[Bound, ...]

    @property
    def nullable(self) -> bool:
        """Return whether it may be null: from the function's declaration and its arguments."""
        if self.type == KqlType.STRING:
            return False
        return self.function.nullable or any(argument.nullable for argument in self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicPath(Bound):
    """`target.a[0][x]`: a member or element of a dynamic value; a step is a key, a 0-based (or negative) index, or an expression."""

    target: Bound
    steps: tuple[str | int | Bound, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarQuery(Bound):
    """`toscalar(rows)`: the first row's value of `column`."""

    relation: Relation
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class InQuery(Bound):
    """`operand in (rows)`: whether `column` of the rows holds the operand; `insensitive` for `in~`."""

    operand: Bound
    relation: Relation
    column: Column
    negated: bool = False
    insensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCall(Bound):
    """An aggregate on arguments of its parameters' types."""

    aggregate: Aggregate
    arguments: tuple[Bound, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCall(Bound):
    """A function over the rows in their order, or an aggregate over a window: `prev next row_number row_cumsum ...`.

    `function` names it, `restart` starts it over where it is true, `partition` is set by operators that make windows themselves.
    """

    function: str
    arguments: tuple[Bound, ...]
    restart: Bound | None = None


def list_conjuncts(value: Bound) -> Iterator[Bound]:
    """The conditions that must all be true for a condition to be true."""
    if isinstance(value, BoundCall) and value.function.name == "and":
        for argument in value.arguments:
            yield from list_conjuncts(argument)
    else:
        yield value


def reads_row(value: Bound) -> bool:
    """Return whether an expression needs a row: it names a column outside a query of its own."""
    if isinstance(value, ColumnRef | AggregateCall | WindowCall):
        return True
    if isinstance(value, BoundCall):
        return any(reads_row(argument) for argument in value.arguments)
    if isinstance(value, DynamicPath):
        return reads_row(value.target) or any(
            isinstance(step, Bound) and reads_row(step) for step in value.steps
        )
    return isinstance(value, InQuery) and reads_row(value.operand)
