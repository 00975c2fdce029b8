"""Correlation keys: entity identifiers that join alerts into one incident, strong ones always, weak ones without contradiction.

Source: https://learn.microsoft.com/azure/sentinel/entities-reference (strong and weak identifiers of accounts and hosts).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nephoscope.alerts.entities.enrichment_context import EnrichmentContext
from nephoscope.model.entity import Entity

#: Kinds that tie alerts of different rules together, with the identifiers that are good enough to do so by themselves.
TIES = {
    "Account": {
        "AadUserId",
        "Sid",
        "Name|UPNSuffix",
        "Name|NTDomain",
        "Name|DnsDomain",
        "ObjectGuid",
        "PUID",
    },
    "Host": {
        "AzureID",
        "OMSAgentID",
        "HostName|DnsDomain",
        "HostName|NTDomain",
        "NetBiosName|DnsDomain",
        "NetBiosName|NTDomain",
    },
    "IP": {"Address"},
    "FileHash": {"Algorithm|Value"},
    "Mailbox": {"MailboxPrimaryAddress", "Upn"},
    "CloudApplication": {"AppId"},
}
#: Host names that images are made with: they are no machine's own.
_EVERY_HOST = frozenset({
    "localhost", "localhost4", "localhost6", "ubuntu", "debian", "centos", "fedora", "rocky", "almalinux", "redhat", "rhel", "kali",
    "alpine", "archlinux", "raspberrypi", "host", "default", "unknown", "none", "null", "-", ".", "(none)",
})  # fmt: skip
#: Domains that say nothing of where a machine or an account is.
_EVERY_DOMAIN = frozenset({
    "nt authority", "nt service", "builtin", "workgroup", "window manager", "font driver host", "iis apppool", "nt virtual machine",
    "localhost", "localdomain", "local", "lan", "home", "internal", "default", "unknown", "none", "null", "-", ".",
})  # fmt: skip
#: Of a domain, a machine or a tenant; all other SIDs are the same on every machine (S-1-5-18: SYSTEM).
_OWN_SID = re.compile(r"s-1-(?:5-21|12-1)-.+")
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)")
#: Resources that are hosts, or that hosts (pods, nodes, instances) live in.
_HOLDER = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/"
    r"(?:microsoft\.compute/virtualmachine(?:s|scalesets)|microsoft\.hybridcompute/machines|microsoft\.containerservice/managedclusters"
    r"|microsoft\.kubernetes/connectedclusters|microsoft\.containerinstance/containergroups|microsoft\.app/containerapps"
    r"|microsoft\.web/sites)/[^/]+"
)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class WeakNameScope:
    """Scope of a weak name: `near` (the cluster, the full domain) within `wide` (the subscription, the short domain).

    Two scopes that both have `near` must share a value of it; where one has `wide` alone they must share a value of
    that. An empty scope contradicts none.
    """

    near: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()


NO_PLACE = WeakNameScope()


@dataclass(frozen=True, slots=True)
class CorrelationKeys:
    """The names by which an alert looks for its story (`wanted`), and those by which it is found (`known`)."""

    wanted: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    def __add__(self, other: CorrelationKeys) -> CorrelationKeys:
        return CorrelationKeys(
            tuple(dict.fromkeys([*self.wanted, *other.wanted])),
            tuple(dict.fromkeys([*self.known, *other.known])),
        )


def build_strong_keys(names: Iterable[str]) -> CorrelationKeys:
    """Names that tie wherever they are met."""
    found = tuple(names)
    return CorrelationKeys(found, found)


def build_weak_keys(name: str, where: WeakNameScope = NO_PLACE) -> CorrelationKeys:
    """A name that ties two that do not say different places.

    The names are made so that two alerts share one exactly then, whichever comes first.
    """
    nowhere = f"{name}|@"
    if where.near:
        near = [f"{name}|@{one}" for one in where.near]
        wide = [f"{name}|@{one}" for one in where.wide]
        alone = [f"{name}|@only {one}" for one in where.wide]
        return CorrelationKeys((*near, *alone, nowhere), (*near, *wide, name))
    if where.wide:
        wide = [f"{name}|@{one}" for one in where.wide]
        alone = [f"{name}|@only {one}" for one in where.wide]
        return CorrelationKeys((*wide, nowhere), (*wide, *alone, name))
    return CorrelationKeys((name,), (name, nowhere))


def to_name_scope(entities: Iterable[Entity]) -> WeakNameScope:
    """Build the name scope of an alert's hosts from the resources among its entities."""
    ids = [one.get("ResourceId").lower() for one in entities if one.kind == "AzureResource"]
    holders = dict.fromkeys(found[0] for one in ids if (found := _HOLDER.match(one)))
    subscriptions = dict.fromkeys(found[1] for one in ids if (found := _SUBSCRIPTION.match(one)))
    return WeakNameScope(tuple(holders), tuple(subscriptions))


def find_correlation_keys(
    entity: Entity, beside: Sequence[Entity], around: EnrichmentContext
) -> CorrelationKeys:
    """The names of an entity by which the alert that tells it, and `beside` it others, is tied to others."""
    if entity.kind == "Host":
        return _find_host_keys(entity, to_name_scope(beside), around)
    if entity.kind == "Account":
        return _find_account_keys(entity, beside, around)
    strong = _list_strong_keys(entity)
    return build_strong_keys(strong) + _find_known_names(strong, around)


def _list_strong_keys(entity: Entity) -> list[str]:
    wanted = TIES.get(entity.kind, ())
    return [
        key
        for names, key in entity.names.items()
        if "|".join(names) in wanted and _identifies_one(entity, names)
    ]


def _identifies_one(entity: Entity, names: Sequence[str]) -> bool:
    """Return whether the identifiers are of one thing only, and not alike on every machine."""
    if names[0] in ("HostName", "NetBiosName"):
        return _is_domain_specific(entity, names[1]) and entity.get(names[0]).lower() not in _EVERY_HOST
    if names[0] == "Sid":
        return _OWN_SID.fullmatch(entity.get("Sid").lower()) is not None
    return names[1:] not in (("NTDomain",), ("DnsDomain",)) or _is_domain_specific(entity, names[1])


def _is_domain_specific(entity: Entity, domain: str) -> bool:
    """Return whether a domain tells more than the name: a machine of no domain has its own name for one."""
    value = entity.get(domain).lower()
    return value not in _EVERY_DOMAIN and value != entity.get("HostName").lower()


def _find_known_names(
    keys: Iterable[str], around: EnrichmentContext, where: WeakNameScope = NO_PLACE
) -> CorrelationKeys:
    """Return what the estate knows by the keys: the one name of a machine or an account."""
    found = CorrelationKeys()
    for name in dict.fromkeys(around.same[key] for key in keys if key in around.same):
        if name.startswith("machine|"):
            found += build_weak_keys(name, where)
        elif name.startswith("account|"):
            found += build_strong_keys([name])
    return found


def _find_host_keys(entity: Entity, where: WeakNameScope, around: EnrichmentContext) -> CorrelationKeys:
    strong = _list_strong_keys(entity)
    found = build_strong_keys(strong) + _find_known_names(strong, around)
    weak = entity.names.get(("HostName",))
    if weak is None or entity.get("AzureID") or entity.get("HostName").lower() in _EVERY_HOST:
        return found
    if strong:
        return found + _find_known_names([weak], around, _build_domain_scope(entity))
    return build_weak_keys(weak, where) + _find_known_names(
        [weak] if _may_be_host(around.same.get(weak, ""), where) else [], around
    )


def _build_domain_scope(entity: Entity) -> WeakNameScope:
    """The domain of a host as a place: a full one, or the short one alone."""
    full = entity.get("DnsDomain").lower() if _is_domain_specific(entity, "DnsDomain") else ""
    short = entity.get("NTDomain").lower() if _is_domain_specific(entity, "NTDomain") else ""
    return WeakNameScope((full,) if full else (), tuple(filter(None, (short or full.partition(".")[0],))))


def _may_be_host(machine: str, where: WeakNameScope) -> bool:
    """Return whether a machine of the estate may be the host of an alert that names these places."""
    id_ = machine.removeprefix("machine|")
    subscription = _SUBSCRIPTION.match(id_)
    if where.near:
        return id_ in where.near
    return not where.wide or (subscription is not None and subscription[1] in where.wide)


def _find_account_keys(
    entity: Entity, beside: Sequence[Entity], around: EnrichmentContext
) -> CorrelationKeys:
    strong = _list_strong_keys(entity)
    hosts = {one.get("HostName").lower() for one in beside if one.kind == "Host"}
    if strong:
        local = entity.names.get(("Name", "NTDomain")) if entity.get("NTDomain").lower() in hosts else None
        found = build_strong_keys(one for one in strong if one != local) + _find_known_names(strong, around)
        return found + build_weak_keys(local, to_name_scope(beside)) if local in strong else found
    # a plain name on a host is an account of that host, whatever application has the same name
    plain = entity.names.get(("Name",))
    if plain is None or (hosts and not _GUID.fullmatch(entity.get("Name").lower())):
        return CorrelationKeys()
    return _find_known_names([plain], around)
