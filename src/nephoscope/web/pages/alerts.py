"""Alerts: the list, and what may be done to many at once; one with its entities, rule, query, rows, state and suppression."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from nephoscope.alerts.incidents.alert_visibility import READ
from nephoscope.alerts.investigation.alert_events import AlertEvents, find_query_period, read_alert_events
from nephoscope.alerts.investigation.incident_details import list_involved_entities, read_entities
from nephoscope.alerts.investigation.participants import list_participants
from nephoscope.alerts.rules.dynamic_properties import list_remediation_steps, list_techniques
from nephoscope.alerts.tuning.active_suppressions import SuppressionsInForce
from nephoscope.service.alerts import ACTIONS, find_operation, list_status_changes, may_change_alert
from nephoscope.service.suppressions import (
    REASONS,
    compute_related_suppressions_etag,
    list_related_suppressions,
)
from nephoscope.service.suppressions import WRITE as SUPPRESS
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError, TransientError
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import IncidentAction
from nephoscope.web.forms.alert_forms import (
    DAYS,
    LABELS,
    MOST_DAYS,
    change_alert,
    change_selected_alerts,
    list_changed_suppressions,
    suppress_similar_alerts,
)
from nephoscope.web.forms.trial_forms import load_rules
from nephoscope.web.lists.alert_list import (
    AlertContext,
    build_alert_facets,
    build_alert_filter,
    build_alert_list,
    describe_entities,
)
from nephoscope.web.lists.facets import ListFacet, build_facet
from nephoscope.web.lists.list_view import ROWS, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import count_facets, read_chosen_values
from nephoscope.web.page_data.entity_facts import load_entity_facts
from nephoscope.web.page_data.incident_pane import read_runs
from nephoscope.web.page_data.incident_response import (
    find_azure_captures_of_runs,
    find_captures_of_runs,
)
from nephoscope.web.page_data.log_query_links import open_in_logs
from nephoscope.web.page_data.suppressed_rule_counts import READ as SUPPRESSIONS
from nephoscope.web.page_data.visible_alerts import VisibleAlerts, find_visible_alerts
from nephoscope.web.rendering.application_lookup import applications
from nephoscope.web.rendering.display_names import format_tactics, format_value, map_participant_names
from nephoscope.web.rendering.readable_text import humanize_member
from nephoscope.web.rendering.resolved_names import find_known_names, map_alert_names
from nephoscope.web.rendering.suppression_choices import list_suppression_choices
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import LOGS, Visit

INCIDENTS, RULES = "Microsoft.SecurityInsights/incidents/read", "Microsoft.SecurityInsights/alertRules/read"
MOST_CSV = 100_000
#: Properties that the page shows in another place, or twice: the query, and the count of its rows.
_SHOWN_ELSEWHERE = frozenset({"Query", "Search Query Results Overall Count"})
#: Properties whose values are members of enumerations.
_ENUMERATIONS = frozenset({"Trigger Operator", "Event Grouping"})
#: Properties of Azure's alerts -> their labels.
_LABELS = {
    "Query Period": "Lookup period",
    "Query Frequency": "Query frequency",
    "Trigger Operator": "Alert threshold",
    "Trigger Threshold": "Threshold value",
    "Total Events": "Rows found",
    "Event Grouping": "Event grouping",
    "Query Start Time UTC": "Queried from",
    "Query End Time UTC": "Queried until",
    "Analytic Rule Ids": "Rule id",
    "Analytic Rule Name": "Rule",
    "Custom Details": "Custom details",
    "Suppressed By": "Suppressed by",
    "Suppression Id": "Suppression id",
}


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list; a form that comes back changes the state of those that are ticked."""
    visible_alerts = find_visible_alerts(visit, visit.get_query_value("workspace"))
    if visit.request.method == "POST":
        return _change_alerts(visit, visible_alerts)
    if visit.get_query_value("format") == "csv":
        header = (
            "Severity",
            "Alert",
            "Status",
            "Entities",
            "Incident",
            "Last event",
            "First event",
            "Tactics",
            "Rule",
            "Id",
        )
        return build_csv_response(
            "alerts", header, map(_build_row, visible_alerts.page(read_filters(visit), 0, MOST_CSV)[0])
        )
    return _build_list(visit, visible_alerts)


def _change_alerts(visit: Visit, visible_alerts: VisibleAlerts) -> Mapping[str, object] | Response:
    done, left = change_selected_alerts(visit, visible_alerts)
    if left:
        return {**_build_list(visit, visible_alerts), "overtaken": left, "done": done}
    return RedirectResponse(visit.build_address(done=done), 303)


def _build_list(visit: Visit, visible_alerts: VisibleAlerts) -> dict[str, object]:
    """The list; those that were left out of what was done stay ticked."""
    rules = map_rule_names(visit, visible_alerts.workspaces)
    facets, start = (
        build_alert_facets(rules, every=bool(visit.get_query_value("all"))),
        compute_page_start(visit),
    )
    asked = build_alert_filter(visit, read_chosen_values(visit, facets))
    alerts, total = visible_alerts.page(asked, start, ROWS)
    counted = count_facets(
        visit,
        facets,
        lambda name, chosen: visible_alerts.count_by_column(build_alert_filter(visit, chosen), name),
    )
    acts, in_force = (
        list_allowed_acts(visit, visible_alerts),
        _find_active_suppressions(visit, visible_alerts.workspaces),
    )
    known = AlertContext(
        _find_names(visit, alerts),
        lambda alert: in_force.get(alert.workspace, SuppressionsInForce()).for_rule_only(alert.rule),
        list_incident_workspaces(visit),
        rules,
    )
    held = (
        [_find_suppressed_facet(visit, visible_alerts, asked)]
        if asked.held or visible_alerts.count(replace(asked, held=True)) > total
        else []
    )
    return {
        "visible": visible_alerts,
        "list": show_page(
            visit, build_alert_list(visit, known, acts=bool(acts)), alerts, [*counted, *held], total, start
        ),
        "acts": acts,
        "any": visible_alerts.any,
        "all": bool(visit.get_query_value("all")),
        **_list_suppressions(visit, visible_alerts, in_force),
        "overtaken": [],
        "done": visit.get_query_value("done"),
    }


def _find_suppressed_facet(visit: Visit, visible_alerts: VisibleAlerts, asked: AlertFilter) -> ListFacet:
    """Return the choice to list suppressed alerts too, with how many the list has then."""
    counts = [("1", visible_alerts.count(replace(asked, held=True)))]
    return build_facet(visit, "held", "Suppressed alerts", counts, lambda _: "Include suppressed")


def map_rule_names(visit: Visit, workspaces: Sequence[str]) -> dict[str, str]:
    """Return what the rules of workspaces are called: id -> name."""
    return {one.id: one.name for name in workspaces for one in load_rules(visit, name).values()}


def _list_suppressions(
    visit: Visit, visible_alerts: VisibleAlerts, in_force: Mapping[str, SuppressionsInForce]
) -> dict[str, object]:
    """Return what holds alerts back in the workspaces whose suppressions the visitor reads."""
    state = visit.instance.state
    tallies = (
        [state.alert_tallies.count_by_rule(one, visit.since) for one in in_force]
        if visible_alerts.whole
        else []
    )
    return {
        "suppressions": sum(len(one.all) for one in in_force.values()),
        "held_back": sum(tally.held for one in tallies for tally in one.values()),
    }


def _find_active_suppressions(visit: Visit, workspaces: Sequence[str]) -> Mapping[str, SuppressionsInForce]:
    """The suppressions in force in each of the workspaces whose suppressions the visitor reads."""
    state, now = visit.instance.state, visit.instance.now
    readable = [one for one in workspaces if visit.caller.is_permitted(SUPPRESSIONS, f"/workspaces/{one}")]
    return {one: SuppressionsInForce.load(state, one, now) for one in readable}


def read_filters(visit: Visit) -> AlertFilter:
    """Return what the filters of the address ask for; without any, the alerts of the time range that nobody is done with."""
    return build_alert_filter(
        visit, read_chosen_values(visit, build_alert_facets({}, every=bool(visit.get_query_value("all"))))
    )


def list_allowed_acts(visit: Visit, visible_alerts: VisibleAlerts) -> dict[str, str]:
    """Return what the visitor may do to alerts: act -> its name; of those about a part of the estate, to some of them at least."""
    caller = visit.caller
    may = {
        act: caller.is_permitted(find_operation(act), f"/workspaces/{visible_alerts.workspaces[0]}")
        if visible_alerts.whole
        else not caller.find_reach(find_operation(act)).is_empty
        for act in ACTIONS
    }
    return {act: name for act, name in LABELS.items() if may[act]}


def list_incident_workspaces(visit: Visit) -> frozenset[str]:
    """The workspaces of which the visitor reads incidents."""
    return frozenset(visit.workspaces(INCIDENTS))


def _find_names(visit: Visit, alerts: Sequence[StoredAlert]) -> Callable[[StoredAlert], Mapping[str, str]]:
    """Gives of an alert of a page the names of the ids that its line may have."""
    texts = (text for one in alerts for text in (str(one.document["AlertName"]), describe_entities(one)))
    known = find_known_names(visit, texts)
    names = {(one.workspace, one.id): map_alert_names(one) | known for one in alerts}
    return lambda one: names[one.workspace, one.id]


def _build_row(one: StoredAlert) -> Sequence[object]:
    started, ended = one.started.isoformat(), one.ended.isoformat()
    name = one.document["AlertName"]
    leading_cells = one.severity, name, one.status, describe_entities(one), one.incident or "", ended
    return *leading_cells, started, format_tactics(one.document["Tactics"]), one.rule, one.id


def show_alert(visit: Visit) -> Mapping[str, object] | Response:
    """One alert; a form that comes back changes its state, or suppresses what is like it."""
    visible_alerts = find_visible_alerts(visit, visit.get_query_value("workspace"))
    kept = visible_alerts.load_stored_alert(visit.parameters["id"])
    if visit.request.method != "POST":
        return _build_page(visit, visible_alerts, kept)
    try:
        if visit.form.get("act") == "suppress":
            suppress_similar_alerts(visit, visible_alerts.get(kept.id))
        else:
            change_alert(visit, kept)
    except ConcurrentChangeError:
        return _build_page(visit, visible_alerts, visible_alerts.load_stored_alert(kept.id), overtaken=True)
    except TransientError:
        raise
    except StateError as error:
        return _build_page(visit, visible_alerts, kept, refused=str(error))
    return RedirectResponse(visit.build_address(), 303)


def _build_page(
    visit: Visit,
    visible_alerts: VisibleAlerts,
    kept: StoredAlert,
    *,
    refused: str = "",
    overtaken: bool = False,
) -> Mapping[str, object] | Response:
    """The page, or one of its tables as a file; `refused` says why nothing was done, `overtaken` that somebody was quicker."""
    alert, workspace = visible_alerts.get(kept.id), kept.workspace
    row = alert.document
    properties = json.loads(row.get("ExtendedProperties") or "{}")
    query, entities = properties.get("Query", ""), read_entities(alert)
    may_read = visible_alerts.whole and visit.caller.is_permitted(LOGS, f"/workspaces/{workspace}")
    if (
        file := download_table(visit, "alert", _build_tables(visit, alert, properties, rows=may_read))
    ) is not None:
        return file
    behind = (
        read_alert_events(visit.instance.lake, alert, visit.instance.now)
        if may_read and visit.get_query_value("rows")
        else None
    )
    involved = list_involved_entities([alert], ())
    taking_part = list_participants(involved, applications(visit, involved))
    runs = read_runs(visit, workspace, [alert.id])
    return {
        "runs": runs, "captures": find_captures_of_runs(visit, [one.id for _, one in runs]),
        "azure_captures": find_azure_captures_of_runs(visit, [one for _, one in runs]),
        "workspace": workspace, "alert": alert, "row": row, "query": query,
        "parties": taking_part, "facts": load_entity_facts(visit, involved),
        "names": map_participant_names(taking_part) | find_known_names(visit, (str(row["AlertName"]), str(row["Description"]))),
        "properties": _show_properties(properties), "rule": properties.get("Analytic Rule Name") or row["AlertName"],
        "techniques": list_techniques(row),
        "looked_at": find_query_period(alert), "logs": open_in_logs(visit, alert), "may_read": may_read,
        "steps": list_remediation_steps(row), "behind": behind, "columns": _list_columns(behind),
        "acts": {
            act: name
            for act, name in LABELS.items()
            if ACTIONS[act] != alert.status and may_change_alert(visit.service, act, kept)
        },
        "refused": refused, "overtaken": overtaken, "changes": _list_actions_meanwhile(visit, kept) if overtaken else [],
        "typed": visit.form, "etag": kept.etag,
        "visible": visible_alerts, "reads_incidents": list_incident_workspaces(visit),
        "reads_rules": visit.caller.is_permitted(RULES, f"/workspaces/{workspace}"),
        "may_suppress": visit.caller.is_permitted(SUPPRESS, f"/workspaces/{workspace}"),
        "suppressible": list_suppression_choices(entities), "most_days": MOST_DAYS, "days": DAYS,
        "reasons": REASONS, "reads_suppressions": visit.caller.is_permitted(SUPPRESSIONS, f"/workspaces/{workspace}"),
        "in_force": _find_active_suppressions(visit, [workspace]).get(workspace, SuppressionsInForce()).select_for_rule(kept.rule),
        "like": list_related_suppressions(visit.instance.state, workspace, kept.rule),
        "like_etag": compute_related_suppressions_etag(visit.instance.state, workspace, kept.rule),
    }  # fmt: skip


def _list_actions_meanwhile(visit: Visit, kept: StoredAlert) -> list[IncidentAction]:
    """Return who did what to that of which the form was drawn."""
    state, form = visit.instance.state, visit.form
    if form.get("act") == "suppress":
        several = list_related_suppressions(state, kept.workspace, kept.rule)
        return list_changed_suppressions(several, form.get("etag", ""))
    return list_status_changes(state, kept.id)


def _show_properties(properties: Mapping[str, object]) -> dict[str, str]:
    """Return the properties by their labels; the query has a panel, and the number of its rows is said once."""
    shown = {name: format_value(value) for name, value in properties.items() if name not in _SHOWN_ELSEWHERE}
    said = {
        name: humanize_member(value) if name in _ENUMERATIONS else value
        for name, value in shown.items()
        if value
    }
    return {_LABELS.get(name, name): value for name, value in said.items()}


def _build_tables(
    visit: Visit, alert: StoredAlert, properties: Mapping[str, object], *, rows: bool
) -> dict[str, Callable[[], PageTable]]:
    """Name -> table; the `rows` behind the alert only for who may read the logs."""
    found: dict[str, Callable[[], PageTable]] = {
        "details": lambda: PageTable(("Name", "Value"), _show_properties(properties).items())
    }
    return {**found, "rows": lambda: _build_rows(visit, alert)} if rows else found


def _build_rows(visit: Visit, alert: StoredAlert) -> PageTable:
    """The rows behind an alert; StateError where they cannot be read."""
    behind = read_alert_events(visit.instance.lake, alert, visit.instance.now, most=MOST_CSV)
    if behind.error:
        raise StateError(f"the events cannot be read: {behind.error}")
    columns = _list_columns(behind)
    return PageTable(columns, ([each.get_text(name) for name in columns] for each in behind.rows))


def _list_columns(behind: AlertEvents | None) -> list[str]:
    return list(behind.rows[0].columns) if behind is not None and behind.rows else []


def count_open(visit: Visit) -> int | None:
    """Count how many of the chosen scope nobody is done with in the workspace that the page opens."""
    return find_visible_alerts(visit).count(AlertFilter(frozenset({"New", "InProgress"})))


PAGES = (
    Page(
        "/alerts",
        "Alerts",
        "alerts.html",
        READ,
        fill_page,
        PageArea.DETECTION,
        10,
        ("GET", "POST"),
        count_open,
        anywhere=True,
        timed=True,
        allows_part=True,
        under_scope=(
            "Alerts that name a resource of {}. Alerts without a resource, such as sign-in alerts, "
            "are listed under all subscriptions."
        ),
    ),
    Page(
        "/alerts/{id}",
        "Alert",
        "alert.html",
        READ,
        show_alert,
        methods=("GET", "POST"),
        anywhere=True,
        allows_part=True,
        queries=lambda visit: bool(visit.get_query_value("rows")) or visit.get_query_value("table") == "rows",
    ),
)
