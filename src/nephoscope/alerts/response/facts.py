"""What rules of response may ask of an event: facts of its alert or incident, the identifiers of its entities, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nephoscope.alerts.overriding import techniques_of
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
)
"""What `facts_of` tells."""
CHANGED, BEFORE, ENTITY = "changed", "before", "entity"


def facts_of(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What conditions look at, of an alert or an incident."""
    more = document.get("AdditionalData") or {}
    owner = document.get("Owner") or {}
    return {
        "severity": _texts(document.get("Severity") or document.get("AlertSeverity")),
        "status": _texts(document.get("Status")),
        "tactics": _texts(more.get("tactics") or str(document.get("Tactics", "")).split(", ")),
        "techniques": _texts(more.get("techniques") or techniques_of(document)),
        "rule": _texts(
            document.get("RelatedAnalyticRuleIds") or str(document.get("AlertType", "")).partition("_")[2]
        ),
        "title": _texts(document.get("Title") or document.get("AlertName")),
        "owner": _texts(owner.get("userPrincipalName")),
        "labels": _texts([one["labelName"] for one in document.get("Labels") or []]),
        "alerts": _texts(document.get("AlertIds")),
        "comments": _texts(str(len(document.get("Comments") or []))),
    }


def _texts(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [str(one) for one in several if one not in (None, "")]


def changed(before: Mapping[str, Any], facts: Mapping[str, list[str]]) -> list[str]:
    """The names of facts that are not as they were."""
    return [name for name, values in facts.items() if before and before.get(name) != values]


def entity_facts(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The identifiers of the entities, by `entity.KIND.IDENTIFIER` as `fact_name` writes it."""
    found: dict[str, list[str]] = {}
    for one in document.get("Entities") or []:
        for name, value in {**one, **_derived(one)}.items():
            if name != "Type":
                found.setdefault(_entity_fact(str(one.get("Type", "")), name), []).append(str(value))
    return found


def _derived(document: Mapping[str, Any]) -> dict[str, str]:
    """Identifiers that entities are not kept by: the whole name, which is cut into its parts, and the subscription of a resource."""
    entity = Entity.read(dict(document))
    if entity.kind in ("Account", "Host") and entity.identifiers:
        return {"FullName": entity.title}
    parts = entity.get("ResourceId").lower().split("/")
    return {"SubscriptionId": parts[2]} if parts[:2] == ["", "subscriptions"] and len(parts) > 2 else {}


def fact_name(text: str) -> str:
    """How a property of a condition is kept; ValueError that says which there are where it is none.

    Kinds of entities are taken with or without the dash that Azure writes in some: azure-resource, AzureResource.
    """
    name = text.lower()
    if name in FACTS or name == CHANGED:
        return name
    first, _, rest = name.partition(".")
    if first == BEFORE and rest in FACTS:
        return name
    if first == ENTITY and rest.count(".") == 1:
        return _entity_fact(*_known(*rest.split(".")))
    raise ValueError(
        f"there is no property {text!r:.80}: there are {', '.join(FACTS)}, {CHANGED}, {BEFORE}.NAME of these, and"
        f" {ENTITY}.KIND.IDENTIFIER"
    )


def _entity_fact(kind: str, identifier: str) -> str:
    return f"{ENTITY}.{kind.lower().replace('-', '')}.{identifier.lower()}"


def _known(kind: str, identifier: str) -> tuple[str, str]:
    names = {one.lower(): one for one in IDENTIFIERS}
    whole = names.get(kind.replace("-", ""))
    if whole is None:
        raise ValueError(f"there is no kind of entities {kind!r:.60}: there are {', '.join(IDENTIFIERS)}")
    if identifier not in IDENTIFIERS[whole]:
        wanted = ", ".join(IDENTIFIERS[whole].values())
        raise ValueError(f"an entity {whole} has no identifier {identifier!r:.60}: it has {wanted}")
    return kind, identifier
