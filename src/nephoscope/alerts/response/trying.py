"""Trying a rule of response with an incident or an alert as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nephoscope.alerts.response.event import entities
from nephoscope.alerts.response.facts import entity_facts, facts_of
from nephoscope.alerts.response.responder import Responder
from nephoscope.alerts.response.rule import Asked
from nephoscope.alerts.rows import incident_row
from nephoscope.state.database import StateError
from nephoscope.state.responses import ResponseRun, RunStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def tried(
    responder: Responder, rule: Asked, incident: int | None, alert: str, now: datetime, *, do: bool
) -> tuple[bool, list[ResponseRun]]:
    """Whether its conditions hold, and with `do` its runs as they ended, which are kept as those of `RULE (test)`."""
    with responder.state.transaction() as session:
        kind, subject, document = _subject(responder, session, incident, alert, now)
        runs = [
            ResponseRun(
                uuid4().hex, responder.workspace, f"{rule.name} (test)", str(one["action"]), one, kind, subject, document,
                RunStatus.PENDING, now, now, now,
            )
            for one in rule.actions
        ]  # fmt: skip
        for run in runs if do else ():
            responder.state.responses.put(session, run)
    facts = {**facts_of(document), **entity_facts(document)}
    if not do:
        return rule.holds(facts, document), []
    wanted = {run.id for run in runs}
    return rule.holds(facts, document), [one for one in responder.tick() if one.id in wanted]


def _subject(
    responder: Responder, session: Session, incident: int | None, alert: str, now: datetime
) -> tuple[str, str, dict[str, Any]]:
    state = responder.state
    if incident is None:
        known = state.alerts.known(session, alert)
        if known is None or known.workspace != responder.workspace:
            raise StateError(f"there is no alert {alert}")
        return "alert.created", alert, {**known.document, "Entities": entities([known.document])}
    found = state.incidents.read(session, incident)
    if found.workspace != responder.workspace:
        raise StateError(f"there is no incident {incident} in the workspace {responder.workspace}")
    alerts = state.alerts.of(session, incident)
    row = incident_row(found, alerts, state.incidents.notes(session, incident), now, found.owner)
    rows = [one.document for one in alerts]
    return (
        "incident.created",
        str(incident),
        {**row, "Entities": entities(rows), "Alerts": [one["AlertName"] for one in rows]},
    )
