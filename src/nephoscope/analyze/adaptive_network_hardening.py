"""Network rules of Internet-facing virtual machines should be as narrow as their traffic.

Reads allowed inbound flows (AzureFlowLogs, NTANetAnalytics) of 30 to 60 days, the sources that were refused elsewhere, and threat
intelligence. Unhealthy where an allow rule lets through at least twice the addresses times ports that the traffic needs: each finding
has narrower rules for the machine's address, which the network model has confirmed, and the flows that they would have blocked.
Healthy where no rule is that wide; NotApplicable without a security group or a way in from the Internet; Unknown below 30 days of
flow logs, and where more than three of these days have none.

Addresses that a rule names as such, and public addresses of the estate, are trusted configuration.

Source: https://learn.microsoft.com/azure/defender-for-cloud/adaptive-network-hardening
"""

from __future__ import annotations

import ipaddress
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.hardening.learned_sources import LearningContext, learn_services
from nephoscope.analyze.hardening.narrowed_rules import MachineAddress, propose_rules
from nephoscope.analyze.hardening.observed_traffic import TABLES as TRAFFIC_TABLES
from nephoscope.analyze.hardening.observed_traffic import LogWindow, measure_age, read_traffic
from nephoscope.analyze.transport.logged_flows import require_recent_flows
from nephoscope.analyze.verdict import (
    join_names,
    make_finding,
    report_healthy,
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.analyze.virtual_machines import MACHINE, assess_machines
from nephoscope.estate.addresses import AddressSet, is_prefix, parse_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import PUBLIC_ADDRESS_TYPE
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.rule_text import format_prefixes, format_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.analyze.hardening.learned_sources import Prefix
    from nephoscope.analyze.hardening.narrowed_rules import RuleProposal
    from nephoscope.analyze.hardening.observed_traffic import ObservedTraffic
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

HARDENED = Key(
    "f9f0eed0-f143-47bf-b856-671ea2eeed62",
    "Network rules should be as narrow as the traffic needs",
    (MACHINE,),
    (),
    ("08e6af2d-db70-460a-bfe9-d5bd474ba9d6",),
)
KEYS = index_keys(HARDENED)
TYPES = (*NETWORK_READS, *EXPOSURE_READS)
TABLES = TRAFFIC_TABLES
DAYS = 30
#: Days without any flow log that are no gap in the collection.
MOST_MISSING = 3
#: Up to how many addresses a range of a rule names sources, by family; a wider one only lets them through.
NAMED = {4: 2**8, 6: 2**64}
#: Flows that a finding lists.
MOST_CUT = 50


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""
    traffic = cache(lambda: read_traffic(view))

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        if not any(view.network.is_protected(one) for one in view.network.list_interfaces(machine)):
            return report_not_applicable(
                id_, key, "no-security-group", "the machine has no network security group"
            )
        if not view.exposure.is_internet_facing(machine):
            return report_not_applicable(
                id_, key, "not-internet-facing", "no way in from the Internet leads to the machine"
            )
        found = list(_propose_rules(view, machine, traffic()))
        caveat = "" if traffic().has_indicators else "; no threat intelligence was imported"
        if not found:
            return report_healthy(
                id_, key, f"its allow rules are as narrow as {DAYS} days of traffic{caveat}"
            )
        names = join_names(one.rule.rsplit("/", 1)[-1] for one in found)
        return report_unhealthy(
            id_, key, f"wider than the traffic: {names}{caveat}", map(_build_finding, found)
        )

    return assess_machines(view, HARDENED, assess)


def _propose_rules(view: EstateView, machine: Resource, traffic: ObservedTraffic) -> Iterator[RuleProposal]:
    subnets, own = _list_subnets(view), _collect_own_addresses(view)
    for interface in view.network.list_interfaces(machine):
        for configuration in interface.configurations:
            targets = _list_log_targets(view, interface, configuration)
            context = LearningContext(
                _find_log_window(view, machine, targets, traffic),
                subnets,
                own | _collect_named_sources(view, interface, configuration),
            )
            flows = tuple(
                one
                for one in traffic.by_address.get(configuration.address, ())
                if one.target in targets and one.last >= context.window.first
            )
            services, rejected = learn_services(flows, traffic, context)
            address = MachineAddress(interface, configuration, flows, services, rejected)
            yield from propose_rules(view.network, address)


def _list_subnets(view: EstateView) -> tuple[Prefix, ...]:
    """The subnets of the estate, the narrowest first."""
    texts = {
        text
        for one in view.network.subnets.values()
        if one.known
        for family in (4, 6)
        for text in format_prefixes(one.prefixes, family)
    }
    return tuple(sorted(map(ipaddress.ip_network, texts), key=lambda one: (one.version, -one.prefixlen)))


def _collect_own_addresses(view: EstateView) -> AddressSet:
    """The public addresses of the estate."""
    texts = [get_properties(one).get("ipAddress") for one in view.list_resources(PUBLIC_ADDRESS_TYPE)]
    return AddressSet.of(text for text in texts if isinstance(text, str) and is_prefix(text))


def _collect_named_sources(
    view: EstateView, interface: Interface, configuration: IpConfiguration
) -> AddressSet:
    """The small ranges that allow rules before an address name."""
    return AddressSet.of(
        text
        for group in view.network.list_security_groups(interface, configuration)
        for rule in view.network.get_rules(group)
        if rule.allow and rule.inbound
        for text in rule.source.prefixes
        if _is_small(text)
    )


def _is_small(text: str) -> bool:
    family, (low, high) = parse_prefix(text)
    return high - low < NAMED[family]


def _list_log_targets(
    view: EstateView, interface: Interface, configuration: IpConfiguration
) -> frozenset[str]:
    """The resources whose flow logs have the traffic of an address: its network, subnet, interface and security groups."""
    network = configuration.subnet.split("/subnets/")[0]
    groups = view.network.list_security_groups(interface, configuration)
    return frozenset((network, configuration.subnet, interface.id, *groups))


def _find_log_window(
    view: EstateView, machine: Resource, targets: frozenset[str], traffic: ObservedTraffic
) -> LogWindow:
    """The window of the flow logs of an address; raises DataNotCollectedError where it is too short or over."""
    known = [traffic.windows[one] for one in targets if one in traffic.windows]
    if not known:
        raise DataNotCollectedError(f"flow logs of {machine.key}")
    window = reduce(or_, known)
    require_recent_flows(machine.key, window.last, view.clock)
    age = measure_age(window, view.now)
    if (view.now.date() - window.first.date()).days < DAYS:
        raise DataNotCollectedError(
            f"{DAYS} days of flow logs of {machine.key}: they begin on {window.first:%Y-%m-%d}"
        )
    missing = window.list_missing_days(view.now.date(), DAYS)
    if len(missing) > MOST_MISSING:
        raise DataNotCollectedError(
            f"flow logs of {machine.key} on {len(missing)} of {DAYS} days, such as {missing[0]:%Y-%m-%d}"
        )
    return LogWindow(view.now - age, window.last)


def _build_finding(one: RuleProposal) -> SubAssessment:
    """A proposal as a finding: what Azure's hardening lists, the ARM rules, and what they would have cut."""
    name = "/".join(one.rule.split("/")[-3::2])
    needed = join_names(
        f"{rule.protocol.upper()} {', '.join(format_ranges(rule.ports))} from {join_names(rule.sources)}"
        for rule in one.allowed
    )
    share = round(100 * (1 - one.after / one.before), 1) if one.before else 0.0
    title = f"{name} can be narrowed for {one.address} to {needed or 'nothing'}"
    return make_finding(
        f"{name}/{one.address}",
        title,
        "High",
        group=one.group,
        rule=one.rule,
        address=one.address,
        interface=one.interface,
        allowed=msgspec.to_builtins(one.allowed),
        securityRules=list(one.security_rules),
        cutFlows=msgspec.to_builtins(one.cut[:MOST_CUT]),
        cutFlowCount=sum(entry.flows for entry in one.cut),
        openBefore=one.before,
        openAfter=one.after,
        reducedPercent=share,
        obstacle=one.obstacle,
    )
