"""The list of alerts: how each stands, what it is about, and whether its rule is suppressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.alerts.tuning.active_suppressions import RuleSuppressions
from nephoscope.model.resource_names import shorten_ids
from nephoscope.state.incidents.alert_filter import DONE, STATUSES, AlertFilter
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column, build_time_column
from nephoscope.web.lists.list_cell import (
    CellMark,
    ListCell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet
from nephoscope.web.lists.severity_column import ORDER, build_severity_column
from nephoscope.web.rendering.display_names import format_tactics
from nephoscope.web.rendering.formatting import count_text
from nephoscope.web.rendering.readable_text import humanize_lists
from nephoscope.web.rendering.resolved_names import replace_ids_in_title

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: The states that the list has where none is chosen: nobody is done with these.
OPEN = frozenset(STATUSES) - DONE
STATUS_WORDS = {"InProgress": "In progress"}
TONES = {"New": "new", "InProgress": "fail", "Resolved": "pass"}
INCIDENT_WORDS = {"yes": "In an incident", "no": "In no incident"}
_HAS_INCIDENT = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class AlertContext:
    """Facts of the list beside an alert: names for ids in it, the suppressions of its rule, and whose incidents may be read."""

    names: Callable[[StoredAlert], Mapping[str, str]]
    suppressed: Callable[[StoredAlert], RuleSuppressions]
    incidents: frozenset[str]
    rules: Mapping[str, str]


def build_alert_facets(rules: Mapping[str, str], *, every: bool) -> tuple[QueryFacet, ...]:
    """Return what alerts are narrowed by; `rules` are the names of rules, `every` whether closed ones are listed too."""
    return (
        QueryFacet("status", "Status", lambda one: STATUS_WORDS.get(one, one), STATUSES, frozenset() if every else OPEN),
        QueryFacet("severity", "Severity", order=ORDER),
        QueryFacet("rule", "Rule", lambda one: rules.get(one, one)),
        QueryFacet("incident", "Incident", lambda one: INCIDENT_WORDS.get(one, one)),
    )  # fmt: skip


def build_alert_filter(visit: Visit, chosen: Chosen) -> AlertFilter:
    """Return what the chosen values ask for, in the time range and with the text of the address."""
    return AlertFilter(
        chosen["status"] & frozenset(STATUSES),
        chosen["severity"],
        visit.get_query_value("q"),
        visit.since,
        held=bool(visit.get_query_value("held")),
        rules=chosen["rule"],
        order=visit.get_query_value("sort"),
        incidents=frozenset(_HAS_INCIDENT[one] for one in chosen["incident"] if one in _HAS_INCIDENT),
    )


def build_alert_list(visit: Visit, known: AlertContext, *, acts: bool) -> RowList[StoredAlert]:
    """Describe the list; `acts` says whether alerts can be ticked."""

    def build_title_cell(one: StoredAlert) -> ListCell:
        name = str(one.document["AlertName"])
        page = visit.link(f"/alerts/{one.id}", workspace=one.workspace)
        return build_text_cell(replace_ids_in_title(name, known.names(one)), page, whole=name)

    def build_entities_cell(one: StoredAlert) -> ListCell:
        named = describe_entities(one)
        return build_text_cell(replace_ids_in_title(named, known.names(one)), whole=named)

    def build_incident_cell(one: StoredAlert) -> ListCell:
        if not one.incident:
            return ListCell()
        page = visit.link(f"/incidents/{one.incident}", workspace=one.workspace)
        return build_number_cell(
            one.incident, page if one.workspace in known.incidents else "", text=f"#{one.incident}"
        )

    return RowList(
        "alerts", "alert",
        (
            build_severity_column(lambda one: one.severity),
            ListColumn("title", "Alert", build_title_cell, main=True, sorted=False, width="title"),
            ListColumn("status", "Status", lambda one: _build_status_cell(one, known.suppressed(one)), width="state", optional=True),
            ListColumn("entities", "Entities", build_entities_cell, optional=True, sorted=False),
            ListColumn("incident", "Incident", build_incident_cell, optional=True, largest=True, width="short"),
            build_relative_time_column("last", "Last event", lambda one: one.ended),
            build_time_column("first", "First event", lambda one: one.started, shown=False),
            build_text_column("tactics", "Tactics", lambda one: format_tactics(str(one.document["Tactics"])), sorted=False,
            shown=False),
            build_text_column("rule", "Rule", lambda one: known.rules.get(one.rule, one.rule), sorted=False, shown=False),
        ),
        lambda one: one.id, order="-last", tick="alert" if acts else "", tick_of=lambda one: f"{one.id} {one.etag}",
        about_of=_describe_alert, hint="Alert or entity",
    )  # fmt: skip


def describe_entities(alert: StoredAlert) -> str:
    """The first entities of an alert."""
    return ", ".join(dict.fromkeys(one.title for one in read_entities(alert)[:3]))


def _build_status_cell(one: StoredAlert, found: RuleSuppressions) -> ListCell:
    marks = [CellMark("suppressed")] if one.held_by else []
    if found:
        suppressed = f"{count_text(len(found), 'suppression')} of its rule active"
        marks.append(
            CellMark("rule suppressed" if found.whole else "rule partly suppressed", title=suppressed)
        )
    return build_state_cell(STATUS_WORDS.get(one.status, one.status), TONES.get(one.status, ""), marks=marks)


def _describe_alert(one: StoredAlert) -> str:
    return shorten_ids(humanize_lists(str(one.document.get("Description") or "")))
