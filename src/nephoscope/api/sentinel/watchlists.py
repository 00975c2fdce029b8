"""Microsoft.SecurityInsights/watchlists: the small tables that queries read by _GetWatchlist, and their items.

Source: https://learn.microsoft.com/rest/api/securityinsights/watchlists (2023-11-01)
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from nephoscope.alerts.documents.duration import parse_duration
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error, translate_errors
from nephoscope.api.wire.body_schema import (
    accept_duration,
    accept_object,
    accept_text,
    check_shape,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    read,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.workspace_lookup import (
    WORKSPACE,
    build_workspace_path,
    describe_person,
    require_workspace,
)
from nephoscope.files.separated_values import SeparatedValuesError, read_separated_rows
from nephoscope.lake.watchlists.watchlist_service import ItemError, NewWatchlistItem
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.watchlists import (
    DELETE,
    READ,
    WRITE,
    WatchlistStore,
    create_watchlist,
    delete_watchlist,
    update_watchlist,
)
from nephoscope.service.watchlists import delete_item as delete_item_of
from nephoscope.service.watchlists import put_item as put_item_of
from nephoscope.state.workspaces.watchlists import WatchlistHead, WatchlistItem

SURFACE = ApiSurface("Watchlists", "Microsoft.SecurityInsights")
TYPE = "Microsoft.SecurityInsights/watchlists"
_LIST = f"{WORKSPACE}/providers/{TYPE}"
_ONE = f"{_LIST}/{{watchlistAlias}}"
_ITEMS = f"{_ONE}/watchlistItems"
_ITEM = f"{_ITEMS}/{{watchlistItemId}}"
MOST = 100_000
#: Characters of the items of one request: a body without its gzip may be ten times as large.
MOST_CONTENT = 4 << 20
#: The longest that a duration of ours can say, in days.
FOREVER = timedelta(days=3650)
SHAPE = declare_object(
    {},
    {
        "displayName": accept_text(least=1),
        "provider": accept_text(least=1),
        "itemsSearchKey": accept_text(least=1),
        "description": accept_text(),
        "source": accept_text(),
        "contentType": declare_enumeration("text/csv", "text/tsv"),
        "numberOfLinesToSkip": declare_integer(0, MOST),
        "rawContent": accept_text(),
        "defaultDuration": accept_duration(timedelta(seconds=1), FOREVER),
        "labels": declare_array(accept_text()),
    },
)
ITEM = declare_object({"itemsKeyValue": accept_object(accept_text())})


@SURFACE.get(_LIST, "Watchlists_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the watchlists of a workspace."""
    workspace = require_workspace(call, READ)
    found = call.instance.state.watchlists.all(workspace)
    return answer_list(call, [build_body(call, one, count) for one, count in found])


@SURFACE.get(_ONE, "Watchlists_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get a watchlist, without its items."""
    head, count = _require_watchlist(call, require_workspace(call, READ))
    return ApiResponse(build_body(call, head, count))


@SURFACE.put(_ONE, "Watchlists_CreateOrUpdate", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Create a watchlist, or add items; `rawContent` contains its items as CSV."""
    workspace = require_workspace(call, WRITE)
    call = check_shape(call, SHAPE)
    alias = call["watchlistAlias"]
    rows = _parse_raw_content(call)
    store = _open_watchlist_store(call, workspace)
    known = {one.alias.lower() for one, _ in call.instance.state.watchlists.all(workspace)}
    new = alias.lower() not in known
    given = [NewWatchlistItem(dict(zip(rows[0], row, strict=True))) for row in rows[1:]]
    with translate_errors("properties.rawContent", ItemError):
        if new:
            _create_watchlist(call, store, rows, given)
        elif given:
            update_watchlist(store, alias, given)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(build_body(call, *_require_watchlist(call, workspace)), 201 if new else 200)


def _create_watchlist(
    call: ApiCall, store: WatchlistStore, rows: list[list[str]], given: list[NewWatchlistItem]
) -> None:
    columns = rows[0] if rows else [call.get_text("properties", "itemsSearchKey", needed=True)]
    create_watchlist(
        store,
        call["watchlistAlias"],
        call.get_text("properties", "itemsSearchKey", needed=True),
        columns,
        given,
        name=call.get_text("properties", "displayName", needed=True),
        description=call.get_text("properties", "description"),
        provider=call.get_text("properties", "provider", needed=True),
        source=call.get_text("properties", "source"),
        days=_read_retention_days(call),
    )


@SURFACE.delete(_ONE, "Watchlists_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete a watchlist with its items; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    alias = call["watchlistAlias"].lower()
    if alias not in {one.alias.lower() for one, _ in call.instance.state.watchlists.all(workspace)}:
        return NO_CONTENT
    delete_watchlist(_open_watchlist_store(call, workspace), call["watchlistAlias"])
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(None)


@SURFACE.get(_ITEMS, "WatchlistItems_List", READ)
def list_items(call: ApiCall) -> ApiResponse:
    """List the items of a watchlist, page by page."""
    head, _ = _require_watchlist(call, require_workspace(call, READ))
    found = call.instance.state.watchlists.read(head, MOST)
    start, most = read_page_place(call), call.read_requested_count(1000)
    page = [_build_item(call, head, one) for one in found[start : start + most]]
    return answer_list(call, page, str(start + most) if len(found) > start + most else "")


@SURFACE.get(_ITEM, "WatchlistItems_Get", READ)
def get_item(call: ApiCall) -> ApiResponse:
    """Get a watchlist item."""
    head, _ = _require_watchlist(call, require_workspace(call, READ))
    return ApiResponse(_build_item(call, head, _find_item(call, head)))


@SURFACE.put(_ITEM, "WatchlistItems_CreateOrUpdate", WRITE)
def put_item(call: ApiCall) -> ApiResponse:
    """Create or replace a watchlist item with an ID of the client."""
    workspace = require_workspace(call, WRITE)
    head, _ = _require_watchlist(call, workspace)
    cells = read(ITEM, call.body)["properties"]["itemsKeyValue"]
    kept, new = put_item_of(
        _open_watchlist_store(call, workspace), head.alias, call["watchlistItemId"].lower(), cells
    )
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(_build_item(call, head, kept), 201 if new else 200)


@SURFACE.delete(_ITEM, "WatchlistItems_Delete", DELETE)
def delete_item(call: ApiCall) -> ApiResponse:
    """Delete a watchlist item; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    head, _ = _require_watchlist(call, workspace)
    if not delete_item_of(
        _open_watchlist_store(call, workspace), head.alias, call["watchlistItemId"].lower()
    ):
        return NO_CONTENT
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(None)


def _open_watchlist_store(call: ApiCall, workspace: str) -> WatchlistStore:
    return WatchlistStore(call.service, call.instance.lake, workspace)


def _require_watchlist(call: ApiCall, workspace: str) -> tuple[WatchlistHead, int]:
    wanted = call["watchlistAlias"].lower()
    for one, count in call.instance.state.watchlists.all(workspace):
        if one.alias.lower() == wanted:
            return one, count
    raise make_not_found_error(f"The watchlist '{call['watchlistAlias']}'")


def _find_item(call: ApiCall, head: WatchlistHead) -> WatchlistItem:
    found = call.instance.state.watchlists.find_item(head, call["watchlistItemId"].lower())
    if found is None:
        raise make_not_found_error(f"The watchlist item '{call['watchlistItemId'][:100]}'")
    return found


def _parse_raw_content(call: ApiCall) -> list[list[str]]:
    """The rows of `rawContent`, the first names the columns; Fault with the line of what is wrong."""
    content = call.get_text("properties", "rawContent")
    if len(content) > MOST_CONTENT:
        problem = f"rawContent has at most {MOST_CONTENT:,} characters: send the items in several requests."
        raise make_bad_request_error(problem, "properties.rawContent")
    skipped = call.body["properties"].get("numberOfLinesToSkip") or 0
    content = "".join(content.splitlines(keepends=True)[skipped:])
    tabs = call.get_text("properties", "contentType") == "text/tsv"
    try:
        found = [
            row.require_cells()
            for row in read_separated_rows(content, "\t" if tabs else ",")
            if not row.empty
        ]
    except SeparatedValuesError as error:
        raise make_bad_request_error(f"rawContent is not CSV: {error}.", "properties.rawContent") from error
    for number, row in enumerate(found, skipped + 1):
        if len(row) != len(found[0]):
            raise make_bad_request_error(
                f"rawContent: row {number} has {len(row)} cells, but the header has {len(found[0])}.",
                "properties.rawContent",
            )
    return found


def _read_retention_days(call: ApiCall) -> int:
    """Count how many days items last, 0 for ever; a day that is begun counts."""
    given = call.get_text("properties", "defaultDuration")
    return ceil(parse_duration(given) / timedelta(days=1)) if given else 0


def build_body(call: ApiCall, one: WatchlistHead, count: int) -> dict[str, object]:
    """A watchlist in the shape of the API."""
    properties = {
        "watchlistId": one.id,
        "watchlistAlias": one.alias,
        "displayName": one.name,
        "provider": one.provider,
        "source": one.source,
        "itemsSearchKey": one.search_key,
        "description": one.description,
        "watchlistType": "watchlist",
        "isDeleted": False,
        "labels": [],
        "created": one.created.isoformat(),
        "updated": one.changed.isoformat(),
        "createdBy": describe_person(call, one.created_by),
        "updatedBy": describe_person(call, one.changed_by),
        "tenantId": call.instance.tenant,
        "numberOfLinesToSkip": 0,
        "contentType": "text/csv",
        "uploadStatus": "Complete",
        "watchlistItemsCount": count,
        **({"defaultDuration": f"P{one.days}D"} if one.days else {}),
    }
    id_ = f"{build_workspace_path(call, one.workspace)}/watchlists/{one.alias}"
    return {"id": id_, "name": one.alias, "type": TYPE, "etag": f'"{one.version}"', "properties": properties}


def _build_item(call: ApiCall, head: WatchlistHead, one: WatchlistItem) -> dict[str, object]:
    properties = {
        "watchlistItemType": "watchlist-item",
        "watchlistItemId": one.id,
        "tenantId": call.instance.tenant,
        "isDeleted": False,
        "created": one.created.isoformat(),
        "updated": one.changed.isoformat(),
        "createdBy": describe_person(call, head.created_by),
        "updatedBy": describe_person(call, head.changed_by),
        "itemsKeyValue": one.cells,
        "entityMapping": {},
    }
    id_ = f"{build_workspace_path(call, head.workspace)}/watchlists/{head.alias}/watchlistItems/{one.id}"
    etag = f'"{int(one.changed.timestamp() * 1_000_000):x}"'
    type_ = f"{TYPE}/watchlistItems"
    return {"id": id_, "name": one.id, "type": type_, "etag": etag, "properties": properties}
