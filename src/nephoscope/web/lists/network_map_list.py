"""The list of the network map: each machine with its subnet and how far the Internet reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.exposure.exposure_rows import STATES
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.network_map import MapMachine

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

NO_SUBNET = "Subnet not known"


def build_network_map_list(visit: Visit) -> RowList[MapMachine]:
    """Describe the list."""

    def build_title_cell(one: MapMachine) -> ListCell:
        return build_text_cell(one.name, visit.link(f"/resource{one.id}"))

    return RowList(
        "network-map", "machine",
        (
            ListColumn("machine", "Machine", build_title_cell, main=True),
            build_text_column("subnet", "Subnet", lambda one: one.subnet_name or NO_SUBNET),
            build_text_column("state", "Open to", lambda one: one.state, width="state"),
            build_text_column("openings", "Ports", lambda one: ", ".join(one.openings)),
            build_text_column("ways", "Ways in", list_ingress_paths),
            build_text_column("why", "Reason", lambda one: one.why),
        ),
        lambda one: one.key,
        (
            RowFacet("state", "Open to", lambda one: (one.state,), order=STATES),
            RowFacet("network", "Network", lambda one: (one.subnet_name.partition("/")[0] or NO_SUBNET,)),
        ),
        lambda one: "\n".join((one.name, one.subnet_name, *one.openings, one.why)),
        hint="Machine, subnet or port",
    )  # fmt: skip


def list_ingress_paths(one: MapMachine) -> str:
    """Name the ways in."""
    return ", ".join(f"{way.kind} {way.id.rsplit('/', 1)[-1]}" for way in one.ways)
