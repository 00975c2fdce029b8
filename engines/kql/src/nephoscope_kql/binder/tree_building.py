"""Pieces of a query's tree that the binder writes itself, where one operator stands for several others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import reduce

from nephoscope_kql import tree
from nephoscope_kql.errors import Span
from nephoscope_kql.tree import operators
from nephoscope_kql.types import KqlType

Rewriter = Callable[[tree.Expression], tree.Expression | None]


def build_name(name: str, span: Span) -> tree.Name:
    """`name`."""
    return tree.Name(name=name, span=span)


def build_call(name: str, *arguments: tree.Expression) -> tree.Call:
    """`name(arguments)`."""
    return tree.Call(name=name, arguments=arguments, span=arguments[0].span)


def build_literal(value: tree.Scalar, kind: KqlType, span: Span) -> tree.Literal:
    """Build a constant."""
    return tree.Literal(type=kind, value=value, span=span)


def build_comparison(operator: str, left: tree.Expression, right: tree.Expression) -> tree.Binary:
    """`left operator right`."""
    return tree.Binary(operator=operator, left=left, right=right, span=left.span)


def build_items(values: Mapping[str, tree.Expression], span: Span) -> tuple[tree.Expression, ...]:
    """`name = value, ...`."""
    return tuple(
        tree.Named(names=(build_name(name, span),), value=value, span=span) for name, value in values.items()
    )


def build_project(values: Mapping[str, tree.Expression], span: Span) -> operators.Project:
    """`project name = value, ...`."""
    return operators.Project(items=build_items(values, span), span=span)


def build_extend(values: Mapping[str, tree.Expression], span: Span) -> operators.Extend:
    """`extend name = value, ...`."""
    return operators.Extend(items=build_items(values, span), span=span)


def build_project_away(names: Iterable[str], span: Span) -> operators.ProjectAway:
    """`project-away names`."""
    return operators.ProjectAway(items=tuple(build_name(name, span) for name in names), span=span)


def build_where(conditions: Iterable[tree.Expression], span: Span) -> list[operators.Where]:
    """`where a and b`; nothing where there is no condition."""
    given = list(conditions)
    if not given:
        return []
    both = reduce(lambda left, right: build_comparison("and", left, right), given)
    return [operators.Where(predicate=both, span=span)]


def build_inner_join(right: tree.Expression, left_key: str, right_key: str, span: Span) -> operators.Join:
    """`join kind=inner (right) on $left.left_key == $right.right_key`."""
    keys = (
        tree.Member(target=build_name(side, span), name=key, span=span)
        for side, key in (("$left", left_key), ("$right", right_key))
    )
    kind = tree.OperatorParameter(name="kind", values=(build_name("inner", span),), span=span)
    return operators.Join(right=right, on=(build_comparison("==", *keys),), parameters=(kind,), span=span)


def split_conjuncts(value: tree.Expression) -> list[tree.Expression]:
    """The conditions that must all be true for a condition to be true."""
    if isinstance(value, tree.Binary) and value.operator == "and":
        return [*split_conjuncts(value.left), *split_conjuncts(value.right)]
    if isinstance(value, tree.Pipe) and value.source is not None and not value.operators:
        return split_conjuncts(value.source)
    return [value]


def rewrite_tree(node: tree.Expression, rewrite: Rewriter) -> tree.Expression:
    """The node with what `rewrite` gives in place of its parts; None leaves a part, whose own parts are looked at."""
    found = rewrite(node)
    if found is not None:
        return found
    changed: dict[str, object] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tree.Expression):
            changed[field.name] = rewrite_tree(value, rewrite)
        elif isinstance(value, tuple) and any(isinstance(one, tree.Expression) for one in value):
            changed[field.name] = tuple(
                rewrite_tree(one, rewrite) if isinstance(one, tree.Expression) else one for one in value
            )
    return replace(node, **changed) if changed else node  # type: ignore[arg-type]
