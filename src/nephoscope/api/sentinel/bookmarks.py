"""Microsoft.SecurityInsights/bookmarks: rows that people keep while hunting.

Source: https://learn.microsoft.com/rest/api/securityinsights/bookmarks (2023-11-01)
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_found_error
from nephoscope.api.wire.body_schema import (
    accept_text,
    check_datetime,
    check_shape,
    declare_array,
    declare_object,
)
from nephoscope.api.wire.mitre_attack import TACTICS_OF, TECHNIQUES_OF
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.workspace_lookup import (
    WORKSPACE,
    build_workspace_path,
    describe_person,
    require_workspace,
)
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.model.utc_time import assume_utc
from nephoscope.service.bookmarks import DELETE, READ, WRITE, change_bookmark, put_bookmark
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import Incident

SURFACE = ApiSurface("Bookmarks", "Microsoft.SecurityInsights")
TYPE = "Microsoft.SecurityInsights/bookmarks"
_LIST = f"{WORKSPACE}/providers/{TYPE}"
_ONE = f"{_LIST}/{{bookmarkId}}"
MOST = 10_000
SHAPE = declare_object(
    {"displayName": accept_text(least=1), "query": accept_text(least=1)},
    {
        "queryResult": accept_text(),
        "notes": accept_text(),
        "labels": declare_array(accept_text()),
        "tactics": TACTICS_OF,
        "techniques": TECHNIQUES_OF,
        "eventTime": check_datetime,
        "queryStartTime": check_datetime,
        "queryEndTime": check_datetime,
        "incidentInfo": declare_object({}, {"incidentId": accept_text()}),
    },
)
#: Bookmarks of the API say no query name of their own.
_QUERY = "API"


@SURFACE.get(_LIST, "Bookmarks_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the bookmarks of a workspace, the newest first."""
    found = call.instance.state.bookmarks.list_newest(require_workspace(call, READ), most=MOST)
    start, most = read_page_place(call), call.read_requested_count(1000)
    page = [build_body(call, one) for one in found[start : start + most]]
    return answer_list(call, page, str(start + most) if len(found) > start + most else "")


@SURFACE.get(_ONE, "Bookmarks_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get a bookmark."""
    found = _find_bookmark(call, require_workspace(call, READ))
    if found is None:
        raise make_not_found_error(f"The bookmark '{call['bookmarkId']}'")
    return ApiResponse(build_body(call, found))


@SURFACE.put(_ONE, "Bookmarks_CreateOrUpdate", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Create or update a bookmark of a query result; it becomes a row of HuntingBookmark."""
    workspace = require_workspace(call, WRITE)
    call = check_shape(call, SHAPE)
    known = _find_bookmark(call, workspace)
    made = _read_bookmark(call, workspace, known)
    into = _find_incident(call, workspace)
    put_bookmark(call.service, workspace, made, into)
    if into is not None and made.incident is None:
        made = replace(made, incident=into.number)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(build_body(call, made), 200 if known else 201)


@SURFACE.delete(_ONE, "Bookmarks_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete a bookmark; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    known = _find_bookmark(call, workspace)
    if known is None:
        return NO_CONTENT
    change_bookmark(call.service, workspace, known.id, deleted=True)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(None)


def _find_bookmark(call: ApiCall, workspace: str) -> Bookmark | None:
    wanted = call["bookmarkId"].lower()
    return next(
        (one for one in call.instance.state.bookmarks.list_newest(workspace, most=MOST) if one.id == wanted),
        None,
    )


def _read_bookmark(call: ApiCall, workspace: str, known: Bookmark | None) -> Bookmark:
    try:
        id_ = str(uuid.UUID(call["bookmarkId"]))
    except ValueError as error:
        raise make_bad_request_error("The ID of a bookmark must be a GUID.", "bookmarkId") from error
    if known is None and call.instance.state.bookmarks.is_id_taken(id_):
        raise ApiError(409, "Conflict", f"The ID {id_} was used by another bookmark.")
    now, by = call.instance.now, call.caller.name
    since, until = _read_time(call, "queryStartTime", now), _read_time(call, "queryEndTime", now)
    if until < since and call.get_text("properties", "queryEndTime"):
        raise make_bad_request_error(
            "'queryEndTime' must not be before 'queryStartTime'.", "properties.queryEndTime"
        )
    made = Bookmark(
        id_, workspace, call.get_text("properties", "displayName", needed=True), call.get_text("properties", "query", needed=True),
        _QUERY, since, until, _read_time(call, "eventTime", until), _read_row(call), by, now, by, now,
        tactics=_read_texts(call, "tactics"), techniques=_read_texts(call, "techniques"), tags=_read_texts(call, "labels"),
        notes=call.get_text("properties", "notes"),
    )  # fmt: skip
    if known is None:
        return made
    kept = {
        name: getattr(known, name)
        for name in ("author", "created", "entities", "keys", "incident", "query_name")
    }
    return replace(made, **kept)


def _find_incident(call: ApiCall, workspace: str) -> Incident | None:
    """The incident that a bookmark says it is in; Fault where there is none of the id."""
    id_ = call.get_text("properties", "incidentInfo", "incidentId").lower()
    if not id_:
        return None
    found = call.instance.state.incidents.find_by_guid(id_)
    if found is None or found.workspace != workspace:
        raise make_bad_request_error(
            f"Incident '{id_[:60]}' not found.", "properties.incidentInfo.incidentId"
        )
    return found


def _read_row(call: ApiCall) -> dict[str, object]:
    """The row, which comes as a text: a JSON object, or whatever else was seen; {} where nothing was sent.

    What would be read back as something else is kept as its text: an object without members, or one as other texts are kept.
    """
    given = call.get_text("properties", "queryResult")
    try:
        found = json.loads(given) if given else None
    except (ValueError, RecursionError):
        found = given
    if not given:
        return {}
    return found if isinstance(found, dict) and found and list(found) != ["result"] else {"result": given}


def _read_texts(call: ApiCall, name: str) -> list[str]:
    found: list[str] = call.body["properties"].get(name) or []
    return found


def _read_time(call: ApiCall, name: str, default: datetime) -> datetime:
    given = call.get_text("properties", name)
    found = datetime.fromisoformat(given) if given else default
    return assume_utc(found)


def build_body(call: ApiCall, one: Bookmark) -> dict[str, object]:
    """A bookmark in the shape of the API."""
    incident = call.instance.state.incidents.get(one.incident) if one.incident is not None else None
    properties = {
        "displayName": one.name,
        "created": one.created.isoformat(),
        "updated": one.changed.isoformat(),
        "createdBy": describe_person(call, one.author),
        "updatedBy": describe_person(call, one.changed_by),
        "notes": one.notes,
        "labels": one.tags,
        "query": one.query,
        "queryResult": _format_row(one.row),
        **_format_times(one),
        **{name: values for name in ("tactics", "techniques") if (values := getattr(one, name))},
    }
    if incident is not None:
        properties["incidentInfo"] = {
            "incidentId": incident.id,
            "severity": incident.severity,
            "title": incident.title,
            "relationName": one.id,
        }
    etag = f'"{int(one.changed.timestamp() * 1_000_000):x}"'
    id_ = f"{build_workspace_path(call, one.workspace)}/bookmarks/{one.id}"
    return {"id": id_, "name": one.id, "type": TYPE, "etag": etag, "properties": properties}


def _format_times(one: Bookmark) -> dict[str, str]:
    """The time of the row and the range that was asked; none of a bookmark that was put without them."""
    several = {"eventTime": one.event_time, "queryStartTime": one.since, "queryEndTime": one.until}
    given = any(each != one.created for each in several.values())
    return {name: each.isoformat() for name, each in several.items()} if given else {}


def _format_row(row: dict[str, object]) -> str:
    if list(row) == ["result"] and isinstance(row["result"], str):
        return str(row["result"])
    return json.dumps(row, ensure_ascii=False, default=str) if row else ""
