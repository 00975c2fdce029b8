"""Incidents: what is open, and one incident with who takes part, what happened in order, its alerts, and what people decide of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from nephoscope.alerts.investigation.alert_events import AlertEvents, find_query_period, read_alert_events
from nephoscope.alerts.investigation.incident_details import CaseFile, TimelineEntry, load_case_file
from nephoscope.alerts.investigation.optimistic_update import list_changes_since
from nephoscope.alerts.investigation.prevalence import find_prevalence
from nephoscope.alerts.investigation.process_timeline import read_process_trees
from nephoscope.alerts.rules.dynamic_properties import list_remediation_steps
from nephoscope.service.incidents import WRITE
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError, TransientError
from nephoscope.state.incidents.alert_filter import DONE
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.incidents.incidents import CLASSIFICATIONS, Incident, NoteKind
from nephoscope.web.forms.incident_forms import (
    OPEN,
    apply_to_incident,
    apply_to_selected,
    find_classification_comment,
    list_possible_owners,
    may_close_alerts,
)
from nephoscope.web.lists.incident_list import (
    build_counter,
    build_incident_facets,
    build_incident_filter,
    build_incident_list,
)
from nephoscope.web.lists.list_view import ROWS, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import count_facets, read_chosen_values
from nephoscope.web.page_data.entity_facts import load_entity_facts
from nephoscope.web.page_data.incident_pane import group_by_day, read_runs
from nephoscope.web.page_data.incident_response import (
    find_azure_captures_of_runs,
    find_incident_response,
)
from nephoscope.web.page_data.log_query_links import open_in_logs
from nephoscope.web.rendering.application_lookup import applications
from nephoscope.web.rendering.charts import DiagramNode, draw_links
from nephoscope.web.rendering.display_names import format_tactics, map_participant_names, replace_ids
from nephoscope.web.rendering.entity_names import describe_entity
from nephoscope.web.rendering.formatting import count_text
from nephoscope.web.rendering.resolved_names import find_known_names, map_incident_names
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS as SEVERITIES

READ = "Microsoft.SecurityInsights/incidents/read"
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
MOST_CSV, MOST_READ, MOST_MOMENTS, MOST_DRAWN = 100_000, 10, 200, 24


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list; a form that comes back decides of those that are ticked."""
    workspace = visit.workspace(READ)
    if visit.request.method != "POST":
        return _list_incidents(visit, workspace)
    try:
        done, left = apply_to_selected(visit, workspace)
    except TransientError:
        raise
    except StateError as error:
        return _build_list(visit, workspace, str(error))
    if not left:
        return RedirectResponse(visit.build_address(done=done), 303)
    return {**_build_list(visit, workspace), "overtaken": left, "done": done}


def _list_incidents(visit: Visit, workspace: str) -> Mapping[str, object] | Response:
    if visit.get_query_value("format") == "csv":
        header = ("#", "Severity", "Incident", "Status", "Owner", "First activity", "Last activity")
        found = visit.instance.state.incidents.list_matching_incidents(
            workspace, read_filters(visit, workspace), most=MOST_CSV
        )
        return build_csv_response("incidents", header, map(_build_row, found))
    return _build_list(visit, workspace)


def _build_list(visit: Visit, workspace: str, refused: str = "") -> dict[str, object]:
    """The list; what a form said that could not be done, or not to all, is said by the page again."""
    incidents, facets, start = (
        visit.instance.state.incidents,
        build_incident_facets(visit),
        compute_page_start(visit),
    )
    asked, may = read_filters(visit, workspace), visit.caller.is_permitted(WRITE, f"/workspaces/{workspace}")
    listed = incidents.list_matching_incidents(workspace, asked, start=start, most=ROWS)
    # of what was refused the etags stay: another is that of a state which nobody looked at
    etags = (
        dict(one.split(" ", 1) for one in visit.list_ticked_values("incident") if " " in one)
        if refused
        else {}
    )
    names = map_incident_names(visit, listed)
    wanted = build_incident_list(
        visit, workspace, names,
        (lambda one: f"{one.number} {etags.get(str(one.number), one.etag)}") if may else None,
    )  # fmt: skip
    counted, total = (
        count_facets(visit, facets, build_counter(visit, workspace)),
        incidents.total(workspace, asked),
    )
    return {
        "workspace": workspace, "list": show_page(visit, wanted, listed, counted, total, start), "may": may,
        "classifications": CLASSIFICATIONS, "typed": visit.form, "owners": list_possible_owners(visit, workspace) if may else [],
        "done": visit.get_query_value("done"), "refused": refused, "overtaken": [], "all": bool(visit.get_query_value("all")),
        "names": names,
        "any": incidents.total(workspace, IncidentFilter(numbers=visit.list_incidents_in_scope(workspace))) > 0,
    }  # fmt: skip


def read_filters(visit: Visit, workspace: str) -> IncidentFilter:
    """Return what the filters of the address ask for of the chosen scope; without a status those that are open."""
    return build_incident_filter(visit, workspace, read_chosen_values(visit, build_incident_facets(visit)))


def _map_id_names(visit: Visit, file: CaseFile) -> dict[str, str]:
    """Return the names of the ids in the titles of an incident and its alerts."""
    titles = [file.incident.title, *(str(one.document["AlertName"]) for one in file.alerts)]
    return map_participant_names(file.parties) | find_known_names(visit, titles)


def _draw_graph(visit: Visit, workspace: str, file: CaseFile) -> Markup:
    """The alerts in their order, and who takes part in which."""
    alerts, involved = file.alerts[:MOST_DRAWN], file.parties[:MOST_DRAWN]
    names = _map_id_names(visit, file)
    left = [
        DiagramNode(
            replace_ids(str(each.document["AlertName"]), names),
            "alert",
            visit.link(f"/alerts/{each.id}", workspace=workspace),
            each.severity.lower(),
        )
        for each in alerts
    ]
    right = [
        DiagramNode(each.title, describe_entity(each), visit.link("/search", q=each.id or each.title))
        for each in involved
    ]
    places = {each.id: at for at, each in enumerate(alerts)}
    between = [(places[id_], at) for at, each in enumerate(involved) for id_ in each.sources if id_ in places]
    return draw_links(
        left,
        right,
        between,
        f"{count_text(len(left), 'alert')} and the {count_text(len(right), 'entity', 'entities')} in them",
    )


def _build_row(one: Incident) -> tuple[object, ...]:
    first, last = one.first_activity.isoformat(), one.last_activity.isoformat()
    return one.number, one.severity, one.title, one.status.value, one.owner, first, last


def show_incident(visit: Visit) -> Mapping[str, object] | Response:
    """One incident; a form that comes back changes it, where it is as it was when the form was drawn."""
    workspace = visit.workspace(READ)
    number = int(visit.parameters["number"])
    if visit.request.method == "POST":
        return _decide_incident(visit, workspace, number)
    return _show_incident(visit, workspace, number)


def _decide_incident(visit: Visit, workspace: str, number: int) -> Mapping[str, object] | Response:
    try:
        apply_to_incident(visit, workspace, number)
    except TransientError:
        raise
    except ConcurrentChangeError:
        return _show_incident(visit, workspace, number, overtaken=True)
    except StateError as error:
        return _show_incident(visit, workspace, number, refused=str(error))
    return RedirectResponse(visit.build_address(), 303)


def _show_incident(
    visit: Visit, workspace: str, number: int, *, refused: str = "", overtaken: bool = False
) -> Mapping[str, object] | Response:
    """The page, or one of its tables as a file; `refused` says why nothing was done, `overtaken` that somebody was quicker."""
    file = load_case_file(visit.instance.state, workspace, number, visit.instance.now)
    file = replace(file, applications=applications(visit, file.participants))
    behind = _list_events(visit, workspace, file)
    moments = file.build_timeline(moment for each in behind for moment in each.iterate_timeline())
    runs = read_runs(visit, workspace, [str(number), *(one.id for one in file.alerts)])
    tables = {
        "timeline": lambda: _build_timeline(moments, file),
        "entities": lambda: _build_entities(file),
        "alerts": lambda: _build_alerts(file),
    }
    if (found := download_table(visit, f"incident-{number}", tables)) is not None:
        return found
    return {
        "workspace": workspace,
        "file": file,
        "names": _map_id_names(visit, file),
        "facts": load_entity_facts(visit, file.participants),
        "incident": file.incident,
        "graph": _draw_graph(visit, workspace, file) if file.alerts else "",
        "days": group_by_day(moments[:MOST_MOMENTS]),
        "kinds": Counter(one.kind for one in moments),
        "stages": _count_stages(file),
        **_read_processes(visit, workspace, file),
        "left": max(0, len(moments) - MOST_MOMENTS),
        "unread": [each for each in behind if each.error],
        "alerts": {each.id: _build_alert(visit, each) for each in file.alerts},
        "runs": runs,
        "azure_captures": find_azure_captures_of_runs(visit, [one for _, one in runs]),
        "response": find_incident_response(visit, file),
        **_show_forms(visit, workspace, file),
        "refused": refused,
        "overtaken": overtaken,
    }


def _count_stages(file: CaseFile) -> list[tuple[str, int]]:
    """The tactics in the order of the kill chain, each with how many alerts tell of it."""
    stages = Counter(name for one in file.alerts for name in str(one.document["Tactics"]).split(", "))
    return [(name, stages[name]) for name in file.tactics]


def _show_forms(visit: Visit, workspace: str, file: CaseFile) -> dict[str, object]:
    """Return what the forms show: the state of now, and what was typed where that was not done."""
    may = visit.caller.is_permitted(WRITE, f"/workspaces/{workspace}")
    return {
        "may": may,
        "owners": list_possible_owners(visit, workspace) if may else [],
        "classifications": CLASSIFICATIONS,
        "comments": [each for each in file.notes if each.kind is NoteKind.COMMENT],
        "tasks": [each for each in file.notes if each.kind is NoteKind.TASK],
        "severities": SEVERITIES,
        "open_statuses": list(OPEN),
        "remark": find_classification_comment(file.notes),
        "open_alerts": sum(one.status not in DONE for one in file.alerts),
        "may_close_alerts": may and may_close_alerts(visit, workspace),
        "typed": visit.form,
        "changes": list_changes_since(visit.instance.state, file.incident, visit.form.get("etag", "")),
    }


def _build_timeline(moments: Sequence[TimelineEntry], file: CaseFile) -> PageTable:
    about = {each.id: each.document for each in file.alerts}
    alerts = (about.get(each.source, {}) if each.kind == "alert" else {} for each in moments)
    return PageTable(("Time", "Kind", "Who", "What", "Severity", "Tactics"), (
        [each.at.isoformat(), each.kind, each.who, each.text, row.get("AlertSeverity", ""), format_tactics(row.get("Tactics", ""))]
        for each, row in zip(moments, alerts, strict=True)
    ))  # fmt: skip


def _build_entities(file: CaseFile) -> PageTable:
    return PageTable(("Kind", "Entity", "Id", "Alerts", "First", "Last"), (
        [each.kinds, each.title, each.resource or each.id, len(each.sources), each.first.isoformat(), each.last.isoformat()]
        for each in file.parties
    ))  # fmt: skip


def _build_alerts(file: CaseFile) -> PageTable:
    header = (
        "Severity",
        "Alert",
        "Tactics",
        "Description",
        "Remediation",
        "Started",
        "Ended",
        "Status",
        "Id",
    )
    return PageTable(header, (
        [each.severity, each.document["AlertName"], format_tactics(each.document["Tactics"]), each.document["Description"],
         "; ".join(list_remediation_steps(each.document)), each.started.isoformat(), each.ended.isoformat(), each.status, each.id]
        for each in file.alerts
    ))  # fmt: skip


def _build_alert(visit: Visit, alert: StoredAlert) -> dict[str, object]:
    """An alert with its query, the times that it looked at, and the address at which it gives the same rows."""
    row = alert.document
    return {
        "row": row,
        "query": json.loads(row.get("ExtendedProperties") or "{}").get("Query", ""),
        "looked_at": find_query_period(alert),
        "logs": open_in_logs(visit, alert),
        "steps": list_remediation_steps(row),
    }


def _list_events(visit: Visit, workspace: str, file: CaseFile) -> list[AlertEvents]:
    """The events behind the alerts, for who may read all rows of the workspace."""
    if not visit.caller.is_permitted(LOGS, f"/workspaces/{workspace}"):
        return []
    lake, now = visit.instance.lake, visit.instance.now
    return (
        [read_alert_events(lake, each, now) for each in file.alerts[:MOST_READ]]
        if visit.get_query_value("events")
        else []
    )


def _read_processes(visit: Visit, workspace: str, file: CaseFile) -> dict[str, object]:
    """The process trees of the alerts and the prevalence of entities, for who may read all rows of the workspace."""
    if not visit.get_query_value("events") or not visit.caller.is_permitted(LOGS, f"/workspaces/{workspace}"):
        return {"trees": {}, "prevalence": []}
    lake, now = visit.instance.lake, visit.instance.now
    return {
        "trees": read_process_trees(lake, file.alerts[:MOST_READ], now),
        "prevalence": find_prevalence(lake, workspace, [one.entity for one in file.participants], now),
    }


def count_open(visit: Visit) -> int | None:
    """Count how many of the chosen scope are open in the workspace that the page opens."""
    workspace = visit.home(READ)
    if not workspace:
        return None
    opened = IncidentFilter(frozenset(OPEN), numbers=visit.list_incidents_in_scope(workspace))
    return visit.instance.state.incidents.total(workspace, opened)


PAGES = (
    Page(
        "/incidents",
        "Incidents",
        "incidents.html",
        READ,
        fill_page,
        PageArea.DETECTION,
        0,
        ("GET", "POST"),
        count=count_open,
        anywhere=True,
        under_scope=(
            "Incidents with an alert that names a resource of {}. Others are listed under all subscriptions."
        ),
    ),
    Page(
        "/incidents/{number:int}",
        "Incident",
        "incident.html",
        READ,
        show_incident,
        methods=("GET", "POST"),
        anywhere=True,
        queries=lambda visit: bool(visit.get_query_value("events")),
    ),
)
