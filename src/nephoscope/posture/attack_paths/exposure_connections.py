"""How a connection from the Internet is kept: the same for whatever it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import INTERNET, Connection, ConnectionKind

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.entity import Entity
    from nephoscope.posture.attack_paths.graph import Graph
    from nephoscope.posture.attack_paths.graph_inputs import Facts
    from nephoscope_policy.model.resource import Resource


def expose(facts: Facts, graph: Graph, resource: Resource, why: str, remedy: str) -> Entity:
    """Connect the Internet to a resource; the entity of it."""
    found = facts.entity(graph, resource)
    graph.connect(
        Connection(
            INTERNET.id,
            found.id,
            ConnectionKind.EXPOSES,
            why,
            remedy,
            facts.findings.find_guarding(resource.key),
        )
    )
    return found
