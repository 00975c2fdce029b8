"""Statuses of alerts: what people decide of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import NotFoundError
from nephoscope.state.incidents.alert_filter import DONE
from nephoscope.state.incidents.incidents import IncidentAction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State
    from nephoscope.state.incidents.alerts import StoredAlert

#: What is done to an alert, in Azure's words -> the status that it has then.
ACTIONS = {"activate": "New", "inProgress": "InProgress", "resolve": "Resolved", "dismiss": "Dismissed"}


def find_operation(action: str) -> str:
    """Return the operation of an action such as `dismiss`."""
    return f"Microsoft.Security/locations/alerts/{action}/action"


def find_action(status: str) -> str:
    """Return the action that gives an alert a status."""
    return next(action for action, given in ACTIONS.items() if given == status)


def may_change_alert(context: ServiceContext, action: str, alert: StoredAlert) -> bool:
    """Tell whether the actor may do an action on an alert: at its workspace, or at everything that the alert names."""
    actor, operation = context.actor, find_operation(action)
    if actor.is_permitted(operation, get_workspace_scope(alert.workspace)):
        return True
    from nephoscope.access.authenticator import Caller
    from nephoscope.alerts.incidents.permissions import may_decide

    return isinstance(actor, Caller) and may_decide(actor, operation, alert)


def set_alert_status(
    context: ServiceContext, alerts: Sequence[tuple[StoredAlert, str | None]], action: str
) -> list[StoredAlert]:
    """Do an action on alerts, each with the etag that the actor saw (None = any), in one transaction with an entry for each.

    Returns those that have another etag by now, which are left as they are. Raises DeniedError, or NotFoundError where one is gone;
    nothing is changed then.
    """
    for one, _ in alerts:
        if not may_change_alert(context, action, one):
            context.require(find_operation(action), get_workspace_scope(one.workspace))
    state, left = context.state, []
    with state.transaction() as session:
        for one, etag in alerts:
            now = state.alerts.lock_alert(session, one.id)
            if now is None:
                raise NotFoundError(f"alert {one.id!r} no longer exists")
            if etag not in (None, now.etag):
                left.append(now)
                continue
            IncidentService(state, one.workspace).set_alert_status_in_transaction(
                session, one.id, ACTIONS[action], context.now
            )
            context.enter(session, find_operation(action), one.id, workspace=one.workspace)
    return left


def set_open_alerts(
    context: ServiceContext, session: Session, workspace: str, incident: int, action: str
) -> None:
    """Do an action on the alerts of an incident that are new or in progress, in a transaction that is open."""
    state = context.state
    for one in state.alerts.list_of_incident(session, incident):
        if one.status not in DONE:
            IncidentService(state, workspace).set_alert_status_in_transaction(
                session, one.id, ACTIONS[action], context.now
            )
            context.enter(session, find_operation(action), one.id, workspace=workspace)


def set_status_by_id(context: ServiceContext, workspace: str, ids: Iterable[str], status: str) -> None:
    """Give the alerts of some ids a status: all, or none where the workspace has not all of them (NotFoundError)."""
    several = []
    for id_ in dict.fromkeys(ids):
        found = context.state.alerts.get(id_)
        if found is None or found.workspace != workspace:
            raise NotFoundError(f"alert {id_!r} not found in the workspace {workspace}")
        several.append((found, None))
    set_alert_status(context, several, find_action(status))


def list_status_changes(state: State, id_: str) -> list[IncidentAction]:
    """Return who last set the status of an alert; where nobody did since it changed, that more of its events came."""
    alert = state.alerts.get(id_)
    if alert is None:
        return []
    statuses = {find_operation(action): status for action, status in ACTIONS.items()}
    said = [
        IncidentAction(one.moment, one.author, f"set it to {statuses[one.operation]}")
        for one in state.audit.list_entries_about(id_, alert.changed)
        if one.operation in statuses
    ]
    return said or [IncidentAction(alert.changed, "", "it was extended by new events")]
