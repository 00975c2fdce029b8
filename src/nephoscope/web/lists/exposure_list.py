"""The list of Internet exposure: what is open to whom, by which path and rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.resource_names import shorten_ids
from nephoscope.posture.exposure.exposure_rows import LIMITED, STATES, ExposureRow
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.rendering.formatting import capitalize_first_letter
from nephoscope.web.rendering.readable_text import humanize_types
from nephoscope.web.rendering.resource_type_names import name_type

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_exposure_list(visit: Visit) -> RowList[ExposureRow]:
    """Describe the list."""

    def build_title_cell(one: ExposureRow) -> ListCell:
        return build_text_cell(one.name, visit.link(f"/resource{one.resource}"))

    return RowList(
        "internet-exposure", "opening",
        (
            ListColumn("resource", "Resource", build_title_cell, main=True, width="fit24"),
            build_text_column("type", "Type", lambda one: name_type(one.type), width="fit18"),
            build_text_column("state", "Open to", _describe_state, width="fit14"),
            build_text_column("ports", "Ports", _describe_ports, width="short"),
            build_text_column("path", "Path", lambda one: capitalize_first_letter(one.path), width="fit14"),
            build_text_column("rule", "Rule or reason", lambda one: one.rule_names or shorten_ids(humanize_types(one.why))),
        ),
        lambda one: one.key,
        (
            RowFacet(
                "state", "Resources open to", lambda one: (one.state,), order=STATES,
                unit_of=lambda one: one.resource.lower(),
            ),
            RowFacet("path", "Path", lambda one: (one.path,) if one.path else (), capitalize_first_letter),
            RowFacet("protocol", "Protocol", lambda one: (one.protocol,) if one.protocol else ()),
            RowFacet("type", "Resource type", lambda one: (name_type(one.type),)),
        ),
        lambda one: "\n".join((one.name, one.ports, one.sources, one.rule_names, one.why)),
        hint="Resource, port, address or rule",
    )  # fmt: skip


def _describe_state(one: ExposureRow) -> str:
    """Say to whom a resource is open, with the addresses where it is to some."""
    return capitalize_first_letter(one.sources) if one.state == LIMITED else one.state


def _describe_ports(one: ExposureRow) -> str:
    """Say which ports are open; an endpoint of a service has those of the service."""
    return one.protocol if one.is_endpoint else f"{one.protocol} {one.ports}".strip()
