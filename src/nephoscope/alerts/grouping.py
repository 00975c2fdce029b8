"""Which alerts make one incident: by the rule's own grouping, else by the entities of one story.

A rule that groups nothing by itself makes one incident an alert in Sentinel, where a correlation engine of its own then joins those
of one story. Here an alert joins the open incident with which it shares the most strong entities within a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from nephoscope.alerts.rule import Matching, Rule
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity

STORY = timedelta(days=1)
MOST_ALERTS = 150
"""Alerts that an incident takes; the next makes a new one, as in Sentinel."""
#: Kinds that tie alerts of different rules together, with the names that are good enough to do so.
_TIES = {
    "Account": {
        "AadUserId",
        "Sid",
        "Name|UPNSuffix",
        "Name|NTDomain",
        "Name|DnsDomain",
        "ObjectGuid",
        "PUID",
    },
    "Host": {"AzureID", "OMSAgentID", "HostName|DnsDomain", "HostName|NTDomain", "HostName"},
    "IP": {"Address"},
    "AzureResource": {"ResourceId"},
    "FileHash": {"Algorithm|Value"},
    "Mailbox": {"MailboxPrimaryAddress", "Upn"},
    "CloudApplication": {"AppId"},
}


@dataclass(frozen=True, slots=True)
class Grouping:
    """How an alert finds its incident: `wanted` keys (one is enough), within `lookback`, also a closed one where it `reopens`."""

    wanted: tuple[str, ...]
    lookback: timedelta
    reopens: bool = False


def grouping(rule: Rule, alert: Alert) -> Grouping:
    """The grouping of an alert; without a wanted key it makes an incident of its own."""
    asked = rule.incidents
    if not asked.grouped:
        return Grouping(ties(alert), STORY)
    return Grouping((_own(rule, alert),), asked.lookback, asked.reopen)


def ties(alert: Alert) -> tuple[str, ...]:
    """The strong names of the alert's entities."""
    return strong_keys(alert.entities)


def strong_keys(entities: Iterable[Entity]) -> tuple[str, ...]:
    """The names of entities that are good enough to tie what is told of them together, each once."""
    return tuple(dict.fromkeys(key for entity in entities for key in entity.keys if _strong(entity, key)))


def _strong(entity: Entity, key: str) -> bool:
    parts = key.split("|")
    return "|".join(parts[1 : 1 + (len(parts) - 1) // 2]) in _TIES.get(entity.kind, ())


def _own(rule: Rule, alert: Alert) -> str:
    """What alerts of one rule have in common that go together."""
    asked = rule.incidents
    if asked.matching is Matching.ANY_ALERT:
        return f"rule|{rule.id}"
    if asked.matching is Matching.ALL_ENTITIES:
        return "\n".join([f"rule|{rule.id}|all", *sorted(one.key for one in alert.entities)])
    chosen = {one.lower() for one in asked.entities}
    parts = sorted(one.key for one in alert.entities if one.kind.lower() in chosen)
    details = {"displayname": alert.name, "severity": alert.severity.value}
    parts += [f"{name}={details.get(name.lower(), '')}" for name in sorted(asked.details)]
    parts += [f"{name}={alert.custom_details.get(name, [])}" for name in sorted(asked.custom_details)]
    return "\n".join([f"rule|{rule.id}|selected", *parts])
