"""Operators that take values apart: arrays into rows, text into columns."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import ColumnDeclaration, OperatorParameter, Pipe
from nephoscope_kql.tree.node import Expression, Node, Operator
from nephoscope_kql.types import KqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandItem(Node):
    """`name = value to typeof(type)` of mv-expand and mv-apply; `name` '' where it is left out."""

    name: str
    value: Expression
    type: KqlType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MvExpand(Operator):
    """`mv-expand bagexpansion=... with_itemindex=... items limit n`."""

    items: tuple[ExpandItem, ...]
    limit: Expression | None = None
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MvApply(Operator):
    """`mv-apply with_itemindex=... items limit n on (operators)`; `body` is a Pipe without source."""

    items: tuple[ExpandItem, ...]
    body: Pipe
    limit: Expression | None = None
    context: str = ""
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseStar(Node):
    """`*` of a parse pattern: skips text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseText(Node):
    """A string of a parse pattern (a regular expression with kind=regex)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parse(Operator):
    """`parse kind=... flags=... value with pattern`, and `parse-where` where `filter`.

    The pattern is a tuple of ParseStar, ParseText and ColumnDeclaration (type None = string).
    """

    value: Expression
    pattern: tuple[Node, ...]
    parameters: tuple[OperatorParameter, ...] = ()
    filter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseKv(Operator):
    """`parse-kv value as (columns) with (properties)`."""

    value: Expression
    columns: tuple[ColumnDeclaration, ...]
    properties: tuple[OperatorParameter, ...] = ()
