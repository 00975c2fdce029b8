"""Management ports of virtual machines should be closed to the Internet.

A port of SSH (22), RDP (3389) or WinRM (5985, 5986) is open when a way in leads to it and the security groups on that way
let the Internet at large through: a public address, a rule of a load balancer or of a firewall whose clients are wider than
a /8, or any rentable Azure address. Sources that are listed and narrower leave the port closed. Ports that a just-in-time
request holds open do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.just_in_time_policies import is_temporary
from nephoscope.analyze.verdict import join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import CLASSIC, MACHINE, assess_machines
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.ingress_paths import ReachablePort
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

CLOSED = Key(
    "bc303248-3d14-44c2-96a0-55f5c326b5fe",
    "Management ports should be closed to the internet",
    (MACHINE, CLASSIC),
    ("22730e10-96f6-4aac-ad84-9383d35b5917",),
)
KEYS = index_keys(CLOSED)
TYPES = (*NETWORK_READS, *EXPOSURE_READS, CLASSIC)

PORTS = {22: "SSH", 3389: "RDP", 5985: "WinRM over HTTP", 5986: "WinRM over HTTPS"}


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""

    def assess(machine: Resource, key: Key) -> Assessment:
        found, missing = find_open_ports(view, machine)
        id_ = str(machine.body["id"])
        if found:
            names = join_names(f"{entry.port} ({PORTS[entry.port]})" for entry in found)
            return report_unhealthy(id_, key, f"open to the Internet: {names}", map(explain_port, found))
        if missing:
            raise DataNotCollectedError(join_names(missing))
        return report_healthy(id_, key, "no way in from the Internet leads to a management port")

    return assess_machines(view, CLOSED, assess)


def find_open_ports(view: EstateView, machine: Resource) -> tuple[list[ReachablePort], tuple[str, ...]]:
    """The management ports that the Internet at large reaches, and what was not read that could open more."""
    found, missing = view.exposure.find_reached_ports(machine, "tcp", PORTS)
    return [entry for entry in found if entry.broad and not is_temporary(entry)], missing


def explain_port(entry: ReachablePort) -> SubAssessment:
    """A reached port with the way and the rules that let it through."""
    rules = sorted({rule.id for opening in entry.openings for rule in opening.rules})
    by = f"allowed by {join_names(rules)}" if rules else "no network security group on the way"
    return make_finding(
        f"{entry.protocol}/{entry.port}",
        f"{entry.protocol.upper()} {entry.port} by {entry.way.kind} {' -> '.join(entry.way.via)}: {by}",
        "High",
        port=entry.port,
        protocol=entry.protocol,
        way=entry.way.kind,
        via=list(entry.way.via),
        rules=rules,
    )
