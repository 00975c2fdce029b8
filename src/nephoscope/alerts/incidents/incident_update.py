"""Incident update: the fields that a user changes, their consistency rules and consequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from nephoscope.alerts.incidents.change_events import BY as RESPONSE
from nephoscope.state.database.database import StateError
from nephoscope.state.incidents.incidents import CLASSIFICATIONS, Incident, IncidentStatus

BY = "nephoscope"


def apply_changes(incident: Incident, changes: Mapping[str, Any], now: datetime) -> Incident:
    """The incident with the changes; a severity or title that somebody sets stays, whatever alerts come later."""
    rated = incident.severity_set or changes.get("severity", incident.severity) != incident.severity
    called = incident.title_set or changes.get("title", incident.title) != incident.title
    if "owner" in changes:
        changes = {"owner_told": {}, **changes}
    return replace(incident, **changes, severity_set=rated, title_set=called, changed=now)


def check_incident(incident: Incident, now: datetime) -> Incident:
    """A closed incident has a classification and the moment, none before it was made; an open one has neither."""
    if incident.status is not IncidentStatus.CLOSED:
        return replace(incident, closed=None, classification="", reason="")
    if incident.classification not in CLASSIFICATIONS:
        raise StateError(
            f"the classification of a closed incident must be one of {', '.join(CLASSIFICATIONS)}"
        )
    reasons = CLASSIFICATIONS[incident.classification]
    reason = incident.reason or reasons[0]
    if reason not in reasons:
        raise StateError(f"the reason of {incident.classification} is one of {', '.join(reasons)}")
    return replace(incident, reason=reason, closed=incident.closed or max(now, incident.created))


def acknowledge(incident: Incident, now: datetime, by: str) -> Incident:
    """With the moment in which a person took it up, where that is now: it has an owner, or is not New any more."""
    taken = bool(incident.owner) or incident.status is not IncidentStatus.NEW
    if by in (BY, RESPONSE) or incident.acknowledged is not None or not taken:
        return incident
    return replace(incident, acknowledged=max(now, incident.created))


def describe_changes(changes: Mapping[str, object]) -> str:
    """The changes of an incident in words: `set the status to Active, the owner to kim`."""
    parts = []
    for name, value in changes.items():
        if name == "owner_told":
            continue
        text = ", ".join(value) if isinstance(value, tuple | list) else str(value)
        if text or name in ("owner", "labels"):
            parts.append(f"the {name} to {text or 'nobody' if name == 'owner' else text or 'none'}")
    return f"set {', '.join(parts)}" if parts else "changed nothing"
