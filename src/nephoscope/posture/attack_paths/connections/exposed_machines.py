"""Machines and scale sets that the Internet reaches at a port of administration, of the web or of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.just_in_time_policies import is_temporary
from nephoscope.analyze.verdict import join_names
from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE
from nephoscope.posture.attack_paths.exposure_connections import connect_internet

if TYPE_CHECKING:
    from nephoscope.estate.ingress_paths import ReachablePort
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

#: Ports of TCP that are looked at, by what usually listens there.
PORTS = {
    22: "SSH", 80: "HTTP", 443: "HTTPS", 445: "SMB", 1433: "SQL Server", 3306: "MySQL", 3389: "RDP", 5432: "PostgreSQL",
    5985: "WinRM", 5986: "WinRM", 6379: "Redis", 8080: "HTTP", 8443: "HTTPS", 9200: "Elasticsearch", 27017: "MongoDB",
}  # fmt: skip
QUESTION = "which machines the Internet reaches"
REMEDY = "Take its public address away or let only known addresses to these ports; open ports of administration just in time."


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from the Internet to each machine that it reaches."""

    def look(machine: Resource) -> None:
        reached, missing = facts.view.exposure.find_reached_ports(machine, "tcp", PORTS)
        wide = [one for one in reached if one.broad and not is_temporary(one)]
        if wide:
            connect_internet(facts, graph, machine, _explain_exposure(machine, wide), REMEDY)
        elif missing:
            facts.record_gap(machine.id.subscription, f"{QUESTION}: {missing[0]}")

    for type_ in (MACHINE_TYPE, SCALE_SET_TYPE):
        facts.visit_each(type_, QUESTION, look)


def _explain_exposure(machine: Resource, reached: list[ReachablePort]) -> str:
    ports = {one.port: PORTS[one.port] for one in reached}
    named = join_names(f"{port} ({name})" for port, name in sorted(ports.items()))
    ways = join_names(sorted({one.way.kind for one in reached}))
    return f"The Internet reaches {machine.name} at TCP {named} by {ways}"
