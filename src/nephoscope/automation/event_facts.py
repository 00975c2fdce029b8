"""Event facts: properties, entity identifiers and changes of an alert, incident or risk that conditions read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nephoscope.alerts.rules.dynamic_properties import list_techniques
from nephoscope.alerts.rules.renamed_rules import load_former_names
from nephoscope.automation.condition import EventView
from nephoscope.model.entity import Entity
from nephoscope.model.identifiers import IDENTIFIERS

FACTS = (
    "severity",
    "status",
    "tactics",
    "techniques",
    "rule",
    "title",
    "owner",
    "labels",
    "alerts",
    "comments",
    "description",
    "provider",
    "product",
    "source",
    "risklevel",
    "riskstate",
    "riskeventtypes",
    "identitykind",
)
"""What `extract_facts` returns."""
CHANGED, BEFORE, ENTITY = "changed", "before", "entity"


def extract_facts(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what conditions look at, of an alert, an incident or a risk."""
    more = document.get("AdditionalData") or {}
    owner = document.get("Owner") or {}
    return {
        "severity": _read_texts(document.get("Severity") or document.get("AlertSeverity")),
        "status": _read_texts(document.get("Status")),
        "tactics": _read_texts(more.get("tactics") or str(document.get("Tactics", "")).split(", ")),
        "techniques": _read_texts(more.get("techniques") or list_techniques(document)),
        "rule": _read_texts(
            document.get("RelatedAnalyticRuleIds") or str(document.get("AlertType", "")).partition("_")[2]
        ),
        "title": _read_texts(document.get("Title") or document.get("AlertName")),
        "owner": _read_texts(owner.get("userPrincipalName")),
        "labels": _read_texts([one["labelName"] for one in document.get("Labels") or []]),
        "alerts": _read_texts(document.get("AlertIds")),
        "comments": _read_texts(str(len(document.get("Comments") or []))),
        "description": _read_texts(document.get("Description")),
        "provider": _read_texts(document.get("ProviderName")),
        "product": _read_texts(document.get("ProductName")),
        "source": _read_texts(document.get("ModifiedBy")),
        "risklevel": _read_texts(document.get("RiskLevel")),
        "riskstate": _read_texts(document.get("RiskState")),
        "riskeventtypes": _read_texts(document.get("RiskEventTypes")),
        "identitykind": _read_texts(document.get("IdentityKind")),
    }


def _read_texts(value: object) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [str(one) for one in several if one not in (None, "")]


def find_changed_facts(before: Mapping[str, object], facts: Mapping[str, list[str]]) -> list[str]:
    """Return the names of facts that are not as they were; one of which nothing was kept is none."""
    return [name for name, values in facts.items() if name in before and before[name] != values]


def build_row_view(document: Mapping[str, object], before: Mapping[str, Any] | None = None) -> EventView:
    """Return an alert or incident as conditions see it; `before` are the facts that the event before had."""
    facts, earlier = extract_facts(document), before or {}
    known = {
        **facts,
        "title": [*facts["title"], *_list_former_names(facts["rule"])],
        **build_entity_facts(document),
        **{f"{BEFORE}.{name}": values for name, values in earlier.items()},
        CHANGED: find_changed_facts(earlier, facts),
    }
    return EventView(known, {**_build_azure_facts(document), **document})


def _list_former_names(rules: Iterable[str]) -> list[str]:
    """Return what the rules were called before: people's conditions on a title may still ask for it."""
    return [name for rule in rules for name in load_former_names().get(rule, ())]


def build_document_view(body: Mapping[str, object]) -> EventView:
    """Return a published document as conditions see it."""
    return EventView({}, body)


def _build_azure_facts(row: Mapping[str, object]) -> dict[str, object]:
    """Return what Azure's automations call by other names than the tables of alerts and incidents."""
    named = {
        "Severity": row.get("Severity") or row.get("AlertSeverity"),
        "DisplayName": row.get("DisplayName") or row.get("Title") or row.get("AlertName"),
        "AlertDisplayName": row.get("DisplayName") or row.get("AlertName"),
        "Status": row.get("Status"),
    }
    return {**named, "properties": {**row, **named}}


def build_entity_facts(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The identifiers of the entities, by `entity.KIND.IDENTIFIER` as `normalize_fact_name` writes it."""
    found: dict[str, list[str]] = {}
    for one in document.get("Entities") or []:
        for name, value in {**one, **_derive_identifiers(one)}.items():
            if name != "Type":
                found.setdefault(_build_entity_fact_name(str(one.get("Type", "")), name), []).append(
                    str(value)
                )
    return found


def _derive_identifiers(document: Mapping[str, object]) -> dict[str, str]:
    """Identifiers that entities are not kept by: the whole name, which is cut into its parts, and the subscription of a resource."""
    entity = Entity.read(dict(document))
    if entity.kind in ("Account", "Host") and entity.identifiers:
        return {"FullName": entity.title}
    parts = entity.get("ResourceId").lower().split("/")
    return {"SubscriptionId": parts[2]} if parts[:2] == ["", "subscriptions"] and len(parts) > 2 else {}


def normalize_fact_name(text: str) -> str:
    """Return how a property of a condition is kept; ValueError that says which there are where it is none.

    Kinds of entities are taken with or without the dash that Azure writes in some: azure-resource, AzureResource.
    """
    name = text.lower()
    if name in FACTS or name == CHANGED:
        return name
    first, _, rest = name.partition(".")
    if first == BEFORE and rest in FACTS:
        return name
    if first == ENTITY and rest.count(".") == 1:
        return _build_entity_fact_name(*_require_identifier(*rest.split(".")))
    raise ValueError(
        f"unknown property {text!r:.80}: expected {', '.join(FACTS)}, {CHANGED}, {BEFORE}.NAME of "
        f"these, or {ENTITY}.KIND.IDENTIFIER"
    )


def _build_entity_fact_name(kind: str, identifier: str) -> str:
    return f"{ENTITY}.{kind.lower().replace('-', '')}.{identifier.lower()}"


def _require_identifier(kind: str, identifier: str) -> tuple[str, str]:
    names = {one.lower(): one for one in IDENTIFIERS}
    whole = names.get(kind.replace("-", ""))
    if whole is None:
        raise ValueError(f"unknown entity kind {kind!r:.60}: expected {', '.join(IDENTIFIERS)}")
    if identifier not in IDENTIFIERS[whole]:
        wanted = ", ".join(IDENTIFIERS[whole].values())
        raise ValueError(f"entity {whole} has no identifier {identifier!r:.60}: expected {wanted}")
    return kind, identifier
