"""UDP ports that attackers abuse to attack others should be closed to the Internet.

Asked of the services whose answers are much larger than the questions, so that a forged sender makes them flood a third
party: QOTD, chargen, DNS, TFTP, portmapper, NTP, NetBIOS, SNMP, CLDAP, RIP, SSDP, WS-Discovery, CoAP, mDNS, memcached
(the protocols listed in US-CERT alert TA14-017A). A port counts as open as under management ports. Whether a service
listens is not known, so an open port is enough. Defender for Cloud publishes no list of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.management_ports import explain_port
from nephoscope.analyze.verdict import join_names, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import MACHINE, assess_machines
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.exposure import READS as EXPOSURE_READS
from nephoscope.estate.network import READS as NETWORK_READS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

CLOSED = Key(
    "bbff27d2-73db-4c2d-8b1a-5f20b1f1da7e",
    "Ports abused for amplification attacks should not be open to the internet",
    (MACHINE,),
    ("af99038c-02fd-4a2f-ac24-386b62bf32de",),
)
KEYS = index_keys(CLOSED)
TYPES = (*NETWORK_READS, *EXPOSURE_READS)

PORTS = {
    17: "QOTD",
    19: "chargen",
    53: "DNS",
    69: "TFTP",
    111: "portmapper",
    123: "NTP",
    137: "NetBIOS",
    161: "SNMP",
    389: "CLDAP",
    520: "RIP",
    1900: "SSDP",
    3702: "WS-Discovery",
    5353: "mDNS",
    5683: "CoAP",
    11211: "memcached",
}


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual machine."""

    def assess(machine: Resource, key: Key) -> Assessment:
        id_ = str(machine.body["id"])
        reached, missing = view.exposure.find_reached_ports(machine, "udp", PORTS)
        found = [entry for entry in reached if entry.broad]
        if found:
            names = join_names(f"{entry.port} ({PORTS[entry.port]})" for entry in found)
            return report_unhealthy(id_, key, f"UDP open to the Internet: {names}", map(explain_port, found))
        if missing:
            raise DataNotCollectedError(join_names(missing))
        return report_healthy(
            id_, key, "no way in from the Internet leads to a UDP port that is abused for attacks"
        )

    return assess_machines(view, CLOSED, assess)
