"""Microsoft.Security/alertsSuppressionRules: what is not to be raised, kept as `nephoscope suppressions` does.

A suppression holds back alerts of the whole default workspace, so that its permission is needed there, not only at the subscription.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts-suppression-rules (2019-01-01-preview)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.alerts.tuning.condition import ConditionError
from nephoscope.alerts.tuning.editing import Editing
from nephoscope.alerts.tuning.suppression_document import given, written
from nephoscope.api.wire.answer import NO_CONTENT, Answer, listed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad, missing
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.shape import fields, many, moment, read, text, words
from nephoscope.api.wire.workspace import audited
from nephoscope.state.faults import MissingError

if TYPE_CHECKING:
    from nephoscope.state.suppressions import StoredSuppression

SURFACE = Surface("Alert suppression rules", "Microsoft.Security")
TYPE = "Microsoft.Security/alertsSuppressionRules"
WORKSPACE = "default"
_LIST = f"/subscriptions/{{subscriptionId}}/providers/{TYPE}"
_ONE = f"{_LIST}/{{alertsSuppressionRuleName}}"
_ENABLED = {"Enabled": True, "Disabled": False}
SHAPE = fields(
    {"alertType": text(least=1), "reason": text(least=1), "state": words(*_ENABLED)},
    {
        "comment": text(),
        "expirationDateUtc": moment,
        "suppressionAlertsScope": fields({"allOf": many(fields({"field": text(least=1)}))}),
    },
)


@SURFACE.get(_LIST, "AlertsSuppressionRules_List", f"{TYPE}/read")
def list_(call: Call) -> Answer:
    """The suppressions, of one alert type where `AlertType` asks for it."""
    wanted = call.asked("AlertType").removeprefix("nephoscope_")
    found = call.instance.state.suppressions.all(_workspace(call))
    return listed(call, [body(call, one) for one in found if not wanted or one.rule == wanted])


@SURFACE.get(_ONE, "AlertsSuppressionRules_Get", f"{TYPE}/read")
def get(call: Call) -> Answer:
    """One suppression."""
    found = _found(call, _workspace(call))
    if found is None:
        raise missing(f"The suppression rule '{call['alertsSuppressionRuleName']}'")
    return Answer(body(call, found))


@SURFACE.put(_ONE, "AlertsSuppressionRules_Update", f"{TYPE}/write")
def put(call: Call) -> Answer:
    """Make or replace a suppression; alerts that it fits are raised no more from now on."""
    workspace = _workspace(call)
    sent = read(SHAPE, call.body)
    try:
        asked = given(sent)
    except ConditionError as error:
        raise bad(str(error), "properties") from error
    with audited(call):
        made = _editing(call, workspace).suppress(
            call["alertsSuppressionRuleName"],
            asked.alert_type,
            asked.conditions,
            reason=asked.reason,
            comment=asked.comment,
            expires=asked.expires,
            enabled=_ENABLED[sent["properties"]["state"]],
            again=True,
        )
    return Answer(body(call, made))


@SURFACE.delete(_ONE, "AlertsSuppressionRules_Delete", f"{TYPE}/delete")
def delete(call: Call) -> Answer:
    """Delete a suppression; what it held back stays dismissed."""
    workspace = _workspace(call)
    if _found(call, workspace) is not None:
        with audited(call):
            _editing(call, workspace).remove(call["alertsSuppressionRuleName"])
    return NO_CONTENT


def _workspace(call: Call) -> str:
    call.caller.must(call.permission, f"/workspaces/{WORKSPACE}")
    return WORKSPACE


def _editing(call: Call, workspace: str) -> Editing:
    return Editing(call.instance.state, workspace, call.caller.name, call.instance.now)


def _found(call: Call, workspace: str) -> StoredSuppression | None:
    try:
        return call.instance.state.suppressions.find(workspace, call["alertsSuppressionRuleName"])
    except MissingError:
        return None


def body(call: Call, one: StoredSuppression) -> dict[str, Any]:
    """A suppression in the shape of the API."""
    document = written(one, call.instance.now)
    id_ = f"/subscriptions/{call['subscriptionId']}/providers/{TYPE}/{one.name}"
    properties = {name: value for name, value in document["properties"].items() if value not in (None, "")}
    if not one.conditions:
        del properties["suppressionAlertsScope"]
    return {**document, "id": id_, "name": one.name, "properties": properties}
