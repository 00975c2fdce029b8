"""Events of alerts and incidents as rules of response are asked about them, and as receivers get them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import StoredAlert

KINDS = ("alert.created", "alert.updated", "incident.created", "incident.updated")
BY = "nephoscope response"
"""In whose name actions change incidents: of such a change no rule is asked, so that none goes round in circles."""
MOST_ENTITIES = 500


def record_alert_event(
    state: State, session: Session, workspace: str, row: Mapping[str, object], now: datetime, *, new: bool
) -> None:
    """Note that an alert was raised or grew."""
    document = {**row, "Entities": list_alert_entities([row])}
    kind = "alert.created" if new else "alert.updated"
    state.automation_runs.record_event(session, workspace, kind, str(row["SystemAlertId"]), document, now)


def record_incident_event(
    state: State,
    session: Session,
    workspace: str,
    row: Mapping[str, object],
    alerts: Sequence[StoredAlert],
    now: datetime,
    *,
    new: bool,
) -> None:
    """Note that an incident was made or changed."""
    if row["ModifiedBy"] == BY:
        return
    rows = [one.document for one in alerts]
    document = {
        **row,
        "Entities": list_alert_entities(rows),
        "Alerts": [str(one["AlertName"]) for one in rows],
    }
    kind = "incident.created" if new else "incident.updated"
    state.automation_runs.record_event(session, workspace, kind, str(row["IncidentNumber"]), document, now)


def list_alert_entities(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entities of alerts, each once, without their numbers."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        for one in json.loads(row["Entities"]):
            plain = {name: value for name, value in one.items() if name not in ("$id", "$ref")}
            found.setdefault(json.dumps(plain, sort_keys=True), plain)
    return list(found.values())[:MOST_ENTITIES]
