"""The components of graphs, against what reaches what: computed by following edges until nothing is added."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope_kql.operators.graph_components import mark_components

NODES = st.integers(0, 6)


def groups(edges: list[tuple[int, int]], strong: bool) -> set[frozenset[int]]:
    """The nodes that reach each other."""
    ways = edges if strong else [*edges, *((end, begin) for begin, end in edges)]
    reached = {node: {node} for edge in edges for node in edge}
    while True:
        before = sum(map(len, reached.values()))
        for begin, end in ways:
            for nodes in reached.values():
                nodes |= {end} if begin in nodes else set()
        if before == sum(map(len, reached.values())):
            break
    return {frozenset(other for other in nodes if node in reached[other]) for node, nodes in reached.items()}


@pytest.mark.parametrize("strong", [True, False])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NODES, NODES), min_size=1, max_size=12))
def test_components_are_what_reaches_each_other(strong: bool, edges: list[tuple[int, int]]) -> None:
    begins, ends = (pa.array(one) for one in zip(*edges, strict=True))
    nodes, numbers = (one.to_pylist() for one in mark_components([begins, ends], strong))
    assert set(numbers) == set(range(max(numbers) + 1))
    assert {
        frozenset(node for node, one in zip(nodes, numbers, strict=True) if one == number)
        for number in numbers
    } == groups(edges, strong)


def test_a_long_way_needs_no_deep_stack() -> None:
    places = list(range(50_000))
    nodes, numbers = mark_components([pa.array(places[:-1]), pa.array(places[1:])], True)
    assert len(nodes) == 50_000
    assert len(set(numbers.to_pylist())) == 50_000
