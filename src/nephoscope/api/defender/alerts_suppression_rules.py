"""Microsoft.Security/alertsSuppressionRules: what is not to be raised, kept as `nephoscope suppressions` does.

A suppression holds back alerts of the whole default workspace, so that its permission is needed there, not only at the subscription.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts-suppression-rules (2019-01-01-preview)
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from nephoscope.alerts.suppression.condition import ConditionError
from nephoscope.alerts.tuning.azure_suppression_rule import parse_suppression, to_document
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_not_found_error, translate_errors
from nephoscope.api.wire.body_schema import (
    accept_text,
    check_datetime,
    declare_array,
    declare_enumeration,
    declare_object,
    read,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.service.suppressions import (
    READ,
    NewSuppression,
    create_suppression,
    delete_suppression,
    find_suppression,
)
from nephoscope.state.database.state_errors import NotFoundError

if TYPE_CHECKING:
    from nephoscope.state.rules.suppressions import StoredSuppression

SURFACE = ApiSurface("Alert suppression rules", "Microsoft.Security")
TYPE = "Microsoft.Security/alertsSuppressionRules"
WORKSPACE = "default"
_LIST = f"/subscriptions/{{subscriptionId}}/providers/{TYPE}"
_ONE = f"{_LIST}/{{alertsSuppressionRuleName}}"
_ENABLED = {"Enabled": True, "Disabled": False}
SHAPE = declare_object(
    {
        "alertType": accept_text(least=1),
        "reason": accept_text(least=1),
        "state": declare_enumeration(*_ENABLED),
    },
    {
        "comment": accept_text(),
        "expirationDateUtc": check_datetime,
        "suppressionAlertsScope": declare_object(
            {"allOf": declare_array(declare_object({"field": accept_text(least=1)}))}
        ),
    },
)


@SURFACE.get(_LIST, "AlertsSuppressionRules_List", f"{TYPE}/read")
def list_(call: ApiCall) -> ApiResponse:
    """List the suppression rules; `AlertType` selects one alert type."""
    wanted = call.get_query_value("AlertType").removeprefix("nephoscope_")
    call.service.require(READ, get_workspace_scope(WORKSPACE))
    found = call.instance.state.suppressions.all(WORKSPACE)
    return answer_list(call, [build_body(call, one) for one in found if not wanted or one.rule == wanted])


@SURFACE.get(_ONE, "AlertsSuppressionRules_Get", f"{TYPE}/read")
def get(call: ApiCall) -> ApiResponse:
    """Get a suppression rule."""
    found = find_suppression(call.service, WORKSPACE, call["alertsSuppressionRuleName"])
    if found is None:
        raise make_not_found_error(f"The suppression rule '{call['alertsSuppressionRuleName']}'")
    return ApiResponse(build_body(call, found))


@SURFACE.put(_ONE, "AlertsSuppressionRules_Update", f"{TYPE}/write")
def put(call: ApiCall) -> ApiResponse:
    """Create or replace a suppression rule; new alerts that match it are dismissed."""
    sent = read(SHAPE, call.body)
    with translate_errors("properties", ConditionError):
        asked = parse_suppression(sent)
    new = NewSuppression(
        call["alertsSuppressionRuleName"], asked.alert_type, asked.conditions, asked.reason, asked.comment, asked.expires,
        _ENABLED[sent["properties"]["state"]],
    )  # fmt: skip
    made = create_suppression(call.service, WORKSPACE, new, replace=True)
    return ApiResponse(build_body(call, made))


@SURFACE.delete(_ONE, "AlertsSuppressionRules_Delete", f"{TYPE}/delete")
def delete(call: ApiCall) -> ApiResponse:
    """Delete a suppression rule; the alerts that it dismissed stay dismissed."""
    with suppress(NotFoundError):
        delete_suppression(call.service, WORKSPACE, call["alertsSuppressionRuleName"])
    return NO_CONTENT


def build_body(call: ApiCall, one: StoredSuppression) -> dict[str, object]:
    """A suppression in the shape of the API."""
    document = to_document(one, call.instance.now)
    id_ = f"/subscriptions/{call['subscriptionId']}/providers/{TYPE}/{one.name}"
    properties = {name: value for name, value in document["properties"].items() if value not in (None, "")}
    if not one.conditions:
        del properties["suppressionAlertsScope"]
    return {**document, "id": id_, "name": one.name, "properties": properties}
