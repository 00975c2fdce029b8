"""Microsoft.SecurityInsights: incidents, their comments, alerts and entities.

Source: https://learn.microsoft.com/rest/api/securityinsights/incidents (2023-11-01)
"""

from __future__ import annotations

import json
from typing import Any

from nephoscope.alerts.case.case_file import case_file
from nephoscope.alerts.desk import Desk
from nephoscope.api.wire.answer import Answer, listed, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad, missing
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.workspace import WORKSPACE, allowed
from nephoscope.lake.outbox import deliver
from nephoscope.lake.state.incidents import CLASSIFICATIONS, Incident, IncidentStatus, Note, NoteKind
from nephoscope.model.state import Severity

SURFACE = Surface("Incidents", "Microsoft.SecurityInsights")
READ, WRITE = "Microsoft.SecurityInsights/incidents/read", "Microsoft.SecurityInsights/incidents/write"
_BASE = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents"
_ONE = f"{_BASE}/{{incidentId}}"
MOST = 1000


@SURFACE.get(_BASE, "Incidents_List", READ)
def list_(call: Call) -> Answer:
    """The incidents of a workspace, the newest first."""
    workspace = allowed(call, READ)
    found = call.instance.state.incidents.newest(workspace, most=10_000)
    start, most = int(resumed(call) or 0), call.top(MOST)
    page = [body(call, workspace, one) for one in found[start : start + most]]
    return listed(call, page, str(start + most) if len(found) > start + most else "")


@SURFACE.get(_ONE, "Incidents_Get", READ)
def get(call: Call) -> Answer:
    """One incident."""
    workspace = allowed(call, READ)
    return Answer(body(call, workspace, _found(call, workspace)))


@SURFACE.put(_ONE, "Incidents_CreateOrUpdate", WRITE)
def put(call: Call) -> Answer:
    """Change what people decide of an incident: status, severity, owner, labels, classification."""
    workspace = allowed(call, WRITE)
    incident = _found(call, workspace)
    changes = _changes(call)
    desk = Desk(call.instance.state, workspace)
    if comment := call.text("properties", "classificationComment"):
        desk.comment(incident.number, comment, call.instance.now, call.caller.name)
    changed = desk.change(incident.number, call.instance.now, call.caller.name, **changes)
    _audited(call, WRITE, incident)
    return Answer(body(call, workspace, changed))


def _changes(call: Call) -> dict[str, Any]:
    status = _word(call, "status", [one.value for one in IncidentStatus])
    severity = _word(call, "severity", [one.value for one in Severity])
    classification = call.text("properties", "classification")
    found: dict[str, Any] = {"status": IncidentStatus(status), "severity": severity}
    if classification:
        reasons = CLASSIFICATIONS.get(classification)
        if reasons is None:
            raise bad(f"classification is one of {', '.join(CLASSIFICATIONS)}.", "properties.classification")
        found |= {"classification": classification, "reason": call.text("properties", "classificationReason")}
    owner = call.body["properties"].get("owner")
    if isinstance(owner, dict):
        found["owner"] = str(
            owner.get("assignedTo") or owner.get("userPrincipalName") or owner.get("objectId") or ""
        )
    labels = call.body["properties"].get("labels")
    if isinstance(labels, list):
        found["labels"] = tuple(
            str(one.get("labelName", "")) if isinstance(one, dict) else str(one) for one in labels
        )
    return found


def _word(call: Call, name: str, words: list[str]) -> str:
    given = call.text("properties", name, needed=True)
    known = next((one for one in words if one.lower() == given.lower()), None)
    if known is None:
        raise bad(f"{name} is one of {', '.join(words)}.", f"properties.{name}")
    return known


@SURFACE.act(f"{_ONE}/alerts", "Incidents_ListAlerts", READ)
def alerts(call: Call) -> Answer:
    """The alerts of an incident."""
    workspace = allowed(call, READ)
    incident = _found(call, workspace)
    found = call.instance.state.alerts.newest(workspace, incident=incident.number, most=1000)
    return Answer({"value": [_alert(call, workspace, one.document) for one in found]})


@SURFACE.act(f"{_ONE}/entities", "Incidents_ListEntities", READ)
def entities(call: Call) -> Answer:
    """The entities of an incident, and how many there are of each kind."""
    workspace = allowed(call, READ)
    file = case_file(call.instance.state, workspace, _found(call, workspace).number, call.instance.now)
    found = [
        {
            "id": f"{_root(call, workspace)}/entities/{at}",
            "name": str(at),
            "type": "Microsoft.SecurityInsights/entities",
            "kind": one.entity.kind,
            "properties": {"friendlyName": one.entity.title, **one.entity.document(at)},
        }
        for at, one in enumerate(file.involved, 1)
    ]
    kinds = sorted({str(one["kind"]) for one in found})
    counts = [{"entityKind": kind, "count": sum(one["kind"] == kind for one in found)} for kind in kinds]
    return Answer({"entities": found, "metaData": counts})


@SURFACE.get(f"{_ONE}/comments", "IncidentComments_List", READ)
def comments(call: Call) -> Answer:
    """The comments of an incident."""
    workspace = allowed(call, READ)
    return listed(call, [_comment(call, workspace, one) for one in _notes(call, workspace)])


@SURFACE.get(f"{_ONE}/comments/{{incidentCommentId}}", "IncidentComments_Get", READ)
def comment(call: Call) -> Answer:
    """One comment."""
    workspace = allowed(call, READ)
    for one in _notes(call, workspace):
        if str(one.id) == call["incidentCommentId"]:
            return Answer(_comment(call, workspace, one))
    raise missing(f"The comment '{call['incidentCommentId']}'")


@SURFACE.put(f"{_ONE}/comments/{{incidentCommentId}}", "IncidentComments_CreateOrUpdate", WRITE)
def put_comment(call: Call) -> Answer:
    """Add a comment; it gets an id of ours, as comments are never changed."""
    workspace = allowed(call, WRITE)
    incident = _found(call, workspace)
    text = call.text("properties", "message", needed=True)
    Desk(call.instance.state, workspace).comment(incident.number, text, call.instance.now, call.caller.name)
    _audited(call, "Microsoft.SecurityInsights/incidents/comments/write", incident)
    return Answer(_comment(call, workspace, _notes(call, workspace)[-1]), 201)


def _found(call: Call, workspace: str) -> Incident:
    """The incident of a GUID, or of a number."""
    incidents = call.instance.state.incidents
    given = call["incidentId"].lower()
    found = incidents.get(int(given)) if given.isdigit() and len(given) < 15 else incidents.of_id(given)
    if found is None or found.workspace != workspace:
        raise missing(f"The incident '{call['incidentId']}'")
    return found


def _notes(call: Call, workspace: str) -> list[Note]:
    incident = _found(call, workspace)
    with call.instance.state.transaction() as session:
        notes = call.instance.state.incidents.notes(session, incident.number)
    return [one for one in notes if one.kind is NoteKind.COMMENT]


def _audited(call: Call, operation: str, incident: Incident) -> None:
    with call.instance.state.transaction() as session:
        call.instance.state.audit.add(
            session, call.caller.name, operation, f"incident {incident.number}", address=call.caller.address
        )
    deliver(call.instance.lake, call.instance.state)


def _root(call: Call, workspace: str) -> str:
    group = call["resourceGroupName"]
    return (
        f"/subscriptions/{call['subscriptionId']}/resourceGroups/{group}/providers/Microsoft.OperationalInsights"
        f"/workspaces/{workspace}/providers/Microsoft.SecurityInsights"
    )


def body(call: Call, workspace: str, one: Incident) -> dict[str, Any]:
    """An incident in the shape of the API."""
    properties: dict[str, Any] = {
        "title": one.title,
        "description": one.description,
        "severity": one.severity,
        "status": one.status.value,
        "incidentNumber": one.number,
        "firstActivityTimeUtc": one.first_activity.isoformat(),
        "lastActivityTimeUtc": one.last_activity.isoformat(),
        "createdTimeUtc": one.created.isoformat(),
        "lastModifiedTimeUtc": one.changed.isoformat(),
        "owner": {
            "assignedTo": one.owner or None,
            "userPrincipalName": one.owner or None,
            "objectId": None,
            "email": None,
        },
        "labels": [{"labelName": label, "labelType": "User"} for label in one.labels],
        "additionalData": _additional(call, workspace, one),
        "incidentUrl": f"{call.base}/incidents/{one.number}?workspace={workspace}",
        "relatedAnalyticRuleIds": [],
        "providerName": "nephoscope",
        "providerIncidentId": str(one.number),
    }
    if one.classification:
        properties |= {"classification": one.classification, "classificationReason": one.reason or None}
    return {
        "id": f"{_root(call, workspace)}/incidents/{one.id}",
        "name": one.id,
        "type": "Microsoft.SecurityInsights/incidents",
        "etag": f'"{int(one.changed.timestamp() * 1_000_000):x}"',
        "properties": properties,
    }


def _additional(call: Call, workspace: str, one: Incident) -> dict[str, Any]:
    found = call.instance.state.alerts.newest(workspace, incident=one.number, most=1000)
    told = (str(each.document["Tactics"]).split(", ") for each in found)
    tactics = list(dict.fromkeys(tactic for several in told for tactic in several if tactic))
    return {"alertsCount": len(found), "alertProductNames": ["nephoscope"], "tactics": tactics}


def _alert(call: Call, workspace: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{_root(call, workspace)}/entities/{row['SystemAlertId']}",
        "name": row["SystemAlertId"],
        "type": "Microsoft.SecurityInsights/entities",
        "kind": "SecurityAlert",
        "properties": {
            "systemAlertId": row["SystemAlertId"],
            "alertDisplayName": row["AlertName"],
            "description": row["Description"],
            "severity": row["AlertSeverity"],
            "status": row["Status"],
            "vendorName": row["VendorName"],
            "productName": row["ProductName"],
            "alertType": row["AlertType"],
            "startTimeUtc": row["StartTime"],
            "endTimeUtc": row["EndTime"],
            "timeGenerated": row["TimeGenerated"],
            "compromisedEntity": row["CompromisedEntity"],
            "tactics": [one for one in str(row["Tactics"]).split(", ") if one],
            "additionalData": json.loads(row["ExtendedProperties"] or "{}"),
            "friendlyName": row["AlertName"],
        },
    }


def _comment(call: Call, workspace: str, one: Note) -> dict[str, Any]:
    return {
        "id": f"{_root(call, workspace)}/incidents/{call['incidentId']}/comments/{one.id}",
        "name": str(one.id),
        "type": "Microsoft.SecurityInsights/incidents/comments",
        "properties": {
            "message": one.text,
            "createdTimeUtc": one.written.isoformat(),
            "lastModifiedTimeUtc": one.written.isoformat(),
            "author": {"name": one.author, "objectId": None, "email": None, "userPrincipalName": one.author},
        },
    }
