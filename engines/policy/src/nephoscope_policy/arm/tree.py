"""The tree of an expression, and its printer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ArmLiteral:
    """A string, a number, `true`, `false` or `null`; `offset` is the 0-based character of the expression's text."""

    value: str | float | bool | None
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ArmCall:
    """A function call; `name` as it was written (a user function has its namespace: `contoso.name`)."""

    name: str
    arguments: tuple[Node, ...]
    offset: int = field(default=0, compare=False)

    @property
    def key(self) -> str:
        """The lower-cased name, under which functions and hosts are found."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class ArmProperty:
    """`target.name`."""

    target: Node
    name: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ArmIndex:
    """`target[index]`: an array's element or an object's member."""

    target: Node
    index: Node
    offset: int = field(default=0, compare=False)


Node: TypeAlias = ArmLiteral | ArmCall | ArmProperty | ArmIndex


def list_children(node: Node) -> tuple[Node, ...]:
    """The direct operands of a node in the order of the text."""
    if isinstance(node, ArmCall):
        return node.arguments
    if isinstance(node, ArmProperty):
        return (node.target,)
    return (node.target, node.index) if isinstance(node, ArmIndex) else ()


def walk_nodes(node: Node) -> Iterator[Node]:
    """The node and all that are below it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list_children(current)))


def format_node(node: Node) -> str:
    """The text of a node without the outer brackets: parsing it gives an equal tree."""
    if isinstance(node, ArmLiteral):
        return _print_literal(node.value)
    if isinstance(node, ArmCall):
        return f"{node.name}({', '.join(map(format_node, node.arguments))})"
    if isinstance(node, ArmProperty):
        return f"{format_node(node.target)}.{node.name}"
    return f"{format_node(node.target)}[{format_node(node.index)}]"


def _print_literal(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
