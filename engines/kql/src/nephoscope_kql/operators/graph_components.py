"""graph-mark-components: the nodes that reach each other, by edges in any direction or in theirs."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.tree_building import build_extend, build_name
from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.operators.graphs import (
    NODE,
    NODES,
    SOURCE,
    TARGET,
    apply_operators,
    apply_text,
    enter_graph,
    enter_rows,
    read_graph,
)
from nephoscope_kql.operators.join import find_parameter, read_parameter_choice
from nephoscope_kql.plan.relations import Graph, Mined
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import GraphMarkComponents
from nephoscope_kql.types import KqlType

_COMPONENT = "$component"


@register_operator_binder(GraphMarkComponents)
def bind_graph_mark_components(relation: Relation, operator: GraphMarkComponents, env: Env) -> Relation:
    """`graph-mark-components`: a number, from 0, of the component that each node is of."""
    graph = read_graph(relation, operator.span)
    strong = read_parameter_choice(operator.parameters, "kind", ("weak", "strong"), "components") == "strong"
    given = find_parameter(operator.parameters, "with_component_id")
    name = given.text if given is not None else "ComponentId"
    ends = apply_text(
        graph.edges,
        f"project ['{SOURCE}'], ['{TARGET}'] | union ({NODES} | project ['{SOURCE}'] = ['{NODE}'], ['{TARGET}'] = ['{NODE}'])",
        enter_graph(graph, env),
    )
    marked = Mined(
        columns=(
            env.binder.make_column(NODE, ends.columns[0].type),
            env.binder.make_column(_COMPONENT, KqlType.LONG),
        ),
        input=ends,
        values=tuple(make_reference(column, operator.span) for column in ends.columns),
        name="graph_mark_components",
        settings=(strong,),
        body=mark_components,
    )
    inner = enter_rows({"$marked": marked}, env)
    nodes = apply_text(
        graph.nodes, f"join kind=inner $marked on ['{NODE}'] | project-away ['{NODE}1']", inner
    )
    named: dict[str, tree.Expression] = {name: build_name(_COMPONENT, operator.span)}
    nodes = apply_operators(nodes, [build_extend(named, operator.span)], inner)
    return Graph(
        columns=(), nodes=apply_text(nodes, f"project-away ['{_COMPONENT}']", inner), edges=graph.edges
    )


def mark_components(ends: list[pa.Array], strong: bool) -> tuple[pa.Array, pa.Array]:
    """Return every node of some edges once, and the number of its component, from 0 in the order of the nodes."""
    source, target = ends
    coded = pc.dictionary_encode(pa.concat_arrays([source, target]), null_encoding="encode")
    codes = coded.indices.to_pylist()
    edges = list(zip(codes[: len(source)], codes[len(source) :], strict=True))
    size = len(coded.dictionary)
    found = find_strong_components(edges, size) if strong else find_weak_components(edges, size)
    numbers: dict[int, int] = {}
    marked = [numbers.setdefault(one, len(numbers)) for one in found]
    return coded.dictionary, pa.array(marked, pa.int64())


def find_weak_components(edges: list[tuple[int, int]], size: int) -> list[int]:
    """Return a node of each node's component, the same for all of it, where edges join both ways."""
    parents = list(range(size))

    def find_root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for count, (source, target) in enumerate(edges):
        check_deadline(count)
        parents[find_root(source)] = find_root(target)
    return [find_root(node) for node in range(size)]


def find_strong_components(edges: list[tuple[int, int]], size: int) -> list[int]:
    """Return a node of each node's component, the same for all of it, where every node reaches every other (Tarjan)."""
    following: list[list[int]] = [[] for _ in range(size)]
    for source, target in edges:
        following[source].append(target)
    order, lowest, roots = [-1] * size, [0] * size, [-1] * size
    opened: list[int] = []
    count = 0
    for start in range(size):
        pending = [(start, 0)] if order[start] < 0 else []
        while pending:
            check_deadline(count)
            node, place = pending.pop()
            if place == 0:
                order[node] = lowest[node] = count
                count += 1
                opened.append(node)
            if place < len(following[node]):
                pending.append((node, place + 1))
                other = following[node][place]
                if order[other] < 0:
                    pending.append((other, 0))
                elif roots[other] < 0:
                    lowest[node] = min(lowest[node], order[other])
                continue
            for other in following[node]:
                if roots[other] < 0:
                    lowest[node] = min(lowest[node], lowest[other])
            if lowest[node] == order[node]:
                while roots[node] < 0:
                    roots[opened.pop()] = node
    return roots
