"""Optimistic update: change an incident only if nobody changed it since it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.state.database.etag import parse_etag
from nephoscope.state.database.state_errors import ConcurrentChangeError, NotFoundError, StateError
from nephoscope.state.incidents.incidents import REMARK, Incident, IncidentAction, IncidentStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.alerts.incidents.incident_service import IncidentService
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """Changes of fields of an incident; `remark` says why it is classified so, `opened`: it can only be made of one that is open."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    opened: bool = False

    @property
    def is_reopening(self) -> bool:
        """Return whether the incident is open after it, whatever it was before."""
        return self.changes.get("status") in (IncidentStatus.NEW, IncidentStatus.ACTIVE)


def apply_decision(
    session: Session,
    incident_service: IncidentService,
    number: int,
    etag: str,
    decision: IncidentUpdate,
    now: datetime,
    by: str,
) -> None:
    """Make a decision of the incident that had an etag, in a transaction that is open.

    ConcurrentChangeError where it has another now, StateError where it cannot be decided so; nothing is changed then.
    """
    incidents = incident_service.state.incidents
    incident = incidents.lock_incident(session, number)
    if incident.workspace != incident_service.workspace:
        raise NotFoundError(f"incident {number} not found in the workspace {incident_service.workspace}")
    if incident.etag != etag:
        raise ConcurrentChangeError(f"incident {number} was changed by someone else: check its current state")
    if incident.merged_into is not None:
        raise StateError(f"incident {number} was merged into incident {incident.merged_into}")
    closed = incident.status is IncidentStatus.CLOSED
    if closed and decision.opened:
        raise StateError(f"incident {number} is closed: reopen it first")
    if closed and decision.is_reopening:
        incidents.unremark(session, number)
    again = bool(decision.remark) and _is_repeated_classification(
        session, incident_service, number, decision, now
    )
    incident_service.apply(
        session, number, now, by, decision.changes, remark="" if again else decision.remark
    )


def _is_repeated_classification(
    session: Session, incident_service: IncidentService, number: int, decision: IncidentUpdate, now: datetime
) -> bool:
    """Return whether it was said before why the incident is classified so: what is said now takes that place."""
    incidents = incident_service.state.incidents
    old = next((one for one in incidents.notes(session, number) if one.name == REMARK), None)
    if old is None:
        return False
    if old.text != decision.remark:
        incidents.renote(session, number, replace(old, text=decision.remark, changed=now))
    return True


def list_changes_since(state: State, incident: Incident, etag: str) -> list[IncidentAction]:
    """Return what was done to an incident after it had an etag, and which alerts came, in order; [] where the etag is none."""
    since = parse_etag(etag)
    if since is None:
        return []
    with state.reading() as session:
        acted = [one for one in state.incidents.actions(session, incident.number) if one.moment > since]
        came = [one for one in state.alerts.list_of_incident(session, incident.number) if one.changed > since]
    status_changes = [
        IncidentAction(one.changed, "", f"{one.document['AlertName']}: the alert came, or changed")
        for one in came
    ]
    return sorted([*acted, *status_changes], key=lambda one: one.moment)
