"""The expressions of a pattern: properties of nodes and edges as columns, and what is asked of every edge or inner node of a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nephoscope_kql import tree
from nephoscope_kql.binder.tree_building import (
    build_call,
    build_comparison,
    build_literal,
    build_name,
    rewrite_tree,
    split_conjuncts,
)
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.operators.graphs import NODE
from nephoscope_kql.tree.operators import GraphMatch
from nephoscope_kql.types import KqlType

IN_DEGREE, OUT_DEGREE = "$in", "$out"
DEGREES = {"node_degree_in": IN_DEGREE, "node_degree_out": OUT_DEGREE}
PATH_CALLS = frozenset(("map", "all", "any"))


class GraphColumns:
    """The names of hidden columns of an element of a pattern."""

    @staticmethod
    def key(node: str) -> str:
        """Give the column of what identifies a node."""
        return f"{node}.{NODE}"

    @staticmethod
    def path(edge: str) -> str:
        """Give the column of the edges of a path."""
        return f"{edge}.$path"

    @staticmethod
    def inner(edge: str) -> str:
        """The nodes inside of a path."""
        return f"{edge}.$inner"

    @staticmethod
    def hop(edge: str) -> str:
        """The edge that is being added to a path, or the node that it passes."""
        return f"{edge}.$hop"


def counts_degrees(operator: GraphMatch) -> bool:
    """Return whether the pattern asks how many edges a node has."""
    parts = [*operator.items, *([] if operator.predicate is None else [operator.predicate])]
    return any(
        isinstance(node, tree.Call) and node.name in DEGREES
        for part in parts
        for node in tree.walk_nodes(part)
    )


@dataclass(frozen=True, slots=True)
class PathCall:
    """`map(path, value)`, `all(path, condition)` or `any(...)`, of edges or of `inner_nodes(path)`; `column` holds it so far."""

    name: str
    inner: bool
    value: tree.Expression
    column: str
    prunes: bool = False

    def build_start(self) -> tree.Expression:
        """The value of a path without edges."""
        if self.name == "map":
            return build_literal([], KqlType.DYNAMIC, self.value.span)
        return build_literal(self.name == "all", KqlType.BOOL, self.value.span)

    def build_next_value(self) -> tree.Expression:
        """The value with one more edge or node."""
        known = build_name(self.column, self.value.span)
        if self.name == "map":
            return build_call("array_concat", known, build_call("pack_array", self.value))
        false = build_literal(False, KqlType.BOOL, self.value.span)
        met = build_call("coalesce", self.value, false)
        return build_comparison("and" if self.name == "all" else "or", known, met)


@dataclass
class GraphPattern:
    """The names of a pattern's elements and columns, the conditions that wait for names, and what is asked of paths."""

    nodes: set[str]
    edges: set[str]
    paths: set[str]
    node_columns: set[str]
    edge_columns: set[str]
    calls: dict[str, list[PathCall]] = field(default_factory=dict)
    waiting: list[tuple[set[str], tree.Expression]] = field(default_factory=list)

    def add_conditions(self, predicate: tree.Expression | None) -> None:
        """Take the conditions of a predicate; one on the properties of a path is one on every edge of it."""
        for condition in () if predicate is None else split_conjuncts(predicate):
            self.waiting.append((set(self._list_names(condition)), self._rewrite_condition(condition)))

    def _rewrite_condition(self, condition: tree.Expression) -> tree.Expression:
        whole = isinstance(condition, tree.Call) and condition.name == "all"
        if isinstance(condition, tree.Call) and whole:
            return self._build_path_call(condition, prunes=True)
        asked = {name for name in self._list_properties(condition) if name in self.paths}
        if not asked:
            return self.rewrite(condition)
        if len(asked) > 1:
            raise make_unsupported_query_error("a condition on the edges of two paths", condition.span)
        (path,) = asked

        def name_property(node: tree.Expression) -> tree.Expression | None:
            name = _read_property(node)
            return build_name(name[1], node.span) if name is not None and name[0] == path else None

        every = build_call("all", build_name(path, condition.span), rewrite_tree(condition, name_property))
        return self._build_path_call(every, prunes=True)

    def take_ready(self, bound: set[str]) -> list[tree.Expression]:
        """The conditions of which all names are bound; they wait no more."""
        ready = [condition for names, condition in self.waiting if names <= bound]
        self.waiting = [one for one in self.waiting if not one[0] <= bound]
        return ready

    def _list_names(self, value: tree.Expression) -> Iterator[str]:
        every = self.nodes | self.edges | self.paths
        for node in tree.walk_nodes(value):
            if isinstance(node, tree.Name) and node.name in every:
                yield node.name

    def _list_properties(self, value: tree.Expression) -> Iterator[str]:
        for node in tree.walk_nodes(value):
            found = _read_property(node) if isinstance(node, tree.Expression) else None
            if found is not None:
                yield found[0]

    def rewrite(self, value: tree.Expression) -> tree.Expression:
        """The expression over the columns of the matches."""
        return rewrite_tree(value, self._rewrite_path_part)

    def _rewrite_path_part(self, node: tree.Expression) -> tree.Expression | None:
        if isinstance(node, tree.Named):
            return tree.Named(names=node.names, value=self.rewrite(node.value), span=node.span)
        if isinstance(node, tree.Call):
            return self._rewrite_call(node)
        found = _read_property(node)
        if found is not None and found[0] in self.paths:
            name = build_name(found[0], node.span)
            return self._build_path_call(build_call("map", name, build_name(found[1], node.span)))
        if found is not None and found[0] in self.nodes | self.edges:
            columns = self.node_columns if found[0] in self.nodes else self.edge_columns
            if found[1] not in columns:
                raise make_invalid_error(f"'{found[0]}' has no property '{found[1]}'", node.span)
            return build_name(f"{found[0]}.{found[1]}", node.span)
        if isinstance(node, tree.Name) and node.name in self.nodes | self.edges | self.paths:
            raise make_unsupported_query_error(
                "a whole node or edge as a value", node.span, "name a property: a.name"
            )
        return None

    def _rewrite_call(self, node: tree.Call) -> tree.Expression | None:
        if node.name in PATH_CALLS and len(node.arguments) == 2:
            return self._build_path_call(node)
        if node.name in DEGREES and len(node.arguments) == 1:
            return build_name(f"{self._read_node(node)}.{DEGREES[node.name]}", node.span)
        if node.name == "node_id" and len(node.arguments) == 1:
            return build_name(GraphColumns.key(self._read_node(node)), node.span)
        if node.name in ("inner_nodes", "labels"):
            raise make_unsupported_query_error(
                f"{node.name}() here", node.span, "map(), all() and any() take inner_nodes()"
            )
        return None

    def _read_node(self, call: tree.Call) -> str:
        node = call.arguments[0]
        if not isinstance(node, tree.Name) or node.name not in self.nodes:
            raise make_invalid_error(f"{call.name}() takes a node of the pattern", call.span)
        return node.name

    def _build_path_call(self, call: tree.Call, *, prunes: bool = False) -> tree.Expression:
        """The column of a call on a path; the same call has the same column."""
        path, inner = call.arguments[0], False
        if isinstance(path, tree.Call) and path.name == "inner_nodes" and len(path.arguments) == 1:
            path, inner = path.arguments[0], True
        if not isinstance(path, tree.Name) or path.name not in self.paths:
            raise make_invalid_error(
                f"{call.name}() takes a path of the pattern, or its inner_nodes()", call.span
            )
        value = self._rewrite_hop(call.arguments[1], path.name, inner=inner)
        known = self.calls.setdefault(path.name, [])
        for one in known:
            if (one.name, one.inner, one.value) == (call.name, inner, value) and one.prunes >= prunes:
                return build_name(one.column, call.span)
        column = f"{path.name}.${len(known)}"
        known.append(PathCall(call.name, inner, value, column, prunes))
        return build_name(column, call.span)

    def _rewrite_hop(self, value: tree.Expression, path: str, *, inner: bool) -> tree.Expression:
        """What is asked of one edge or inner node: its properties are named alone."""
        columns = self.node_columns if inner else self.edge_columns
        hop = GraphColumns.hop(path)

        def rewrite(node: tree.Expression) -> tree.Expression | None:
            if isinstance(node, tree.Name) and node.name in columns:
                return build_name(f"{hop}.{node.name}", node.span)
            if isinstance(node, tree.Call) and node.name in DEGREES and not node.arguments and inner:
                return build_name(f"{hop}.{DEGREES[node.name]}", node.span)
            return self._rewrite_path_part(node)

        return rewrite_tree(value, rewrite)


def _read_property(node: tree.Expression) -> tuple[str, str] | None:
    """The element and the property that `a.x` or `a['x']` names."""
    if isinstance(node, tree.Member) and isinstance(node.target, tree.Name):
        return node.target.name, node.name
    if isinstance(node, tree.Index) and isinstance(node.target, tree.Name):
        key = node.index
        if isinstance(key, tree.Literal) and isinstance(key.value, str):
            return node.target.name, key.value
    return None
