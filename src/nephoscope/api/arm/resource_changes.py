"""Microsoft.ResourceGraph: how resources changed, by the versions of the estate.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph(2020-09-01-preview)/resource-changes
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_state_query import parse_moment
from nephoscope.api.wire.response import ApiResponse, pack_token, unpack_token
from nephoscope.estate.resource_changes import ResourceChange, list_changes
from nephoscope.estate.tenant_stores import open_kept_stores
from nephoscope_policy.model.resource_id import ResourceId

SURFACE = ApiSurface("Resource changes", "Microsoft.ResourceGraph")
READ = "Microsoft.Resources/subscriptions/resources/read"
_PROVIDER = "/providers/Microsoft.ResourceGraph"
MOST, MOST_IDS = 1000, 1000
#: The version from which on a change says what kind it is.
TYPED = "2020-04-01-preview"
#: How far back is looked where a change is asked for by its id.
KEPT = timedelta(days=3650)


@SURFACE.declare_post_query(f"{_PROVIDER}/resourceChanges", "ResourceChanges", READ)
def list_(call: ApiCall) -> ApiResponse:
    """The changes of some resources in an interval, the newest first."""
    ids, several = _read_ids(call)
    since, until = _read_interval(call)
    found = _list_changes(call, since, until, ids)
    start, most = _read_start(call), _parse_top(call)
    page = found[start : start + most]
    body: dict[str, object] = {"changes": [_change_document(call, one, several=several) for one in page]}
    if len(found) > start + most:
        body["$skipToken"] = pack_token(str(start + most))
    return ApiResponse(body)


@SURFACE.declare_post_query(f"{_PROVIDER}/resourceChangeDetails", "ResourceChangeDetails", READ)
def get_change_details(call: ApiCall) -> ApiResponse:
    """Some changes with the resource as it was before and after each."""
    ids, several = _read_ids(call)
    wanted = call.body.get("changeIds") if several else [call.body.get("changeId")]
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise make_bad_request_error("'changeIds' must be a list of strings.", "changeIds")
    now = call.instance.now
    known = {one.id: one for one in _list_changes(call, now - KEPT, now, ids)}
    found = [known[one] for one in wanted if one in known]
    if not found:
        raise make_not_found_error("The change")
    documents = [_build_detailed_document(call, one, several=several) for one in found]
    return ApiResponse(documents if several else documents[0])


def _list_changes(call: ApiCall, since: datetime, until: datetime, ids: list[str]) -> list[ResourceChange]:
    """The changes of resources that the caller may read, the newest first; outside subscriptions in the caller's tenants only."""
    reach, seen = call.reach, _filter_visible(call, ids)
    found: list[ResourceChange] = []
    for store in open_kept_stores(call.instance.data):
        own = reach.everything or not reach.tenants or store.tenant in reach.tenants
        mine = seen if own else [one for one in seen if one.startswith("/subscriptions/")] or ["/"]
        found += list_changes(store, since, until, mine)
    return sorted(found, key=lambda one: (one.after, one.key), reverse=True)


def _read_ids(call: ApiCall) -> tuple[list[str], bool]:
    """The lower-cased ids that are asked about, and whether they came as a list."""
    several = call.body.get("resourceIds")
    if several is None:
        return [call.get_text("resourceId", needed=True).lower().rstrip("/")], False
    if (
        not isinstance(several, list)
        or not 0 < len(several) <= MOST_IDS
        or not all(isinstance(one, str) for one in several)
    ):
        raise make_bad_request_error(f"'resourceIds' must be a list of 1 to {MOST_IDS} texts.", "resourceIds")
    return [one.lower().rstrip("/") for one in several], True


def _filter_visible(call: ApiCall, ids: list[str]) -> list[str]:
    """Return those that the caller may read; Fault where one is no id of a resource."""
    found = []
    for one in ids:
        try:
            id_ = ResourceId.parse(one)
        except ValueError as error:
            raise make_bad_request_error(
                f"{one[:200]!r} is not a resource id.", "resourceIds", "InvalidResourceId"
            ) from error
        if call.reach.can_read(id_.subscription, id_.resource_group_id):
            found.append(id_.key)
    # none of them may be read: ask about an id that nothing has
    return found or ["/"]


def _read_interval(call: ApiCall) -> tuple[datetime, datetime]:
    start, end = (
        parse_moment(call.get_text("interval", name, needed=True), f"interval.{name}")
        for name in ("start", "end")
    )
    assert start is not None
    assert end is not None
    if end <= start:
        raise make_bad_request_error("The interval ends before it starts.", "interval", "InvalidInterval")
    return start, end


def _read_start(call: ApiCall) -> int:
    token = call.get_text("$skipToken")
    start = unpack_token(token, "$skipToken") if token else "0"
    if not start.isdecimal():
        raise make_bad_request_error(
            "The $skipToken was not issued by this server.", "$skipToken", "InvalidSkipToken"
        )
    return int(start)


def _parse_top(call: ApiCall) -> int:
    top = call.body.get("$top", MOST)
    if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= MOST:
        raise make_bad_request_error(
            f"$top must be a whole number from 1 to {MOST}.", "$top", "InvalidParameter"
        )
    return top


def _change_document(call: ApiCall, one: ResourceChange, *, several: bool) -> dict[str, Any]:
    found: dict[str, object] = {"changeId": one.id}
    if several:
        found["resourceId"] = str(one.body.get("id") or one.key)
    if call.get_query_value("api-version") >= TYPED:
        found["changeType"] = one.kind
    found |= {
        "beforeSnapshot": {"timestamp": one.before.isoformat()},
        "afterSnapshot": {"timestamp": one.after.isoformat()},
    }
    if call.body.get("fetchPropertyChanges") is True:
        found["propertyChanges"] = [
            {
                "propertyName": path,
                "beforeValue": old,
                "afterValue": new,
                "changeCategory": "User",
                "changeType": "Insert" if old is None else "Remove" if new is None else "Update",
            }
            for path, old, new in one.list_changed_properties()
        ]
    return found


def _build_detailed_document(call: ApiCall, one: ResourceChange, *, several: bool) -> dict[str, Any]:
    document = _change_document(call, one, several=several)
    for name, content in (("beforeSnapshot", one.old), ("afterSnapshot", one.new)):
        document[name] = {**document[name], "content": content}
    return document
