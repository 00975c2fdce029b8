"""Kubernetes clusters whose API server answers every address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.public_endpoint import CLUSTER, find_endpoint_access
from nephoscope.posture.attack_paths.exposure_connections import connect_internet

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

REMEDY = "Make the cluster private or list the address ranges that may call its API server."


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from the Internet to each cluster that it may call."""

    def look(cluster: Resource) -> None:
        if find_endpoint_access(cluster, facts.view) is EndpointAccess.EVERYBODY:
            connect_internet(
                facts, graph, cluster, f"The API server of {cluster.name} answers every address", REMEDY
            )

    facts.visit_each(CLUSTER, "which clusters the Internet reaches", look)
