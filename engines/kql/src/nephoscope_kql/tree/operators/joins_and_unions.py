"""Operators over several tables."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import OperatorParameter
from nephoscope_kql.tree.node import Expression, Operator, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Operator):
    """`join kind=... (right) on conditions`; a condition is a Name or an `==` of `$left.x` and `$right.y`; `where` conditions too."""

    right: Expression
    on: tuple[Expression, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Operator):
    """`lookup kind=... (right) on conditions`."""

    right: Expression
    on: tuple[Expression, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Union(Operator):
    """`union parameters a, (b | ...), c*`: Name, Wildcard, Pipe, Call or Member items; the piped input comes first."""

    items: tuple[Expression, ...]
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Find(Operator):
    """`find withsource=... in (tables) where predicate project columns`: Name, Wildcard, TypedName or the Call `pack(*)`."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    columns: tuple[Expression, ...] | None = None
    away: tuple[Expression, ...] = ()
    parameters: tuple[OperatorParameter, ...] = ()
    smart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Operator):
    """`search kind=... in (tables) predicate`; the predicate's bare strings mean `* has`."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroExpand(Operator):
    """`macro-expand group as name (statements; query)`: the query for each entity of the group; `group`: EntityGroup or Name."""

    group: Expression
    name: str
    statements: tuple[Statement, ...]
    body: Expression
    parameters: tuple[OperatorParameter, ...] = ()
