"""make-graph and graph-to-table: a graph is two tables, its nodes and its edges, each computed once."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, Meaning, make_reference, register_operator_binder
from nephoscope_kql.binder.scope import share_bound_rows
from nephoscope_kql.binder.tree_building import build_extend, build_name, build_project_away, build_where
from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.parser import parse
from nephoscope_kql.plan.relations import FirstOf, Graph
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import GraphToTable, GraphWhere, MakeGraph

NODES, EDGES = "$nodes", "$edges"
"""The names of a graph's tables in the text that stands for an operator."""
NODE, EDGE, SOURCE, TARGET = "$node", "$edge", "$source", "$target"
"""Hidden columns: what identifies a node and an edge, and the nodes of an edge."""

_FIRST = 10**12
"""The number of the first edge: all have as many digits, so that texts of paths order as the edges do."""


def enter_graph(graph: Graph, env: Env) -> Env:
    """Return the names of an environment, with the graph's tables."""
    return enter_rows({NODES: graph.nodes, EDGES: graph.edges}, env)


def enter_rows(rows: dict[str, Relation], env: Env) -> Env:
    """Return the names of an environment without its row, with rows that are computed once."""
    names: dict[str, Meaning] = {name: share_bound_rows(relation, env) for name, relation in rows.items()}
    inner = env.without_row().with_names(names)
    if inner.visible is None:
        return inner
    return replace(inner, visible=(*inner.visible, *names))


def apply_operators(relation: Relation, operators: list[tree.Operator], env: Env) -> Relation:
    """The rows after some operators."""
    for operator in operators:
        relation = env.binder.bind_operator(relation, operator, env)
    return relation


def apply_text(relation: Relation, text: str, env: Env) -> Relation:
    """The rows after the operators of a text, which names no column that a user chose."""
    return apply_operators(relation, list(_parse_operators(text)), env)


@lru_cache(maxsize=64)
def _parse_operators(text: str) -> tuple[tree.Operator, ...]:
    statement = parse(f"T | {text}").statements[0]
    if not isinstance(statement, tree.Evaluation) or not isinstance(statement.value, tree.Pipe):
        raise AssertionError(text)
    return statement.value.operators


def read_graph(relation: Relation, span: Span) -> Graph:
    """The graph that an operator of graphs works on; KqlError where it is a table."""
    if not isinstance(relation, Graph):
        raise make_invalid_error(
            "a graph is expected here, not a table", span, "make-graph makes a graph of edges"
        )
    return relation


@register_operator_binder(MakeGraph)
def bind_make_graph(relation: Relation, operator: MakeGraph, env: Env) -> Relation:
    """`make-graph source --> target`: the rows are its edges, whatever they name is a node."""
    span = operator.span
    edges = apply_text(relation, f"serialize ['{EDGE}'] = row_number({_FIRST})", env)
    ends = {SOURCE: operator.source, TARGET: operator.target}
    edges = apply_operators(edges, [build_extend(dict(ends), span)], env)
    edges = share_bound_rows(edges, env).make()
    inner = enter_rows({EDGES: edges}, env)
    named = apply_text(
        inner.bind_tabular(build_name(EDGES, span)),
        f"project ['{NODE}'] = ['{SOURCE}'] | union ({EDGES} | project ['{NODE}'] = ['{TARGET}'])",
        inner,
    )
    _check_one_type(named, span)
    if operator.nodes:
        nodes = _add_properties(named, operator, env)
    else:
        nodes = apply_text(named, f"distinct ['{NODE}']", env)
        if operator.node_id:
            given = {operator.node_id: build_name(NODE, span)}
            nodes = apply_operators(nodes, [build_extend(dict(given), span)], env)
    return Graph(columns=(), nodes=share_bound_rows(nodes, env).make(), edges=edges)


def _check_one_type(nodes: Relation, span: Span) -> None:
    """Refuse ids of several types, of which a union makes several columns."""
    if [column.name for column in nodes.columns] != [NODE]:
        raise make_invalid_error("the ids of nodes, and of sources and targets of edges, have one type", span)


def _add_properties(named: Relation, operator: MakeGraph, env: Env) -> Relation:
    """The nodes of the given tables, and those that only edges name, which have an id alone."""
    span = operator.span
    tables = [_read_nodes(one, env) for one in operator.nodes]
    given = tables[0]
    if len(tables) > 1:
        rows = {f"$nodes{place}": one for place, one in enumerate(tables)}
        inner = enter_rows(rows, env)
        given = apply_text(
            inner.bind_tabular(build_name("$nodes0", span)), f"union {', '.join([*rows][1:])}", inner
        )
    key = next((column for column in given.columns if column.name == NODE), None)
    if key is None:
        raise make_invalid_error("the ids of nodes, and of sources and targets of edges, have one type", span)
    given = FirstOf(columns=given.columns, order=given.order, input=given, keys=(make_reference(key, span),))
    inner = enter_rows({NODES: given}, env)
    every = apply_text(named, f"union ({NODES} | project ['{NODE}'])", inner)
    _check_one_type(every, span)
    found = apply_text(
        every,
        f"distinct ['{NODE}'] | join kind=leftouter {NODES} on ['{NODE}'] | project-away ['{NODE}1']",
        inner,
    )
    ids = {one.id.name: build_name(NODE, span) for one in operator.nodes[:1]}
    return apply_operators(found, [build_extend(dict(ids), span)], env)


def _read_nodes(item: tree.operators.GraphNodes, env: Env) -> Relation:
    return apply_operators(env.bind_tabular(item.rows), [build_extend({NODE: item.id}, item.span)], env)


@register_operator_binder(GraphToTable)
def bind_graph_to_table(relation: Relation, operator: GraphToTable, env: Env) -> Relation:
    """`graph-to-table nodes` or `edges`."""
    graph = read_graph(relation, operator.span)
    rows, hidden = (
        (graph.nodes, (NODE,)) if operator.element == "nodes" else (graph.edges, (EDGE, SOURCE, TARGET))
    )
    return apply_operators(rows, [build_project_away(hidden, operator.span)], env)


@register_operator_binder(GraphWhere)
def bind_graph_where(relation: Relation, operator: GraphWhere, env: Env) -> Relation:
    """`graph-where-nodes` and `graph-where-edges`: an edge stays only where both its nodes do."""
    graph = read_graph(relation, operator.span)
    filters = list(build_where([operator.predicate], operator.span))
    if operator.element == "edges":
        return Graph(columns=(), nodes=graph.nodes, edges=apply_operators(graph.edges, [*filters], env))
    nodes = share_bound_rows(apply_operators(graph.nodes, [*filters], env), env).make()
    inner = enter_rows({NODES: nodes}, env)
    kept = f"where ['{SOURCE}'] in (({NODES} | project ['{NODE}'])) and ['{TARGET}'] in (({NODES} | project ['{NODE}']))"
    return Graph(columns=(), nodes=nodes, edges=apply_text(graph.edges, kept, inner))
