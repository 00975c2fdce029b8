"""Base of the nodes of a query's tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from nephoscope_kql.errors import NOWHERE, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of the query; `span` is its place in the text and never counts when nodes are compared."""

    span: Span = field(default=NOWHERE, compare=False)


class Expression(Node):
    """A scalar or tabular expression: the grammar does not tell them apart, the binder does."""

    __slots__ = ()


class Operator(Node):
    """A tabular operator of a pipe."""

    __slots__ = ()


class Statement(Node):
    """A statement of a query: they are separated by semicolons."""

    __slots__ = ()


def list_children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in the order of its fields."""
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, Node))


def walk_nodes(node: Node) -> Iterator[Node]:
    """The node and all that are below it, parents first."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(list_children(current))))
