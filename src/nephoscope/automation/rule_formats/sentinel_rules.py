"""Sentinel's automation rules, and the playbooks of its alert rules: documents that people put into a workspace.

Source: https://learn.microsoft.com/rest/api/securityinsights/automation-rules (2023-02-01): triggering logic, conditions, actions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.automation.action import find_action_kind
from nephoscope.automation.condition import (
    TEXT_OPERATORS,
    AllConditions,
    AnyCondition,
    EventCondition,
    FactChanged,
    FactGrew,
    FactProperty,
    ValueCondition,
)
from nephoscope.automation.event_kinds import EVENT_KINDS
from nephoscope.automation.rule import AutomationError, AutomationRule, Trigger, UnusableRule
from nephoscope.automation.rule_formats.security_actions import build_credential_name
from nephoscope.model.utc_time import assume_utc
from nephoscope.state.automation.automation_runs import RuleLanguage

if TYPE_CHECKING:
    from nephoscope.state import State

RULES = "microsoft.securityinsights/automationrules"
ACTIONS = "microsoft.securityinsights/alertrules/actions"
PLAYBOOK = "playbook-"
"""Prefix of the credential with the address of a playbook; the name of its Logic App follows."""
_EVENTS = {
    ("Incidents", "Created"): "incident.created",
    ("Incidents", "Updated"): "incident.updated",
    ("Alerts", "Created"): "alert.created",
}
#: Azure's names of properties -> the names of facts; of an entity its kind and identifier.
PROPERTIES: Mapping[str, str] = {
    "IncidentTitle": "title", "IncidentDescription": "description", "IncidentSeverity": "severity", "IncidentStatus": "status",
    "IncidentTactics": "tactics", "IncidentLabel": "labels", "IncidentRelatedAnalyticRuleIds": "rule", "IncidentOwner": "owner",
    "IncidentProviderName": "provider", "IncidentUpdatedBySource": "source", "AlertProductNames": "product",
    "AlertAnalyticRuleIds": "rule",
    "AccountAadTenantId": "entity.account.aadtenantid", "AccountAadUserId": "entity.account.aaduserid",
    "AccountName": "entity.account.name", "AccountNTDomain": "entity.account.ntdomain", "AccountPUID": "entity.account.puid",
    "AccountSid": "entity.account.sid", "AccountObjectGuid": "entity.account.objectguid",
    "AccountUPNSuffix": "entity.account.upnsuffix", "AzureResourceResourceId": "entity.azureresource.resourceid",
    "AzureResourceSubscriptionId": "entity.azureresource.subscriptionid",
    "CloudApplicationAppId": "entity.cloudapplication.appid", "CloudApplicationAppName": "entity.cloudapplication.name",
    "DNSDomainName": "entity.dns.domainname", "FileDirectory": "entity.file.directory", "FileName": "entity.file.name",
    "FileHashValue": "entity.filehash.value", "HostAzureID": "entity.host.azureid", "HostName": "entity.host.hostname",
    "HostNetBiosName": "entity.host.netbiosname", "HostNTDomain": "entity.host.ntdomain", "HostOSVersion": "entity.host.osversion",
    "IPAddress": "entity.ip.address", "MailboxDisplayName": "entity.mailbox.displayname",
    "MailboxPrimaryAddress": "entity.mailbox.mailboxprimaryaddress", "MailboxUPN": "entity.mailbox.upn",
    "MalwareCategory": "entity.malware.category", "MalwareName": "entity.malware.name",
    "ProcessCommandLine": "entity.process.commandline", "ProcessId": "entity.process.processid",
    "RegistryKey": "entity.registrykey.key", "RegistryValueData": "entity.registryvalue.value", "Url": "entity.url.url",
}  # fmt: skip
#: What an array of an incident is called in the facts.
ARRAYS = {"Alerts": "alerts", "Labels": "labels", "Tactics": "tactics", "Comments": "comments"}


def read_sentinel_rule(key: str, body: Mapping[str, Any]) -> AutomationRule:
    """Return the rule of a document that is kept under a lower-cased id; AutomationError says where it is none."""
    properties = body["properties"]
    logic = properties.get("triggeringLogic")
    if not isinstance(logic, dict):
        raise AutomationError("properties.triggeringLogic", "is missing")
    event = _EVENTS.get((str(logic.get("triggersOn")), str(logic.get("triggersWhen"))))
    if event is None:
        events = ", ".join(f"{on} {when}" for on, when in _EVENTS)
        raise AutomationError(
            "properties.triggeringLogic", f"triggersOn and triggersWhen must be one of {events}"
        )
    path = "properties.triggeringLogic.conditions"
    actions = [
        _convert_action(one, f"properties.actions[{at}]")
        for at, one in enumerate(sorted(_read_objects(properties, "actions", "properties"), key=_read_order))
    ]
    conditions = _read_objects(logic, "conditions", "properties.triggeringLogic")
    condition = AllConditions(
        tuple(_read_condition(one, f"{path}[{at}]") for at, one in enumerate(conditions))
    )
    return AutomationRule(
        key,
        str(properties.get("displayName") or _extract_last_segment(key)),
        RuleLanguage.SENTINEL,
        (Trigger((EVENT_KINDS[event],), condition),),
        actions,
        enabled=logic.get("isEnabled", True) is True,
        order=_read_order(properties),
        expires=_parse_time(logic.get("expirationTimeUtc")),
        workspaces=(parse_workspace(key),),
    )


def read_playbook_rule(key: str) -> AutomationRule:
    """Return the rule that runs a playbook for the alerts of a rule, of the lower-cased id of an action of an alert rule."""
    rule = key.rpartition("/alertrules/")[2].partition("/")[0]
    return AutomationRule(
        key,
        _extract_last_segment(key),
        RuleLanguage.SENTINEL,
        (Trigger((EVENT_KINDS["alert.created"],), ValueCondition(FactProperty("rule"), "Equals", [rule])),),
        [{"action": "webhook", "address": build_credential_name(key, 0, "uri")}],
        order=0,
        workspaces=(parse_workspace(key),),
    )


def load_sentinel_rules(state: State) -> tuple[list[AutomationRule], list[UnusableRule]]:
    """Return the rules in the order in which they are asked, and the documents that are none with the reason."""
    found: list[AutomationRule] = []
    wrong: list[UnusableRule] = []
    for one in state.arm_documents.all([RULES, ACTIONS]):
        try:
            is_rule = one.type == RULES
            found.append(read_sentinel_rule(one.key, one.body) if is_rule else read_playbook_rule(one.key))
        except AutomationError as error:
            title = str(one.body.get("name") or _extract_last_segment(one.key))
            wrong.append(UnusableRule(one.key, title, RuleLanguage.SENTINEL, str(error)))
    return sorted(found, key=lambda one: (one.order, one.key)), wrong


def parse_workspace(key: str) -> str:
    """The workspace of an id under which documents of one are kept."""
    return key.removeprefix("/workspaces/").partition("/")[0]


def _read_condition(given: Mapping[str, object], where: str) -> EventCondition:
    kind, more = given.get("conditionType"), given.get("conditionProperties")
    read = _CONDITIONS.get(str(kind))
    if read is None:
        known = f"unsupported condition {kind!r:.60}: expected one of {', '.join(_CONDITIONS)}"
        raise AutomationError(f"{where}.conditionType", known)
    if not isinstance(more, dict):
        raise AutomationError(f"{where}.conditionProperties", "is missing")
    return read(more, f"{where}.conditionProperties")


def _read_property(given: Mapping[str, object], where: str) -> EventCondition:
    """Read a property compared with values."""
    return _read_value_condition(_read_fact(given, where), given, where)


def _read_changed_property(given: Mapping[str, object], where: str) -> EventCondition:
    """Read a property that changed, to or from a value where one is named."""
    fact, change = _read_fact(given, where), given.get("changeType")
    if change not in (None, "ChangedTo", "ChangedFrom"):
        raise AutomationError(f"{where}.changeType", "must be ChangedTo or ChangedFrom")
    if change is None:
        return FactChanged(fact)
    compared = f"before.{fact}" if change == "ChangedFrom" else fact
    return AllConditions((FactChanged(fact), _read_value_condition(compared, given, where)))


def _read_array_changed(given: Mapping[str, object], where: str) -> EventCondition:
    """Read an array that something was added to."""
    fact = ARRAYS.get(str(given.get("arrayType")))
    if fact is None:
        raise AutomationError(f"{where}.arrayType", f"must be one of {', '.join(ARRAYS)}")
    return FactGrew(fact)


def _read_boolean(given: Mapping[str, object], where: str) -> EventCondition:
    """Read conditions of which all or one must hold."""
    inner = _read_objects(given, "innerConditions", where)
    several = tuple(_read_condition(one, f"{where}.innerConditions[{at}]") for at, one in enumerate(inner))
    operator = given.get("operator")
    if operator not in ("And", "Or"):
        raise AutomationError(f"{where}.operator", "must be And or Or")
    return AllConditions(several) if operator == "And" else AnyCondition(several)


_CONDITIONS: Mapping[str, Callable[[Mapping[str, object], str], EventCondition]] = {
    "Property": _read_property,
    "PropertyChanged": _read_changed_property,
    "PropertyArrayChanged": _read_array_changed,
    "Boolean": _read_boolean,
}


def _read_value_condition(fact: str, given: Mapping[str, object], where: str) -> ValueCondition:
    operator, wanted = _read_operator(given, where), _read_texts(given.get("propertyValues"), where)
    # a rule is named by its whole ARM id, and known by the end of it
    values = [_extract_last_segment(one) if fact.endswith("rule") else one for one in wanted]
    return ValueCondition(
        FactProperty(fact), operator.removeprefix("Not"), values, negated=operator.startswith("Not")
    )


def _read_fact(given: Mapping[str, object], where: str) -> str:
    name = str(given.get("propertyName"))
    if name not in PROPERTIES:
        raise AutomationError(f"{where}.propertyName", f"unknown property {name!r:.60}")
    return PROPERTIES[name]


def _read_operator(given: Mapping[str, object], where: str) -> str:
    operator = str(given.get("operator"))
    if operator.removeprefix("Not") not in TEXT_OPERATORS:
        raise AutomationError(
            f"{where}.operator",
            f"must be one of {', '.join(TEXT_OPERATORS)}, or one of them with the prefix Not",
        )
    return operator


def _read_texts(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise AutomationError(f"{where}.propertyValues", "must be a list of strings")
    return value


def _convert_action(given: Mapping[str, object], where: str) -> dict[str, object]:
    """The settings of an action of response; AutomationError where there is none for it."""
    kind, more = given.get("actionType"), given.get("actionConfiguration")
    make = _ACTIONS.get(str(kind))
    if make is None:
        raise AutomationError(
            f"{where}.actionType", f"must be one of {', '.join(_ACTIONS)} (got {kind!r:.60})"
        )
    if not isinstance(more, dict):
        raise AutomationError(f"{where}.actionConfiguration", "is missing")
    settings = make(more)
    try:
        find_action_kind(str(settings["action"])).parse(settings)
    except ValueError as error:
        raise AutomationError(f"{where}.actionConfiguration", str(error)) from error
    return settings


def _read_modify_action(more: Mapping[str, object]) -> dict[str, object]:
    owner = more.get("owner")
    named = (
        [owner.get(one) for one in ("userPrincipalName", "email", "assignedTo", "objectId")]
        if isinstance(owner, dict)
        else []
    )
    labels = more.get("labels") or []
    found: dict[str, Any] = {
        "owner": next((one for one in named if one), None),
        "severity": more.get("severity"),
        "tags": [one.get("labelName") for one in labels if isinstance(one, dict)]
        if isinstance(labels, list)
        else labels,
        "comment": more.get("classificationComment"),
    }
    if more.get("status") == "Closed":
        found |= {
            "close": more.get("classification") or "Undetermined",
            "reason": more.get("classificationReason"),
        }
    else:
        found["status"] = more.get("status")
    return {
        "action": "incident",
        **{name: value for name, value in found.items() if value not in (None, "", [])},
    }


def _convert_task(more: Mapping[str, object]) -> dict[str, object]:
    parts = [str(more.get(one)) for one in ("title", "description") if more.get(one)]
    return {"action": "incident", "tasks": [": ".join(parts)] if parts else [None]}


def _convert_playbook(more: Mapping[str, object]) -> dict[str, object]:
    """A Logic App is told at its address, which is a secret and kept as the credential `playbook-NAME`."""
    name = str(more.get("logicAppResourceId") or "").rstrip("/").rpartition("/")[2]
    return {"action": "webhook", "address": f"{PLAYBOOK}{name.lower()}" if name else ""}


_ACTIONS: Mapping[str, Callable[[Mapping[str, object]], dict[str, object]]] = {
    "ModifyProperties": _read_modify_action,
    "AddIncidentTask": _convert_task,
    "RunPlaybook": _convert_playbook,
}


def _read_objects(holder: Mapping[str, object], name: str, path: str) -> list[dict[str, object]]:
    found = holder.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise AutomationError(f"{path}.{name}", "must be a list of objects")
    return found


def _extract_last_segment(path: str) -> str:
    return path.rpartition("/")[2]


def _read_order(given: Mapping[str, object]) -> int:
    order = given.get("order")
    return order if isinstance(order, int) else 0


def _parse_time(text: object) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise AutomationError("properties.triggeringLogic.expirationTimeUtc", "is not a time") from error
    return assume_utc(found)
