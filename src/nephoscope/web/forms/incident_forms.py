"""Forms of incidents: what people decide of one or of many, of the state that they looked at.

A form says by an etag of which state it was drawn. Where an incident has another meanwhile, nothing of it is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.optimistic_update import IncidentUpdate, list_changes_since
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.alerts import find_operation
from nephoscope.service.incidents import WRITE, add_note, complete_task, decide_incident, decide_incidents
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.incidents.incidents import (
    CLASSIFICATIONS,
    REMARK,
    Incident,
    IncidentAction,
    IncidentNote,
    IncidentStatus,
    NoteKind,
)
from nephoscope.web.visits.assignable_people import list_assignable_people
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS as SEVERITIES

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

MOST_REMARK = 30_000
#: What is added to an incident, where nobody's decision is overwritten.
ADDED = ("comment", "task", "done")
OPEN = {one.value: one for one in (IncidentStatus.NEW, IncidentStatus.ACTIVE)}


@dataclass(frozen=True, slots=True)
class IncidentConflict:
    """An incident that was left out of what was done to many: why, and what was done to it meanwhile; None = it is gone."""

    number: int
    incident: Incident | None
    why: str
    changes: Sequence[IncidentAction] = ()


def list_possible_owners(visit: Visit, workspace: str) -> list[str]:
    """Whom an incident of a workspace can be given to: the visitor first, then who else may work on it."""
    found = list_assignable_people(visit, WRITE, f"/workspaces/{workspace}")
    return [visit.caller.name, *(one for one in found if one != visit.caller.name)]


def find_classification_comment(notes: Sequence[IncidentNote]) -> str:
    """Explain why an incident was classified as it is, '' where nobody said."""
    return next((one.text for one in notes if one.name == REMARK), "")


def apply_to_incident(visit: Visit, workspace: str, number: int) -> None:
    """Do what a form asks for; ConcurrentChangeError where it was drawn of another state than there is now."""
    act = visit.form.get("act", "")
    if act in ADDED:
        _add_incident_note(visit, workspace, number, act)
    else:
        etag, decision = visit.form.get("etag", ""), _build_decision(visit, workspace, act)
        decide_incident(visit.service, workspace, number, etag, decision, act, _read_alert_action(visit, act))
    deliver_pending_rows(visit.instance.lake, visit.instance.state)


def apply_to_selected(visit: Visit, workspace: str) -> tuple[int, list[IncidentConflict]]:
    """Do the same to all incidents that are ticked; how many, and those that were left out."""
    act = visit.form.get("act", "")
    if act not in ("take", "assign", "close", "reopen"):
        raise StateError("this action is not available for several incidents")
    _refuse_unused_fields(visit, act)
    etags, decision = _read_etags(visit), _build_decision(visit, workspace, act)
    skipped = decide_incidents(visit.service, workspace, etags, decision, act, _read_alert_action(visit, act))
    deliver_pending_rows(visit.instance.lake, visit.instance.state)
    left = [_to_conflict(visit, workspace, one.number, one.etag, one.error) for one in skipped]
    return len(etags) - len(left), left


#: Fields of the form of many incidents -> the one act that uses each, and what its button says.
_OWN_FIELDS = {
    "classification": ("close", "Close"),
    "remark": ("close", "Close"),
    "owner": ("assign", "Assign"),
}


def _refuse_unused_fields(visit: Visit, act: str) -> None:
    """StateError where the form has something typed or chosen that its act would drop."""
    for name, (owner, button) in _OWN_FIELDS.items():
        if act != owner and visit.form.get(name, "").strip():
            what = {"remark": "comment"}.get(name, name)
            raise StateError(
                f"not saved: the form has a {what}, which only '{button}' uses; use that button, or clear "
                "the field"
            )


def _to_conflict(visit: Visit, workspace: str, number: int, etag: str, error: StateError) -> IncidentConflict:
    incident = visit.instance.state.incidents.get(number)
    if isinstance(error, NotFoundError) or incident is None or incident.workspace != workspace:
        return IncidentConflict(number, None, "it no longer exists")
    if isinstance(error, ConcurrentChangeError):
        return IncidentConflict(
            number, incident, "", list_changes_since(visit.instance.state, incident, etag)
        )
    return IncidentConflict(number, incident, str(error))


def _read_etags(visit: Visit) -> dict[int, str]:
    """Number -> etag of what is ticked."""
    found = {}
    for one in visit.list_ticked_values("incident"):
        number, _, etag = one.partition(" ")
        if number.isdecimal() and len(number) < 15:
            found[int(number)] = etag
    if not found:
        raise StateError("no incident is selected")
    return found


def _build_decision(visit: Visit, workspace: str, act: str) -> IncidentUpdate:
    """Return what a form decides; StateError where that is nothing that can be."""
    form = visit.form
    match act:
        case "take":
            return IncidentUpdate({"owner": visit.caller.name, "status": IncidentStatus.ACTIVE}, opened=True)
        case "assign":
            return IncidentUpdate({"owner": _read_owner(visit, workspace)})
        case "severity" if form.get("severity") in {one.value for one in SEVERITIES}:
            return IncidentUpdate({"severity": form["severity"]}, opened=True)
        case "status" if form.get("status") in OPEN:
            return IncidentUpdate({"status": OPEN[form["status"]]})
        case "reopen":
            return IncidentUpdate({"status": IncidentStatus.ACTIVE})
        case "close":
            return _read_closing_update(visit)
    raise StateError(f"unknown action '{act[:40] or 'empty'}'")


def _read_alert_action(visit: Visit, act: str) -> str:
    """Return what closing does to the alerts, where the form asks for that: true ones are resolved, others dismissed."""
    if act != "close" or not visit.form.get("alerts"):
        return ""
    return "dismiss" if visit.form.get("classification", "").startswith("FalsePositive") else "resolve"


def may_close_alerts(visit: Visit, workspace: str) -> bool:
    """Return whether the visitor may resolve and dismiss alerts of a workspace."""
    return all(
        visit.caller.is_permitted(find_operation(one), f"/workspaces/{workspace}")
        for one in ("resolve", "dismiss")
    )


def _read_closing_update(visit: Visit) -> IncidentUpdate:
    word, _, reason = visit.form.get("classification", "").partition("/")
    remark = visit.form.get("remark", "").strip()
    if reason not in CLASSIFICATIONS.get(word, ()):
        raise StateError("a classification is required to close an incident")
    if len(remark) > MOST_REMARK:
        raise StateError(f"a comment can have at most {MOST_REMARK:,} characters")
    changes: dict[str, object] = {"status": IncidentStatus.CLOSED, "classification": word, "reason": reason}
    return IncidentUpdate(changes, remark)


def _read_owner(visit: Visit, workspace: str) -> str:
    """The owner that a form names, '' for nobody; StateError for whom an incident cannot be given to."""
    owner = visit.form.get("owner", "")
    if owner and owner not in list_possible_owners(visit, workspace):
        raise StateError(f"{owner[:100]} has no role that can update incidents of the workspace {workspace}")
    return owner


def _add_incident_note(visit: Visit, workspace: str, number: int, act: str) -> None:
    """Add a comment or a task, or tick a task."""
    form, context = visit.form, visit.service
    text, task = form.get("text", "").strip(), form.get("task", "")
    if act in (NoteKind.COMMENT, NoteKind.TASK) and text:
        add_note(context, workspace, number, NoteKind(act), text)
    elif act == "done" and task.isdecimal():
        complete_task(context, workspace, number, int(task))
    else:
        raise StateError(f"required fields are missing for the action {act}")
