"""Microsoft.SecurityInsights: what people write to an incident: its comments, and its tasks.

Source: https://learn.microsoft.com/rest/api/securityinsights/incident-comments (2023-02-01), incident-tasks (2024-09-01)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nephoscope.api.sentinel.incidents import require_incident
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list
from nephoscope.api.wire.workspace_lookup import (
    WORKSPACE,
    build_workspace_path,
    describe_author,
    require_workspace,
)
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.incidents import add_note, change_note, delete_note, get_note_operation
from nephoscope.state.incidents.incidents import Incident, IncidentNote, NoteKind

SURFACE = ApiSurface("Comments and tasks of incidents", "Microsoft.SecurityInsights")
_INCIDENT = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents/{{incidentId}}"
#: In this version comments are not changed, so that none says when it was, nor has an etag.
UNCHANGED = "2020-01-01"
#: Whether a task is done, in Azure's words.
NEW, COMPLETED = "New", "Completed"


@dataclass(frozen=True, slots=True)
class NoteDocumentKind:
    """A kind of note: the last word of its type, what its operations begin with, and what is said of one."""

    note: NoteKind
    word: str
    operations: str
    build_properties: Callable[[ApiCall, IncidentNote], dict[str, Any]]

    @property
    def type(self) -> str:
        """Its type."""
        return f"Microsoft.SecurityInsights/incidents/{self.word}"


def _build_comment(call: ApiCall, one: IncidentNote) -> dict[str, Any]:
    told_ = {
        "message": one.text,
        "createdTimeUtc": one.written.isoformat(),
        "author": describe_author(call, one.author),
    }
    if call.get_query_value("api-version") != UNCHANGED:
        told_["lastModifiedTimeUtc"] = (one.changed or one.written).isoformat()
    return told_


def _build_task(call: ApiCall, one: IncidentNote) -> dict[str, object]:
    title, _, description = one.text.partition("\n")
    return {
        "title": title,
        "description": description,
        "status": COMPLETED if one.done else NEW,
        "createdTimeUtc": one.written.isoformat(),
        "lastModifiedTimeUtc": (one.changed or one.written).isoformat(),
        "createdBy": describe_author(call, one.author),
        "lastModifiedBy": describe_author(call, one.author),
    }


def _declare_note_operations(kind: NoteDocumentKind) -> None:
    path = f"{_INCIDENT}/{kind.word}"
    one = f"{path}/{{name}}"
    read, write, gone = (get_note_operation(kind.note, verb) for verb in ("read", "write", "delete"))

    @SURFACE.get(path, f"{kind.operations}_List", read)
    def _list(call: ApiCall) -> ApiResponse:
        """List the entries of an incident, the oldest first."""
        workspace = require_workspace(call, read)
        incident = require_incident(call, workspace)
        return answer_list(
            call, [_build_body(call, kind, workspace, each) for each in _list_notes(call, incident, kind)]
        )

    @SURFACE.get(one, f"{kind.operations}_Get", read)
    def _get(call: ApiCall) -> ApiResponse:
        """Get an entry of an incident."""
        workspace = require_workspace(call, read)
        note = _find_note(call, require_incident(call, workspace), kind)
        if note is None:
            raise make_not_found_error(f"The {kind.note.value} '{call['name'][:100]}'")
        return ApiResponse(_build_body(call, kind, workspace, note))

    @SURFACE.put(one, f"{kind.operations}_CreateOrUpdate", write)
    def _put(call: ApiCall) -> ApiResponse:
        """Create or update the entry."""
        return _keep_note(call, kind, require_workspace(call, write))

    @SURFACE.delete(one, f"{kind.operations}_Delete", gone)
    def _delete(call: ApiCall) -> ApiResponse:
        """Delete the entry; 204 if it does not exist."""
        workspace = require_workspace(call, gone)
        incident = require_incident(call, workspace)
        note = _find_note(call, incident, kind)
        if note is None:
            return NO_CONTENT
        delete_note(call.service, workspace, incident.number, note)
        deliver_pending_rows(call.instance.lake, call.instance.state)
        return ApiResponse(None)


def _keep_note(call: ApiCall, kind: NoteDocumentKind, workspace: str) -> ApiResponse:
    incident = require_incident(call, workspace)
    text, done = _read_note(call, kind)
    old = _find_note(call, incident, kind)
    if old is not None:
        change_note(call.service, workspace, incident.number, replace(old, text=text, done=done))
    else:
        add_note(call.service, workspace, incident.number, kind.note, text, call["name"], done=done)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    note = _find_note(call, incident, kind)
    assert note is not None
    return ApiResponse(_build_body(call, kind, workspace, note), 200 if old else 201)


def _read_note(call: ApiCall, kind: NoteDocumentKind) -> tuple[str, bool]:
    """Return what a note says, and whether a task is done."""
    if kind.note is NoteKind.COMMENT:
        return call.get_text("properties", "message", needed=True), False
    status = call.get_text("properties", "status") or NEW
    if status not in (NEW, COMPLETED):
        raise make_bad_request_error(f"status is {NEW} or {COMPLETED}.", "properties.status")
    title = call.get_text("properties", "title", needed=True).replace("\n", " ")
    description = call.get_text("properties", "description")
    return f"{title}\n{description}" if description else title, status == COMPLETED


def _list_notes(call: ApiCall, incident: Incident, kind: NoteDocumentKind) -> list[IncidentNote]:
    with call.instance.state.reading() as session:
        notes = call.instance.state.incidents.notes(session, incident.number)
    return [one for one in notes if one.kind is kind.note]


def _find_note(call: ApiCall, incident: Incident, kind: NoteDocumentKind) -> IncidentNote | None:
    """The note of a path: by the id that a client gave it, or by its number."""
    wanted = call["name"].lower()
    several = _list_notes(call, incident, kind)
    return next((one for one in several if wanted in (one.name.lower(), str(one.id))), None)


def _build_body(
    call: ApiCall, kind: NoteDocumentKind, workspace: str, one: IncidentNote
) -> dict[str, object]:
    name = one.name or str(one.id)
    changed = one.changed or one.written
    etag = {"etag": f'"{int(changed.timestamp() * 1_000_000):x}"'}
    return {
        "id": f"{build_workspace_path(call, workspace)}/incidents/{call['incidentId']}/{kind.word}/{name}",
        "name": name,
        "type": kind.type,
        **(etag if call.get_query_value("api-version") != UNCHANGED else {}),
        "properties": kind.build_properties(call, one),
    }


for _kind in (
    NoteDocumentKind(NoteKind.COMMENT, "comments", "IncidentComments", _build_comment),
    NoteDocumentKind(NoteKind.TASK, "tasks", "IncidentTasks", _build_task),
):
    _declare_note_operations(_kind)
