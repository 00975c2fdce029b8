"""Exposure connections from the Internet to any target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import INTERNET, Connection, ConnectionKind

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.entity import GraphEntity
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource


def connect_internet(
    facts: GraphFacts, graph: SecurityGraph, resource: Resource, why: str, remedy: str
) -> GraphEntity:
    """Connect the Internet to a resource; the entity of it."""
    found = facts.add_entity(graph, resource)
    graph.connect(
        Connection(
            INTERNET.id,
            found.id,
            ConnectionKind.EXPOSES,
            why,
            remedy,
            facts.findings.list_guarding_findings(resource.key),
        )
    )
    return found
