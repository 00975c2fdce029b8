"""Operators of graphs."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope_kql.tree.expressions import Name, OperatorParameter
from nephoscope_kql.tree.node import Expression, Node, Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNodes(Node):
    """`nodes on id` of make-graph: rows, and the column that identifies a node."""

    rows: Expression
    id: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeGraph(Operator):
    """`make-graph source --> target`, with tables of nodes or the name of the column that holds a node's id ('' = none)."""

    source: Name
    target: Name
    nodes: tuple[GraphNodes, ...] = ()
    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge(Node):
    """`-[name*low..high]->` of a pattern; `direction` is 'right', 'left' or 'any', `name` '' where it has none.

    `low` and `high` are None for an edge that stands for itself, not for a path.
    """

    name: str
    direction: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSequence(Node):
    """`(a)-[e]->(b)-->()`: names of nodes ('' = none) and the edges between them."""

    nodes: tuple[str, ...]
    edges: tuple[GraphEdge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMatch(Operator):
    """`graph-match patterns where predicate project items`; `shortest` for graph-shortest-paths."""

    patterns: tuple[GraphSequence, ...]
    predicate: Expression | None
    items: tuple[Expression, ...]
    parameters: tuple[OperatorParameter, ...] = ()
    shortest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphWhere(Operator):
    """`graph-where-nodes predicate`, `graph-where-edges predicate`; `element` is 'nodes' or 'edges'."""

    element: str
    predicate: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMarkComponents(Operator):
    """`graph-mark-components kind=... with_component_id=...`."""

    parameters: tuple[OperatorParameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphToTable(Operator):
    """`graph-to-table nodes` or `edges`: `element` says which."""

    element: str
    parameters: tuple[OperatorParameter, ...] = ()
