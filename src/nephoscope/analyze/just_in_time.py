"""Open management ports of virtual machines should be under just-in-time access.

Asked of machines that a network security group stands before. Healthy when no management port is open to the Internet or a
Microsoft.Security/locations/jitNetworkAccessPolicies guards every one that is; a machine without a group cannot be put under
just-in-time access and is NotApplicable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.just_in_time_policies import POLICY_TYPE, map_guarded_ports, require_policies
from nephoscope.analyze.management_ports import PORTS, explain_port, find_open_ports
from nephoscope.analyze.verdict import join_names, report_healthy, report_not_applicable, report_unhealthy
from nephoscope.analyze.virtual_machines import MACHINE, assess_machines
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

GUARDED = Key(
    "805651bc-6ecd-4c73-9b55-97a19d0582d0",
    "Management ports should be protected with just-in-time access",
    (MACHINE,),
    ("b0f33259-77d7-4c9e-aac6-3aabcfae693c",),
)
KEYS = index_keys(GUARDED)
TYPES = (*NETWORK_READS, *EXPOSURE_READS, POLICY_TYPE)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""
    guarded = map_guarded_ports(view)

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        ports = guarded.get(machine.key)
        if ports is not None and ports >= PORTS.keys():
            return report_healthy(id_, key, "a just-in-time policy guards every management port")
        if not _has_security_group(view, machine):
            return report_not_applicable(
                id_, key, "no-security-group", "the machine has no network security group"
            )
        found, missing = find_open_ports(view, machine)
        bare = [entry for entry in found if entry.port not in (ports or ())]
        if bare:
            require_policies(view, machine.id.subscription_id)
            names = join_names(str(entry.port) for entry in bare)
            return report_unhealthy(
                id_,
                key,
                f"open to the Internet and not under just-in-time access: {names}",
                map(explain_port, bare),
            )
        if missing:
            raise DataNotCollectedError(join_names(missing))
        return report_healthy(
            id_, key, "no management port is open to the Internet without just-in-time access"
        )

    return assess_machines(view, GUARDED, assess)


def _has_security_group(view: EstateView, machine: Resource) -> bool:
    network = view.network
    return any(
        network.list_security_groups(interface, configuration)
        for interface in network.list_interfaces(machine)
        for configuration in interface.configurations
    )
