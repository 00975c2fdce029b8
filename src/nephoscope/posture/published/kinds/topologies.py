"""Microsoft.Security/locations/topologies: the virtual networks of a subscription with what is in them, and how each stands.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/topology (2020-01-01)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report
    from nephoscope_policy.model.resource import Resource

TYPE = "Microsoft.Security/locations/topologies"
NETWORK = "microsoft.network/virtualnetworks"


def build_documents(report: Report, past: Mapping[Subject, RememberedState]) -> Iterator[PublishedDocument]:  # noqa: ARG001 - a kind's signature
    """One topology a subscription that has a virtual network."""
    view = EstateView(report.run.estate, report.now)
    networks: defaultdict[str, list[Resource]] = defaultdict(list)
    for one in view.list_resources(NETWORK):
        networks[one.id.subscription].append(one)
    if not networks:
        return
    inside, worst = _group_machines_by_subnet(view), _find_worst_severities(report)
    for subscription, several in sorted(networks.items()):
        id_ = (
            f"/subscriptions/{subscription}/providers/Microsoft.Security/locations/global/topologies/default"
        )
        resources = [row for one in several for row in _build_network(one, inside, worst)]
        properties = {"calculatedDateTime": report.now.isoformat(), "topologyResources": resources}
        yield PublishedDocument.of({**build_arm_body(id_, TYPE, properties), "location": "global"})


def _group_machines_by_subnet(view: EstateView) -> dict[str, list[Resource]]:
    """Lower-cased id of a subnet -> the machines and scale sets in it; one whose interfaces were not read is in none."""
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for machine in (*view.list_resources(MACHINE_TYPE), *view.list_resources(SCALE_SET_TYPE)):
        try:
            interfaces = view.network.list_interfaces(machine)
        except DataNotCollectedError:
            continue
        for subnet in {one.subnet for each in interfaces for one in each.configurations}:
            found[subnet].append(machine)
    return found


def _find_worst_severities(report: Report) -> dict[str, Severity]:
    """The worst severity of what each resource fails."""
    found: dict[str, Severity] = {}
    for row in report.all_rows():
        if row.assessment.state is ComplianceState.NON_COMPLIANT:
            severity, known = row.recommendation.severity, found.get(row.id.key)
            if known is None or severity.rank > known.rank:
                found[row.id.key] = severity
    return found


def _build_network(
    network: Resource, inside: Mapping[str, list[Resource]], worst: Mapping[str, Severity]
) -> Iterator[dict[str, object]]:
    """A network, its subnets, and the machines in those."""
    subnets = [str(one["id"]) for one in _list_subnets(network)]
    above = str(network.body["id"])
    yield _build_row(above, worst, network.body.get("location"), (), subnets)
    for subnet in subnets:
        machines = [str(one.body["id"]) for one in inside.get(subnet.lower(), ())]
        yield _build_row(subnet, worst, network.body.get("location"), (above,), machines)
    for subnet in subnets:
        for machine in inside.get(subnet.lower(), ()):
            yield _build_row(str(machine.body["id"]), worst, machine.body.get("location"), (subnet,), ())


def _list_subnets(network: Resource) -> Iterator[dict[str, object]]:
    properties = network.body.get("properties")
    several = properties.get("subnets") if isinstance(properties, dict) else None
    return (one for one in several or () if isinstance(one, dict) and isinstance(one.get("id"), str))


def _build_row(
    id_: str, worst: Mapping[str, Severity], location: object, parents: tuple[str, ...], children: list[str] | tuple[str, ...]
) -> dict[str, object]:  # fmt: skip
    severity = worst.get(id_.lower())
    return {
        "resourceId": id_,
        "severity": severity.value if severity is not None else "Healthy",
        "recommendationsExist": severity is not None,
        "networkZones": "Internal",
        "topologyScore": severity.rank if severity is not None else 0,
        "location": str(location or ""),
        "parents": [{"resourceId": one} for one in parents],
        "children": [{"resourceId": one} for one in children],
    }
