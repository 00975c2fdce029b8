"""The security graph of an estate, built source by source: what comes later connects what came before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS
from nephoscope.estate.public_endpoint import FIREWALLED, SITE_CONFIG
from nephoscope.estate.roles import READS as ROLE_READS
from nephoscope.posture.attack_paths.connections import (
    exposed_apps,
    exposed_clusters,
    exposed_databases,
    exposed_machines,
    exposed_storage,
    lateral_movement,
    managed_identities,
    permissions,
    weak_accounts,
)
from nephoscope.posture.attack_paths.connections.exposed_databases import ENTRA_ONLY, SQL_SERVER
from nephoscope.posture.attack_paths.connections.exposed_storage import CONTAINER
from nephoscope.posture.attack_paths.connections.managed_identities import ASSIGNED, RUNNING
from nephoscope.posture.attack_paths.entity import INTERNET
from nephoscope.posture.attack_paths.graph import SecurityGraph
from nephoscope.posture.attack_paths.sensitive_stores import STORES, VAULT, store_entity
from nephoscope.posture.attack_paths.type_names import MANAGED_INSTANCE

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts

#: The lower-cased types that the graph is built from: what is collected for it.
READS = frozenset(
    {
        *EXPOSURE_READS, *NETWORK_READS, *ROLE_READS, *RUNNING, *STORES, VAULT, ASSIGNED, CONTAINER, SITE_CONFIG, *ENTRA_ONLY,
        *(f"{type_}/firewallrules" for type_ in FIREWALLED), f"{SQL_SERVER}/databases", f"{MANAGED_INSTANCE}/databases",
    }
)  # fmt: skip
#: In this order: permissions are followed from identities and accounts, moves between machines to those with permissions.
_SOURCES = (
    exposed_machines,
    exposed_apps,
    exposed_clusters,
    exposed_storage,
    exposed_databases,
    managed_identities,
    weak_accounts,
    permissions,
    lateral_movement,
)


def build_graph(facts: GraphFacts) -> SecurityGraph:
    """The security graph of the facts, to which what was not read is added as gaps."""
    graph = SecurityGraph()
    for source in _SOURCES:
        source.connect(facts, graph)
    for connection in graph.list_outgoing_connections(INTERNET.id):
        resource = facts.view.estate.resources[connection.target]
        if resource.type in STORES:
            store_entity(facts, graph, resource)
    return graph
