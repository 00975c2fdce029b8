"""IP forwarding should be off on the network interfaces of virtual machines.

An interface with enableIPForwarding receives traffic that is not addressed to it. A virtual appliance needs it: exempt that
machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import CLASSIC, MACHINE, assess_machines
from nephoscope.estate.network import INTERFACE_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

OFF = Key(
    "c3b51c94-588b-426b-a892-24696f9e54cc",
    "IP forwarding should be disabled on the virtual machine",
    (MACHINE, CLASSIC),
    ("bd352bd5-2853-4985-bf0d-73806b4a5744",),
)
KEYS = index_keys(OFF)
TYPES = (MACHINE, INTERFACE_TYPE, CLASSIC)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        cards = [interface.id for interface in view.network.list_interfaces(machine) if interface.forwards]
        if cards:
            found = [
                make_finding(card, f"{card} forwards traffic", "Medium", interface=card) for card in cards
            ]
            return report_unhealthy(id_, key, f"IP forwarding is on: {join_names(cards)}", found)
        return report_healthy(id_, key, "IP forwarding is off on every interface")

    return assess_machines(view, OFF, assess)
