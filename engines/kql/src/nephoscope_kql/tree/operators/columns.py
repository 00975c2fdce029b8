"""Operators that choose and make columns, or rows out of nothing."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import Named
from nephoscope_kql.tree.node import Expression, Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(Operator):
    """`extend name = value, ...`; an item without a name is the bare expression."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Operator):
    """`project a, b = value, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAway(Operator):
    """`project-away a, b*`: Name or Wildcard items."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKeep(Operator):
    """`project-keep a, b*`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRename(Operator):
    """`project-rename new = old, ...`."""

    items: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReorder(Operator):
    """`project-reorder a, b* asc`: Name, Wildcard, or Ordered around them (`granny` there for `granny-asc`)."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectByNames(Operator):
    """`project-by-names expression, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Serialize(Operator):
    """`serialize name = value, ...`."""

    items: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Print(Operator):
    """`print name = value, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Operator):
    """`range name from low to high step step`."""

    name: str
    low: Expression
    high: Expression
    step: Expression
