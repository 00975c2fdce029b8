"""Rules for which alerts make one incident: by the rule's own grouping, else by the entities of one story.

A rule that groups nothing by itself makes one incident an alert in Sentinel, where a correlation engine of its own then joins those
of one story. Here alerts that share a strong entity within a day are one story, whichever comes first; an alert that shares with two
incidents makes them one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from nephoscope.alerts.entities.correlation_keys import (
    TIES,
    CorrelationKeys,
    build_weak_keys,
    find_correlation_keys,
)
from nephoscope.alerts.entities.enrichment_context import NOWHERE, EnrichmentContext
from nephoscope.alerts.rules.rule import AnalyticRule, MatchingMethod
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity

STORY = timedelta(days=1)
MOST_ALERTS = 150
"""Alerts that an incident takes; the next makes a new one, as in Sentinel."""
CROWD = 5
"""An alert that names more of a kind (the accounts of a spray, the targets of a scan) says of none of them that it acts."""
#: Addresses that every machine has or that are the platform's.
_EVERYWHERE = ("127.", "169.254.", "168.63.129.16", "0.0.0.0", "::1", "fe80:")  # noqa: S104 - compared, not bound
_ALONE = "alone|"
_TOP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/[^/]+/[^/]+")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Grouping of an alert: any `wanted` key finds its incident within `lookback`, a closed one where it `reopens`.

    `known` are the keys by which later alerts find the incident; `merges`: several matching incidents become one.
    """

    wanted: tuple[str, ...]
    lookback: timedelta
    reopens: bool = False
    known: tuple[str, ...] = ()
    merges: bool = False


def find_grouping(rule: AnalyticRule, alert: Alert, around: EnrichmentContext = NOWHERE) -> Grouping:
    """The grouping of an alert; without a wanted key it makes an incident of its own."""
    asked = rule.incidents
    tied = find_alert_keys(alert, around)
    if not asked.grouped:
        return Grouping(tied.wanted, STORY, known=tied.known, merges=True)
    own = _compute_group_key(rule, alert)
    return Grouping((own,), asked.lookback, asked.reopen, (own, *tied.known))


def find_alert_keys(alert: Alert, around: EnrichmentContext = NOWHERE) -> CorrelationKeys:
    """The names by which an alert looks for its story, and those by which it is found.

    Who acts (accounts, machines, addresses, files) ties. A resource that is acted on does so only where an alert says nothing else:
    many unrelated things happen to a gateway in a day.
    """
    actors = CorrelationKeys()
    for kind in TIES:
        several = [one for one in alert.entities if one.kind == kind]
        if len(several) <= CROWD:
            actors += _join_tying_names(several, alert.entities, around)
    resources = [one for one in alert.entities if one.kind == "AzureResource" and _is_specific(one)]
    named = around.expand_keys(map(_find_resource_name, resources)) if len(resources) <= CROWD else []
    for machine in (one for one in named if one.startswith("machine|")):
        actors += build_weak_keys(machine)
    things = tuple(one for one in named if not one.startswith("machine|"))
    alone = tuple(f"{_ALONE}{one}" for one in things)
    if actors.wanted:
        return actors + CorrelationKeys(alone, things)
    return CorrelationKeys((*things, *alone), alone)


def build_bookmark_keys(entities: Sequence[Entity]) -> tuple[str, ...]:
    """The names by which later alerts find what is told of some entities, each once."""
    resources = [one.key for one in entities if one.kind == "AzureResource" and _is_specific(one)]
    tied = [key for one in entities for key in find_correlation_keys(one, entities, NOWHERE).known]
    return tuple(dict.fromkeys([*tied, *resources]))


def _join_tying_names(
    several: Iterable[Entity], beside: Sequence[Entity], around: EnrichmentContext
) -> CorrelationKeys:
    found = CorrelationKeys()
    for one in several:
        if one.kind != "IP" or not _is_shared_address(one.get("Address").lower(), around):
            found += find_correlation_keys(one, beside, around)
    return found


def _is_shared_address(address: str, around: EnrichmentContext) -> bool:
    return around.is_shared_address(address) or address.startswith(_EVERYWHERE)


def _find_resource_name(entity: Entity) -> str:
    """The name of a resource, of a part of one (a storage account's blob service, a machine's extension) that of the whole."""
    whole = _TOP.match(entity.get("ResourceId").lower())
    found = Entity.of(entity.kind, {"ResourceId": whole[0]}) if whole else None
    return (found or entity).key


def _is_specific(entity: Entity) -> bool:
    """Return whether it is one thing: no subscription, resource group or management group."""
    return "/providers/" in entity.get("ResourceId").lower().replace("/providers/microsoft.management/", "/")


def _compute_group_key(rule: AnalyticRule, alert: Alert) -> str:
    """Return what alerts of one rule have in common that go together."""
    asked = rule.incidents
    if asked.matching is MatchingMethod.ANY_ALERT:
        return f"rule|{rule.id}"
    if asked.matching is MatchingMethod.ALL_ENTITIES:
        return "\n".join([f"rule|{rule.id}|all", *sorted(one.key for one in alert.entities)])
    chosen = {one.lower() for one in asked.entities}
    parts = sorted(one.key for one in alert.entities if one.kind.lower() in chosen)
    details = {"displayname": alert.name, "severity": alert.severity.value}
    parts += [f"{name}={details.get(name.lower(), '')}" for name in sorted(asked.details)]
    parts += [f"{name}={alert.custom_details.get(name, [])}" for name in sorted(asked.custom_details)]
    return "\n".join([f"rule|{rule.id}|selected", *parts])
