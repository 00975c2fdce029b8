"""Change the incident of an event: who works on it, how bad it is, its labels, a task, a comment, its end."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.alerts.incidents.change_events import BY
from nephoscope.automation.action import ActionError, ActionKind, ActionOutcome
from nephoscope.state.automation.automation_runs import AutomationRun
from nephoscope.state.database.database import StateError
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State


class IncidentActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the incident action; fields that are not set leave the incident unchanged."""

    owner: Annotated[str | None, Meta(description="New owner.")] = None
    severity: Annotated[Severity | None, Meta(description="New severity.")] = None
    status: Annotated[Literal["New", "Active"] | None, Meta(description="New status.")] = None
    tags: Annotated[list[str], Meta(description="Labels to add.")] = []
    close: Annotated[
        Literal["TruePositive", "BenignPositive", "FalsePositive", "Undetermined"] | None,
        Meta(description="Classification; closes the incident."),
    ] = None
    reason: Annotated[str, Meta(description="Reason for a false positive.")] = ""
    comment: Annotated[str, Meta(description="Comment to add.", max_length=10_000)] = ""
    tasks: Annotated[list[str], Meta(description="Tasks to add.", max_length=50)] = []


def change(
    settings: IncidentActionSettings, run: AutomationRun, state: State, session: Session, now: datetime
) -> ActionOutcome:
    """Change it within the transaction that notes it: once, whatever is killed."""
    from nephoscope.alerts.incidents.incident_service import IncidentService

    number = _find_incident_number(run, state, session)
    incident = state.incidents.read(session, number)
    changes: dict[str, object] = {} if settings.owner is None else {"owner": settings.owner}
    if settings.severity is not None:
        changes["severity"] = settings.severity.value
    if settings.tags:
        changes["labels"] = tuple(dict.fromkeys([*incident.labels, *settings.tags]))
    if settings.close:
        changes |= {
            "status": IncidentStatus.CLOSED,
            "classification": settings.close,
            "reason": settings.reason,
        }
    elif settings.status:
        changes["status"] = IncidentStatus(settings.status)
    try:
        incident_service = IncidentService(state, run.workspace)
        incident_service.apply(
            session, number, now, BY, changes, comment=settings.comment, tasks=settings.tasks
        )
    except StateError as error:
        raise ActionError(str(error), again=False) from error
    return ActionOutcome(f"incident {number} was changed")


def _find_incident_number(run: AutomationRun, state: State, session: Session) -> int:
    """The incident of the event: itself, or that of the alert."""
    if run.kind.startswith("incident."):
        return int(run.subject)
    if not run.kind.startswith("alert."):
        raise ActionError(f"a {run.kind} event has no incident", again=False)
    alert = state.alerts.find_alert(session, run.subject)
    if alert is None or alert.incident is None:
        raise ActionError(f"the alert {run.subject} has no incident", again=False)
    return alert.incident


KIND = ActionKind("incident", "Update the incident", IncidentActionSettings, change=change)
