"""Microsoft.SecurityInsights: automation rules, and the actions of alert rules, kept as documents.

Source: https://learn.microsoft.com/rest/api/securityinsights/automation-rules (2023-02-01), actions (2023-02-01)
"""

from __future__ import annotations

from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.workspace import WORKSPACE, by

SURFACE = Surface("Automation rules", "Microsoft.SecurityInsights")
EFFECT = "It is kept and not run here: what acts on incidents are the rules of `nephoscope response`."
RULES, ACTIONS = "Microsoft.SecurityInsights/automationRules", "Microsoft.SecurityInsights/alertRules/actions"


def check(body: Body) -> None:
    """Fault where a rule has no place, no name, or nothing to do."""
    properties = body["properties"]
    if not isinstance(properties.get("order"), int):
        raise bad("'order' must be a whole number.", "properties.order")
    if not isinstance(properties.get("displayName"), str):
        raise bad("'displayName' must be a text.", "properties.displayName")
    for name, kind in (("triggeringLogic", dict), ("actions", list)):
        if not isinstance(properties.get(name), kind):
            raise bad(f"'{name}' is missing.", f"properties.{name}")


def check_action(body: Body) -> None:
    """Fault where an action names no Logic App."""
    if not isinstance(body["properties"].get("logicAppResourceId"), str):
        raise bad("'logicAppResourceId' must be the id of a Logic App.", "properties.logicAppResourceId")


def made(call: Call, body: Body, before: Body | None) -> Body:
    """The rule with who made and changed it, and when."""
    now = call.instance.now.isoformat()
    old = before["properties"] if before is not None else {}
    told = {
        "createdTimeUtc": old.get("createdTimeUtc", now),
        "createdBy": old.get("createdBy", by(call)),
        "lastModifiedTimeUtc": now,
        "lastModifiedBy": by(call),
    }
    return {**body, "properties": {**body["properties"], **told}}


def made_action(_: Call, body: Body, __: Body | None) -> Body:
    """The action with the workflow that it starts, by the name of its Logic App."""
    properties = {name: value for name, value in body["properties"].items() if name != "triggerUri"}
    workflow = str(properties["logicAppResourceId"]).rstrip("/").rsplit("/", 1)[-1]
    return {**body, "properties": {"workflowId": workflow, **properties}}


declare(SURFACE, Kind(RULES, "AutomationRules", EFFECT, WORKSPACE, check, made, etag=True))
declare(SURFACE, Kind(ACTIONS, "Actions", EFFECT, WORKSPACE, check_action, made_action, etag=True))
