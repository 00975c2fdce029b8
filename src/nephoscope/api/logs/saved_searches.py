"""Saved searches of a workspace: the queries of its logs that all who read it share, as the logs page has them too.

One that was saved in the page goes by its own id. Category, tags and version, which the page does not show, are kept beside a query
that came by this way. One with an alias is a function of the workspace's queries.

Source: https://learn.microsoft.com/rest/api/loganalytics/saved-searches (2020-08-01)
"""

from __future__ import annotations

import uuid
from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error, translate_errors
from nephoscope.api.wire.document_kinds import build_etag
from nephoscope.api.wire.function_alias import ALIAS, PARAMETERS, check_function_name, to_function
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse
from nephoscope.api.wire.workspace_lookup import require_workspace
from nephoscope.resource_graph import require_estate_read
from nephoscope.service.saved_queries import (
    DELETE,
    READ,
    TYPE,
    WRITE,
    SharedSearch,
    put_search,
    remove_search,
)
from nephoscope.state import StateError
from nephoscope.state.workspaces.saved_queries import SavedQuery, build_companion_key

SURFACE = ApiSurface("Saved searches", "Microsoft.OperationalInsights")
_LIST = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
    "/providers/Microsoft.OperationalInsights/workspaces/{workspaceName}/savedSearches"
)
_ONE = f"{_LIST}/{{savedSearchId}}"
#: Ids of searches in the store: the same for the same name in the same workspace.
_NAMESPACE = uuid.UUID("2d7f3c52-6a0e-5b7c-8e57-6f5a7f0f4c11")
LONGEST, MOST_TAGS = 256, 50
CATEGORY = "Saved queries"
"""What those are in that were saved in the page."""


@SURFACE.get(_LIST, "SavedSearches_ListByWorkspace", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the saved searches of a workspace, by name."""
    workspace = require_workspace(call, READ)
    kept = _load_companions(call, workspace)
    return ApiResponse(
        {
            "value": [
                _build_body(call, one, kept)
                for one in call.instance.state.saved_queries.list_shared(workspace)
            ]
        }
    )


@SURFACE.get(_ONE, "SavedSearches_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get a saved search."""
    workspace = require_workspace(call, READ)
    found = _find_search(call, workspace)
    if found is None:
        raise make_not_found_error(f"The saved search '{call['savedSearchId'][:100]}'")
    return ApiResponse(_build_body(call, found, _load_companions(call, workspace)))


@SURFACE.put(_ONE, "SavedSearches_CreateOrUpdate", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Create or replace a saved search; everybody who may read the workspace finds it on the Logs page."""
    workspace, state = require_workspace(call, WRITE), call.instance.state
    properties = _read_properties(call)
    known, me = _find_search(call, workspace), call.caller
    id_ = known.id if known is not None else _compute_id(workspace, call["savedSearchId"])
    function = to_function(properties)
    if function is not None:
        require_estate_read(me, call.instance.lake, call.instance.snapshots, workspace, function)
        check_function_name(call.instance.lake, state, workspace, id_, function)
    kept = ("category", "tags", "version", ALIAS, PARAMETERS)
    own_properties = {name: properties[name] for name in kept if properties.get(name)}
    body: dict[str, object] = {
        "id": build_companion_key(workspace, id_),
        "name": call["savedSearchId"],
        "type": TYPE,
        "properties": own_properties,
    }
    with translate_errors("properties", StateError):
        put_search(
            call.service,
            workspace,
            SharedSearch(id_, properties["displayName"], properties["query"], body, function),
            me.principal.id,
        )
    return get(call)


@SURFACE.delete(_ONE, "SavedSearches_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete a saved search; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    found = _find_search(call, workspace)
    if found is None:
        return NO_CONTENT
    remove_search(call.service, workspace, found)
    return ApiResponse(None)


def _compute_id(workspace: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{workspace}/{name.lower()}"))


def _find_search(call: ApiCall, workspace: str) -> SavedQuery | None:
    """The search of the name in the path: one that came by this way, or the query of the page that has it as its id."""
    name = call["savedSearchId"]
    wanted = (_compute_id(workspace, name), name.lower())
    several = {one.id: one for one in call.instance.state.saved_queries.list_shared(workspace)}
    return next((several[one] for one in wanted if one in several), None)


def _load_companions(call: ApiCall, workspace: str) -> dict[str, dict[str, object]]:
    """Return what is kept beside the queries of a workspace, by the key of each."""
    below = build_companion_key(workspace, "").rstrip("/")
    return {one.key: one.body for one in call.list_stored_documents([TYPE.lower()], below)}


def _read_properties(call: ApiCall) -> dict[str, Any]:
    given = call.body.get("properties")
    if not isinstance(given, dict):
        raise make_bad_request_error("The request content has no 'properties'.", "properties")
    found = {f"{name[:1].lower()}{name[1:]}": value for name, value in given.items() if value is not None}
    for name in ("category", "displayName", "query"):
        value = found.get(name)
        if not isinstance(value, str) or not value.strip():
            raise make_bad_request_error(f"'{name}' must be a string.", f"properties.{name}")
    if len(found["category"]) > LONGEST:
        raise make_bad_request_error(f"'category' has at most {LONGEST} characters.", "properties.category")
    if found.get("version", 2) not in (1, 2) or isinstance(found.get("version"), bool):
        raise make_bad_request_error("'version' must be 1 or 2.", "properties.version")
    return found | {"version": found.get("version", 2)} | _to_tags(found.get("tags"))


def _to_tags(given: object) -> dict[str, object]:
    if given is None:
        return {}
    if not isinstance(given, list) or len(given) > MOST_TAGS:
        raise make_bad_request_error(f"'tags' must be a list of at most {MOST_TAGS}.", "properties.tags")
    several = [
        {name.lower(): value for name, value in one.items()} if isinstance(one, dict) else {} for one in given
    ]
    for one in several:
        if any(not isinstance(one.get(word), str) or len(one[word]) > LONGEST for word in ("name", "value")):
            raise make_bad_request_error("A tag has a 'name' and a 'value', both texts.", "properties.tags")
    return {"tags": [{"name": one["name"], "value": one["value"]} for one in several]}


def _build_body(call: ApiCall, one: SavedQuery, several: dict[str, dict[str, Any]]) -> dict[str, object]:
    kept = several.get(build_companion_key(one.workspace, one.id), {"name": one.id, "properties": {}})
    root = call.path[: call.path.lower().index("/savedsearches")]
    properties = {
        "category": CATEGORY,
        "version": 2,
        **kept["properties"],
        "displayName": one.name,
        "query": one.query,
    }
    body = {
        "id": f"{root}/savedSearches/{kept['name']}",
        "name": kept["name"],
        "type": TYPE,
        "properties": properties,
    }
    return {**body, "etag": build_etag(body)}
