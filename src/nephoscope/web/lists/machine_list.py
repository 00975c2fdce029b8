"""The list of machines: how the agent of each is, what it cannot see, and what it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import (
    build_number_column,
    build_relative_time_column,
    build_text_column,
)
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.machine_fleet import NOT_ENROLLED, STATUSES_OF_AGENTS, FleetMachine
from nephoscope.web.rendering.resource_type_names import name_type

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

STATUS_WORDS = {"NeverReported": "Never reported"}
BASELINE_WORDS = {"Compliant": "Passed", "NonCompliant": "Failed", "": "Unknown"}
_TONES = {"Connected": "pass", "Degraded": "fail", "Disconnected": "error"}
_BASELINE_TONES = {"Compliant": "pass", "NonCompliant": "fail"}
_UPDATE_WORDS = {"some": "Pending", "none": "None pending", "": "Unknown"}


def build_machine_list(visit: Visit) -> RowList[FleetMachine]:
    """Describe the list."""

    def build_title_cell(one: FleetMachine) -> ListCell:
        return build_text_cell(one.name, visit.link(f"/machine{one.key}"), whole=one.id)

    def build_alerts_cell(one: FleetMachine) -> ListCell:
        return build_number_cell(
            one.alerts, visit.link("/alerts", q=one.name, scope=None) if one.alerts else ""
        )

    return RowList(
        "machines", "machine",
        (
            ListColumn("machine", "Machine", build_title_cell, main=True),
            ListColumn("status", "Agent", _build_status_cell, width="id"),
            build_relative_time_column("seen", "Last heartbeat", lambda one: one.last_seen_at, "never"),
            build_number_column("blind", "Not seen", _count_blind_spots, hint="What the agent cannot see"),
            ListColumn("baseline", "Baseline", _build_baseline_cell, optional=True, width="state"),
            build_number_column("updates", "Updates", lambda one: one.updates, hint="Pending updates"),
            ListColumn("alerts", "Open alerts", build_alerts_cell, number=True),
            build_text_column("os", "Operating system", lambda one: one.agent.os_name if one.agent else "", shown=False),
            build_text_column("version", "Agent version", _read_version, width="ago"),
            build_text_column("type", "Type", lambda one: name_type(one.type), shown=False),
        ),
        lambda one: one.key,
        (
            RowFacet("status", "Agent", lambda one: (one.status,), lambda one: STATUS_WORDS.get(one, one), STATUSES_OF_AGENTS),
            RowFacet("baseline", "Baseline", lambda one: (BASELINE_WORDS.get(one.baseline, one.baseline),)),
            RowFacet("updates", "Updates", lambda one: (_UPDATE_WORDS[_format_updates(one)],)),
            RowFacet("version", "Agent version", lambda one: (_read_version(one),)),
            RowFacet("type", "Type", lambda one: (one.type,), name_type),
            RowFacet("subscription", "Subscription", lambda one: (one.subscription,), lambda one: visit.subscriptions.get(one, one)),
        ),
        lambda one: f"{one.id} {one.name} {one.agent.os_name if one.agent else ''}", hint="Machine or operating system",
        about_of=lambda one: " ".join(one.blind_spots),
    )  # fmt: skip


def _count_blind_spots(one: FleetMachine) -> int | None:
    return len(one.blind_spots) if one.agent else None


def _read_version(one: FleetMachine) -> str:
    return one.agent.version if one.agent else ""


def _format_updates(one: FleetMachine) -> str:
    return "" if one.updates is None else "some" if one.updates else "none"


def _build_status_cell(one: FleetMachine) -> ListCell:
    order = float(STATUSES_OF_AGENTS.index(one.status))
    whole = "No agent reports about this machine." if one.status == NOT_ENROLLED else ""
    return build_state_cell(
        STATUS_WORDS.get(one.status, one.status), _TONES.get(one.status, ""), whole=whole, order=order
    )


def _build_baseline_cell(one: FleetMachine) -> ListCell:
    word = BASELINE_WORDS.get(one.baseline, one.baseline)
    return build_state_cell(word, _BASELINE_TONES.get(one.baseline, ""))
