"""What people put through the API: policies, exemptions, decisions of incidents and alerts, read back, listed, acted on, deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.sample.some_subscriptions import copy_some

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.api.server import build_app
from nephoscope.api.wire import operation
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.scans.scan import ScanRequest
from nephoscope.serve.assessment_worker import assess_request, find_due_request
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state.estate.arm_documents import REMOVED
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import ComplianceState, Severity

V = "api-version=2022-07-01-preview"
ROOT = "/providers/Microsoft.Management/managementGroups/bwf"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """What asks for an assessment of one subscription of the sample."""
    return ScanRequest((str(copy_some(tmp_path_factory.mktemp("some"), "sandbox")),))


@pytest.fixture(scope="module")
def failing(instance, subscriptions):
    """A resource of that subscription that fails a recommendation: (resource, recommendation)."""
    wanted = FindingQuery(states=frozenset({ComplianceState.NON_COMPLIANT.value}))
    found = instance.snapshots.load_newest().findings.page(EVERYTHING, wanted, order="resource", most=4000)
    one = next(one for one in found if subscriptions["sub-bwf-sandbox"] in one.resource)
    return one.resource, one.recommendation


def test_an_exemption_is_put_listed_judged_by_and_deleted(
    server, owner, token, instance, failing, tmp_path, some
):
    resource, recommendation = failing
    path = f"{resource}/providers/Microsoft.Authorization/policyExemptions/mine"
    properties = {
        "exemptionCategory": "Waiver",
        "displayName": "agreed",
        "metadata": {"nephoscope": {"recommendations": [recommendation]}},
    }
    reader = {"Authorization": f"Bearer {token(('Reader', '/'))}"}
    assert server.put(f"{path}?{V}", headers=reader, json={"properties": properties}).status_code == 403
    wrong = server.put(
        f"{path}?{V}", headers=owner, json={"properties": {**properties, "exemptionCategory": "Maybe"}}
    )
    assert (wrong.status_code, wrong.json()["error"]["target"]) == (400, "properties.exemptionCategory")
    made = server.put(f"{path}?{V}", headers=owner, json={"properties": properties})
    assert made.status_code == 201
    assert server.put(f"{path}?{V}", headers=owner, json={"properties": properties}).status_code == 200
    assert server.get(f"{path.upper()}?{V}", headers=owner).json() == made.json()
    below = f"/{'/'.join(resource.split('/')[1:3])}/providers/Microsoft.Authorization/policyExemptions?{V}"
    assert made.json() in server.get(below, headers=owner).json()["value"]

    settings = ServeSettings(tmp_path)
    assess_request(settings, some, instance.state)
    assert find_due_request(ServeSettings(instance.data), instance.state, NOON) is None, (
        "nothing was scanned in this data folder"
    )

    about = FindingQuery(resource=resource, recommendations=frozenset({recommendation}))
    (judged,) = PublishedSnapshotCache(tmp_path).load_newest().findings.page(EVERYTHING, about)
    assert judged.state is ComplianceState.EXEMPT

    assert server.delete(f"{path}?{V}", headers=reader).status_code == 403
    assert server.delete(f"{path}?{V}", headers=owner).status_code == 200
    assert server.delete(f"{path}?{V}", headers=owner).status_code == 204
    assert server.get(f"{path}?{V}", headers=owner).status_code == 404
    assess_request(settings, some, instance.state)
    (judged,) = PublishedSnapshotCache(tmp_path).load_newest().findings.page(EVERYTHING, about)
    assert judged.state is ComplianceState.NON_COMPLIANT
    assert instance.state.audit.find_broken_entry() is None


@pytest.mark.full
def test_what_is_put_is_judged_beside_the_own_initiative(
    server, owner, instance, subscriptions, tmp_path, some
):
    scope = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"
    definition = f"{scope}/providers/Microsoft.Authorization/policyDefinitions/no-eastus"
    rule = {"if": {"field": "location", "equals": "eastus2"}, "then": {"effect": "audit"}}
    body = {"properties": {"displayName": "Nothing in eastus2", "mode": "Indexed", "policyRule": rule}}
    assert server.put(f"{definition}?{V}", headers=owner, json=body).status_code == 201
    path = f"{scope}/providers/Microsoft.Authorization/policyAssignments/mine"
    assigned = server.put(
        f"{path}?{V}", headers=owner, json={"properties": {"policyDefinitionId": definition}}
    )
    assert assigned.status_code == 201
    report = assess_request(ServeSettings(tmp_path), some, instance.state)
    keys = {item.key.lower() for item in report.run.assessments}
    assert "no-eastus" in keys
    assert len(keys) > 100, "the own initiative is judged as well"
    broken = {"properties": {**body["properties"], "policyRule": {"if": {"fild": "location"}}}}
    refused = server.put(f"{definition}?{V}", headers=owner, json=broken)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidPolicyDefinition")
    for one in (path, definition):
        assert server.delete(f"{one}?{V}", headers=owner).status_code == 200


@pytest.mark.full
def test_what_was_removed_after_an_assessment_is_shown_no_more(owner, instance, tmp_path, some):
    definition = f"{ROOT}/providers/Microsoft.Authorization/policyDefinitions/no-westus"
    rule = {"if": {"field": "location", "equals": "westus2"}, "then": {"effect": "audit"}}
    body = {"properties": {"displayName": "Nothing in westus2", "mode": "Indexed", "policyRule": rule}}
    assigned = "/providers/Microsoft.Authorization/policyAssignments/no-westus"
    by = {"properties": {"policyDefinitionId": definition}}
    everywhere = ROOT + assigned
    later = replace(instance, snapshots=PublishedSnapshotCache(tmp_path))
    with TestClient(build_app(later), base_url="https://127.0.0.1", raise_server_exceptions=False) as server:
        for path, document in ((definition, body), (everywhere, by)):
            assert server.put(f"{path}?{V}", headers=owner, json=document).status_code == 201
        assess_request(ServeSettings(tmp_path), some, instance.state)
        for path in (everywhere, definition):
            assert server.get(f"{path}?{V}", headers=owner).status_code == 200
            assert server.delete(f"{path}?{V}", headers=owner).status_code == 200
            assert server.get(f"{path}?{V}", headers=owner).status_code == 404, (
                "what was published holds it still"
            )
            listed = server.get(f"{path.rpartition('/')[0]}?{V}", headers=owner).json()["value"]
            assert path.lower() not in {one["id"].lower() for one in listed}
        assert {definition.lower(), everywhere.lower()} <= set(instance.state.checkpoints.all(REMOVED))
        assess_request(ServeSettings(tmp_path), some, instance.state)
        assert instance.state.checkpoints.all(REMOVED) == {}
        assert server.get(f"{definition}?{V}", headers=owner).status_code == 404


def test_policy_states(server, owner, instance, subscriptions):
    path = f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/providers/Microsoft.PolicyInsights/policyStates/latest"
    asked = f"{path}/queryResults?{V}&$filter=complianceState eq 'NonCompliant'"
    found = server.post(asked, headers=owner).json()
    assert found["@odata.count"] == len(found["value"]) > 20
    assert {one["complianceState"] for one in found["value"]} == {"NonCompliant"}
    some = server.post(f"{asked}&$top=5", headers=owner).json()["value"]
    assert some == found["value"][:5]
    (summed,) = server.post(f"{path}/summarize?{V}", headers=owner).json()["value"]
    assert summed["results"]["nonCompliantResources"] == len(
        {one["resourceId"].lower() for one in found["value"]}
    )
    wrong = server.post(f"{path}/queryResults?{V}&$filter=complianceState is bad", headers=owner).json()[
        "error"
    ]
    assert (wrong["code"], wrong["target"]) == ("InvalidFilter", "$filter")


def raised(instance, resource: str) -> str:
    """An alert about a resource, in an incident of its own; the alert's id."""
    document = {
        "id": "11111111-1111-4111-8111-111111111111",
        "name": "A rule",
        "query": "print 1",
        "severity": "High",
    }
    rule = AnalyticRule.parse(
        {**document, "queryFrequency": "1h", "queryPeriod": "1h", "tactics": ["Impact"]}, Place("t")
    )
    alert = Alert(
        id=f"22222222-2222-4222-8222-{abs(hash(resource)) % 10**12:012}", rule=rule.id, name="Deleted", description="It went",
        severity=Severity.HIGH, start=NOON, end=NOON, generated=NOON, tactics=("Impact",), techniques=("T1485",),
        entities=(Entity("AzureResource", (("ResourceId", resource),)),), events=1, custom_details={}, remediation="Look",
        query="print 1", properties={},
    )  # fmt: skip
    window = RuleWindow(NOON - timedelta(hours=1), NOON)
    outcome = RuleOutcome(rule, window, 1, (alert,))
    IncidentService(instance.state, "default").store_outcome(outcome, NOON)
    return alert.id


def test_incidents_and_alerts(server, owner, token, instance, failing, subscriptions):
    id_ = raised(instance, failing[0])
    root = (
        f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/resourceGroups/any/providers/Microsoft.OperationalInsights"
        "/workspaces/default/providers/Microsoft.SecurityInsights/incidents"
    )
    (incident,) = server.get(f"{root}?{V}", headers=owner).json()["value"]
    one = f"{root}/{incident['name']}"
    assert server.get(f"{one}?{V}", headers=owner).json() == incident
    (alert,) = server.post(f"{one}/alerts?{V}", headers=owner).json()["value"]
    assert alert["properties"]["systemAlertId"] == id_
    entities = server.post(f"{one}/entities?{V}", headers=owner).json()
    assert entities["metaData"] == [{"entityKind": "AzureResource", "count": 1}]
    changed = {
        **incident["properties"],
        "status": "Closed",
        "classification": "TruePositive",
        "severity": "Low",
    }
    reader = {"Authorization": f"Bearer {token(('Reader', '/'))}"}
    assert server.put(f"{one}?{V}", headers=reader, json={"properties": changed}).status_code == 403
    told = server.put(f"{one}?{V}", headers=owner, json={"properties": changed}).json()["properties"]
    assert (told["status"], told["severity"], told["classification"]) == ("Closed", "Low", "TruePositive")
    wrong = server.put(f"{one}?{V}", headers=owner, json={"properties": {**changed, "status": "Gone"}})
    assert wrong.json()["error"]["target"] == "properties.status"
    server.put(f"{one}/comments/1?{V}", headers=owner, json={"properties": {"message": "seen"}})
    (comment,) = server.get(f"{one}/comments?{V}", headers=owner).json()["value"]
    assert comment["properties"]["message"] == "seen"

    subscription = failing[0].split("/")[2]
    listed = server.get(
        f"/subscriptions/{subscription}/providers/Microsoft.Security/alerts?{V}", headers=owner
    )
    (shown,) = listed.json()["value"]
    assert shown["name"] == id_
    assert server.get(f"{shown['id']}?{V}", headers=owner).json() == shown
    assert server.post(f"{shown['id']}/dismiss?{V}", headers=reader).status_code == 403
    assert server.post(f"{shown['id']}/dismiss?{V}", headers=owner).status_code == 204
    assert server.get(f"{shown['id']}?{V}", headers=owner).json()["properties"]["status"] == "Dismissed"
    other = next(one for name, one in subscriptions.items() if one != subscription)
    assert (
        server.get(f"/subscriptions/{other}/providers/Microsoft.Security/alerts?{V}", headers=owner).json()[
            "value"
        ]
        == []
    )
    moved = shown["id"].replace(subscription, other)
    assert server.get(f"{moved}?{V}", headers=owner).status_code == 404


def test_the_folder_has_a_file_a_surface():
    folder = Path(__file__).parents[2] / "src" / "nephoscope" / "api"
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", "server"}
    surfaces = [
        path for path in folder.glob("*/*.py") if path.parent.name != "wire" and path.stem != "__init__"
    ]
    for path in surfaces:
        assert "SURFACE = " in path.read_text(), path
    assert len(surfaces) == len(operation.load_surfaces())
