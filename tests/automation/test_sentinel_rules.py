"""Automation rules of Sentinel: which hold of an incident, and what they do with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.automation.condition import EventView
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.rule import AutomationError
from nephoscope.automation.rule_formats.security_actions import build_credential_name
from nephoscope.automation.rule_formats.sentinel_rules import load_sentinel_rules, read_sentinel_rule
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.incidents.incidents import IncidentStatus, NoteKind

ROOT = "/workspaces/default/providers/microsoft.securityinsights"
KEY = f"{ROOT}/automationrules/one"
TAG = {
    "actionType": "ModifyProperties",
    "order": 1,
    "actionConfiguration": {"labels": [{"labelName": "seen"}]},
}


def body(*actions: dict[str, Any], order: int = 1, **logic: Any) -> dict[str, Any]:
    triggering = {"isEnabled": True, "triggersOn": "Incidents", "triggersWhen": "Created", **logic}
    properties = {
        "displayName": "x", "order": order, "triggeringLogic": triggering, "actions": list(actions or (TAG,)),
    }  # fmt: skip
    return {"properties": properties}


def of(name: str, operator: str, *values: str, kind: str = "Property", **more: Any) -> dict[str, Any]:
    properties = {"propertyName": name, "operator": operator, "propertyValues": list(values), **more}
    return {"conditionType": kind, "conditionProperties": properties}


def either(operator: str, *inner: dict[str, Any]) -> dict[str, Any]:
    properties = {"operator": operator, "innerConditions": list(inner)}
    return {"conditionType": "Boolean", "conditionProperties": properties}


@pytest.fixture
def keep(state: State):
    """Keep documents by the ends of their ids."""

    def kept(**several: dict[str, Any]) -> None:
        with state.transaction() as session:
            for name, document in several.items():
                key = f"{ROOT}/automationrules/{name}"
                type_ = "microsoft.securityinsights/automationrules"
                state.arm_documents.put(session, key, type_, {"id": key, **document}, "kim")

    return kept


@pytest.fixture
def respond(lake: Lake, state: State):
    """Ask all rules about what happened: the runs as (status, detail)."""

    def asked() -> list[tuple[str, str]]:
        found, wrong = load_sentinel_rules(state)
        assert wrong == []
        return [
            (one.status.value, one.detail) for one in AutomationEngine(lake, state, "default", found).tick()
        ]

    return asked


HIGH, TITLE = of("IncidentSeverity", "Equals", "high"), of("IncidentTitle", "Contains", "sign")


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ([], True),
        ([HIGH, TITLE], True),
        ([of("IncidentSeverity", "NotEquals", "High", "Low")], False),
        ([of("IncidentTitle", "NotContains", "sign")], False),
        ([of("IncidentTitle", "StartsWith", "SIGN")], True),
        ([of("IncidentTitle", "EndsWith", "ins")], True),
        ([of("IncidentDescription", "Contains", "signed in")], True),
        ([of("IPAddress", "Equals", "185.220.101.4")], True),
        ([of("IPAddress", "StartsWith", "10.")], False),
        ([of("HostName", "NotEquals", "x")], True),
        ([of("IncidentRelatedAnalyticRuleIds", "Contains", "/subscriptions/s/x/alertRules/R1")], True),
        ([of("IncidentTactics", "Equals", "Persistence", "InitialAccess")], True),
        ([either("Or", of("IncidentSeverity", "Equals", "Low"), TITLE)], True),
        ([either("And", of("IncidentSeverity", "Equals", "Low"), TITLE)], False),
    ],
)
def test_conditions(keep, respond, raise_alert, state: State, conditions, holds: bool) -> None:
    keep(one=body(conditions=conditions))
    raise_alert()
    assert [status for status, _ in respond()] == (["done"] if holds else [])
    assert state.incidents.get(1).labels == (("seen",) if holds else ())


@pytest.mark.parametrize(
    "logic",
    [
        {"isEnabled": False},
        {"expirationTimeUtc": "2020-01-01T00:00:00Z"},
        {"triggersWhen": "Updated"},
    ],
)
def test_when_it_is_not_asked(keep, respond, raise_alert, logic) -> None:
    keep(one=body(**logic))
    raise_alert()
    assert respond() == []


def test_it_changes_gives_tasks_and_closes_in_its_order(keep, respond, raise_alert, state: State) -> None:
    change = {
        "actionType": "ModifyProperties", "order": 1,
        "actionConfiguration": {"severity": "Low", "status": "Active", "owner": {"userPrincipalName": "kim@example.org"}},
    }  # fmt: skip
    task = {
        "actionType": "AddIncidentTask",
        "order": 2,
        "actionConfiguration": {"title": "Call", "description": "them"},
    }
    end = {
        "actionType": "ModifyProperties", "order": 3,
        "actionConfiguration": {
            "status": "Closed", "classification": "FalsePositive", "classificationReason": "InaccurateData",
            "classificationComment": "known",
        },
    }  # fmt: skip
    keep(second=body(end, order=2), first=body(task, change, order=1))
    raise_alert()
    assert [status for status, _ in respond()] == ["done", "done", "done"]
    incident = state.incidents.get(1)
    assert (incident.severity, incident.owner, incident.status) == (
        "Low",
        "kim@example.org",
        IncidentStatus.CLOSED,
    )
    assert (incident.classification, incident.reason) == ("FalsePositive", "InaccurateData")
    with state.transaction() as session:
        notes = {one.kind: one.text for one in state.incidents.notes(session, 1)}
    assert notes == {NoteKind.TASK: "Call: them", NoteKind.COMMENT: "known"}


def test_what_changed(keep, respond, raise_alert, state: State) -> None:
    changed = of("IncidentStatus", "Equals", "Active", kind="PropertyChanged", changeType="ChangedTo")
    left = of("IncidentSeverity", "Equals", "High", kind="PropertyChanged", changeType="ChangedFrom")
    labelled = {
        "conditionType": "PropertyArrayChanged",
        "conditionProperties": {"arrayType": "Labels", "changeType": "Added"},
    }
    raise_alert()
    assert respond() == []
    tag = {
        name: {**TAG, "actionConfiguration": {"labels": [{"labelName": name}]}}
        for name in ("to", "from", "label")
    }
    keep(
        to=body(tag["to"], triggersWhen="Updated", conditions=[changed]),
        left=body(tag["from"], triggersWhen="Updated", conditions=[left]),
        label=body(tag["label"], triggersWhen="Updated", conditions=[labelled]),
    )
    incident_service, now = IncidentService(state, "default"), datetime.now(UTC)
    incident_service.change(1, now, "kim", status=IncidentStatus.ACTIVE)
    respond()
    assert state.incidents.get(1).labels == ("to",)
    # the label that the first rule added is one more since rules were asked last
    incident_service.change(1, now, "kim", severity="Low")
    respond()
    assert set(state.incidents.get(1).labels) == {"to", "from", "label"}
    incident_service.change(1, now, "kim", labels=("to",))
    respond()
    assert state.incidents.get(1).labels == ("to",), "nothing was added"


def test_a_playbook_is_told_at_its_address(keep, respond, raise_alert, state: State) -> None:
    run = {
        "actionType": "RunPlaybook", "order": 1,
        "actionConfiguration": {"logicAppResourceId": "/subscriptions/s/x/workflows/Isolate"},
    }  # fmt: skip
    keep(one=body(run))
    raise_alert()
    ((status, detail),) = respond()
    assert status != "done"
    assert "playbook-isolate" in detail


def test_the_playbook_of_a_rule_is_asked_for_its_alerts_alone(state: State) -> None:
    key = f"{ROOT}/alertrules/r1/actions/a"
    with state.transaction() as session:
        state.arm_documents.put(
            session,
            key,
            "microsoft.securityinsights/alertrules/actions",
            {"id": key, "properties": {}},
            "kim",
        )
    ((one,), wrong) = load_sentinel_rules(state)
    assert wrong == []
    now = datetime.now(UTC)
    assert one.is_triggered("alert.created", "default", now)
    assert not one.is_triggered("alert.created", "other", now)
    assert not one.is_triggered("incident.created", "default", now)
    assert [one.matches("alert.created", EventView({"rule": [rule]}, {})) for rule in ("r1", "r2")] == [
        True,
        False,
    ]
    assert list(one.actions) == [{"action": "webhook", "address": build_credential_name(key, 0, "uri")}]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (body(triggersOn="Weather"), "properties.triggeringLogic"),
        (body(expirationTimeUtc="soon"), "properties.triggeringLogic.expirationTimeUtc"),
        (body(conditions=["x"]), "properties.triggeringLogic.conditions"),
        (body(conditions=[{"conditionType": "PropertyArray"}]), "properties.triggeringLogic.conditions[0].conditionType"),
        (
            body(conditions=[of("Weather", "Equals", "x")]),
            "properties.triggeringLogic.conditions[0].conditionProperties.propertyName",
        ),
        (
            body(conditions=[of("IncidentTitle", "Like", "x")]),
            "properties.triggeringLogic.conditions[0].conditionProperties.operator",
        ),
        (
            body(conditions=[either("Or", of("IncidentTitle", "Equals"))]),
            "properties.triggeringLogic.conditions[0].conditionProperties.innerConditions[0].conditionProperties.propertyValues",
        ),
        (body({"actionType": "Dance", "actionConfiguration": {}}), "properties.actions[0].actionType"),
        (
            body({"actionType": "ModifyProperties", "actionConfiguration": {"severity": "Dire"}}),
            "properties.actions[0].actionConfiguration",
        ),
        (body({"actionType": "RunPlaybook", "actionConfiguration": {}}), "properties.actions[0].actionConfiguration"),
        (body({"actionType": "AddIncidentTask", "actionConfiguration": {}}), "properties.actions[0].actionConfiguration"),
    ],
)  # fmt: skip
def test_what_is_no_rule_says_where(document: dict[str, Any], path: str) -> None:
    with pytest.raises(AutomationError) as told:
        read_sentinel_rule(KEY, document)
    assert told.value.path == path
