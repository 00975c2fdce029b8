"""Nephoscope.Posture/exposures: whom the Internet side of a resource answers: the endpoint of a service, or the ways in to a machine.

A document stands where it can be told, and where it cannot for want of something that was not read; what has no such side has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.public_endpoint import find_endpoint_access
from nephoscope.estate.security_rules import SecurityRuleError
from nephoscope.posture.attack_paths.connections.exposed_machines import PORTS
from nephoscope.posture.exposure.internet_exposure import MACHINES, SERVICES, find_exposure
from nephoscope.posture.published.document import PublishedDocument, build_arm_body

if TYPE_CHECKING:
    from nephoscope.estate.ingress_paths import IngressPath, ReachablePort
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.resource import Resource

TYPE = "Nephoscope.Posture/exposures"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One a resource that faces the Internet or could."""
    view = EstateView(report.run.estate, report.now)
    for one in report.run.estate.resources.values():
        found = _build_machine(one, view) if one.type in MACHINES else _build_service(one, view)
        if found is not None:
            exposure = find_exposure(one, view)
            found |= msgspec.to_builtins(exposure) if exposure else {}
            id_ = f"{str(one.body.get('id') or one.key).rstrip('/')}/providers/{TYPE}/internet"
            yield PublishedDocument.of(
                build_arm_body(id_, TYPE, {"calculatedDateTime": report.now.isoformat(), **found})
            )


def _build_service(resource: Resource, view: EstateView) -> dict[str, object] | None:
    """Whom an endpoint answers; None where there is nothing to be told of one."""
    try:
        found = find_endpoint_access(resource, view)
    except DataNotCollectedError as gap:
        return {"notCollected": [gap.what]} if resource.type in SERVICES else None
    return None if found is None else {"answers": found.value}


def _build_machine(machine: Resource, view: EstateView) -> dict[str, object]:
    """The ways in to a machine, and the ports behind them that security rules let the Internet reach."""
    ways: list[IngressPath] = []
    missing: list[str] = []
    reached: list[ReachablePort] = []
    try:
        for interface in view.network.list_interfaces(machine):
            for configuration in interface.configurations:
                found, gaps = view.exposure.find_ingress_paths(interface, configuration)
                ways += found
                missing += gaps
        reached, unread = view.exposure.find_reached_ports(machine, "tcp", PORTS)
        missing += unread
    except DataNotCollectedError as gap:
        missing.append(gap.what)
    except SecurityRuleError as error:
        missing.append(str(error))
    return {
        "ways": [_build_ingress_path(one) for one in dict.fromkeys(ways)],
        "ports": _list_ports(reached),
        "notCollected": list(dict.fromkeys(missing)),
    }


def _build_ingress_path(one: IngressPath) -> dict[str, object]:
    ports = [f"{low}-{high}" if low != high else f"{low}" for low, high in one.ports]
    return {"kind": one.kind, "via": list(one.via), "protocol": one.protocol, "ports": ports}


def _list_ports(reached: list[ReachablePort]) -> list[dict[str, object]]:
    """Each port once, with whether everybody comes to it or only some addresses."""
    wide = {one.port: False for one in reached}
    for one in reached:
        wide[one.port] = wide[one.port] or one.broad
    return [
        {"protocol": "tcp", "port": port, "usually": PORTS[port], "everybody": broad}
        for port, broad in sorted(wide.items())
    ]
