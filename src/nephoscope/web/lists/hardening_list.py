"""The list of adaptive network hardening: security rules that are wider than the traffic, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.hardening_proposals import HardeningRow

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

READY, BLOCKED = "Ready to enforce", "Cannot be enforced"


def build_hardening_list(visit: Visit) -> RowList[HardeningRow]:
    """Describe the list."""

    def build_title_cell(one: HardeningRow) -> ListCell:
        return build_text_cell(one.name, visit.link(f"/network/hardening/{one.key}"))

    def show_closed_share(one: HardeningRow) -> ListCell:
        percent = one.proposal.reduced_percent
        return build_number_cell(percent, text=f"{percent:.1f} %")

    return RowList(
        "network-hardening", "proposal",
        (
            ListColumn("machine", "Machine", build_title_cell, main=True),
            build_text_column("address", "Address", lambda one: one.proposal.address, width="state"),
            build_text_column("rule", "Security rule", lambda one: one.proposal.rule_name),
            build_text_column("state", "State", describe_state, width="state"),
            ListColumn("closed", "Closed", show_closed_share, optional=True, number=True, width="number"),
            build_number_column("cut", "Flows blocked", lambda one: one.proposal.cut_flow_count),
        ),
        lambda one: one.key,
        (
            RowFacet("state", "State", lambda one: (describe_state(one),)),
            RowFacet("group", "Security group", lambda one: (one.proposal.group.rsplit("/", 1)[-1],)),
        ),
        lambda one: "\n".join((one.name, one.proposal.address, one.proposal.rule_name)),
        hint="Machine, address or rule", order="-closed",
    )  # fmt: skip


def describe_state(one: HardeningRow) -> str:
    """Say whether the rules can be enforced."""
    return BLOCKED if one.proposal.obstacle else READY
