"""Microsoft.SecurityInsights: incidents, their comments, alerts and entities.

Source: https://learn.microsoft.com/rest/api/securityinsights/incidents (2023-11-01)
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from nephoscope.alerts.investigation.incident_details import load_case_file
from nephoscope.alerts.investigation.prevalence import find_prevalence
from nephoscope.alerts.investigation.process_timeline import read_process_trees
from nephoscope.api.sentinel.bookmarks import build_body as bookmark_body
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.body_schema import accept_text, check_shape, declare_array, declare_object
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_state_query import parse_moment
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.sentinel_entities import build_alert_body, build_entity_bodies, count_kinds
from nephoscope.api.wire.workspace_lookup import (
    WORKSPACE,
    build_workspace_path,
    describe_author,
    require_workspace,
)
from nephoscope.files.json_tree import get_tree
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.incidents import (
    DELETE,
    READ,
    WRITE,
    create_incident,
    delete_incident,
    update_incident,
)
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import CLASSIFICATIONS, REMARK, Incident, IncidentStatus, NoteKind
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS

SURFACE = ApiSurface("Incidents", "Microsoft.SecurityInsights")
_BASE = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents"
_ONE = f"{_BASE}/{{incidentId}}"
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
MOST, MOST_TREES = 1000, 10
#: What an owner is told by.
OWNER = ("assignedTo", "userPrincipalName", "objectId", "email", "ownerType")
SHAPE = declare_object(
    {"title": accept_text(least=1)},
    {
        "description": accept_text(),
        "owner": declare_object({}, dict.fromkeys(OWNER, accept_text())),
        "labels": declare_array(declare_object({"labelName": accept_text(least=1)})),
    },
)
_ACTIVITY = ("firstActivityTimeUtc", "lastActivityTimeUtc")


@SURFACE.get(_BASE, "Incidents_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the incidents of a workspace, the newest first."""
    workspace = require_workspace(call, READ)
    several = call.instance.state.incidents.list_newest(workspace, most=10_000)
    start, most = read_page_place(call), call.read_requested_count(MOST)
    page = [build_body(call, workspace, one) for one in several[start : start + most]]
    return answer_list(call, page, str(start + most) if len(several) > start + most else "")


@SURFACE.get(_ONE, "Incidents_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get an incident."""
    workspace = require_workspace(call, READ)
    return ApiResponse(build_body(call, workspace, require_incident(call, workspace)))


@SURFACE.put(_ONE, "Incidents_CreateOrUpdate", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Create an incident, or change its title, description, status, severity, owner, labels or classification."""
    workspace = require_workspace(call, WRITE)
    call = check_shape(call, SHAPE)
    known = find_incident(call, workspace)
    changes = _read_changes(call)
    _require_classification(changes, known)
    remark = call.get_text("properties", "classificationComment")
    if known is None:
        incident = create_incident(
            call.service, workspace, replace(_read_incident(call, workspace), **changes), remark
        )
    else:
        changes = {**_read_title_and_description(call, known), **changes}
        incident = update_incident(call.service, workspace, known.number, changes, remark)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(build_body(call, workspace, incident), 200 if known else 201)


def _read_incident(call: ApiCall, workspace: str) -> Incident:
    """A new incident as it is described; its id is the GUID of the path."""
    try:
        id_ = str(uuid.UUID(call["incidentId"]))
    except ValueError as error:
        raise make_bad_request_error("The ID of a new incident must be a GUID.", "incidentId") from error
    now = call.instance.now
    first, last = (
        parse_moment(call.get_text("properties", name), f"properties.{name}") for name in _ACTIVITY
    )
    return Incident(
        workspace,
        call.get_text("properties", "title", needed=True),
        call.get_text("properties", "description"),
        "",
        first or last or now,
        last or now,
        now,
        now,
        id=id_,
        severity_set=True,
        title_set=True,
    )


def _read_title_and_description(call: ApiCall, known: Incident) -> dict[str, object]:
    """The title and the description where they are others than those that are known."""
    given = {"title": call.get_text("properties", "title", needed=True)}
    if "description" in call.body["properties"]:
        given["description"] = call.get_text("properties", "description")
    return {name: text for name, text in given.items() if text != getattr(known, name)}


def _read_changes(call: ApiCall) -> dict[str, Any]:
    status = _read_word(call, "status", [one.value for one in IncidentStatus])
    severity = _read_word(call, "severity", [one.value for one in SEVERITIES_OF_INCIDENTS])
    classification = call.get_text("properties", "classification")
    found: dict[str, Any] = {"status": IncidentStatus(status), "severity": severity}
    if classification:
        reasons = CLASSIFICATIONS.get(classification)
        if reasons is None:
            raise make_bad_request_error(
                f"classification must be one of {', '.join(CLASSIFICATIONS)}.", "properties.classification"
            )
        found |= {
            "classification": classification,
            "reason": call.get_text("properties", "classificationReason"),
        }
    owner = call.body["properties"].get("owner")
    if isinstance(owner, dict):
        names = {one.id: one.name for one in call.people.values()}
        owner_values = {name: str(owner[name]) for name in OWNER if owner.get(name)}
        id_ = owner_values.get("objectId", "")
        name = (
            owner_values.get("assignedTo")
            or owner_values.get("userPrincipalName")
            or names.get(id_, id_)
            or owner_values.get("email", "")
        )
        found |= {"owner": name, "owner_told": owner_values if name else {}}
    labels = call.body["properties"].get("labels")
    if isinstance(labels, list):
        found["labels"] = tuple(
            str(one.get("labelName", "")) if isinstance(one, dict) else str(one) for one in labels
        )
    return found


def _require_classification(changes: Mapping[str, object], known: Incident | None) -> None:
    """Fault where an incident would be closed and nobody said as what."""
    said = changes.get("classification") or (known.classification if known is not None else "")
    if changes["status"] is IncidentStatus.CLOSED and not said:
        problem = f"An incident is closed with a classification: one of {', '.join(CLASSIFICATIONS)}."
        raise make_bad_request_error(problem, "properties.classification")


def _read_word(call: ApiCall, name: str, words: list[str]) -> str:
    given = call.get_text("properties", name, needed=True)
    known = next((one for one in words if one.lower() == given.lower()), None)
    if known is None:
        raise make_bad_request_error(f"{name} is one of {', '.join(words)}.", f"properties.{name}")
    return known


@SURFACE.declare_post_action(f"{_ONE}/alerts", "Incidents_ListAlerts", READ)
def list_alerts(call: ApiCall) -> ApiResponse:
    """List the alerts of an incident."""
    workspace = require_workspace(call, READ)
    incident = require_incident(call, workspace)
    several = call.instance.state.alerts.list_newest(workspace, incident=incident.number, most=1000)
    return ApiResponse({"value": [build_alert_body(call, workspace, one) for one in several]})


@SURFACE.declare_post_action(f"{_ONE}/entities", "Incidents_ListEntities", READ)
def list_entities(call: ApiCall) -> ApiResponse:
    """List the entities of an incident with their facts from the estate, and the number of each kind."""
    workspace = require_workspace(call, READ)
    file = load_case_file(
        call.instance.state, workspace, require_incident(call, workspace).number, call.instance.now
    )
    several = build_entity_bodies(call, workspace, file.participants)
    return ApiResponse({"entities": several, "metaData": count_kinds(several)})


@SURFACE.declare_post_action(f"{_ONE}/processTrees", "Incidents_ListProcessTrees", READ)
def list_process_trees(call: ApiCall) -> ApiResponse:
    """Get the process trees around an incident's alerts, and the prevalence of its hashes, domains and users, from the logs."""
    workspace = require_workspace(call, READ)
    require_workspace(call, LOGS)
    incident, instance = require_incident(call, workspace), call.instance
    file = load_case_file(instance.state, workspace, incident.number, instance.now)
    trees = read_process_trees(instance.lake, file.alerts[:MOST_TREES], instance.now)
    entities = [one.entity for one in file.participants]
    seen = find_prevalence(instance.lake, workspace, entities, instance.now)
    return ApiResponse({
        "value": [{"alert": id_, **tree.document()} for id_, tree in trees.items()],
        "prevalence": [one.document() for one in seen],
    })  # fmt: skip


@SURFACE.declare_post_action(f"{_ONE}/bookmarks", "Incidents_ListBookmarks", READ)
def list_bookmarks(call: ApiCall) -> ApiResponse:
    """List the bookmarks of an incident."""
    workspace = require_workspace(call, READ)
    incident = require_incident(call, workspace)
    with call.instance.state.reading() as session:
        several = call.instance.state.bookmarks.list_of_incident(session, incident.number)
    return ApiResponse({"value": [_build_bookmark(call, one) for one in several]})


@SURFACE.delete(_ONE, "Incidents_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete an incident; its alerts then belong to none; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    known = find_incident(call, workspace)
    if known is None:
        return NO_CONTENT
    delete_incident(call.service, workspace, known.number)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(None)


def find_incident(call: ApiCall, workspace: str) -> Incident | None:
    """The incident of a GUID, or of a number; None where there is none."""
    incidents = call.instance.state.incidents
    given = call["incidentId"].lower()
    one = (
        incidents.get(int(given)) if given.isdecimal() and len(given) < 15 else incidents.find_by_guid(given)
    )
    return one if one is not None and one.workspace == workspace else None


def require_incident(call: ApiCall, workspace: str) -> Incident:
    """The incident of a path; Fault where there is none."""
    one = find_incident(call, workspace)
    if one is None:
        raise make_not_found_error(f"The incident '{call['incidentId'][:100]}'")
    return one


def build_body(call: ApiCall, workspace: str, one: Incident) -> dict[str, Any]:
    """An incident in the shape of the API."""
    properties: dict[str, Any] = {
        "title": one.title,
        "description": one.description,
        "severity": one.severity,
        "status": one.status.value,
        "incidentNumber": one.number,
        "firstActivityTimeUtc": _format_utc(one.first_activity),
        "lastActivityTimeUtc": _format_utc(one.last_activity),
        "createdTimeUtc": _format_utc(one.created),
        "lastModifiedTimeUtc": _format_utc(one.changed),
        "owner": _build_owner(call, one),
        "labels": [{"labelName": label, "labelType": "User"} for label in one.labels],
        "additionalData": _build_additional_data(call, workspace, one),
        "incidentUrl": f"{call.base}/incidents/{one.number}?workspace={workspace}",
        "relatedAnalyticRuleIds": [],
        "providerName": "nephoscope",
        "providerIncidentId": str(one.number),
    }
    if one.classification:
        properties |= {"classification": one.classification, "classificationReason": one.reason or None}
        properties |= _build_classification_fields(call, one)
    return {
        "id": f"{build_workspace_path(call, workspace)}/incidents/{one.id}",
        "name": one.id,
        "type": "Microsoft.SecurityInsights/incidents",
        "etag": f'"{one.etag}"',
        "properties": properties,
    }


def _format_utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _build_owner(call: ApiCall, one: Incident) -> dict[str, str | None]:
    """Return what was said of the owner, else what is known of the person of that name."""
    if not one.owner:
        return dict.fromkeys(OWNER)
    stored_owner, known = one.owner_told, call.people.get(one.owner)
    named = {"assignedTo": one.owner, "ownerType": "User"}
    if stored_owner and (known is None or stored_owner.get("objectId", known.id) != known.id):
        return dict.fromkeys(OWNER) | named | dict(stored_owner)
    person = describe_author(call, one.owner)
    del person["name"]
    return person | named | dict(stored_owner)


def _build_classification_fields(call: ApiCall, one: Incident) -> dict[str, str]:
    """Return what was said when the incident was classified."""
    with call.instance.state.reading() as session:
        notes = call.instance.state.incidents.notes(session, one.number)
    said = next((note.text for note in notes if note.name == REMARK), "")
    return {"classificationComment": said} if said else {}


def _build_additional_data(call: ApiCall, workspace: str, one: Incident) -> dict[str, object]:
    found = call.instance.state.alerts.list_newest(workspace, incident=one.number, most=1000)
    tactic_lists = (str(each.document["Tactics"]).split(", ") for each in found)
    tactics = list(dict.fromkeys(tactic for several in tactic_lists for tactic in several if tactic))
    with call.instance.state.reading() as session:
        notes = call.instance.state.incidents.notes(session, one.number)
        marks = call.instance.state.bookmarks.list_of_incident(session, one.number)
    return {
        "alertsCount": len(found),
        "bookmarksCount": len(marks),
        "commentsCount": sum(note.kind is NoteKind.COMMENT for note in notes),
        "alertProductNames": ["nephoscope"],
        "tactics": tactics,
    }


def _build_bookmark(call: ApiCall, one: Bookmark) -> dict[str, object]:
    """A bookmark as an entity of its incident."""
    whole = bookmark_body(call, one)
    kept = (
        "created",
        "createdBy",
        "displayName",
        "eventTime",
        "labels",
        "query",
        "queryResult",
        "updated",
        "updatedBy",
    )
    given = get_tree(whole, "properties")
    properties = {name: one_ for name in kept if (one_ := given.get(name)) is not None}
    told_ = {"additionalData": {"ETag": whole["etag"], "EntityId": one.id}, "friendlyName": one.name}
    return {
        "id": whole["id"],
        "name": one.id,
        "type": "Microsoft.SecurityInsights/entities",
        "kind": "Bookmark",
        "properties": {**properties, **told_},
    }
