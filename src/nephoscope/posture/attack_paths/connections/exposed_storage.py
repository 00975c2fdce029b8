"""Storage accounts with containers that anybody may read without signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.verdict import join_names
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.posture.attack_paths.entity import Insight, InsightKind
from nephoscope.posture.attack_paths.exposure_connections import connect_internet
from nephoscope.posture.attack_paths.type_names import ACCOUNT

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

CONTAINER = "microsoft.storage/storageaccounts/blobservices/containers"
QUESTION = "which containers are open to everybody"
REMEDY = "Forbid anonymous access to blobs on the account and make its containers private."


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from the Internet to each account with an anonymous container."""
    names: dict[str, list[str]] = {}

    def connect_container(resource: Resource) -> None:
        if str(require_complete(resource).get("publicAccess") or "none").lower() != "none":
            account = resource.key.partition("/blobservices/")[0]
            names.setdefault(account, []).append(resource.name)

    def connect_account(resource: Resource) -> None:
        if (
            not is_open(require_complete(resource))
            or require_complete(resource).get("allowBlobPublicAccess") is False
        ):
            return
        if resource.key in names:
            containers = join_names(sorted(names[resource.key]))
            why = f"Anybody may read the containers {containers} of {resource.name} without signing in"
            found = connect_internet(facts, graph, resource, why, REMEDY)
            graph.add_insight(
                found,
                Insight(
                    InsightKind.ANONYMOUS_ACCESS, why, facts.findings.list_guarding_findings(resource.key)
                ),
            )
        elif not facts.view.covers(CONTAINER, resource.key):
            facts.record_gap(resource.id.subscription, f"{QUESTION}: {CONTAINER}")

    facts.visit_each(CONTAINER, QUESTION, connect_container)
    facts.visit_each(ACCOUNT, QUESTION, connect_account)


def is_open(body: dict[str, object]) -> bool:
    """Return whether an account or a vault answers every network."""
    if str(body.get("publicNetworkAccess") or "").lower() == "disabled":
        return False
    rules = body.get("networkAcls")
    default = rules.get("defaultAction") if isinstance(rules, dict) else None
    return str(default or "allow").lower() == "allow"
