"""Alert visibility: the parts of an alert that a reader with access to some subscriptions may see.

Whoever reads the workspace, or all that an alert names, is told all of it. Another is told which rule raised it, and of the resources
of the own reach. Accounts, addresses and the like lie in no subscription, and an alert does not say which of its rows named them:
they are left out, and so are the texts that were filled in from rows
(docs/decisions/0491-an-alert-is-about-one-tenant.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.entities.resource_mentions import ResourceMention, find_mentions
from nephoscope.model.entity import Entity
from nephoscope.model.read_scope import EVERYTHING, Reach

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.state.incidents.alerts import StoredAlert

READ = "Microsoft.Security/alerts/read"
LEFT_OUT = "Left Out"
#: What an alert says of its rule and its time, which is of no row.
_OF_THE_RULE = {
    "Query Period", "Query Frequency", "Trigger Operator", "Trigger Threshold", "Event Grouping",
    "Query Start Time UTC", "Query End Time UTC", "Analytic Rule Ids", "Analytic Rule Name",
}  # fmt: skip
#: Columns of JSON -> what the properties of an alert call what they hold, and what stands in one that is empty.
_JSON = {"Entities": ("entities", "[]"), "ExtendedProperties": ("extendedProperties", "{}")}
#: What names an alert, by a text that may be filled in from a row.
_NAMES = ("alertDisplayName", "DisplayName", "AlertName")
#: What describes it by such a text.
_DESCRIPTIONS = ("description", "Description")
_PARTLY = (
    "Your roles cover a part of this alert: its description, its query and what that found, and entities that are no resources"
    " of yours are left out."
)
_HIDDEN = "…"
#: Words that are shorter are not looked for: they would be found within others.
_LEAST = 3


@dataclass(frozen=True)
class AlertVisibility:
    """The reader of an alert: what is reached, and the subscriptions that there are (lower-cased GUIDs)."""

    reach: Reach
    subscriptions: frozenset[str] = frozenset()

    def find_hidden_mentions(self, text: str) -> frozenset[ResourceMention]:
        """Return what a text names that is out of reach."""
        if self.reach.everything:
            return frozenset()
        return frozenset(one for one in find_mentions(text, self.subscriptions) if not self._can_see(one))

    def _can_see(self, one: ResourceMention) -> bool:
        if one.group_id or one.resource:
            return self.reach.can_read(one.subscription, one.group_id)
        # the subscription alone is known to who reaches a resource group of it
        return self.reach.can_read(one.subscription) or any(
            group.split("/")[2] == one.subscription for group in self.reach.groups
        )

    def redact_properties(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties of an alert, as Microsoft.Security has them, without what is out of reach."""
        beyond = self.find_hidden_mentions(json.dumps(properties, ensure_ascii=False))
        return _PartialAlert(self, properties, beyond).redacted_properties if beyond else dict(properties)

    def redact_alert(self, alert: StoredAlert) -> StoredAlert:
        """An alert as it is kept, without what is out of reach."""
        row = alert.document
        if not self.find_hidden_mentions(json.dumps(row, ensure_ascii=False)):
            return alert
        rest = {name: value for name, value in row.items() if name not in _JSON}
        document = self.redact_properties(
            rest | {own: json.loads(row.get(name) or empty) for name, (own, empty) in _JSON.items()}
        )
        texts = {name: json.dumps(document.pop(own), ensure_ascii=False) for name, (own, _) in _JSON.items()}
        return replace(alert, document=document | texts)


def find_alert_visibility(caller: Caller, workspace: str = "") -> AlertVisibility:
    """Return what a caller may be told; who may read the alerts of a workspace ('' = of none) reads all of each."""
    if workspace and caller.is_permitted(READ, f"/workspaces/{workspace}"):
        return AlertVisibility(EVERYTHING)
    return AlertVisibility(caller.find_reach(READ), caller.hierarchy.subscriptions)


@dataclass(frozen=True)
class _PartialAlert:
    """An alert of which a part is out of reach."""

    sight: AlertVisibility
    properties: Mapping[str, Any]
    beyond: frozenset[ResourceMention]

    @cached_property
    def entities(self) -> list[dict[str, object]]:
        given = self.properties.get("entities")
        return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []

    @cached_property
    def visible_entities(self) -> list[dict[str, object]]:
        return [one for one in self.entities if self._is_visible_entity(one)]

    def _is_visible_entity(self, entity: dict[str, object]) -> bool:
        text = json.dumps(entity, ensure_ascii=False)
        return bool(find_mentions(text, self.sight.subscriptions)) and not self.sight.find_hidden_mentions(
            text
        )

    @property
    def redacted_properties(self) -> dict[str, object]:
        words = self._compile_hidden_words()
        extended = self.properties.get("extendedProperties") or {}
        given = {**self.properties, **self._read_rule_texts(str(extended.get("Analytic Rule Name") or ""))}
        return {name: self._redact_value(value, words) for name, value in given.items()} | {
            "entities": self.visible_entities,
            "extendedProperties": {
                **{
                    name: self._redact_value(value, words)
                    for name, value in extended.items()
                    if name in _OF_THE_RULE
                },
                LEFT_OUT: _PARTLY,
            },
        }

    def _read_rule_texts(self, rule: str) -> dict[str, object]:
        """Texts that rows may have filled in, as they are without: the name of the rule, and no description."""
        names = {name: rule or self.properties[name] for name in _NAMES if name in self.properties}
        return names | {name: "" for name in _DESCRIPTIONS if name in self.properties}

    def _compile_hidden_words(self) -> re.Pattern[str]:
        """Return what must stand in no text: ids and names of what is out of reach, and of entities that are left out."""
        words = {word for one in self.beyond for word in one.words}
        words |= {
            word.lower()
            for one in self.entities
            if one not in self.visible_entities
            for word in _list_entity_words(one)
        }
        whole = find_mentions(json.dumps(self.properties, ensure_ascii=False), self.sight.subscriptions)
        reached = {word for one in whole - self.beyond for word in one.words}
        reached |= {Entity.read(one).title.lower() for one in self.visible_entities}
        longest = sorted((one for one in words - reached if len(one) >= _LEAST), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest)) or r"(?!)", re.IGNORECASE)

    def _redact_value(self, value: object, words: re.Pattern[str]) -> object:
        if isinstance(value, str):
            return words.sub(_HIDDEN, value)
        if isinstance(value, dict):
            return {name: self._redact_value(one, words) for name, one in value.items()}
        if isinstance(value, list):
            return [
                self._redact_value(one, words)
                for one in value
                if isinstance(one, str) or not self._is_hidden(one)
            ]
        return value

    def _is_hidden(self, value: object) -> bool:
        return bool(self.sight.find_hidden_mentions(json.dumps(value, ensure_ascii=False)))


def _list_entity_words(entity: dict[str, object]) -> set[str]:
    """What names an entity: each of its identifiers, and how people call it."""
    found = Entity.read(entity)
    return {found.title, *(value for _, value in found.identifiers)}
