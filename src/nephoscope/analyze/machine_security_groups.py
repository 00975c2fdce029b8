"""A network security group should stand before every virtual machine, be it internet-facing or not.

A machine is internet-facing when a way in leads to one of its addresses: a public address, a load balancer's rule, an
application gateway's pool or a firewall's translation. Each machine is asked under one key and NotApplicable under the other.
A group counts on the subnet or on the interface, and each interface needs one. Where it is not known whether a machine faces
the Internet and a group stands before every interface, both keys are healthy: either answer would be content.
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
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

FACING = Key(
    "483f12ed-ae23-447e-a2de-a67a10db4353",
    "Internet-facing virtual machines should be protected with network security groups",
    (MACHINE, CLASSIC),
    ("f6de0be7-9a8a-4b8a-b349-43cf02d22f7c",),
)
INTERNAL = Key(
    "a9341235-9389-42f0-a0bf-9bfb57960d44",
    "Internal virtual machines should be protected with network security groups",
    (MACHINE, CLASSIC),
    ("bb91dfba-c30d-4263-9add-9c2384e659a6",),
)
KEYS = index_keys(FACING, INTERNAL)
TYPES = (*NETWORK_READS, *EXPOSURE_READS, CLASSIC)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine under both keys."""

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        interfaces = view.network.list_interfaces(machine)
        bare = [interface.id for interface in interfaces if not view.network.is_protected(interface)]
        facing = _is_machine_internet_facing(view, machine, needed=bool(bare))
        if facing is not None and facing is not (key is FACING):
            cause = "not-internet-facing" if key is FACING else "internet-facing"
            return report_not_applicable(id_, key, cause, f"the machine is {cause.replace('-', ' ', 1)}")
        if bare:
            found = [
                make_finding(card, f"no network security group before {card}", "High", interface=card)
                for card in bare
            ]
            return report_unhealthy(id_, key, f"no network security group before {join_names(bare)}", found)
        return report_healthy(id_, key, "every interface has a network security group")

    for key in (FACING, INTERNAL):
        yield from assess_machines(view, key, assess)


def _is_machine_internet_facing(view: EstateView, machine: Resource, *, needed: bool) -> bool | None:
    """Return whether the machine faces the Internet; None where that is not known and not needed, as it is protected anyhow."""
    try:
        return view.exposure.is_internet_facing(machine)
    except DataNotCollectedError:
        if needed:
            raise
        return None
