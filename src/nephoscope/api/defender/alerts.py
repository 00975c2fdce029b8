"""Microsoft.Security: alerts about resources of a subscription, and what people decide of them.

An alert is listed in the subscriptions of the resources that it names; one that names none is found through its incident. Who reaches
some of them only is told what is within reach (`alerts.sight`), and may not say how the alert stands. Alerts that
Azure itself raised and that were collected follow those of our own; what is decided of them stands here and is not told to Azure.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts (2022-01-01)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nephoscope.alerts.incidents.alert_visibility import READ, find_alert_visibility
from nephoscope.alerts.incidents.defender_alert import STATUSES, TYPE, find_visible_resources
from nephoscope.alerts.incidents.defender_alert import build_alert_body as shape
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, pack_token, read_skip_token
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.alerts import ACTIONS, find_action, find_operation, set_alert_status
from nephoscope.service.arm_documents import put_document
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.resource_id import ResourceId

SURFACE = ApiSurface("Alerts", "Microsoft.Security")
MOST = 1000
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"
_PROVIDER = "providers/Microsoft.Security"
#: What is asked for -> the status that the alert has then; older clients say reactivate.
ACTS = {**ACTIONS, "reactivate": ACTIONS["activate"]}


def _declare_lists() -> None:
    for root, name in ((_SUBSCRIPTION, ""), (_GROUP, "ByResourceGroup")):

        @SURFACE.get(f"{root}/{_PROVIDER}/alerts", f"Alerts_List{name}", READ)
        def _list(call: ApiCall) -> ApiResponse:
            """List the alerts about resources below a scope, the newest first."""
            return _list_alerts(call)

        where = f"{root}/{_PROVIDER}/locations/{{ascLocation}}/alerts"

        @SURFACE.get(where, f"Alerts_ListByLocation{name}", READ)
        def _by_location(call: ApiCall) -> ApiResponse:
            """List the same alerts: all alerts are at one location."""
            return _list_alerts(call)

        @SURFACE.get(f"{where}/{{alertName}}", f"Alerts_Get{name}", READ)
        def _get(call: ApiCall) -> ApiResponse:
            """Get an alert."""
            alert = _find_own_alert(call)
            return ApiResponse(
                build_body(call, alert)
                if alert is not None
                else _filter_alert(call, arm_documents.get_document(call, "alert").body)
            )

        for act, status in ACTS.items():
            _declare_act(f"{where}/{{alertName}}/{act}", f"Alerts_{act[0].upper()}{act[1:]}{name}", status)


def _declare_act(path: str, name: str, status: str) -> None:
    @SURFACE.declare_post_action(path, name, find_operation(find_action(status)))
    def _act(call: ApiCall) -> ApiResponse:
        """Change the status of an alert."""
        alert = _find_own_alert(call)
        if alert is None:
            _decide_alert_status(call, status)
            return NO_CONTENT
        set_alert_status(call.service, [(alert, None)], find_action(status))
        deliver_pending_rows(call.instance.lake, call.instance.state)
        return NO_CONTENT


def _decide_alert_status(call: ApiCall, status: str) -> None:
    """Keep what was decided of an alert that was collected."""
    asked = replace(call, path=call.path.rstrip("/").rpartition("/")[0])
    known = arm_documents.find_document(asked)
    if known is None:
        raise make_not_found_error(f"The alert '{call['alertName']}'")
    word = "state" if "state" in known["properties"] else "status"
    changed = {**known, "properties": {**known["properties"], word: STATUSES.get(status, status)}}
    put_document(call.service, call.scope, changed, TYPE, operation=call.permission)


_declare_lists()


def _list_alerts(call: ApiCall) -> ApiResponse:
    after = read_skip_token(call)
    start = int(after) if after.isdecimal() else 0
    found = _list_own_alerts(call) if not after or after.isdecimal() else []
    mine = [build_body(call, one) for one in found[start : start + MOST]]
    if len(found) > start + MOST:
        return answer_list(call, mine, str(start + MOST))
    others = _list_collected_alerts(call, "" if after.isdecimal() else after)
    return ApiResponse({**others.body, "value": [*mine, *others.body["value"]]})


def _list_own_alerts(call: ApiCall) -> list[StoredAlert]:
    """The alerts that were raised here about what is below the scope, the newest first."""
    found = [
        one
        for workspace in call.instance.state.workspaces.all()
        for one in call.instance.state.alerts.list_newest(workspace.name, most=10_000)
        if _find_resource(call, one) is not None
    ]
    return sorted(found, key=lambda one: one.started, reverse=True)


def _list_collected_alerts(call: ApiCall, after: str) -> ApiResponse:
    """The alerts that Azure raised, at the location that the path names if it names one."""
    location = f"/locations/{call['ascLocation'].lower()}/"
    query = {name: value for name, value in call.query.items() if name.lower() != "$skiptoken"}
    asked = replace(call, query=query | ({"$skipToken": pack_token(after)} if after else {}))
    found = arm_documents.list_page(
        asked,
        [TYPE],
        call.listing_scope,
        lambda one: location == "/locations//" or location in str(one["id"]).lower(),
    )
    return ApiResponse({**found.body, "value": [_filter_alert(call, one) for one in found.body["value"]]})


def _find_own_alert(call: ApiCall) -> StoredAlert | None:
    """The alert of a path that was raised here, None where none may be seen."""
    found = call.instance.state.alerts.get(call["alertName"].lower())
    return found if found is not None and _find_resource(call, found) is not None else None


def _filter_alert(call: ApiCall, document: dict[str, Any]) -> dict[str, object]:
    """An alert that was collected, without what is out of the caller's reach."""
    return {
        **document,
        "properties": find_alert_visibility(call.caller).redact_properties(document["properties"]),
    }


def _find_resource(call: ApiCall, alert: StoredAlert) -> ResourceId | None:
    """The first resource that an alert names below the scope of the call and within its reach."""
    several = find_visible_resources(alert, call.reach)
    return next((one for one in several if f"{one.key}/".startswith(f"{call.listing_scope}/")), None)


def build_body(call: ApiCall, alert: StoredAlert) -> dict[str, Any]:
    """An alert in the shape of the API."""
    return shape(
        alert, _find_resource(call, alert), find_alert_visibility(call.caller, alert.workspace), call.base
    )
