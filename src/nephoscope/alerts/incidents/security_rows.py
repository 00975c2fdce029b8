"""Alerts and incidents as rows of SecurityAlert and SecurityIncident: a row a change, the newest read with arg_max."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from nephoscope.alerts.documents.duration import format_timespan
from nephoscope.alerts.entities.resource_mentions import find_mentions
from nephoscope.alerts.rules.dynamic_properties import apply_overrides, build_attack_columns, list_techniques
from nephoscope.alerts.rules.rule import OPERATORS, AnalyticRule
from nephoscope.alerts.rules.tactics import order_tactics
from nephoscope.model.alert import Alert
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import REMARK, Incident, IncidentNote, NoteKind

PRODUCT = "nephoscope"
ALERTS, INCIDENTS = "SecurityAlert", "SecurityIncident"
DISMISSED = "Dismissed"
"""The status of an alert that was held back."""


def build_alert_row(alert: Alert, rule: AnalyticRule) -> dict[str, object]:
    """The row that an alert is raised as."""
    return {
        "TimeGenerated": alert.generated.isoformat(),
        "DisplayName": alert.name,
        "AlertName": alert.name,
        "AlertSeverity": alert.severity.value,
        "Description": alert.description,
        "ProviderName": "ASI Scheduled Alerts",
        "VendorName": PRODUCT,
        "VendorOriginalId": alert.id,
        "SystemAlertId": alert.id,
        "AlertType": f"{PRODUCT}_{alert.rule}",
        "StartTime": alert.start.isoformat(),
        "EndTime": alert.end.isoformat(),
        "ProcessingEndTime": alert.generated.isoformat(),
        "RemediationSteps": json.dumps([alert.remediation]) if alert.remediation else "",
        "ExtendedProperties": json.dumps(_build_properties(alert, rule), ensure_ascii=False),
        "Entities": json.dumps(
            [one.document(place + 1) for place, one in enumerate(alert.entities)], ensure_ascii=False
        ),
        "ProductName": PRODUCT,
        "ProductComponentName": "Scheduled Alerts",
        "Status": DISMISSED if alert.held_by else "New",
        "CompromisedEntity": alert.entities[0].title if alert.entities else "",
        "Tactics": ", ".join(alert.tactics),
        **build_attack_columns(alert.techniques, alert.properties),
        "SourceSystem": "Detection",
        "_ResourceId": _find_first_resource(alert),
        **apply_overrides(alert.properties),
    }


def _find_first_resource(alert: Alert) -> str:
    """The first resource, by whose subscription the row is read; '' of an alert over several: who reads one sees no row of another."""
    named = find_mentions(
        json.dumps(
            [[one.identifiers for one in alert.entities], alert.custom_details, alert.description, alert.name]
        )
    )
    if len({one.subscription for one in named}) > 1:
        return ""
    return next((one.get("ResourceId") for one in alert.entities if one.kind == "AzureResource"), "")


def count_events(row: dict[str, object]) -> int:
    """Count how many events are behind the alert of a row."""
    return int(json.loads(str(row["ExtendedProperties"]))["Total Events"])


def _build_properties(alert: Alert, rule: AnalyticRule) -> dict[str, str]:
    """Return what Sentinel's own alerts carry beside their columns."""
    return {
        "Query": alert.query,
        "Query Period": format_timespan(rule.period),
        "Query Frequency": format_timespan(rule.frequency),
        "Trigger Operator": OPERATORS[rule.operator],
        "Trigger Threshold": str(rule.threshold),
        "Total Events": str(alert.events),
        "Search Query Results Overall Count": str(alert.events),
        "Event Grouping": "AlertPerResult" if rule.one_alert_a_row else "SingleAlert",
        **_map_query_fields(alert),
        "Analytic Rule Ids": json.dumps([alert.rule]),
        "Analytic Rule Name": rule.name,
        "Custom Details": json.dumps(alert.custom_details, ensure_ascii=False),
        **({"Suppressed By": alert.held_as, "Suppression Id": alert.held_by} if alert.held_by else {}),
        **({"Tuning": "; ".join(rule.tuning.shown)} if rule.tuning.shown else {}),
    }


def _map_query_fields(alert: Alert) -> dict[str, str]:
    if alert.searched is None:
        return {}
    start, end = (f"{one.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" for one in alert.searched)
    return {"Query Start Time UTC": start, "Query End Time UTC": end}


def build_incident_row(
    incident: Incident,
    alerts: list[StoredAlert],
    notes: list[IncidentNote],
    now: datetime,
    by: str,
    bookmarks: Iterable[str] = (),
    owner_id: str = "",
) -> dict[str, object]:
    """The row of a change of an incident; `bookmarks` are the ids of those that were put into it, `owner_id` that of its owner.

    IncidentUrl is the path below the address at which the server is reached.
    """
    marks = list(bookmarks)
    return {
        "TimeGenerated": now.isoformat(),
        "IncidentName": incident.id,
        "IncidentNumber": incident.number,
        "Title": incident.title,
        "Description": incident.description,
        "Severity": incident.severity,
        "Status": incident.status.value,
        "Classification": incident.classification,
        "ClassificationReason": incident.reason,
        "ClassificationComment": _find_classification_remark(notes) if incident.classification else "",
        "Owner": _build_owner(incident, owner_id),
        "ProviderName": PRODUCT,
        "ProviderIncidentId": str(incident.number),
        "IncidentUrl": f"/incidents/{incident.number}?workspace={incident.workspace}",
        "CreatedTime": incident.created.isoformat(),
        "FirstActivityTime": incident.first_activity.isoformat(),
        "LastActivityTime": incident.last_activity.isoformat(),
        "FirstModifiedTime": incident.first_modified.isoformat() if incident.first_modified else None,
        "LastModifiedTime": incident.changed.isoformat(),
        "ClosedTime": incident.closed.isoformat() if incident.closed else None,
        "ModifiedBy": by,
        "AlertIds": [one.id for one in alerts],
        "BookmarkIds": marks,
        "RelatedAnalyticRuleIds": sorted({one.rule for one in alerts}),
        "Labels": [{"labelName": one, "labelType": "User"} for one in incident.labels],
        "Comments": [_build_note(one) for one in notes if one.kind is NoteKind.COMMENT],
        "Tasks": [_build_note(one) for one in notes if one.kind is NoteKind.TASK],
        "AdditionalData": {
            "alertsCount": len(alerts),
            "tactics": order_tactics([name for one in alerts for name in _split_tactics(one)]),
            "bookmarksCount": len(marks),
            "techniques": list(
                dict.fromkeys(name for one in alerts for name in list_techniques(one.document))
            ),
            "commentsCount": sum(one.kind is NoteKind.COMMENT for one in notes),
            "alertProductNames": [PRODUCT],
        },
        "SourceSystem": "Detection",
    }


def _build_owner(incident: Incident, id_: str) -> dict[str, str | None]:
    """Return who works on it, nulls where nobody does; where nothing was said but a name, an email where the name is one."""
    name, details = incident.owner, incident.owner_told
    email = name if "@" in name else None
    return {
        "objectId": details.get("objectId") or id_ or None,
        "email": details.get("email") if details else email,
        "assignedTo": name or None,
        "userPrincipalName": details.get("userPrincipalName") if details else name or None,
    }


def _find_classification_remark(notes: Iterable[IncidentNote]) -> str:
    """Return what was said when it was classified, the last time."""
    return next((one.text for one in reversed(list(notes)) if one.name == REMARK), "")


def _split_tactics(alert: StoredAlert) -> list[str]:
    return [one for one in str(alert.document["Tactics"]).split(", ") if one]


def _build_note(note: IncidentNote) -> dict[str, object]:
    return {
        "id": note.id,
        "author": note.author,
        "message": note.text,
        "createdTimeUtc": note.written.isoformat(),
    } | ({"status": "Completed" if note.done else "New"} if note.kind is NoteKind.TASK else {})
