"""Choices to narrow a suppression: the entities of an alert together, one of them, or the whole rule; the narrowest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.advisors.exclusion import FIELDS, SUBJECTS, get_entity_value
from nephoscope.model.resource_names import shorten_name

if TYPE_CHECKING:
    from nephoscope.model.entity import Entity

#: The values of a form that name no single entity.
TOGETHER, WHOLE_RULE = "together", "rule"
#: Kinds of entities from the narrowest: what is named by few alerts stands before what many name.
_NARROWEST = (
    "FileHash", "Process", "File", "URL", "MailMessage", "AzureResource", "Host", "Account", "CloudApplication", "Mailbox", "IP",
)  # fmt: skip
#: `UPNSuffix` is UPN and Suffix.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORDS = {
    "equals": "is", "in": "is one of", "contains": "contains", "inWatchlist": "is in the watchlist", "atMost": "is at most",
}  # fmt: skip
_KINDS = {
    "account": "Account", "host": "Host", "cloudapplication": "Application", "mailbox": "Mailbox",
    "ip": "IP", "azureresource": "Resource", "process": "Process", "file": "File", "filehash": "File hash",
    "url": "URL", "dns": "Domain",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a suppression can be narrowed to, as people read it."""

    label: str
    conditions: Sequence[SuppressionCondition] = ()


def list_suppression_choices(entities: Sequence[Entity]) -> dict[str, Choice]:
    """Return what a form offers: value -> choice, the narrowest first and the whole rule last."""
    together = _combine_conditions(entities)
    found = {}
    if len(together) > 1:
        label = " and ".join(describe_condition(one.document()) for one in together)
        found[TOGETHER] = Choice(label, together)
    for entity in sorted(entities, key=_rank_narrowness):
        found |= _build_entity_choices(entity)
    return {**found, WHOLE_RULE: Choice("All alerts of this rule")}


def _rank_narrowness(entity: Entity) -> int:
    return _NARROWEST.index(entity.kind) if entity.kind in _NARROWEST else len(_NARROWEST)


def _combine_conditions(entities: Sequence[Entity]) -> list[SuppressionCondition]:
    """A condition for each kind of those that act and of what they act on."""
    found = []
    for kind in SUBJECTS:
        values = dict.fromkeys(
            value for one in entities if one.kind == kind and (value := get_entity_value(one))
        )
        if values:
            found.append(
                SuppressionCondition(FIELDS[kind], "in" if len(values) > 1 else "equals", tuple(values))
            )
    return found


def _build_entity_choices(entity: Entity) -> dict[str, Choice]:
    """The entity by the name that people know, then by each of its identifiers."""
    found: dict[str, Choice] = {}
    named = [(FIELDS[entity.kind], get_entity_value(entity))] if entity.kind in FIELDS else []
    several = [(_format_field(entity, name), value) for name, value in entity.identifiers]
    for field, value in [*named, *several]:
        known = any(one.lower() == f"{field}={value}".lower() for one in found)
        if isinstance(value, str) and value and not value.startswith(("{", "[")) and not known:
            condition = SuppressionCondition(field, "equals", (value,))
            found[f"{field}={value}"] = Choice(describe_condition(condition.document()), [condition])
    return found


def _format_field(entity: Entity, name: str) -> str:
    return f"entities.{entity.kind.lower()}.{name[0].lower()}{name[1:]}"


def describe(conditions: Sequence[dict[str, object]], *, whole: bool = False) -> str:
    """Say in words what a suppression holds back; `conditions` as Azure writes `allOf`, resources by name unless `whole`."""
    return (
        " and ".join(describe_condition(one, whole=whole) for one in conditions) or "All alerts of the rule"
    )


def describe_condition(document: dict[str, object], *, whole: bool = False) -> str:
    """Say one condition in words: `IP address is 192.0.2.7`."""
    operator = next((one for one in _WORDS if one in document), "")
    value = document.get(operator, "")
    several = value if isinstance(value, list) else [value]
    shown = [
        one if whole or not one.startswith("/subscriptions/") else shorten_name(one)
        for one in map(str, several[:3])
    ]
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    named = describe_field(str(document.get("field", "")))
    return f"{named} {_WORDS.get(operator, operator)} {', '.join(shown)}{more}"


def describe_field(field: str) -> str:
    """Say a field in words: `entities.ip.address` as `IP address`, `details.Requests` as `Requests`."""
    place, _, rest = field.partition(".")
    if place != "entities":
        return rest or field
    kind, _, identifier = rest.rpartition(".")
    several = _WORD.findall(f"{identifier[:1].upper()}{identifier[1:]}")
    spaced = " ".join(one if one.isupper() else one.lower() for one in several)
    words = {"full name": "", "resource id": "", "app id": "ID"}.get(spaced, spaced)
    bare = kind.removesuffix("[0]")
    first = "First " if bare != kind else ""
    return f"{first}{_KINDS.get(bare.lower().replace('-', ''), bare)} {words}".strip()
