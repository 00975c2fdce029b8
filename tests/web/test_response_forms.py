"""Response rules and automations written in forms: kept, tried on past events, changed, refused beside the field, and deleted."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from urllib.parse import quote

import pytest
from tests.web.conftest import ALERT, HERE, LATELY

from nephoscope.automation.rule_formats.response_rule_files import find_rule_file
from nephoscope.automation.rule_formats.response_rules import FOLDER
from nephoscope.automation.rule_formats.security_actions import build_credential_name
from nephoscope.automation.rule_formats.security_automations import TYPE
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.service.response_rule_fields import read_actions, write_actions

RULES, AUTOMATIONS = "/settings/response-rules", "/settings/automations"
RULE = {
    "name": "Assign high", "when.incident.created": "1", "conditions": "severity in High\ntitle contains incident",
    "owner": "kim@contoso.com", "tags": "urgent\nnight",
    "webhook": "https://20.1.2.3/soc", "webhook_secret": "team", "order": "10", "enabled": "1",
    "others": "- {action: command, name: isolate}",
}  # fmt: skip
AUTOMATION = {
    "name": "unhealthy", "events.Assessments": "1", "where": "properties.status.code Equals Unhealthy", "batch": "1",
    "table": "default",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _secret(instance):
    instance.state.credentials.put("response.team", "s3cret-of-team")


def refusal(answer) -> str:
    """The name of the field beside which a refusal stands."""
    assert answer.status_code == 400, answer.text[:300]
    found = re.search(r'id="error-([\w]+)"', answer.text)
    return found[1] if found else ""


def test_a_response_rule_is_written_tried_changed_and_deleted(owner, instance):
    made = owner.post(f"{RULES}/act/create", data=RULE, headers=HERE)
    assert (made.status_code, made.headers["location"].partition("?")[0]) == (
        303,
        f"{RULES}/item/Assign%20high",
    )
    path, file = find_rule_file(instance.data, "Assign high")
    assert path == instance.data / FOLDER / "assign-high.yaml"
    assert [one["action"] for one in file.actions] == ["incident", "webhook", "command"]
    assert (file.when, file.order, file.enabled) == (["incident.created"], 10, True)
    page = f"{RULES}/item/{quote('Assign high')}"
    shown = owner.get(page).text
    assert "An &lt;incident&gt;" in shown, "the rule would have acted on it"
    assert "severity in High" in shown
    assert "kim@contoso.com" in shown
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{page}?format=csv").text)))
    assert [row["Event"] for row in rows] == ["incident 1"]
    renamed = owner.post(
        page, data={**RULE, "act": "change", "name": "Page us", "conditions": "severity in Low"}, headers=HERE
    )
    assert (renamed.status_code, "Page%20us" in renamed.headers["location"]) == (303, True)
    assert find_rule_file(instance.data, "Assign high") is None
    page = f"{RULES}/item/{quote('Page us')}"
    assert "incident 1" not in owner.get(page).text
    assert owner.post(page, data={"act": "disable"}, headers=HERE).status_code == 303
    assert find_rule_file(instance.data, "Page us")[1].enabled is False
    assert owner.post(page, data={"act": "delete"}, headers=HERE).status_code == 303
    assert not list((instance.data / FOLDER).iterdir())
    told = [one.target for one in instance.state.audit.entries(most=20)]
    assert "response rule Page us" in told


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"conditions": "severity High"}, "conditions"),
        ({"conditions": "nosuch in High"}, "conditions"),
        ({"conditions": "severity in Grave"}, "conditions"),
        ({"webhook": "http://20.1.2.3/soc"}, "webhook"),
        ({"webhook": "https://127.0.0.1/soc"}, "webhook"),
        ({"others": "- no: action"}, "others"),
        ({"others": "{"}, "others"),
        ({"others": "- {action: event_hub, connection: automation-1-0-uri, hub: x}"}, "others"),
        ({"when.incident.created": ""}, "when"),
        ({"order": "-1"}, "order"),
        ({"name": ""}, "name"),
    ],
)
def test_a_rule_that_is_none_is_refused_beside_its_field(owner, instance, changes, field):
    refused = owner.post(f"{RULES}/act/create", data={**RULE, **changes}, headers=HERE)
    assert refusal(refused) == field
    assert find_rule_file(instance.data, RULE["name"]) is None


def test_two_rules_have_no_name_in_common(owner, instance):
    assert owner.post(f"{RULES}/act/create", data=RULE, headers=HERE).status_code == 303
    assert refusal(owner.post(f"{RULES}/act/create", data=RULE, headers=HERE)) == "name"
    assert (
        owner.post(f"{RULES}/item/{quote(RULE['name'])}", data={"act": "delete"}, headers=HERE).status_code
        == 303
    )


@pytest.mark.parametrize("role", ["Reader", "Security Reader"])
def test_who_may_only_read_is_offered_no_form(visitor, role):
    client = visitor((role, "/"))
    for path in (RULES, AUTOMATIONS):
        listed = client.get(path)
        assert (listed.status_code, f"{path}/act/" in listed.text) == (200, False)
        assert client.post(f"{path}/act/create", data=RULE, headers=HERE).status_code == 403


@pytest.mark.parametrize(
    "actions",
    [
        [{"action": "incident", "owner": "kim", "tags": ["a"]}, {"action": "mail", "to": ["a@b.c"]}],
        [{"action": "mail", "to": ["a@b.c"]}, {"action": "incident", "owner": "kim"}],
        [{"action": "webhook", "url": "https://x", "secret": "s", "seconds": 3.0}],
        [{"action": "incident", "status": "Active"}, {"action": "incident", "owner": "kim"}],
        [{"action": "block", "target": "nsg", "resource": "/x"}, {"action": "mail", "to": ["a@b.c"]}],
    ],
)
def test_actions_come_back_from_their_fields(actions):
    fields = write_actions(actions)
    assert read_actions(fields.values, fields.others) == actions


def test_an_automation_is_written_tried_changed_and_deleted(owner, visitor, instance):
    made = owner.post(f"{AUTOMATIONS}/act/create", data=AUTOMATION, headers=HERE)
    assert made.status_code == 303, made.text
    listed = owner.get(AUTOMATIONS).text
    (page,) = {unescape(one) for one in re.findall(rf'href="({AUTOMATIONS}/item/[^"?]+)"', listed)}
    shown = owner.get(page).text
    assert "properties.status.code Equals Unhealthy" in shown
    (row,) = csv.DictReader(io.StringIO(owner.get(f"{page}?format=csv").text))
    unhealthy = instance.snapshots.load_newest().findings.count
    assert int(row["Matches"]) > 0, unhealthy
    kept = {**AUTOMATION, "act": "change", "where": "properties.status.code Equals Healthy"}
    editor = visitor(("Contributor", "/"))
    assert editor.post(page, data=kept, headers=HERE).status_code == 303
    (document,) = (one for one in instance.state.arm_documents.all([TYPE]) if one.key.endswith("/unhealthy"))
    metadata = document.body["properties"]["metadata"]
    first, last = (instance.state.principals.get(metadata[name]) for name in ("createdBy", "lastUpdatedBy"))
    assert first.name != last.name
    assert document.author == last.name, "its rights are the automation's, also when they are fewer one day"
    assert refusal(owner.post(page, data={**kept, "name": "other"}, headers=HERE)) == "name"
    assert "properties.status.code Equals Healthy" in owner.get(page).text
    assert owner.post(page, data={"act": "delete"}, headers=HERE).status_code == 303
    assert "unhealthy" not in owner.get(AUTOMATIONS).text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"events.Assessments": ""}, "events"),
        ({"where": "status"}, "where"),
        ({"table": ""}, "webhook"),
        ({"webhook": "https://20.1.2.3/x"}, "webhook"),
        ({"webhook": "https://127.0.0.1/x", "secret": "team"}, "webhook"),
        ({"program": "nosuch"}, "program"),
        ({"scopes": "nowhere"}, "scopes"),
        ({"mail": "nobody"}, "mail"),
        ({"name": "a b"}, "name"),
    ],
)
def test_an_automation_that_is_none_is_refused_beside_its_field(owner, changes, field):
    assert (
        refusal(owner.post(f"{AUTOMATIONS}/act/create", data={**AUTOMATION, **changes}, headers=HERE))
        == field
    )


HUB = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=alerts"
APP = "https://20.1.2.3/workflows/1/triggers/manual/paths/invoke?sig=abc"


def test_a_stored_event_hub_and_logic_app_stay_while_the_rest_is_edited(owner, instance):
    form = {**AUTOMATION, "name": "onward", "event_hub": HUB, "logic_app": APP}
    made = owner.post(f"{AUTOMATIONS}/act/create", data=form, headers=HERE)
    assert made.status_code == 303, made.text
    page = made.headers["location"].partition("?")[0]
    shown = owner.get(page).text
    for kept in ("EventHub", "LogicApp"):
        assert re.search(rf'name="keep.{kept}" value="1" checked', shown), kept
    assert "c2VjcmV0" not in shown
    assert "sig=abc" not in shown
    edited = {**AUTOMATION, "name": "onward", "act": "change", "mail": "soc@contoso.com", "table": ""}
    kept = {**edited, "keep.EventHub": "1", "keep.LogicApp": "1", "mail": ""}
    assert owner.post(page, data=kept, headers=HERE).status_code == 303
    document = next(one for one in instance.state.arm_documents.all([TYPE]) if one.key.endswith("/onward"))
    actions = [one["actionType"] for one in document.body["properties"]["actions"]]
    assert actions == ["EventHub", "LogicApp"]
    names = [
        build_credential_name(document.key, at, name) for at, name in ((0, "connectionString"), (1, "uri"))
    ]
    assert [instance.state.credentials.get(one).reveal() for one in names] == [HUB, APP]
    away = {**kept, "keep.EventHub": "", "table": "default"}
    assert owner.post(page, data=away, headers=HERE).status_code == 303
    assert refusal(owner.post(page, data=kept, headers=HERE)) == "keep"
    inside = {**away, "logic_app": "https://127.0.0.1/x"}
    assert refusal(owner.post(page, data=inside, headers=HERE)) == "logic_app"
    assert owner.post(page, data={"act": "delete"}, headers=HERE).status_code == 303


def test_an_alert_of_the_past_is_matched(owner, instance):
    form = {"name": "alerts", "when.alert.created": "1", "owner": "kim", "order": "1"}
    assert owner.post(f"{RULES}/act/create", data=form, headers=HERE).status_code == 303
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{RULES}/item/alerts?format=csv").text)))
    assert [row["Event"] for row in rows] == [f"alert {ALERT}"]
    owner.post(f"{RULES}/item/alerts", data={"act": "delete"}, headers=HERE)


def test_risks_go_to_who_may_read_them_alone(owner, visitor, instance):
    risk = RiskDetection(
        id="risk-of-ada", kind=IdentityKind.USER, identity="id-ada", event_type="anomalousToken", level=RiskLevel.HIGH,
        happened=LATELY, detected=LATELY, updated=LATELY, name="ada@risky.example", display_name="Ada Risky",
    )  # fmt: skip
    with instance.state.transaction(product="a test") as session:
        RiskLedger(instance.state, "default", LATELY).add_detections(session, [risk])
    admin = visitor(("Security Admin", "/"))
    rule = {
        "name": "On risks", "when.riskyIdentity.changed": "1", "conditions": "riskLevel in high", "webhook": "https://20.1.2.3/soc",
        "webhook_secret": "team", "order": "10",
    }  # fmt: skip
    policy = {"name": "Secure", "subject": "userRisk", "level": "high", "measures.block": "1"}
    document = (
        '{"properties": {"isEnabled": true, "sources": [{"eventSource": "IdentityRisks"}], "actions": '
        '[{"actionType": "Workspace", "workspaceResourceId": "/workspaces/default"}]}}'
    )
    automation = {"name": "risks", "batch": "1", "document": document}
    for address, form in (
        (f"{RULES}/act/create", rule), ("/identity/risk-policies/act/create", policy), (f"{AUTOMATIONS}/act/create", automation),
    ):  # fmt: skip
        assert admin.post(address, data=form, headers=HERE).status_code == 403, address
        made = owner.post(address, data=form, headers=HERE)
        assert made.status_code == 303, made.text[-3000:]
    page = f"{RULES}/item/{quote('On risks')}"
    assert "Risk of Ada Risky" in owner.get(page).text
    seen = admin.get(page).text
    assert "Ada Risky" not in seen
    assert "not listed: your roles do not include risks of identities" in seen
