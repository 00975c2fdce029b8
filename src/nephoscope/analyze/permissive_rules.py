"""Network security groups of a virtual machine should not let the Internet at large to any port.

What counts is what the groups before the machine let through together, subnet's then interface's: a rule that an earlier one
shadows, or that the other group stops, opens nothing. Sources of `*`, `Internet`, everything split into halves, a range wider
than a /8, or a rentable Azure tag are the Internet at large. A machine without a group is NotApplicable here: another key asks
for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import (
    join_names,
    make_finding,
    report_healthy,
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.analyze.virtual_machines import CLASSIC, MACHINE, assess_machines
from nephoscope.estate.ingress_paths import is_broad
from nephoscope.estate.network import READS as NETWORK_READS
from nephoscope.estate.security_rules import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.reachability import Opening
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

RESTRICTED = Key(
    "3b20e985-f71f-483b-b078-f30d73936d43",
    "Network security groups should restrict internet access to the machine",
    (MACHINE, CLASSIC),
    ("9daedab3-fb2d-461e-b861-71790eead4f6",),
)
KEYS = index_keys(RESTRICTED)
TYPES = (*NETWORK_READS, CLASSIC)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""

    seen: Seen = {}

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        grouped, found = find_permissive_rules(view, machine, seen)
        if not grouped:
            return report_not_applicable(
                id_, key, "no-security-group", "the machine has no network security group"
            )
        if found:
            names = join_names(part.title for part in found)
            return report_unhealthy(id_, key, f"rules too permissive: {names}", found)
        return report_healthy(id_, key, "no rule lets the Internet at large through")

    return assess_machines(view, RESTRICTED, assess)


Seen = dict[int, tuple["Sequence[Opening]", list["SubAssessment"]]]


def find_permissive_rules(
    view: EstateView, machine: Resource, seen: Seen
) -> tuple[bool, list[SubAssessment]]:
    """Return whether a group stands before the machine, and the rules by which the Internet at large passes.

    `seen` remembers what was found behind the openings that many machines share.
    """
    found: dict[str, SubAssessment] = {}
    grouped = False
    network = view.network
    for interface in network.list_interfaces(machine):
        for configuration in interface.configurations:
            if not network.list_security_groups(interface, configuration):
                continue
            grouped = True
            remote = network.find_internet_addresses(configuration)
            for protocol in PROTOCOLS:
                openings = network.find_openings(interface, configuration, protocol, remote)
                found.update((part.id, part) for part in _find_broad_rules(openings, seen))
    return grouped, list(found.values())


def _find_broad_rules(openings: Sequence[Opening], seen: Seen) -> list[SubAssessment]:
    found = seen.get(id(openings))
    if found is None:
        found = seen[id(openings)] = (openings, list(find_broad_rules(openings)))
    return found[1]


def find_broad_rules(openings: Sequence[Opening]) -> Iterator[SubAssessment]:
    """The rules behind openings that together let the Internet at large to some port, once per opening."""
    edges = {low for opening in openings for low, _ in opening.region.ports}
    wide = [port for port in sorted(edges) if is_broad(openings, port)]
    for opening in openings:
        if any(low <= port <= high for port in wide for low, high in opening.region.ports) and opening.rules:
            yield _explain_opening(opening)


def _explain_opening(opening: Opening) -> SubAssessment:
    ports = ",".join(f"{low}-{high}" if low != high else str(low) for low, high in opening.region.ports)
    rules = [rule.id for rule in opening.rules]
    names = " and ".join(dict.fromkeys(rule.name for rule in opening.rules))
    return make_finding(" ".join(rules), f"{names} (ports {ports})", "High", rules=rules, ports=ports)
