"""Operators of graphs: make-graph, graph-match, graph-shortest-paths, graph-where-nodes and -edges,
graph-mark-components, graph-to-table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.parser.expressions import parse_access, parse_expressions, parse_predicate
from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor

MAX_HOPS = 64
"""How many edges a path of a pattern has at most: each of them is a join."""


@register_reader("make-graph")
def parse_make_graph(c: Cursor, start: int) -> tree.MakeGraph:
    """`make-graph source --> target with nodes on id` or `with_node_id=name`."""
    source = c.read_name("the column of an edge's source")
    for mark in ("-", "-", ">"):
        c.expect(mark)
    target = c.read_name("the column of an edge's target")
    nodes: list[tree.GraphNodes] = []
    node_id = ""
    if c.accept("with_node_id"):
        c.expect("=")
        node_id = c.read_declared_name("the name of a column").name
    elif c.accept("with"):
        nodes.append(_parse_nodes(c))
        while c.accept(","):
            nodes.append(_parse_nodes(c))
    if c.token.text == "partitioned-by":
        raise make_unsupported_query_error("partitioned-by of make-graph", c.token.span)
    return tree.MakeGraph(
        source=source, target=target, nodes=tuple(nodes), node_id=node_id, span=c.make_span(start)
    )


def _parse_nodes(c: Cursor) -> tree.GraphNodes:
    start = c.token.start
    rows = parse_access(c)
    c.expect("on")
    return tree.GraphNodes(rows=rows, id=c.read_name("the column of a node's id"), span=c.make_span(start))


@register_reader("graph-match")
def parse_graph_match(c: Cursor, start: int) -> tree.GraphMatch:
    """`graph-match cycles=... patterns where predicate project items`."""
    return _parse_match(c, start, "cycles", shortest=False)


@register_reader("graph-shortest-paths")
def parse_graph_shortest_paths(c: Cursor, start: int) -> tree.GraphMatch:
    """`graph-shortest-paths output=... pattern where predicate project items`."""
    return _parse_match(c, start, "output", shortest=True)


def _parse_match(c: Cursor, start: int, own: str, *, shortest: bool) -> tree.GraphMatch:
    options = parse_parameters(c, own)
    patterns = [_parse_sequence(c)]
    while c.accept(","):
        patterns.append(_parse_sequence(c))
    predicate = parse_predicate(c) if c.accept("where") else None
    c.expect("project")
    return tree.GraphMatch(
        patterns=tuple(patterns),
        predicate=predicate,
        items=parse_expressions(c),
        parameters=options,
        shortest=shortest,
        span=c.make_span(start),
    )


def _parse_sequence(c: Cursor) -> tree.GraphSequence:
    start = c.token.start
    nodes = [_parse_node(c)]
    edges: list[tree.GraphEdge] = []
    while c.token.text in ("-", "<"):
        edges.append(_parse_edge(c))
        nodes.append(_parse_node(c))
    return tree.GraphSequence(nodes=tuple(nodes), edges=tuple(edges), span=c.make_span(start))


def _parse_node(c: Cursor) -> str:
    c.expect("(")
    name = "" if c.token.text == ")" else c.read_name("the name of a node").name
    c.expect(")")
    return name


def _parse_edge(c: Cursor) -> tree.GraphEdge:
    """`-[e]->`, `<-[e*1..3]-`, `-->`, `--`."""
    start = c.token.start
    left = c.accept("<")
    c.expect("-")
    name, low, high = _parse_edge_name(c) if c.accept("[") else ("", None, None)
    c.expect("-")
    right = c.accept(">")
    if left and right:
        raise make_invalid_error("an edge has one direction, or none", c.make_span(start))
    direction = "left" if left else "right" if right else "any"
    return tree.GraphEdge(name=name, direction=direction, low=low, high=high, span=c.make_span(start))


def _parse_edge_name(c: Cursor) -> tuple[str, int | None, int | None]:
    name = "" if c.token.text in ("*", "]") else c.read_name("the name of an edge").name
    low = high = None
    if c.accept("*"):
        start = c.token.start
        low = _parse_count(c)
        c.expect("..")
        high = _parse_count(c)
        if low > high or high > MAX_HOPS:
            raise make_invalid_error(
                f"a path has from fewer to more edges, {MAX_HOPS} at most", c.make_span(start)
            )
    c.expect("]")
    return name, low, high


def _parse_count(c: Cursor) -> int:
    if c.token.kind != "long" or not c.token.text.isdecimal():
        raise c.build_expected_error("a number of edges")
    return int(c.read_token().text)


@register_reader("graph-where-nodes")
def parse_graph_where_nodes(c: Cursor, start: int) -> tree.GraphWhere:
    """`graph-where-nodes predicate`."""
    return tree.GraphWhere(element="nodes", predicate=parse_predicate(c), span=c.make_span(start))


@register_reader("graph-where-edges")
def parse_graph_where_edges(c: Cursor, start: int) -> tree.GraphWhere:
    """`graph-where-edges predicate`."""
    return tree.GraphWhere(element="edges", predicate=parse_predicate(c), span=c.make_span(start))


@register_reader("graph-mark-components")
def parse_graph_mark_components(c: Cursor, start: int) -> tree.GraphMarkComponents:
    """`graph-mark-components kind=weak|strong with_component_id=name`."""
    return tree.GraphMarkComponents(
        parameters=parse_parameters(c, "kind with_component_id"), span=c.make_span(start)
    )


@register_reader("graph-to-table")
def parse_graph_to_table(c: Cursor, start: int) -> tree.GraphToTable:
    """`graph-to-table nodes` or `edges`."""
    word = c.token
    if word.text not in ("nodes", "edges"):
        raise c.build_expected_error("nodes or edges")
    c.read_token()
    options = parse_parameters(c, "with_node_id with_source_id with_target_id")
    if c.token.text in (",", "as"):
        raise make_unsupported_query_error(
            "several tables of graph-to-table", c.token.span, "write one statement a table"
        )
    if options:
        raise make_unsupported_query_error(f"graph-to-table with {options[0].name}", options[0].span)
    return tree.GraphToTable(element=word.text, parameters=options, span=c.make_span(start))
