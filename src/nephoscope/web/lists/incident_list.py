"""The list of incidents: how each stands, who works on it, and when something happened last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope.web.forms.incident_forms import OPEN
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column, build_time_column
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet
from nephoscope.web.lists.severity_column import ORDER, build_severity_column
from nephoscope.web.rendering.resolved_names import replace_ids_in_title

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Stands for nobody among the owners in an address.
NOBODY = "-"


def build_incident_facets(visit: Visit) -> tuple[QueryFacet, ...]:
    """Return what incidents are narrowed by; without a status to those that are open, unless the address asks for all."""
    me = visit.caller.name
    words = {NOBODY: "Unassigned", me: f"{me} (you)"}
    statuses, opened = [one.value for one in IncidentStatus], frozenset(OPEN)
    return (
        QueryFacet(
            "status",
            "Status",
            order=statuses,
            default=frozenset() if visit.get_query_value("all") else opened,
        ),
        QueryFacet("severity", "Severity", order=ORDER),
        QueryFacet("owner", "Owner", lambda one: words.get(one, one)),
    )


def build_incident_filter(visit: Visit, workspace: str, chosen: Chosen) -> IncidentFilter:
    """Return what the chosen values ask for, of the chosen scope."""
    known = frozenset(one.value for one in IncidentStatus)
    return IncidentFilter(
        chosen["status"] & known,
        chosen["severity"],
        visit.get_query_value("q").strip(),
        visit.list_incidents_in_scope(workspace),
        frozenset("" if one == NOBODY else one for one in chosen["owner"]),
        visit.get_query_value("sort"),
    )


def build_counter(visit: Visit, workspace: str) -> Callable[[str, Chosen], Mapping[str, int]]:
    """Give what counts the values of a facet; nobody has a name there."""

    def count(name: str, chosen: Chosen) -> Mapping[str, int]:
        found = visit.instance.state.incidents.count_by_column(
            workspace, build_incident_filter(visit, workspace, chosen), name
        )
        return {one or NOBODY: many for one, many in found.items()}

    return count


def build_incident_list(
    visit: Visit,
    workspace: str,
    names: Mapping[int, Mapping[str, str]],
    tick_of: Callable[[Incident], str] | None,
) -> RowList[Incident]:
    """Describe the list; incidents can be ticked where there is a `tick_of`."""

    def build_title_cell(one: Incident) -> ListCell:
        page = visit.link(f"/incidents/{one.number}", workspace=workspace)
        return build_text_cell(replace_ids_in_title(one.title, names[one.number]), page, whole=one.title)

    return RowList(
        "incidents", "incident",
        (
            ListColumn("number", "#", _build_number_cell, optional=True, largest=True, width="count"),
            build_severity_column(lambda one: one.severity),
            ListColumn("title", "Incident", build_title_cell, main=True, width="title"),
            ListColumn("status", "Status", _build_status_cell, width="state", optional=True),
            build_text_column("owner", "Owner", lambda one: one.owner),
            build_time_column("first", "First activity", lambda one: one.first_activity, shown=False),
            build_relative_time_column("last", "Last activity", lambda one: one.last_activity),
            build_time_column("created", "Created", lambda one: one.created, shown=False),
            build_text_column("class", "Classification", lambda one: one.classification, sorted=False, shown=False),
        ),
        lambda one: str(one.number), order="-last", tick="incident" if tick_of else "", tick_of=tick_of or (lambda _: ""),
        about_of=lambda one: one.description, hint="Number, title, owner or alert",
    )  # fmt: skip


def _build_number_cell(one: Incident) -> ListCell:
    return build_number_cell(one.number, text=str(one.number))


def _build_status_cell(one: Incident) -> ListCell:
    tones = {IncidentStatus.NEW: "new", IncidentStatus.ACTIVE: "fail", IncidentStatus.CLOSED: "pass"}
    return build_state_cell(one.status.value, tones.get(one.status, ""))
