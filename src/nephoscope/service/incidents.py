"""Incidents: what people decide of them, and what they write to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.investigation.optimistic_update import IncidentUpdate, apply_decision
from nephoscope.service.alerts import find_operation, set_open_alerts
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.state.incidents.incidents import NoteKind

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.incidents.incidents import Incident, IncidentNote

READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/incidents/{one}" for one in ("read", "write", "delete"))


@dataclass(frozen=True, slots=True)
class SkippedIncident:
    """An incident that a decision of many left as it is, the etag that the actor saw, and why."""

    number: int
    etag: str
    error: StateError


def get_audit_target(number: int) -> str:
    """Return the name that the audit gives an incident."""
    return f"incident {number}"


def get_note_operation(kind: NoteKind, verb: str) -> str:
    """Return the operation on a comment or a task."""
    return (
        f"Microsoft.SecurityInsights/incidents/{'comments' if kind is NoteKind.COMMENT else 'tasks'}/{verb}"
    )


def decide_incident(
    context: ServiceContext, workspace: str, number: int, etag: str, decision: IncidentUpdate, act: str, alerts: str = ""
) -> None:  # fmt: skip
    """Make a decision of the incident that had an etag; OvertakenError where it has another now, StateError where it cannot be so.

    `alerts` is the action of alerts (`resolve`, `dismiss`) that its open ones get with it, '' for none.
    """
    [*skipped] = decide_incidents(context, workspace, {number: etag}, decision, act, alerts)
    if skipped:
        raise skipped[0].error


def decide_incidents(
    context: ServiceContext, workspace: str, etags: Mapping[int, str], decision: IncidentUpdate, act: str, alerts: str = ""
) -> list[SkippedIncident]:  # fmt: skip
    """Make the same decision of incidents by number, each with the etag that the actor saw.

    `alerts` is the action of alerts that their open ones get with it, '' for none. Returns those that were left as they are, because
    they have another etag or cannot be decided so.
    """
    context.require(WRITE, get_workspace_scope(workspace))
    if alerts:
        context.require(find_operation(alerts), get_workspace_scope(workspace))
    incident_service, skipped = IncidentService(context.state, workspace), []
    with context.state.transaction() as session:
        # always in one order: two transactions that change the same ones do not hold each other up
        for number, etag in sorted(etags.items()):
            try:
                apply_decision(session, incident_service, number, etag, decision, context.now, context.author)
                context.enter(
                    session, WRITE, get_audit_target(number), act=act, workspace=workspace, **decision.changes
                )
                if alerts:
                    set_open_alerts(context, session, workspace, number, alerts)
            except TransientError:
                raise
            except StateError as error:
                skipped.append(SkippedIncident(number, etag, error))
    return skipped


def change_incidents(
    context: ServiceContext, workspace: str, numbers: Iterable[int], act: str, changes: Mapping[str, object], remark: str = ""
) -> None:  # fmt: skip
    """Change fields of incidents, of all or, where one cannot be changed (StateError), of none.

    `remark` says why they are classified so.
    """
    several = list(dict.fromkeys(numbers))
    with _audit_change(context, workspace, several, act, **changes, comment=remark or None):
        IncidentService(context.state, workspace).change_incidents(
            several, context.now, context.author, changes, remark
        )


def create_incident(
    context: ServiceContext, workspace: str, incident: Incident, remark: str = ""
) -> Incident:
    """Create an incident without alerts; StateError for what does not go together."""
    context.require(WRITE, get_workspace_scope(workspace))
    with context.state.transaction() as session:
        made = IncidentService(context.state, workspace).open_in_transaction(
            session, incident, context.now, context.author, remark
        )
        context.enter(session, WRITE, get_audit_target(made.number), act="create", workspace=workspace)
    return made


def update_incident(
    context: ServiceContext, workspace: str, number: int, changes: Mapping[str, Any], remark: str = ""
) -> Incident:
    """Change fields of an incident, whoever changed it last; StateError for what does not go together."""
    context.require(WRITE, get_workspace_scope(workspace))
    incident_service = IncidentService(context.state, workspace)
    with context.state.transaction() as session:
        kept = incident_service.apply(session, number, context.now, context.author, changes, remark=remark)
        context.enter(session, WRITE, get_audit_target(number), act="set", workspace=workspace, **changes)
    return kept


def delete_incident(context: ServiceContext, workspace: str, number: int) -> None:
    """Delete an incident; its alerts and bookmarks are in none any more."""
    with context.change(
        DELETE, get_workspace_scope(workspace), get_audit_target(number), act="delete", workspace=workspace
    ):
        IncidentService(context.state, workspace).remove(number, context.now, context.author)


def merge_incidents(context: ServiceContext, workspace: str, number: int, others: Iterable[int]) -> Incident:
    """Move the alerts, notes and bookmarks of other incidents into one; the others are closed."""
    several = list(dict.fromkeys(others))
    with _audit_change(context, workspace, dict.fromkeys([number, *several]), "merge", into=number):
        return IncidentService(context.state, workspace).merge(number, several, context.now, context.author)


def add_note(
    context: ServiceContext, workspace: str, number: int, kind: NoteKind, text: str, name: str = "", *, done: bool = False
) -> None:  # fmt: skip
    """Add a comment or a task to an incident; `name` is the id that a client gives it."""
    incident_service = IncidentService(context.state, workspace)
    with _audit_note(context, workspace, number, kind, "write", f"add {kind.value}"):
        if kind is NoteKind.COMMENT:
            incident_service.add_comment(number, text, context.now, context.author, name)
        else:
            incident_service.add_task(number, text, context.now, context.author, name, done=done)


def complete_task(context: ServiceContext, workspace: str, number: int, task: int) -> None:
    """Complete a task of an incident, by its id."""
    with _audit_note(context, workspace, number, NoteKind.TASK, "write", "complete task", task=task):
        IncidentService(context.state, workspace).complete_task(number, task, context.now, context.author)


def change_note(context: ServiceContext, workspace: str, number: int, note: IncidentNote) -> None:
    """Change the text of a comment or a task, and whether a task is done."""
    with _audit_note(
        context, workspace, number, note.kind, "write", f"change {note.kind.value}", note=note.id
    ):
        IncidentService(context.state, workspace).change_note(number, note, context.now, context.author)


def delete_note(context: ServiceContext, workspace: str, number: int, note: IncidentNote) -> None:
    """Delete a comment or a task."""
    with _audit_note(
        context, workspace, number, note.kind, "delete", f"delete {note.kind.value}", note=note.id
    ):
        IncidentService(context.state, workspace).delete_note(number, note, context.now, context.author)


@contextmanager
def _audit_change(
    context: ServiceContext, workspace: str, numbers: Iterable[int], act: str, **detail: object
) -> Iterator[None]:
    targets = [get_audit_target(one) for one in numbers]
    with context.change(
        WRITE, get_workspace_scope(workspace), targets, act=act, workspace=workspace, **detail
    ):
        yield


@contextmanager
def _audit_note(
    context: ServiceContext,
    workspace: str,
    number: int,
    kind: NoteKind,
    verb: str,
    act: str,
    **detail: object,
) -> Iterator[None]:
    operation = get_note_operation(kind, verb)
    with context.change(
        operation,
        get_workspace_scope(workspace),
        get_audit_target(number),
        act=act,
        workspace=workspace,
        **detail,
    ):
        yield
