"""Exposed Docker hosts: machines whose Docker API is reachable from the Internet, as lake rows.

Nodes of clusters are left out: what runs there is managed. Whether Docker listens behind the port is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.estate_view import EstateView
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.estate import Estate
    from nephoscope.service.service_context import ServiceContext
    from nephoscope_policy.model.resource import Resource

TABLE = "ContainerHosts_CL"
PORTS = (2375, 2376)
#: Checkpoints: the ports that are open, by the lower-cased id of a machine.
OPEN = "container-hosts-open"
_PRODUCT = "hosts of containers"
_MACHINE = "microsoft.compute/virtualmachines"
#: How the resource groups that Azure makes for the nodes of a cluster begin, and tags of those nodes.
_NODES, _NODE_TAG = "mc_", "aks-managed-"


def write_container_host_rows(context: ServiceContext, estate: Estate) -> int:
    """Write a row for each machine that the internet reaches where Docker listens, when that is news; how many rows.

    What could not be read closes nothing. Raises StateError.
    """
    view, state = EstateView(estate, context.now), context.state
    known = state.checkpoints.all(OPEN)
    rows: list[tuple[str, dict[str, object]]] = []
    opened: dict[str, list[int]] = {}
    closed: list[str] = []
    for machine in _list_machines(estate):
        found, missing = view.exposure.find_reached_ports(machine, "tcp", PORTS)
        ports = sorted({one.port for one in found if one.broad})
        if ports and set(ports) - set(known.get(machine.key, ())):
            rows.append((TABLE, _build_row(context, estate, machine, ports)))
            opened[machine.key] = ports
        elif not ports and not missing and machine.key in known:
            closed.append(machine.key)
    if rows or closed:
        with state.transaction(product=_PRODUCT) as session:
            state.outbox.add_many(session, DEFAULT, rows)
            state.checkpoints.keep(session, OPEN, opened)
            for key in closed:
                state.checkpoints.drop(session, OPEN, key)
    return len(rows)


def _list_machines(estate: Estate) -> Iterator[Resource]:
    for machine in estate.list_of_type(_MACHINE):
        tags = machine.body.get("tags")
        names = tags if isinstance(tags, dict) else {}
        is_node = machine.id.resource_group.lower().startswith(_NODES) or any(
            str(one).lower().startswith(_NODE_TAG) for one in names
        )
        if not is_node:
            yield machine


def _build_row(
    context: ServiceContext, estate: Estate, machine: Resource, ports: list[int]
) -> dict[str, object]:
    return {
        "TimeGenerated": context.now.isoformat(), "Computer": machine.name, "Ports": ports, "AadTenantId": estate.tenant,
        "_ResourceId": machine.key, "_SubscriptionId": machine.id.subscription, "Type": TABLE,
    }  # fmt: skip
