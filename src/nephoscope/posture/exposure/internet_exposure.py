"""Internet exposure of machines and services: each opening with its path and rules, and why the rest is closed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, merge_intervals
from nephoscope.estate.admitted_traffic import list_admitted_traffic
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.ingress_paths import is_broad_set
from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE
from nephoscope.estate.public_endpoint import (
    CLUSTER,
    COSMOS,
    FIREWALLED,
    SITE,
    find_endpoint_access,
    is_public_access_closed,
)
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.estate.rule_stages import passes
from nephoscope.estate.security_rules import SecurityRuleError
from nephoscope.estate.service_network_rules import (
    API_MANAGEMENT,
    CHILDREN,
    CONTAINER_APP,
    CONTAINER_GROUP,
    DISKS,
    REDIS,
    is_export_denied,
)
from nephoscope.estate.service_tags import is_rentable
from nephoscope.posture.exposure.address_text import EVERYBODY, format_addresses, format_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.ingress_paths import IngressPath
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening
    from nephoscope_policy.model.resource import Resource

MACHINES = (MACHINE_TYPE, SCALE_SET_TYPE)
#: Services that have an endpoint, whatever was read of them.
SERVICES = frozenset({*FIREWALLED, CLUSTER, COSMOS, SITE, *CHILDREN, CONTAINER_APP, CONTAINER_GROUP})
#: Services that only a virtual network reaches where nobody else does, whatever their rules.
_INTERNAL = frozenset({CLUSTER, REDIS, API_MANAGEMENT, CONTAINER_APP, CONTAINER_GROUP})
#: A stranger's flow by which the reason for a closed machine is found.
STRANGER, PROBED = "8.8.8.8", 22
#: The path to a service.
PUBLIC_ENDPOINT = "public endpoint"
#: The path to a disk or snapshot: who has its link (a SAS) reads or writes it.
EXPORT_LINK = "export link (SAS)"
NO_WAY = "No path from the Internet"
NO_PUBLIC = "Public network access is disabled"
NO_NETWORK = "Network rules deny by default and list no network"
NO_ADDRESS = "It has no public address"
NO_LINK = "No export link (SAS) is active"
NO_EXPORT = "Its network access policy denies export to public networks"
NO_RULE = "A Standard public address stays closed until a network security group allows traffic"


class InternetOpening(msgspec.Struct, frozen=True, rename="camel"):
    """Traffic that the Internet gets through: protocol, ports and sources as text, the path (kind and ids) and the rules' ids."""

    protocol: str
    ports: str
    sources: str
    everybody: bool
    path: str
    via: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class InternetExposure(msgspec.Struct, frozen=True, rename="camel"):
    """Openings of one resource to the Internet; `closed_by` says why nothing is open ('' = something is, or it is not known)."""

    openings: tuple[InternetOpening, ...] = ()
    closed_by: str = ""
    not_collected: tuple[str, ...] = ()


def find_exposure(resource: Resource, view: EstateView) -> InternetExposure | None:
    """The Internet exposure of a resource, None where it has no side that faces the Internet."""
    return (
        _build_machine(resource, view)
        if resource.type in MACHINES
        else _measure_service_exposure(resource, view)
    )


def _measure_service_exposure(resource: Resource, view: EstateView) -> InternetExposure | None:
    try:
        found = find_endpoint_access(resource, view)
    except DataNotCollectedError as gap:
        return InternetExposure(not_collected=(gap.what,)) if resource.type in SERVICES else None
    if found is None:
        return None
    if found is EndpointAccess.NOBODY:
        return InternetExposure(closed_by=_explain_closed_endpoint(resource))
    broad = found is EndpointAccess.EVERYBODY
    path = EXPORT_LINK if resource.type in DISKS else PUBLIC_ENDPOINT
    opening = InternetOpening("tcp", "service endpoint", found.value, broad, path, (resource.key,))
    return InternetExposure((opening,))


def _explain_closed_endpoint(service: Resource) -> str:
    if is_public_access_closed(service):
        return NO_PUBLIC
    if service.type in DISKS:
        return NO_EXPORT if is_export_denied(require_complete(service)) else NO_LINK
    return NO_ADDRESS if service.type in _INTERNAL else NO_NETWORK


def _build_machine(machine: Resource, view: EstateView) -> InternetExposure:
    """The openings of a machine by all of its ways in."""
    openings: list[InternetOpening] = []
    reasons: list[str] = []
    missing: list[str] = []
    try:
        for interface in view.network.list_interfaces(machine):
            for configuration in interface.configurations:
                ways, gaps = view.exposure.find_ingress_paths(interface, configuration)
                missing += gaps
                for way in ways:
                    _add_ingress_path(view, interface, configuration, way, openings, reasons)
    except DataNotCollectedError as gap:
        missing.append(gap.what)
    except SecurityRuleError as error:
        missing.append(str(error))
    closed_by = "" if openings or missing else ("; ".join(dict.fromkeys(reasons)) or NO_WAY)
    return InternetExposure(tuple(dict.fromkeys(openings)), closed_by, tuple(dict.fromkeys(missing)))


def _add_ingress_path(
    view: EstateView,
    interface: Interface,
    configuration: IpConfiguration,
    way: IngressPath,
    openings: list[InternetOpening],
    reasons: list[str],
) -> None:
    """Add what one way in lets through, or why it lets nothing through."""
    grouped = bool(view.network.list_security_groups(interface, configuration))
    if way.closed_by_default and not grouped and not way.unread:
        reasons.append(NO_RULE)
        return
    found: list[InternetOpening] = []
    for protocol, let_in in list_admitted_traffic(view.network, interface, configuration, way):
        found += _describe_openings(let_in, protocol, way)
    openings += found
    if not found:
        reasons.append(_find_closing_rule(view, interface, configuration))


def _describe_openings(
    let_in: Iterable[Opening], protocol: str, way: IngressPath
) -> Iterator[InternetOpening]:
    """Openings by the rules that make them: one line for all regions of the same rules."""
    grouped: defaultdict[tuple[str, ...], list[Opening]] = defaultdict(list)
    for one in let_in:
        grouped[tuple(rule.id for rule in one.rules)].append(one)
    for rules, several in grouped.items():
        tags = sorted({one.tag for one in several if one.tag})
        sources = AddressSet()
        for one in several:
            if not one.tag:
                sources |= (
                    AddressSet(one.region.remote) if one.family == 4 else AddressSet((), one.region.remote)
                )
        if way.seen_as is not None:
            sources, tags = way.clients, []
        broad = is_broad_set(sources) or any(is_rentable(tag) for tag in tags)
        texts = [text for text in (format_addresses(sources), *tags) if text]
        yield InternetOpening(
            protocol,
            format_ports(merge_intervals(interval for one in several for interval in one.region.ports)),
            EVERYBODY if EVERYBODY in texts else ", ".join(texts),
            broad,
            way.kind,
            way.via,
            rules,
        )


def _find_closing_rule(view: EstateView, interface: Interface, configuration: IpConfiguration) -> str:
    """The rule that stops a stranger's SSH connection."""
    stages = view.network.decide(interface, configuration, "tcp", STRANGER, PROBED)
    if passes(stages) is not False:
        return "Only other ports are forwarded"
    where, decision = next(one for one in stages if one[1].allow is False)
    name = decision.rule.name if decision.rule else "the default rules"
    return f"Rule {name} of {where.rsplit('/', 1)[-1]} denies it"
