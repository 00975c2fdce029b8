"""The expressions of a query, scalar and tabular."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from nephoscope_kql.tree.node import Expression, Node, Operator, Statement
from nephoscope_kql.types import KqlType

Scalar: TypeAlias = bool | int | float | str | Decimal | list[Any] | dict[str, Any] | None
"""A literal's value: ticks for datetime and timespan, lower-case text for guid, JSON values for dynamic, None for a typed null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Expression):
    """A constant: `5` is a long, `int(5)` an int, `1d` a timespan, `dynamic([1])` a dynamic, `h"x"` a string with `obfuscated`."""

    type: KqlType
    value: Scalar
    obfuscated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Expression):
    """A column, a table, a variable or a function used as a table; `['a b']` gives the name `a b`; `$left` and `$right` too."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcard(Expression):
    """A name with stars, `Security*`, where a column list or a table list allows it."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Star(Expression):
    """`*`: all columns (`where * has 'x'`, `arg_max(t, *)`, `dcount(*)`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Expression):
    """`target.name`: a property of a bag, `$left.key`, `workspace('a').Table`, `cluster('c').database('d').Table`."""

    target: Expression
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCall(Expression):
    """`target.f(x)`: a function of another database or workspace."""

    target: Expression
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Expression):
    """`target[index]`: an element of an array or a property of a bag."""

    target: Expression
    index: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Expression):
    """`name(arguments)`; an argument may be a Named (`f(x=1)`), a Star, a Pipe (`toscalar(T | count)`) or a Lambda's name."""

    name: str
    arguments: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Expression):
    """`-x` or `+x` (`not(x)` is a Call)."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Expression):
    """Two operands. `operator` in lower case: `+ - * / % == != =~ !~ < <= > >= and or has !has has_cs contains matches regex ...`.

    `<>` is written `!=`, `matches regex` has one space. The operand may be a Star where the operator compares text.
    """

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class InList(Expression):
    """`operand in (items)`; operators `in !in in~ !in~ has_any has_all`. One item may be tabular, a dynamic array or a bag."""

    operator: str
    operand: Expression
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(Expression):
    """`operand between (low .. high)`; operators `between !between`."""

    operator: str
    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Expression):
    """`name = value`, `(a, b) = value`; without a value in `project-rename`'s and `declare`'s places see their own nodes."""

    names: tuple[Name, ...]
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Expression):
    """`value asc nulls first` of sort and top; None where the text does not say. `granny` is project-reorder's `granny-asc`."""

    value: Expression
    ascending: bool | None = None
    nulls_first: bool | None = None
    granny: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipe(Expression):
    """`source | operator | ...`.

    `source` is None where the first operator makes the rows: print, range, union, find, search, evaluate.
    """

    source: Expression | None
    operators: tuple[Operator, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeclaration(Node):
    """`name: type` of datatable, externaldata, mv-expand and of tabular parameters; `type` None where it is left out."""

    name: str
    type: KqlType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedName(Expression):
    """`name: type` among the columns that find projects."""

    name: str
    type: KqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class Datatable(Expression):
    """`datatable (columns) [values]`: values row by row."""

    columns: tuple[ColumnDeclaration, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalData(Expression):
    """`externaldata (columns) [locations] with (properties)`."""

    columns: tuple[ColumnDeclaration, ...]
    locations: tuple[Expression, ...]
    properties: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityGroup(Expression):
    """`entity_group [cluster('c').database('d'), ...]`."""

    entities: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorParameter(Node):
    """`name=value` of an operator: `kind=inner`, `hint.strategy=shuffle`, `withsource=Table`, `isfuzzy=true`.

    `name` is in lower case; a bare word as value is a Name, a list is a tuple of several values (`bagexpansion=array`, `ids=(a, b)`).
    """

    name: str
    values: tuple[Expression, ...]

    @property
    def text(self) -> str:
        """The value as it is written: the name or text it holds, '' where it is neither."""
        value = self.values[0] if self.values else None
        if isinstance(value, Name):
            return value.name
        return str(value.value) if isinstance(value, Literal) else ""

    @property
    def word(self) -> str:
        """The value as a word in lower case, '' where it is none."""
        return self.text.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaParameter(Node):
    """`name: type = default`; `schema` holds the columns of a tabular parameter (empty for `(*)`), `type` is None then."""

    name: str
    type: KqlType | None
    schema: tuple[ColumnDeclaration, ...] | None = None
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lambda(Expression):
    """`(parameters) { statements; body }`; `view` for `view () {...}`; `body` is None where it ends in a statement only."""

    parameters: tuple[LambdaParameter, ...]
    statements: tuple[Statement, ...]
    body: Expression | None
    view: bool = False
