"""Sensitive stores: vaults and data stores, with the evidence that their data is sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.public_endpoint import COSMOS, FIREWALLED
from nephoscope.posture.attack_paths.entity import Insight, InsightKind
from nephoscope.posture.attack_paths.type_names import ACCOUNT, MANAGED_INSTANCE

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.attack_paths.entity import GraphEntity
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

VAULT = "microsoft.keyvault/vaults"
STORES = (ACCOUNT, *FIREWALLED, MANAGED_INSTANCE, COSMOS)
#: Tags that tell the class of data, without case and punctuation, and the values that mean sensitive.
_TAGS = frozenset(
    {"dataclass", "dataclassification", "classification", "confidentiality", "sensitivity", "datasensitivity"}
)
_SENSITIVE = frozenset(
    {
        "confidential", "highlyconfidential", "strictlyconfidential", "secret", "topsecret", "restricted", "sensitive", "pii",
        "personal", "personaldata", "phi", "pci", "gdpr", "financial", "health",
    }
)  # fmt: skip


def explain_sensitivity(view: EstateView, store: Resource) -> str:
    """Explain why the data of a store is sensitive, '' where nothing says so: tags of the store, its databases and its containers."""
    for one in (store, *_list_children(view, store)):
        tags = one.body.get("tags")
        for name, value in tags.items() if isinstance(tags, dict) else ():
            if _normalize_text(str(name)) in _TAGS and _normalize_text(str(value)) in _SENSITIVE:
                return f"{one.name} is tagged {name}={value}"
    return ""


def store_entity(facts: GraphFacts, graph: SecurityGraph, store: Resource) -> GraphEntity:
    """The entity of a store, with what says that its data is sensitive."""
    found = facts.add_entity(graph, store)
    if why := explain_sensitivity(facts.view, store):
        graph.add_insight(found, Insight(InsightKind.SENSITIVE_DATA, why))
    return found


def _list_children(view: EstateView, store: Resource) -> tuple[Resource, ...]:
    return tuple(view.list_children(f"{store.type}/databases", store.key))


def _normalize_text(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
