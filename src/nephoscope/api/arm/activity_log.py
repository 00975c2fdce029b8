"""Microsoft.Insights: the activity log of a subscription, from the rows of AzureActivity in every workspace that the caller may read.

Source: https://learn.microsoft.com/rest/api/monitor/activity-logs/list (2015-04-01)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from nephoscope.access.authenticator import DeniedError
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_assessed_error
from nephoscope.api.wire.odata_tree import Node, PropertyComparison, read_tree, split_conjuncts
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.query_throttling import make_throttled_fault
from nephoscope.api.wire.response import ApiResponse, answer_list, read_page_place
from nephoscope.posture.changes.activity_events import READ, TABLE
from nephoscope_kql.binder.query_parameters import RequestProperties
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value

SURFACE = ApiSurface("Activity log", "Microsoft.Insights")
MOST = 200
_PATH = "/subscriptions/{subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values"
_SIGNS = {"ge": ">=", "le": "<=", "gt": ">", "lt": "<"}
#: What `$filter` may name -> the rows that it picks, of the value `v`.
_PICKED: Mapping[str, str] = {
    "resourcegroupname": "ResourceGroup =~ {v} or _ResourceId has strcat('/resourcegroups/', tolower({v}), '/')",
    "resourceuri": "_ResourceId =~ {v} or _ResourceId startswith strcat({v}, '/')",
    "resourceid": "_ResourceId =~ {v} or _ResourceId startswith strcat({v}, '/')",
    "resourceprovider": "ResourceProviderValue =~ {v}",
    "correlationid": "CorrelationId =~ {v}",
    "caller": "Caller =~ {v}",
    "status": "ActivityStatusValue =~ {v}",
    "levels": "Level in~ (split({v}, ','))",
}
#: Filters that every row of the log passes: the channels of what administrators and services do.
_CHANNELS = "eventchannels"


@SURFACE.get(_PATH, "ActivityLogs_List", READ, throttled=make_throttled_fault)
def list_events(call: ApiCall) -> ApiResponse:
    """List the activity log of the subscription, the newest first; `$filter` needs a start time, as in Azure."""
    where, parameters = _parse_conditions(call)
    start, most = read_page_place(call), call.read_requested_count(MOST)
    order = "order by TimeGenerated desc, EventDataId asc"
    text = f"{TABLE}\n| where {where}\n| {order}\n| take {start + most + 1}"
    rows = _fetch_rows(call, text, parameters)[start:]
    if not rows and not start and not _fetch_rows(call, f"{TABLE} | take 1", {}):
        raise make_not_assessed_error(
            f"No activity log of this subscription was ingested: {TABLE} has no rows for it."
        )
    fields = {one.strip().lower() for one in call.get_query_value("$select").split(",") if one.strip()}
    shown = [_pick_fields(_build_event(call, one), fields) for one in rows[:most]]
    return answer_list(call, shown, str(start + most) if len(rows) > most else "")


def _parse_conditions(call: ApiCall) -> tuple[str, dict[str, str]]:
    """The conditions of `$filter` with their values, which never become text of the query; Fault for another filter."""
    parts, values, began = [], dict[str, str](), False
    for at, one in enumerate(split_conjuncts(_parse_filter(call.get_query_value("$filter")))):
        name = one.path.name.lower() if isinstance(one, PropertyComparison) else ""
        if not isinstance(one, PropertyComparison) or (name == "eventtimestamp") is (one.operator == "eq"):
            raise _make_filter_error(call.get_query_value("$filter"))
        key = f"{'t' if name == 'eventtimestamp' else 'v'}{at}"
        if name == "eventtimestamp" and one.operator in _SIGNS:
            began = began or one.operator in ("ge", "gt")
            parts.append(f"TimeGenerated {_SIGNS[one.operator]} {key}")
        elif name in _PICKED and one.operator == "eq":
            parts.append(f"({_PICKED[name].format(v=key)})")
        elif name != _CHANNELS:
            raise _make_filter_error(call.get_query_value("$filter"))
        values[key] = one.value if isinstance(one.value, str) else one.text
    if not began:
        raise make_bad_request_error(
            "$filter requires a start time: eventTimestamp ge '<time>'.", "$filter", "BadRequest"
        )
    return " and ".join(parts), values


def _parse_filter(text: str) -> Node | None:
    try:
        return read_tree(text, bare=(*_PICKED, _CHANNELS))
    except ApiError as fault:
        raise _make_filter_error(text) from fault


def _make_filter_error(text: str) -> Exception:
    accepted = (
        "eventTimestamp ge and le, and resourceGroupName, resourceUri, resourceProvider, correlationId, caller, "
        "status or levels eq"
    )
    return make_bad_request_error(
        f"$filter is not understood: {text.strip()[:100]!r}; expected {accepted}, joined by and.",
        "$filter",
        "BadRequest",
    )


def _fetch_rows(call: ApiCall, text: str, values: Mapping[str, str]) -> list[dict[str, object]]:
    """The rows of a query in every workspace, of the subscription alone, the newest first; one of an event that two of them have."""
    kinds = {"t": "datetime", "v": "string"}
    declared = ", ".join(f"{key}: {kinds[key[0]]}" for key in values)
    query = f"declare query_parameters({declared});\n{text}" if values else text
    found: dict[str, dict[str, object]] = {}
    for workspace in call.instance.state.workspaces.names():
        for row in _query_workspace(call, query, workspace, values):
            found.setdefault(str(row["EventDataId"] or row["_ItemId"]), row)
    return sorted(found.values(), key=lambda row: str(row["TimeGenerated"]), reverse=True)


def _query_workspace(
    call: ApiCall, query: str, workspace: str, values: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """The rows of one workspace, of those of the subscription that the caller may read; none where it may read none."""
    subscription = call["subscriptionId"].lower()
    try:
        scope = call.caller.find_log_scope(READ, workspace).restrict(frozenset({subscription}))
    except DeniedError:
        return
    if not scope.ids:
        return
    seconds = call.instance.query_seconds
    table = call.instance.lake.query(
        query, scope=scope, workspace=workspace, timeout=seconds, given=RequestProperties(values)
    )[-1].table
    columns = list_typed_columns(table)
    for row in iterate_rows(table):
        yield {name: to_json_value(value, kind) for (name, kind), value in zip(columns, row, strict=True)}


def _build_event(call: ApiCall, row: Mapping[str, object]) -> dict[str, object]:
    """A row as the log has it: what has a shown text has it beside its value."""
    id_ = str(row["_ResourceId"] or row["ResourceId"] or "")
    subscription = call["subscriptionId"].lower()
    event = str(row["EventDataId"] or row["_ItemId"] or "")
    return {
        "id": f"{id_ or f'/subscriptions/{subscription}'}/events/{event}",
        "eventDataId": event,
        "eventTimestamp": row["TimeGenerated"],
        "submissionTimestamp": row["EventSubmissionTimestamp"],
        "subscriptionId": subscription,
        "tenantId": call.instance.tenant,
        "caller": row["Caller"],
        "correlationId": row["CorrelationId"],
        "operationId": row["OperationId"],
        "level": row["Level"],
        "resourceId": id_,
        "resourceGroupName": row["ResourceGroup"],
        "resourceProviderName": _localize_value(row["ResourceProviderValue"], row["ResourceProvider"]),
        "operationName": _localize_value(row["OperationNameValue"], row["OperationName"]),
        "category": _localize_value(row["CategoryValue"], row["Category"]),
        "status": _localize_value(row["ActivityStatusValue"], row["ActivityStatus"]),
        "subStatus": _localize_value(row["ActivitySubstatusValue"], row["ActivitySubstatus"]),
        "authorization": _read_object(row["Authorization_d"], row["Authorization"]),
        "claims": _read_object(row["Claims_d"], row["Claims"]),
        "properties": _read_object(row["Properties_d"], row["Properties"]),
        "httpRequest": _read_object(None, row["HTTPRequest"]) or {"clientIpAddress": row["CallerIpAddress"]},
    }


def _localize_value(value: object, shown: object) -> dict[str, object]:
    return {"value": value or shown or "", "localizedValue": shown or value or ""}


def _read_object(value: object, text: object) -> dict[str, object] | None:
    """An object that a row has as such or as the text of one; None where it has neither."""
    for one in (value, text):
        try:
            found = msgspec.json.decode(one) if isinstance(one, str) and one else one
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(found, dict) and found:
            return found
    return None


def _pick_fields(event: dict[str, object], fields: set[str]) -> dict[str, object]:
    return {name: value for name, value in event.items() if not fields or name.lower() in fields}
