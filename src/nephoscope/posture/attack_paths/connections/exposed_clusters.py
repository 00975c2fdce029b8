"""Kubernetes clusters whose API server answers every address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.holdings import known
from nephoscope.posture.attack_paths.exposing import expose

if TYPE_CHECKING:
    from nephoscope.model.resource import Resource
    from nephoscope.posture.attack_paths.facts import Facts
    from nephoscope.posture.attack_paths.graph import Graph

CLUSTER = "microsoft.containerservice/managedclusters"
REMEDY = "Make the cluster private or list the address ranges that may call its API server."
_EVERYWHERE = frozenset({"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"})


def connect(facts: Facts, graph: Graph) -> None:
    """A connection from the Internet to each cluster that it may call."""

    def look(cluster: Resource) -> None:
        if _is_public(known(cluster)):
            expose(facts, graph, cluster, f"The API server of {cluster.name} answers every address", REMEDY)

    facts.each(CLUSTER, "which clusters the Internet reaches", look)


def _is_public(body: dict[str, object]) -> bool:
    if str(body.get("publicNetworkAccess") or "").lower() == "disabled":
        return False
    access = body.get("apiServerAccessProfile")
    profile = access if isinstance(access, dict) else {}
    ranges = profile.get("authorizedIPRanges")
    listed = {str(one) for one in ranges} if isinstance(ranges, list) else set()
    return profile.get("enablePrivateCluster") is not True and (
        not listed or not listed.isdisjoint(_EVERYWHERE)
    )
