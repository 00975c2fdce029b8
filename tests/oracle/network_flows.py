"""Flows of the network oracle: an estate of ARM bodies, a flow, and whether it reaches, by which hops."""

from __future__ import annotations

from typing import Any

from nephoscope.estate.estate import Estate
from nephoscope.estate.flow_path import FlowDisposition, FlowPath, FlowPaths, PathFlow
from nephoscope.estate.network import Network
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
MACHINE = "microsoft.compute/virtualmachines"
#: The words of the records for our ends.
DISPOSITIONS = {
    FlowDisposition.ACCEPTED: {"ACCEPTED"},
    FlowDisposition.DENIED_OUT: {"DENIED_OUT", "DENIED_IN"},
    FlowDisposition.DENIED_IN: {"DENIED_IN"},
    FlowDisposition.DENIED_BY_FIREWALL: {"DENIED_OUT", "DENIED_IN"},
    FlowDisposition.DROPPED: {"NULL_ROUTED", "NO_ROUTE"},
    FlowDisposition.NO_ROUTE: {"NO_ROUTE"},
    FlowDisposition.NO_HOST: {"DELIVERED_TO_SUBNET"},
    FlowDisposition.NO_LISTENER: {"DENIED_IN"},
    FlowDisposition.NO_OUTBOUND: {"DENIED_OUT"},
    FlowDisposition.EXITS: {"EXITS_NETWORK", "DELIVERED_TO_SUBNET"},
}


def absolute(value: Any) -> Any:
    """A body with its ids written as ARM writes them: the records leave the subscription out, and mix two spellings."""
    if isinstance(value, dict):
        return {key: absolute(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [absolute(inner) for inner in value]
    if isinstance(value, str) and value.lower().startswith(("resourcegroups/", "resourcegroup/")):
        return f"{SUBSCRIPTION}/resourceGroups/{value.split('/', 1)[1]}"
    return value


def estate_of(bodies: dict[str, Any]) -> Estate:
    """The estate that a record's bodies make; nothing else is in it."""
    found = []
    for body in bodies.values():
        written = absolute(body)
        if "/providers/" not in written["id"]:
            written["id"] = (
                f"{SUBSCRIPTION}/resourceGroups/test/providers/{written['type']}/{written['name']}"
            )
        found.append(Resource.of(written))
    return Estate.of(found, Coverage.cover_everything())


def place(id_: str) -> str:
    """An id without its subscription, as the records write hops."""
    return id_.lower().removeprefix(SUBSCRIPTION.lower()).strip("/").replace("/", "_")


def judge_flow(value: dict[str, Any], estates: dict[str, Any]) -> str:
    """What differs between a flow's path and the recorded one."""
    estate = estate_of(estates[value["estate"]])
    paths = FlowPaths(Network(estate))
    flow = value["flow"]
    machine = next(one for one in estate.resources.values() if place(one.key) == flow["from"].lower())
    ends = list(paths.list_endpoints(machine))
    wanted_source = flow.get("src_ip")
    source = next(one for one in ends if wanted_source in (None, one.configuration.address))
    path = paths.walk(
        source,
        PathFlow(
            flow["dst_ip"],
            str(flow.get("protocol", "TCP")).lower(),
            int(flow.get("dst_port", 443)),
            int(flow.get("src_port", 49152)),
        ),
    )
    if path.reaches != value["reaches"]:
        return f"reaches: wanted {value['reaches']} ({value['disposition']}), found {path.disposition} by {path.decided_by!r}"
    if value["disposition"] not in DISPOSITIONS[path.disposition]:
        return f"wanted {value['disposition']}, found {path.disposition}"
    hops = hops_of(path, machine, estate)
    last = value["hops"][-1].removesuffix("_internet-gateway")
    return (
        ""
        if not path.reaches or last in hops or last.startswith("isp_")
        else f"hops: wanted {value['hops']}, found {hops}"
    )


def hops_of(path: FlowPath, machine: Resource, estate: Estate) -> list[str]:
    """The steps of a path in the records' names; an interface is its machine."""
    owners = {
        str(entry["id"]).lower(): one.key
        for one in estate.list_of_type(MACHINE)
        for entry in one.body["properties"]["networkProfile"]["networkInterfaces"]
    }
    found = [place(machine.key)]
    for hop in path.hops[1:]:
        text = place(owners.get(hop.id, hop.id))
        found.append(text.replace("_containers_", "_") if hop.kind == "container" else text)
    return found
