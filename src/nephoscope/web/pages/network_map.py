"""Network map: the Internet, the ways in, subnets and machines of the chosen scope as a drawing, and the same as a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from nephoscope.posture.exposure.exposure_rows import LIMITED, OPEN
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.network_map_list import NO_SUBNET, build_network_map_list, list_ingress_paths
from nephoscope.web.page_data.network_map import MapMachine, list_map_machines
from nephoscope.web.rendering.formatting import count_text
from nephoscope.web.rendering.layered_map import MapColumn, MapNode, draw_map
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
COLUMNS = ("Machine", "Subnet", "Open to", "Ports", "Ways in", "Reason")
#: Machines that are drawn one by one; with more each subnet has one box for its machines. Boxes of a column at most.
MOST_MACHINES = MOST_BOXES = 40
#: Parts of the id of a resource that is in no other.
_RESOURCE = 9
_TONES = {OPEN: "high", LIMITED: "medium"}
_LEGEND = (
    (_TONES[OPEN], "Open to everyone"),
    (_TONES[LIMITED], "Open to some addresses"),
    ("", "Not reached from the Internet"),
)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the drawing and the list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    wanted, rows = build_network_map_list(visit), _list_machines(visit, snapshot)
    found = find_rows(visit, wanted, rows)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("network-map", COLUMNS, map(_list_cells, found.rows))
    subnets = list(_group_by_subnet(found.rows).items())
    return {
        "snapshot": snapshot,
        "list": show_rows(visit, wanted, found),
        "any": bool(rows),
        "drawing": _draw_map(visit, subnets[:MOST_BOXES]) if found.rows else "",
        "subnets": len(subnets),
        "drawn": min(len(subnets), MOST_BOXES),
        "legend": _LEGEND,
    }


def _list_machines(visit: Visit, snapshot: PublishedSnapshot) -> Sequence[MapMachine]:
    return list_map_machines(snapshot, visit.reach(READ), visit.caller.find_reach(READ))


def _list_cells(one: MapMachine) -> tuple[str, ...]:
    return one.id, one.subnet, one.state, ", ".join(one.openings), list_ingress_paths(one), one.why


def _group_by_subnet(machines: Sequence[MapMachine]) -> dict[str, list[MapMachine]]:
    """The machines by subnet, the subnet with the most exposed first."""
    found: defaultdict[str, list[MapMachine]] = defaultdict(list)
    for one in machines:
        found[one.subnet].append(one)
    return dict(found)


def _draw_map(visit: Visit, subnets: Sequence[tuple[str, list[MapMachine]]]) -> Markup:
    """Draw subnets with what leads to them and what is in them."""
    machines = [one for _, several in subnets for one in several]
    last = (
        [_build_machine_node(visit, one) for one in machines]
        if len(machines) <= MOST_MACHINES
        else [_count_node(visit, subnet, several) for subnet, several in subnets]
    )
    single = len(machines) <= MOST_MACHINES
    middle = [_build_subnet_node(visit, subnet, several, single=single) for subnet, several in subnets]
    ways = _list_way_nodes(visit, machines)
    internet = MapNode(
        "internet", "Internet", visit.link("/exposure"), [one.key for one in ways], _choose_tone(machines)
    )
    columns = (
        MapColumn("Internet", (internet,), 90),
        MapColumn("Ways in", ways),
        MapColumn("Subnets", middle),
        MapColumn("Machines", last),
    )
    exposed = len({one.id for one in machines if one.ways})
    count = count_text(len({one.id for one in machines}), "machine")
    places = count_text(len(subnets), "subnet")
    label = f"{count} in {places}, {exposed} reached from the Internet"
    return draw_map(columns, label)


def _choose_tone(machines: Sequence[MapMachine]) -> str:
    """The color of the most exposed."""
    states = {one.state for one in machines}
    return next((tone for state, tone in _TONES.items() if state in states), "")


def _build_machine_node(visit: Visit, one: MapMachine) -> MapNode:
    whole = f"{one.name}: {one.state}{', ' if one.openings else ''}{', '.join(one.openings)}"
    return MapNode(one.key, one.name, visit.link(f"/resource{one.id}"), (), _choose_tone((one,)), whole)


def _count_node(visit: Visit, subnet: str, several: Sequence[MapMachine]) -> MapNode:
    """All machines of a subnet as one box, which leads to them."""
    exposed = sum(bool(one.ways) for one in several)
    title = count_text(len(several), "machine") + (f", {exposed} reached" if exposed else "")
    name = several[0].subnet_name
    address = visit.link("/network/map", q=name) if name else visit.link("/network/map", network=NO_SUBNET)
    return MapNode(f"machines {subnet}", title, address, (), _choose_tone(several))


def _build_subnet_node(visit: Visit, subnet: str, several: Sequence[MapMachine], *, single: bool) -> MapNode:
    """A subnet, which leads to its network."""
    inside = [one.key for one in several] if single else [f"machines {subnet}"]
    if not subnet:
        address = visit.link("/network/map", network=NO_SUBNET)
        return MapNode(subnet, NO_SUBNET, address, inside, _choose_tone(several))
    network = subnet.lower().split("/subnets/")[0]
    return MapNode(
        subnet, several[0].subnet_name, visit.link(f"/resource{network}"), inside, _choose_tone(several)
    )


def _list_way_nodes(visit: Visit, machines: Sequence[MapMachine]) -> list[MapNode]:
    """The resources by which the Internet comes in; those of one kind are one box where they are many."""
    by_way: defaultdict[tuple[str, str], list[MapMachine]] = defaultdict(list)
    for one in machines:
        for way in one.ways:
            by_way[way.kind, way.id].append(one)
    if len(by_way) <= MOST_BOXES:
        return [_build_way_node(visit, kind, id_, several) for (kind, id_), several in by_way.items()]
    by_kind: defaultdict[str, list[list[MapMachine]]] = defaultdict(list)
    for (kind, _), several in by_way.items():
        by_kind[kind].append(several)
    return [_build_kind_node(visit, kind, groups) for kind, groups in by_kind.items()]


def _build_way_node(visit: Visit, kind: str, id_: str, machines: Sequence[MapMachine]) -> MapNode:
    """A way in, which leads to its resource; one inside a resource is named by both."""
    parts = id_.split("/")
    name = parts[-1] if len(parts) <= _RESOURCE else f"{parts[_RESOURCE - 1]}/{parts[-1]}"
    address = visit.link(f"/resource{'/'.join(parts[:_RESOURCE])}")
    return MapNode(
        f"{kind} {id_}", name, address, _list_subnets(machines), _choose_tone(machines), f"{kind}: {name}"
    )


def _build_kind_node(visit: Visit, kind: str, groups: Sequence[Sequence[MapMachine]]) -> MapNode:
    """All ways in of a kind, which lead to the list of Internet exposure."""
    machines = [one for several in groups for one in several]
    address = visit.link("/exposure", q="")
    address = f"{address}&{urlencode({'path': kind})}"
    return MapNode(kind, f"{kind}: {len(groups)}", address, _list_subnets(machines), _choose_tone(machines))


def _list_subnets(machines: Sequence[MapMachine]) -> list[str]:
    return list(dict.fromkeys(one.subnet for one in machines))


PAGES = (Page("/network/map", "Network map", "network_map.html", READ, fill_page),)
