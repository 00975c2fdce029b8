"""Rules of response: which hold, in which order, and what becomes of their runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.automation.conftest import NOW

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule, IncidentConfiguration
from nephoscope.automation.event_facts import FACTS, extract_facts, normalize_fact_name
from nephoscope.automation.rule_formats.response_rules import ResponseRuleError, read_rule_file
from nephoscope.automation.rule_formats.sentinel_rules import PROPERTIES
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State, StateError
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.state import Severity

TAG: dict[str, Any] = {"action": "incident", "tags": ["seen"]}


def when(property_: str, *values: str, operator: str = "in") -> dict[str, Any]:
    return {"conditions": [{"property": property_, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        (when("severity", "high"), True),
        (when("severity", "Low", "Medium"), False),
        (when("severity", "Low", operator="notIn"), True),
        (when("tactics", "InitialAccess"), True),
        (when("techniques", "T1078"), True),
        (when("techniques", "T10", operator="startsWith"), True),
        (when("rule", "r1"), True),
        (when("title", "sign", operator="contains"), True),
        (when("title", "sign", operator="notContains"), False),
        (when("status", "New"), True),
        (when("owner", "kim"), False),
        (when("entity.ip.address", "185.220.101.4"), True),
        (when("entity.ip.address", "185.220.0.0/16", operator="inRange"), True),
        (when("entity.ip.address", "10.0.0.0/8", operator="inRange"), False),
        (when("entity.account.name", "kim"), False),
        ({"workspaces": ["other"]}, False),
        ({"enabled": False}, False),
        ({"expires": "2020-01-01T00:00:00Z"}, False),
        ({"when": ["incident.updated"]}, False),
        ({"when": ["alert.created"]}, True),
    ],
)
def test_conditions(engine, raise_alert, state: State, conditions: dict[str, Any], holds: bool) -> None:
    who = engine({"actions": [TAG], **conditions})
    raise_alert()
    assert [one.status.value for one in who.tick()] == (["done"] if holds else [])
    assert state.incidents.get(1).labels == (("seen",) if holds else ())


@pytest.mark.parametrize("kind", ["alert.created", "incident.created"])
@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (when("severity", "High"), True),
        (when("status", "New"), True),
        (when("tactics", "InitialAccess"), True),
        (when("techniques", "T1078"), True),
        (when("techniques", "T1078.004"), True),
        (when("techniques", "T1110"), False),
        (when("rule", "r1"), True),
        (when("title", "Sign-ins"), True),
        (when("entity.account.fullname", "kim@contoso.com"), True),
        (when("entity.Account.UPNSuffix", "contoso.com"), True),
        (when("entity.azure-resource.resourceid", "/subscriptions/s", operator="startsWith"), True),
        (when("entity.AzureResource.ResourceId", "/subscriptions/s", operator="startsWith"), True),
        (when("entity.cloud-application.appid", "a1"), True),
        (when("entity.host.fullname", "web.contoso.com"), True),
    ],
)
def test_a_condition_holds_of_an_alert_as_of_its_incident(
    engine, raise_alert, kind: str, conditions: dict[str, Any], holds: bool
) -> None:
    who = engine({"when": [kind], "actions": [TAG], **conditions})
    entities = (
        ("Account", {"Name": "kim", "UPNSuffix": "contoso.com"}),
        ("AzureResource", {"ResourceId": "/subscriptions/s/resourcegroups/g"}),
        ("CloudApplication", {"AppId": "a1"}),
        ("Host", {"HostName": "web", "DnsDomain": "contoso.com"}),
    )
    raise_alert(techniques=("T1078.004",), entities=entities)
    assert [one.status.value for one in who.tick()] == (["done"] if holds else [])


def test_what_automations_ask_of_entities_is_what_conditions_may() -> None:
    derived = {"entity.azureresource.subscriptionid"}
    for name in PROPERTIES.values():
        if name.startswith("entity.") and name not in derived:
            assert normalize_fact_name(name) == name


def test_the_names_of_facts_are_those_that_are_told() -> None:
    assert tuple(extract_facts({})) == FACTS


def test_rules_are_asked_in_order_until_one_stops(engine, raise_alert) -> None:
    who = engine(
        {"name": "late", "order": 3, "actions": [TAG]},
        {"name": "first", "order": 1, "actions": [TAG]},
        {"name": "last", "order": 2, "stop": True, "actions": [TAG, TAG]},
    )
    raise_alert()
    assert [one.rule for one in who.tick()] == ["first", "last", "last"]
    assert list(who.tick()) == []


def test_what_changed_is_known_and_own_changes_ask_no_rule(engine, raise_alert, state: State) -> None:
    who = engine({"when": ["incident.updated"], "actions": [TAG], **when("changed", "severity")})
    raise_alert()
    assert list(who.tick()) == []
    incident_service = IncidentService(state, "default")
    incident_service.add_comment(1, "hm", NOW, "kim")
    assert list(who.tick()) == []
    incident_service.change(1, NOW, "kim", severity="Low")
    assert [one.status.value for one in who.tick()] == ["done"]
    assert list(who.tick()) == []


def test_an_incident_that_an_alert_opens_again_is_told_of(engine, raise_alert, state: State) -> None:
    asked = {"changed": "status", "before.status": "Closed", "status": "Active"}
    conditions = [{"property": name, "operator": "in", "values": [value]} for name, value in asked.items()]
    who = engine({"when": ["incident.updated"], "actions": [TAG], "conditions": conditions})
    rule = AnalyticRule(
        "r1", "Sign-ins", "SigninLogs", incidents=IncidentConfiguration(grouped=True, reopen=True)
    )
    raise_alert(rule=rule)
    closed = {"status": IncidentStatus.CLOSED, "classification": "FalsePositive"}
    IncidentService(state, "default").change(1, NOW, "kim", **closed)
    assert list(who.tick()) == []
    # a window of its own: one that holds the first alert as well would make it grow
    raise_alert("a2", rule=rule, ends=NOW + timedelta(hours=2))
    assert [one.status.value for one in who.tick()] == ["done"]
    with state.transaction() as session:
        texts = [one.text for one in state.incidents.actions(session, 1)]
    assert "opened it again, which was closed as FalsePositive: Sign-ins came" in texts


def test_an_incident_is_changed_once_with_everything_that_a_rule_says(
    engine, raise_alert, state: State, lake: Lake
) -> None:
    everything = {"action": "incident", "owner": "kim", "severity": "Low", "tags": ["a"], "comment": "why", "tasks": ["look"],
                  "close": "FalsePositive", "reason": "InaccurateData"}  # fmt: skip
    who = engine({"actions": [everything]})
    raise_alert()
    assert [one.detail for one in who.tick()] == ["incident 1 was changed"]
    incident = state.incidents.get(1)
    assert (incident.owner, incident.severity, incident.labels, incident.status) == (
        "kim",
        "Low",
        ("a",),
        IncidentStatus.CLOSED,
    )
    with state.transaction() as session:
        assert [one.text for one in state.incidents.notes(session, 1)] == ["why", "look"]
    deliver_outbox(lake, state)
    lake.flush()
    text = "SentinelHealth | where OperationName == 'Automation rule run' | project SentinelResourceName, Status, Reason"
    assert lake.query(text)[-1].table.to_pylist() == [
        {"SentinelResourceName": "rule 0", "Status": "Success", "Reason": "done"}
    ]


def test_an_alert_that_is_held_back_asks_no_rule(engine, raise_alert) -> None:
    who = engine({"when": ["alert.created"], "actions": [TAG]})
    raise_alert("a1", severity=Severity.LOW)
    raise_alert("a1", severity=Severity.LOW)
    assert len(list(who.tick())) == 1


def test_who_responds_is_one_at_a_time(engine, raise_alert) -> None:
    one, other = engine({"actions": [TAG]}), engine()
    other.rules = one.rules
    raise_alert()
    begun = one.tick()
    assert next(begun).status.value == "done"
    assert list(other.tick()) == []
    assert list(begun) == []


def condition(property_: str, value: str, operator: str = "notIn") -> str:
    told = {"property": property_, "operator": operator, "values": [value]}
    return yaml.safe_dump({"name": "x", "when": ["alert.created"], "actions": [TAG], "conditions": [told]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: x\nwhen: [incident.created]\nactions: [{action: nothing}]",
            "actions[0]: unknown action 'nothing'",
        ),
        ("name: x\nwhen: [incident.gone]\nactions: [{action: incident}]", "$.when[0]"),
        ("name: x\nwhen: [incident.created]\nactions: []", "$.actions"),
        (
            "name: x\nwhen: [incident.created]\nactions: [{action: webhook}]",
            "actions[0]: webhook: use `url` and `secret`, or `address`",
        ),
        ("name: x\nwhen: [incident.created]\nactions: [{action: incident, foo: 1}]", "unknown field `foo`"),
        (
            condition("severty", "High"),
            "unknown property 'severty': expected severity, status",
        ),
        (condition("entity.ip.adress", "1.2.3.4"), "entity IP has no identifier 'adress': expected Address"),
        (condition("entity.machine.name", "x"), "unknown entity kind 'machine': expected Account"),
        (condition("entity.ip", "x"), "unknown property 'entity.ip'"),
        (condition("before.severty", "High"), "unknown property 'before.severty'"),
        (
            condition("severity", "Hihg"),
            "severity must be one of Informational, Low, Medium, High, Critical (got 'Hihg')",
        ),
        (condition("before.severity", "Hihg"), "before.severity must be one of"),
        (condition("status", "Open"), "status must be one of New, Active, Closed, Dismissed (got 'Open')"),
        (condition("tactics", "Initial Acess"), "tactics must be one of"),
        (
            condition("changed", "severty"),
            "changed must be one of severity, status, tactics, techniques, rule, title, owner, labels, alerts, comments, description, "
            "provider, product, source, risklevel, riskstate, riskeventtypes, identitykind (got 'severty')",
        ),
        (
            condition("entity.ip.address", "10.0.0.0/33", "inRange"),
            "inRange requires addresses and networks (got '10.0.0.0/33')",
        ),
        ("name: [", "invalid YAML"),
        ("!!python/object/apply:os.system ['x']", "invalid YAML"),
    ],
)
def test_a_rule_that_is_none_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ResponseRuleError) as raised:
        read_rule_file(tmp_path / "r.yaml")
    assert said in str(raised.value)
    assert "r.yaml" in str(raised.value)


def test_runs_are_found_by_the_beginning_of_their_ids(engine, raise_alert, state: State) -> None:
    who = engine({"actions": [TAG]})
    raise_alert()
    run = next(iter(who.tick()))
    with state.transaction() as session:
        assert state.automation_runs.read(session, run.id[:10]).id == run.id
        with pytest.raises(StateError, match="run '%' not found"):
            state.automation_runs.read(session, "%")
    for refused in (who.approve, who.deny, who.retry, who.undo):
        with pytest.raises(StateError):
            refused(run.id, "kim", run.created + timedelta(seconds=1))
