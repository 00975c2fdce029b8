"""Microsoft.Security/locations/allowedConnections: which machines of a subscription security rules let reach which, at which ports.

Only machines of one virtual network, or of networks that are peered, are looked at: others have no way to each other, also where
their networks have the same addresses.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/allowed-connections (2020-01-01)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import Interval, merge_intervals
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.security_rules import SecurityRuleError
from nephoscope.posture.published.document import PublishedDocument, build_arm_body

if TYPE_CHECKING:
    from nephoscope.estate.addresses import AddressSet
    from nephoscope.estate.network import Network
    from nephoscope.estate.reachability import Opening
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.resource import Resource

TYPE = "Microsoft.Security/locations/allowedConnections"
MACHINE = "microsoft.compute/virtualmachines"
PROTOCOLS = ("tcp", "udp")
#: Machines of a subscription beyond which pairs are not looked at: they grow with the square.
MOST = 400


class MachineEndpoint(msgspec.Struct, frozen=True):
    """A machine's address in a virtual network (its lower-cased id): what may come in to it and go out from it, by protocol.

    `near` are the addresses that it has a way to.
    """

    machine: str
    network: str
    addresses: AddressSet
    near: AddressSet
    inward: Mapping[str, Sequence[Opening]]
    outward: Mapping[str, Sequence[Opening]]


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """The internal connections of every subscription that has machines whose network was read."""
    view = EstateView(report.run.estate, report.now)
    machines: defaultdict[str, list[Resource]] = defaultdict(list)
    for one in view.list_resources(MACHINE):
        machines[one.id.subscription].append(one)
    for subscription, several in sorted(machines.items()):
        ends = (
            [end for one in several for end in _list_endpoints(view.network, one)]
            if len(several) <= MOST
            else []
        )
        if ends:
            id_ = f"/subscriptions/{subscription}/providers/{TYPE.replace('locations', 'locations/global')}/Internal"
            properties = {
                "calculatedDateTime": report.now.isoformat(),
                "connectableResources": list(_list_connections(view, ends)),
            }
            yield PublishedDocument.of({**build_arm_body(id_, TYPE, properties), "location": "global"})


def _list_endpoints(network: Network, machine: Resource) -> Iterator[MachineEndpoint]:
    """The addresses of a machine; none where its interfaces, subnets or rules were not read."""
    try:
        for interface in network.list_interfaces(machine):
            for configuration in interface.configurations:
                subnet = network.get_subnet(configuration.subnet)
                near = network.get_service_tags(subnet).resolve("virtualnetwork")
                if near is None or not configuration.addresses:
                    continue
                both = [
                    {
                        one: network.find_openings(interface, configuration, one, near, inbound=way)
                        for one in PROTOCOLS
                    }
                    for way in (True, False)
                ]
                yield MachineEndpoint(
                    str(machine.body["id"]), subnet.network, configuration.addresses, near, both[0], both[1]
                )
    except (DataNotCollectedError, SecurityRuleError):
        return


def _list_connections(view: EstateView, ends: Sequence[MachineEndpoint]) -> Iterator[dict[str, object]]:
    """Each machine with who reaches it and whom it reaches."""
    inward: defaultdict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    outward: defaultdict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for source in ends:
        for target in ends:
            if source.machine == target.machine or not view.exposure.are_joined(
                source.network, target.network
            ):
                continue
            if found := _find_shared_ports(source, target):
                inward[target.machine][source.machine] = {"connectedResourceId": source.machine, **found}
                outward[source.machine][target.machine] = {"connectedResourceId": target.machine, **found}
    for machine in dict.fromkeys(one.machine for one in ends):
        yield {
            "id": machine,
            "inboundConnectedResources": list(inward[machine].values()),
            "outboundConnectedResources": list(outward[machine].values()),
        }


def _find_shared_ports(source: MachineEndpoint, target: MachineEndpoint) -> dict[str, str]:
    """The ports that both let through by protocol, as Azure writes them; {} where there are none."""
    if not (target.near & source.addresses and source.near & target.addresses):
        return {}
    found = {}
    for protocol in PROTOCOLS:
        inward = _list_open_ports(target.inward[protocol], source.addresses)
        outward = _list_open_ports(source.outward[protocol], target.addresses)
        if both := _intersect_intervals(inward, outward):
            found[f"{protocol}Ports"] = f"[{','.join(_format_interval(one) for one in both)}]"
    return found


def _list_open_ports(openings: Sequence[Opening], addresses: AddressSet) -> list[Interval]:
    """The ports that openings let through from or to some addresses."""
    return list(
        merge_intervals(
            port
            for one in openings
            if not one.tag and _do_overlap(one.region.remote, addresses.get_intervals(one.family))
            for port in one.region.ports
        )
    )


def _do_overlap(left: Sequence[Interval], right: Sequence[Interval]) -> bool:
    return any(a <= d and c <= b for a, b in left for c, d in right)


def _intersect_intervals(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    return [(max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d)]


def _format_interval(interval: Interval) -> str:
    first, last = interval
    return str(first) if first == last else f"{first}-{last}"
