"""Microsoft.SecurityInsights: automation rules, and the actions of alert rules: the engine asks them about incidents and alerts.

The address of a playbook is a secret: that of an action is kept as a credential and shown in no answer, that of a playbook which an
automation rule names is the credential `playbook-NAME` (`nephoscope response secret`).

Source: https://learn.microsoft.com/rest/api/securityinsights/automation-rules (2023-02-01), actions (2023-02-01)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.automation_errors import translate_automation_errors
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import (
    accept_text,
    check_datetime,
    choose_by_member,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.mitre_attack import TACTIC
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.workspace_lookup import WORKSPACE, describe_caller, require_workspace
from nephoscope.automation.rule import AutomationError
from nephoscope.automation.rule_formats.security_actions import build_credential_name
from nephoscope.automation.rule_formats.sentinel_rules import read_sentinel_rule
from nephoscope.service.action_egress import check_url
from nephoscope.state.incidents.incidents import CLASSIFICATIONS

SURFACE = ApiSurface("Automation rules", "Microsoft.SecurityInsights")
EFFECT = "It is evaluated for incidents and alerts, and its actions run."
RULES, ACTIONS = "Microsoft.SecurityInsights/automationRules", "Microsoft.SecurityInsights/alertRules/actions"


_SEVERITY = declare_enumeration("High", "Medium", "Low", "Informational")
_STATUS = declare_enumeration("New", "Active", "Closed")
#: What a property can be equal to, where not everything.
_VALUES = {"IncidentSeverity": _SEVERITY, "IncidentStatus": _STATUS, "IncidentTactics": TACTIC}
_DEEPEST = 10
_EQUALS = ("Equals", "NotEquals")


def _check_condition(value: object, path: str) -> Body:
    """A condition, and those inside it: what a property is to be equal to is something that it can be."""
    if path.count("innerConditions") > _DEEPEST:
        raise make_bad_request_error(f"Conditions can be nested at most {_DEEPEST} levels deep.", path)
    found: Body = declare_object({}, {"conditionProperties": declare_object({})})(value, path)
    more, inside = found.get("conditionProperties") or {}, f"{path}.conditionProperties"
    several, one = more.get("propertyValues"), _VALUES.get(str(more.get("propertyName")))
    if one is not None and more.get("operator") in _EQUALS and _is_list_of_texts(several):
        declare_array(one)(several, f"{inside}.propertyValues")
    if "innerConditions" in more:
        declare_array(_check_condition)(more["innerConditions"], f"{inside}.innerConditions")
    return found


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_MODIFY = declare_object(
    {},
    {
        "severity": _SEVERITY,
        "status": _STATUS,
        "classification": declare_enumeration(*CLASSIFICATIONS),
        "classificationReason": declare_enumeration(
            *(one for each in CLASSIFICATIONS.values() for one in each if one)
        ),
        "classificationComment": accept_text(),
        "owner": declare_object(
            {}, dict.fromkeys(("objectId", "email", "assignedTo", "userPrincipalName"), accept_text())
        ),
        "labels": declare_array(declare_object({"labelName": accept_text(least=1)})),
    },
)
_ORDER = declare_integer(1, 1000)
_ACTION = choose_by_member(
    "actionType",
    {
        "ModifyProperties": declare_object({"actionConfiguration": _MODIFY}, {"order": _ORDER}),
        "RunPlaybook": declare_object(
            {
                "actionConfiguration": declare_object(
                    {"logicAppResourceId": accept_text(least=1)}, {"tenantId": accept_text()}
                )
            },
            {"order": _ORDER},
        ),
        "AddIncidentTask": declare_object(
            {
                "actionConfiguration": declare_object(
                    {"title": accept_text(least=1)}, {"description": accept_text()}
                )
            },
            {"order": _ORDER},
        ),
    },
)
SHAPE = declare_object(
    {
        "order": _ORDER,
        "displayName": accept_text(least=1),
        "triggeringLogic": declare_object(
            {"isEnabled": parse_boolean},
            {"expirationTimeUtc": check_datetime, "conditions": declare_array(_check_condition)},
        ),
        "actions": declare_array(_ACTION),
    }
)


def check(body: Body) -> None:
    """Fault where a rule asks or does what is not known here."""
    try:
        read_sentinel_rule(str(body["id"]).lower(), body)
    except AutomationError as error:
        raise make_bad_request_error(str(error), error.path) from error


def check_action(body: Body) -> None:
    """Fault where an action names no Logic App."""
    if not isinstance(body["properties"].get("logicAppResourceId"), str):
        raise make_bad_request_error(
            "'logicAppResourceId' must be the id of a Logic App.", "properties.logicAppResourceId"
        )


def make_rule(call: ApiCall, body: Body, before: Body | None) -> Body:
    """The rule with who made and changed it, and when."""
    now = call.instance.now.isoformat()
    old = before["properties"] if before is not None else {}
    own_properties = {
        "createdTimeUtc": old.get("createdTimeUtc", now),
        "createdBy": old.get("createdBy", describe_caller(call)),
        "lastModifiedTimeUtc": now,
        "lastModifiedBy": describe_caller(call),
    }
    return {**body, "properties": {**body["properties"], **own_properties}}


def read_action(call: ApiCall, body: Body, _: Body | None) -> Body:
    """The action with the workflow that it starts, by the name of its Logic App; its address is kept as a credential."""
    if uri := call.get_text("properties", "triggerUri"):
        with translate_automation_errors():
            check_url(call.service, uri, "properties.triggerUri")
    properties = {name: value for name, value in body["properties"].items() if name != "triggerUri"}
    workflow = str(properties["logicAppResourceId"]).rstrip("/").rsplit("/", 1)[-1]
    return {**body, "properties": {"workflowId": workflow, **properties}}


def read_action_secrets(call: ApiCall) -> dict[str, str]:
    """The address of the action, by the name of its credential."""
    uri = call.get_text("properties", "triggerUri")
    return dict.fromkeys(list_action_credentials(call), uri) if uri else {}


def list_action_credentials(call: ApiCall) -> tuple[str, ...]:
    """The name of the credential of the action."""
    return (build_credential_name(_build_action_key(call), 0, "uri"),)


def _build_action_key(call: ApiCall) -> str:
    """The lower-cased id under which an action is kept: in a workspace one, whatever subscription and group the path names."""
    tail = f"alertrules/{call['alertRulesName']}/actions/{call['actionsName']}"
    workspace = require_workspace(call, f"{ACTIONS}/write" if call.method == "PUT" else f"{ACTIONS}/delete")
    return f"/workspaces/{workspace}/providers/microsoft.securityinsights/{tail}".lower()


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        RULES, "AutomationRules", EFFECT, WORKSPACE, check, make_rule, etag=True, acting=True, shape=SHAPE
    ),
)
declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        ACTIONS,
        "Actions",
        EFFECT,
        WORKSPACE,
        check_action,
        read_action,
        etag=True,
        acting=True,
        secrets=read_action_secrets,
        credentials=list_action_credentials,
    ),
)
