"""Microsoft.SecurityInsights: relations of incidents and of bookmarks; one of an incident and a bookmark puts the bookmark into it.

Source: https://learn.microsoft.com/rest/api/securityinsights/incident-relations (2023-02-01), bookmark-relations (2023-02-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.workspace_lookup import WORKSPACE
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.bookmarks import change_bookmark, promote_bookmarks
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import Incident

SURFACE = ApiSurface("Relations", "Microsoft.SecurityInsights")
TYPE = "Microsoft.SecurityInsights"
#: What a relation may be with, and of what kind that is.
_KINDS = {"entities": "SecurityAlert", "bookmarks": "", "incidents": ""}


def check(body: Body) -> None:
    """Fault where a relation names nothing that it could be with."""
    other = body["properties"].get("relatedResourceId")
    words = str(other).rstrip("/").split("/")
    if not isinstance(other, str) or len(words) < 3 or words[-2].lower() not in _KINDS:
        kinds = ", ".join(_KINDS)
        raise make_bad_request_error(
            f"'relatedResourceId' must be the id of one of {kinds}.", "properties.relatedResourceId"
        )


def make_relation(call: ApiCall, body: Body, _: Body | None) -> Body:
    """The relation with what it is with; a bookmark and an incident of ours are put together."""
    other = str(body["properties"]["relatedResourceId"]).rstrip("/")
    word, name = other.split("/")[-2].lower(), other.split("/")[-1]
    _add_bookmark_to_incident(call, word, name)
    properties = {
        "relatedResourceId": other,
        "relatedResourceName": name,
        "relatedResourceType": f"{TYPE}/{word}",
        **({"relatedResourceKind": _KINDS[word]} if _KINDS[word] else {}),
    }
    return {**body, "properties": properties}


def _add_bookmark_to_incident(call: ApiCall, word: str, name: str) -> None:
    """Put the bookmark of a relation into its incident; Fault where what the relation is of is not there."""
    incident, bookmark = _find_related_objects(call, word, name)
    if (call["incidentsName"] and incident is None) or (call["bookmarksName"] and bookmark is None):
        raise make_not_found_error("The parent of the relation")
    if incident is not None and bookmark is not None and bookmark.incident != incident.number:
        promote_bookmarks(call.service, incident.workspace, [bookmark.id], incident=incident.number)
        deliver_pending_rows(call.instance.lake, call.instance.state)


def forget_relation(call: ApiCall, body: Body) -> None:
    """Take the bookmark of a relation out of its incident."""
    other = str(body["properties"]["relatedResourceId"])
    incident, bookmark = _find_related_objects(
        call, other.split("/")[-2].lower(), other.rsplit("/", maxsplit=1)[-1]
    )
    if incident is not None and bookmark is not None and bookmark.incident == incident.number:
        change_bookmark(call.service, incident.workspace, bookmark.id, incident=None)
        deliver_pending_rows(call.instance.lake, call.instance.state)


def _find_related_objects(call: ApiCall, word: str, name: str) -> tuple[Incident | None, Bookmark | None]:
    """The incident and the bookmark of a relation, as far as there are any."""
    incident_id = (call["incidentsName"] or (name if word == "incidents" else "")).lower()
    bookmark_id = (call["bookmarksName"] or (name if word == "bookmarks" else "")).lower()
    workspace = call.instance.state.workspaces.find(call["workspaceName"])
    place = workspace.name if workspace is not None else ""
    incidents = call.instance.state.incidents
    numbered = incident_id.isdecimal() and len(incident_id) < 15
    incident = incidents.get(int(incident_id)) if numbered else incidents.find_by_guid(incident_id)
    several = call.instance.state.bookmarks.list_newest(place, most=10_000) if bookmark_id else []
    bookmark = next((one for one in several if one.id == bookmark_id), None)
    return (incident if incident is not None and incident.workspace == place else None), bookmark


for _word, _operations in (("incidents", "IncidentRelations"), ("bookmarks", "BookmarkRelations")):
    declare_document_operations(
        SURFACE,
        ArmDocumentKind(
            f"{TYPE}/{_word}/relations",
            _operations,
            "It adds a bookmark to the incident.",
            WORKSPACE,
            check,
            make_relation,
            etag=True,
            forgotten=forget_relation,
            acting=True,
        ),
    )
