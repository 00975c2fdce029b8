"""Automation rules of Sentinel as the responder asks them: when an incident or alert is made or changed, what must hold, what is done.

Source: https://learn.microsoft.com/rest/api/securityinsights/automation-rules (2023-02-01): triggering logic, conditions, actions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.response.action import kind_of
from nephoscope.automation.actions import credential
from nephoscope.automation.automation import AutomationError

if TYPE_CHECKING:
    from nephoscope.state import State

RULES = "microsoft.securityinsights/automationrules"
ACTIONS = "microsoft.securityinsights/alertrules/actions"
PLAYBOOK = "playbook-"
"""Begins the name of the credential that has the address of a playbook; the name of its Logic App follows."""
Facts = Mapping[str, Sequence[str]]
Test = Callable[[Facts], bool]
_EVENTS = {
    ("Incidents", "Created"): "incident.created",
    ("Incidents", "Updated"): "incident.updated",
    ("Alerts", "Created"): "alert.created",
}
#: Azure's names of properties -> what the responder calls them; of an entity its kind and identifier.
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
_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": lambda value, wanted: value == wanted,
    "Contains": lambda value, wanted: wanted in value,
    "StartsWith": lambda value, wanted: value.startswith(wanted),
    "EndsWith": lambda value, wanted: value.endswith(wanted),
}


@dataclass(frozen=True, slots=True)
class IncidentAutomation:
    """A rule of one workspace; it is asked as a rule of response is."""

    key: str
    workspace: str
    event: str
    enabled: bool
    order: int
    expires: datetime | None
    conditions: tuple[Test, ...]
    actions: Sequence[dict[str, Any]]

    @property
    def name(self) -> str:
        """What its runs are kept under: its id."""
        return self.key

    @property
    def stop(self) -> bool:
        """Rules behind it are asked too."""
        return False

    def asked(self, kind: str, workspace: str, now: datetime) -> bool:
        """Whether it is to be asked about an event of a kind."""
        over = self.expires is not None and self.expires <= now
        return self.enabled and not over and workspace == self.workspace and kind == self.event

    def holds(self, facts: Mapping[str, list[str]], document: Mapping[str, Any]) -> bool:
        """Whether all its conditions hold."""
        known = {**facts, **_said(document)}
        return all(test(known) for test in self.conditions)


def rule_of(key: str, body: Mapping[str, Any]) -> IncidentAutomation:
    """The rule of a document that is kept under a lower-cased id; AutomationError says where it is none."""
    properties = body["properties"]
    logic = properties.get("triggeringLogic")
    if not isinstance(logic, dict):
        raise AutomationError("properties.triggeringLogic", "is missing")
    event = _EVENTS.get((str(logic.get("triggersOn")), str(logic.get("triggersWhen"))))
    if event is None:
        told = ", ".join(f"{on} {when}" for on, when in _EVENTS)
        raise AutomationError("properties.triggeringLogic", f"triggersOn and triggersWhen are one of {told}")
    path = "properties.triggeringLogic.conditions"
    actions = [
        _action(one, f"properties.actions[{at}]")
        for at, one in enumerate(sorted(_objects(properties, "actions", "properties"), key=_order))
    ]
    return IncidentAutomation(
        key,
        workspace_of(key),
        event,
        logic.get("isEnabled", True) is True,
        _order(properties),
        _moment(logic.get("expirationTimeUtc")),
        tuple(
            _condition(one, f"{path}[{at}]")
            for at, one in enumerate(_objects(logic, "conditions", "properties.triggeringLogic"))
        ),
        actions,
    )


def response_of_rule(key: str) -> IncidentAutomation:
    """The playbook that is run for the alerts of a rule, of the lower-cased id of an action of an alert rule."""
    rule = key.rpartition("/alertrules/")[2].partition("/")[0]
    settings: list[dict[str, Any]] = [{"action": "webhook", "address": credential(key, 0, "uri")}]
    return IncidentAutomation(
        key,
        workspace_of(key),
        "alert.created",
        True,
        0,
        None,
        (_compare("rule", "Equals", [rule]),),
        settings,
    )


def incident_automations(state: State) -> tuple[list[IncidentAutomation], list[tuple[str, str]]]:
    """The rules in the order in which they are asked, and the documents that are none with the reason."""
    found, wrong = [], []
    for one in state.arm_documents.all([RULES, ACTIONS]):
        try:
            own = one.type == RULES
            found.append(rule_of(one.key, one.body) if own else response_of_rule(one.key))
        except AutomationError as error:
            wrong.append((one.key, str(error)))
    return sorted(found, key=lambda one: (one.order, one.key)), wrong


def workspace_of(key: str) -> str:
    """The workspace of an id under which documents of one are kept."""
    return key.removeprefix("/workspaces/").partition("/")[0]


def _condition(given: Mapping[str, Any], where: str) -> Test:
    kind, more = given.get("conditionType"), given.get("conditionProperties")
    make = _CONDITIONS.get(str(kind))
    if make is None:
        told = f"{kind!r:.60} is not understood here: {', '.join(_CONDITIONS)} are"
        raise AutomationError(f"{where}.conditionType", told)
    if not isinstance(more, dict):
        raise AutomationError(f"{where}.conditionProperties", "is missing")
    return make(more, f"{where}.conditionProperties")


def _property(given: Mapping[str, Any], where: str) -> Test:
    """A property compared with values: one of them is enough, but none may fit what is negated."""
    return _compare(_fact(given, where), _operator(given, where), _texts(given.get("propertyValues"), where))


def _changed(given: Mapping[str, Any], where: str) -> Test:
    """A property that changed, to or from a value where one is named."""
    fact, change = _fact(given, where), given.get("changeType")
    if change not in (None, "ChangedTo", "ChangedFrom"):
        raise AutomationError(f"{where}.changeType", "is one of ChangedTo, ChangedFrom")
    if change is None:
        return lambda facts: fact in facts.get("changed", ())
    asked = f"before.{fact}" if change == "ChangedFrom" else fact
    test = _compare(asked, _operator(given, where), _texts(given.get("propertyValues"), where))
    return lambda facts: fact in facts.get("changed", ()) and test(facts)


def _array_changed(given: Mapping[str, Any], where: str) -> Test:
    """An array that something was added to."""
    fact = ARRAYS.get(str(given.get("arrayType")))
    if fact is None:
        raise AutomationError(f"{where}.arrayType", f"is one of {', '.join(ARRAYS)}")
    return lambda facts: (
        fact in facts.get("changed", ())
        and bool(set(facts.get(fact, ())) - set(facts.get(f"before.{fact}", ())))
    )


def _boolean(given: Mapping[str, Any], where: str) -> Test:
    """Conditions of which all or one must hold."""
    inner = [
        _condition(one, f"{where}.innerConditions[{at}]")
        for at, one in enumerate(_objects(given, "innerConditions", where))
    ]
    joined = {"And": all, "Or": any}.get(str(given.get("operator")))
    if joined is None:
        raise AutomationError(f"{where}.operator", "is one of And, Or")
    return lambda facts: joined(test(facts) for test in inner)


_CONDITIONS: Mapping[str, Callable[[Mapping[str, Any], str], Test]] = {
    "Property": _property,
    "PropertyChanged": _changed,
    "PropertyArrayChanged": _array_changed,
    "Boolean": _boolean,
}


def _compare(fact: str, operator: str, wanted: Sequence[str]) -> Test:
    negated = operator.startswith("Not")
    compared = _COMPARED[operator.removeprefix("Not")]
    # a rule is named by its whole ARM id, and known by the end of it
    values = [(one.rpartition("/")[2] if fact == "rule" else one).casefold() for one in wanted]

    def test(facts: Facts) -> bool:
        fits = any(compared(one.casefold(), value) for one in facts.get(fact, ()) for value in values)
        return fits is not negated

    return test


def _fact(given: Mapping[str, Any], where: str) -> str:
    name = str(given.get("propertyName"))
    if name not in PROPERTIES:
        raise AutomationError(f"{where}.propertyName", f"{name!r:.60} is none that is known here")
    return PROPERTIES[name]


def _operator(given: Mapping[str, Any], where: str) -> str:
    operator = str(given.get("operator"))
    if operator.removeprefix("Not") not in _COMPARED:
        raise AutomationError(f"{where}.operator", f"is one of {', '.join(_COMPARED)}, or Not before it")
    return operator


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise AutomationError(f"{where}.propertyValues", "must be a list of texts")
    return value


def _said(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What rules ask beside the facts that rules of response know."""
    product, by = document.get("ProductName"), document.get("ModifiedBy")
    return {
        "description": [str(document.get("Description") or "")],
        "provider": [str(document.get("ProviderName") or "")],
        "product": [str(product)] if product else [],
        "source": [str(by)] if by else [],
    }


def _action(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings of an action of response; AutomationError where there is none for it."""
    kind, more = given.get("actionType"), given.get("actionConfiguration")
    make = _ACTIONS.get(str(kind))
    if make is None:
        raise AutomationError(f"{where}.actionType", f"{kind!r:.60} is none of {', '.join(_ACTIONS)}")
    if not isinstance(more, dict):
        raise AutomationError(f"{where}.actionConfiguration", "is missing")
    settings = make(more)
    try:
        kind_of(str(settings["action"])).parsed(settings)
    except ValueError as error:
        raise AutomationError(f"{where}.actionConfiguration", str(error)) from error
    return settings


def _modify(more: Mapping[str, Any]) -> dict[str, Any]:
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


def _task(more: Mapping[str, Any]) -> dict[str, Any]:
    told = [str(more.get(one)) for one in ("title", "description") if more.get(one)]
    return {"action": "incident", "tasks": [": ".join(told)] if told else [None]}


def _playbook(more: Mapping[str, Any]) -> dict[str, Any]:
    """A Logic App is told at its address, which is a secret and kept as the credential `playbook-NAME`."""
    name = str(more.get("logicAppResourceId") or "").rstrip("/").rpartition("/")[2]
    return {"action": "webhook", "address": f"{PLAYBOOK}{name.lower()}" if name else ""}


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "ModifyProperties": _modify,
    "AddIncidentTask": _task,
    "RunPlaybook": _playbook,
}


def _objects(holder: Mapping[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    found = holder.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise AutomationError(f"{path}.{name}", "must be a list of objects")
    return found


def _order(given: Mapping[str, Any]) -> int:
    order = given.get("order")
    return order if isinstance(order, int) else 0


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise AutomationError("properties.triggeringLogic.expirationTimeUtc", "is no time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
