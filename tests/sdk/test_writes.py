"""What the official clients write can be read back, is listed, acts, and is gone when it is deleted."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.resource.policy.models import PolicyAssignment, PolicyDefinition, PolicySetDefinition
from azure.mgmt.security.models import (
    AlertsSuppressionRule,
    Pricing,
    ScopeElement,
    SecurityContact,
    SuppressionAlertsScope,
)
from azure.mgmt.securityinsight.models import (
    Bookmark,
    ScheduledAlertRule,
    ThreatIntelligenceAppendTags,
    ThreatIntelligenceFilteringCriteria,
    ThreatIntelligenceIndicatorModel,
    Watchlist,
    WatchlistItem,
)

pytestmark = pytest.mark.system

WORKSPACE = ("rg", "default")
NOW = datetime.now(UTC)


def listed(items):
    return {one.name for one in items}


def test_a_plan_stands_over_that_of_the_estate(owner):
    scope = f"subscriptions/{owner.subscription}"
    put = owner.security.pricings.update(scope, "VirtualMachines", Pricing(pricing_tier="Free"))
    assert owner.security.pricings.get(scope, "VirtualMachines").pricing_tier == put.pricing_tier == "Free"
    found = [
        one.pricing_tier for one in owner.security.pricings.list(scope).value if one.name == "VirtualMachines"
    ]
    assert found == ["Free"]
    owner.security.pricings.delete(scope, "VirtualMachines")
    assert owner.security.pricings.get(scope, "VirtualMachines").pricing_tier == "Standard"
    with pytest.raises(HttpResponseError) as told:
        owner.security.pricings.update(scope, "VirtualMachines", Pricing(pricing_tier="Gold"))
    assert told.value.status_code == 400


def test_a_contact(owner):
    given = SecurityContact(emails="soc@example.org;ops@example.org", phone="+49 1")
    owner.security.security_contacts.create("second", given)
    assert owner.security.security_contacts.get("second").emails == "soc@example.org;ops@example.org"
    assert "second" in listed(owner.security.security_contacts.list())
    owner.security.security_contacts.delete("second")
    with pytest.raises(ResourceNotFoundError):
        owner.security.security_contacts.get("second")


def test_a_suppression_is_the_product_s_own(owner, server):
    from nephoscope.state import State

    scope = SuppressionAlertsScope(
        all_of=[ScopeElement(field="entities.ip.address", additional_properties={"in": ["192.0.2.1"]})]
    )
    given = AlertsSuppressionRule(
        alert_type="*", reason="FalsePositive", state="Enabled", comment="scanner", suppression_alerts_scope=scope,
        expiration_date_utc=NOW + timedelta(days=9),
    )  # fmt: skip
    rules = owner.security.alerts_suppression_rules
    rules.update("scanner", given)
    found = rules.get("scanner")
    assert (found.alert_type, found.state, found.comment) == ("*", "Enabled", "scanner")
    with State.open_folder(server[2]) as state:
        assert state.suppressions.find("default", "scanner").conditions[0]["in"] == ["192.0.2.1"]
    given.state = "Disabled"
    rules.update("scanner", given)
    assert [one.state for one in rules.list() if one.name == "scanner"] == ["Disabled"]
    rules.delete("scanner")
    assert "scanner" not in listed(rules.list())


@pytest.mark.full
def test_a_definition_an_initiative_and_an_assignment(owner):
    rule = {"if": {"field": "location", "equals": "nowhere"}, "then": {"effect": "audit"}}
    definition = owner.policy.policy_definitions.create_or_update(
        "own", PolicyDefinition(policy_rule=rule, display_name="Own", mode="Indexed", policy_type="Custom")
    )
    assert owner.policy.policy_definitions.get("own").policy_rule == rule
    initiative = owner.policy.policy_set_definitions.create_or_update(
        "several",
        PolicySetDefinition(
            display_name="Several", policy_definitions=[{"policyDefinitionId": definition.id}]
        ),
    )
    assert (
        owner.policy.policy_set_definitions.get("several").policy_definitions[0].policy_definition_id
        == definition.id
    )
    scope = f"/subscriptions/{owner.subscription}"
    owner.policy.policy_assignments.create(
        scope, "here", PolicyAssignment(policy_definition_id=initiative.id, display_name="Here")
    )
    assert owner.policy.policy_assignments.get(scope, "here").policy_definition_id == initiative.id
    assert "here" in listed(owner.policy.policy_assignments.list())
    owner.policy.policy_assignments.delete(scope, "here")
    owner.policy.policy_set_definitions.delete("several")
    owner.policy.policy_definitions.delete("own")
    for lost in (
        lambda: owner.policy.policy_definitions.get("own"),
        lambda: owner.policy.policy_set_definitions.get("several"),
    ):
        with pytest.raises(ResourceNotFoundError):
            lost()


def test_an_attestation(web, owner, sample):
    """The official client has no operations for them; the requests are those that its documentation shows."""
    resource = min(sample.ids("microsoft.compute/virtualmachines", owner.subscription))
    assignment = f"/subscriptions/{owner.subscription}/providers/microsoft.authorization/policyassignments/x"
    properties = {"policyAssignmentId": assignment, "complianceState": "Compliant", "comments": "seen"}
    version, type_ = {"api-version": "2022-09-01"}, "providers/Microsoft.PolicyInsights/attestations"
    path = f"{resource}/{type_}/mine"
    assert web.put(path, params=version, json={"properties": properties}).status_code == 201
    kept = web.get(path, params=version).json()["properties"]
    assert properties.items() <= kept.items()
    assert kept["provisioningState"] == "Succeeded"
    for scope in (resource, f"/subscriptions/{owner.subscription}"):
        assert [one["name"] for one in web.get(f"{scope}/{type_}", params=version).json()["value"]] == [
            "mine"
        ]
    wrong = web.put(path, params=version, json={"properties": {**properties, "complianceState": "Maybe"}})
    assert (wrong.status_code, wrong.json()["error"]["target"]) == (400, "properties.complianceState")
    assert web.delete(path, params=version).status_code == 200
    assert web.get(path, params=version).status_code == 404


def test_an_evaluation_on_demand(owner):
    assert owner.insights.policy_states.begin_trigger_subscription_evaluation(owner.subscription).status()


def test_a_watchlist_with_items_is_what_queries_read(owner):
    given = Watchlist(
        display_name="Jump hosts", provider="ops", source="jump.csv", items_search_key="Host",
        raw_content="Host,Owner\njump1,ada\njump2,bob\n", content_type="text/csv", number_of_lines_to_skip=0,
    )  # fmt: skip
    lists, items = owner.sentinel.watchlists, owner.sentinel.watchlist_items
    assert lists.create_or_update(*WORKSPACE, "Jump", given).items_search_key == "Host"
    assert lists.get(*WORKSPACE, "Jump").display_name == "Jump hosts"
    assert "Jump" in listed(lists.list(*WORKSPACE))
    third = WatchlistItem(items_key_value={"Host": "jump3", "Owner": "eve"})
    made = items.create_or_update(*WORKSPACE, "Jump", str(uuid.uuid4()), third)
    assert items.get(*WORKSPACE, "Jump", made.name).items_key_value == third.items_key_value
    found = owner.logs.query_workspace(
        "default", "_GetWatchlist('Jump') | project Host | order by Host asc", timespan=None
    )
    assert [row[0] for row in found.tables[0].rows] == ["jump1", "jump2", "jump3"]
    items.delete(*WORKSPACE, "Jump", made.name)
    assert {one.items_key_value["Host"] for one in items.list(*WORKSPACE, "Jump")} == {"jump1", "jump2"}
    lists.delete(*WORKSPACE, "Jump")
    with pytest.raises(ResourceNotFoundError):
        lists.get(*WORKSPACE, "Jump")


@pytest.mark.full
def test_a_bookmark(owner):
    name = str(uuid.uuid4())
    given = Bookmark(
        display_name="odd",
        query="SigninLogs | take 1",
        query_result='{"User": "ada"}',
        notes="why?",
        labels=["a"],
    )
    bookmarks = owner.sentinel.bookmarks
    bookmarks.create_or_update(*WORKSPACE, name, given)
    found = bookmarks.get(*WORKSPACE, name)
    assert (found.display_name, found.query_result, found.labels) == ("odd", '{"User": "ada"}', ["a"])
    given.notes = "known"
    bookmarks.create_or_update(*WORKSPACE, name, given)
    assert [one.notes for one in bookmarks.list(*WORKSPACE) if one.name == name] == ["known"]
    bookmarks.delete(*WORKSPACE, name)
    with pytest.raises(ResourceNotFoundError):
        bookmarks.get(*WORKSPACE, name)


@pytest.mark.full
def test_an_indicator(owner):
    name = str(uuid.uuid4())
    given = ThreatIntelligenceIndicatorModel(
        display_name="bad host", description="seen", confidence=80, pattern="[ipv4-addr:value = '198.51.100.77']",
        pattern_type="ipv4-addr", source="unit", threat_types=["compromised"], valid_from=NOW.isoformat(),
        valid_until=(NOW + timedelta(days=5)).isoformat(), threat_intelligence_tags=["one"],
    )  # fmt: skip
    indicators = owner.sentinel.threat_intelligence_indicator
    indicators.create(*WORKSPACE, name, given)
    found = indicators.get(*WORKSPACE, name)
    assert (found.display_name, found.pattern, found.confidence) == ("bad host", given.pattern, 80)
    assert name in listed(owner.sentinel.threat_intelligence_indicators.list(*WORKSPACE))
    indicators.append_tags(*WORKSPACE, name, ThreatIntelligenceAppendTags(threat_intelligence_tags=["two"]))
    assert indicators.get(*WORKSPACE, name).threat_intelligence_tags == ["one", "two"]
    asked = ThreatIntelligenceFilteringCriteria(page_size=10, keywords=["bad host"], sources=["unit"])
    assert listed(indicators.query_indicators(*WORKSPACE, asked)) == {name}
    made = indicators.create_indicator(*WORKSPACE, given)
    assert made.name != name
    for one in (name, made.name):
        indicators.delete(*WORKSPACE, one)
    with pytest.raises(ResourceNotFoundError):
        indicators.get(*WORKSPACE, name)


def test_stix_objects_as_connectors_send_them(owner):
    """There is no client of the upload API: connectors send by azure-core, as here."""
    name, made = str(uuid.uuid4()), NOW.isoformat()
    sent = {
        "type": "indicator", "id": f"indicator--{name}", "created": made, "modified": made, "name": "Sent", "valid_from": made,
        "pattern": "[domain-name:value = 'sent.example']", "pattern_type": "stix",
    }  # fmt: skip
    policies = [BearerTokenCredentialPolicy(owner.credential, *owner.scopes)]
    with PipelineClient(owner.address, policies=policies, connection_verify=owner.authority) as client:
        path = f"{owner.address}/workspaces/{WORKSPACE[1]}/threat-intelligence-stix-objects:upload"
        body = {"sourcesystem": "connector", "stixobjects": [sent, {**sent, "id": None}]}
        request = HttpRequest("POST", path, params={"api-version": "2024-02-01-preview"}, json=body)
        answer = client.send_request(request)
    assert answer.status_code == 200
    assert [one["recordIndex"] for one in answer.json()["errors"]] == [1]
    indicators = owner.sentinel.threat_intelligence_indicator
    found = indicators.get(*WORKSPACE, name)
    assert (found.display_name, found.source, found.pattern) == ("Sent", "connector", sent["pattern"])
    indicators.delete(*WORKSPACE, name)


@pytest.mark.full
def test_a_rule_of_one_s_own(owner):
    name = str(uuid.uuid4())
    given = ScheduledAlertRule(
        display_name="Own rule", enabled=True, severity="High", query="SigninLogs | where ResultType == '50126'",
        query_frequency="PT1H", query_period="PT2H", trigger_operator="GreaterThan", trigger_threshold=3,
        suppression_duration="PT1H", suppression_enabled=False, tactics=["CredentialAccess"],
    )  # fmt: skip
    rules = owner.sentinel.alert_rules
    rules.create_or_update(*WORKSPACE, name, given)
    found = rules.get(*WORKSPACE, name)
    assert (found.display_name, found.query, found.query_period, found.trigger_threshold) == (
        "Own rule", given.query, timedelta(hours=2), 3,
    )  # fmt: skip
    assert name in listed(rules.list(*WORKSPACE))
    given.query = "SigninLogs | nosuch"
    with pytest.raises(HttpResponseError) as told:
        rules.create_or_update(*WORKSPACE, name, given)
    assert told.value.status_code == 400
    rules.delete(*WORKSPACE, name)
    with pytest.raises(ResourceNotFoundError):
        rules.get(*WORKSPACE, name)


def test_a_shipped_rule_is_switched_off_and_on(owner):
    rules = owner.sentinel.alert_rules
    one = next(one for one in rules.list(*WORKSPACE) if one.kind == "Scheduled" and one.enabled)
    one.enabled = False
    rules.create_or_update(*WORKSPACE, one.name, one)
    with pytest.raises(HttpResponseError) as told:
        rules.create_or_update(*WORKSPACE, one.name, one)
    assert told.value.status_code == 409  # the etag is that of the rule before it was switched off
    one = rules.get(*WORKSPACE, one.name)
    assert one.enabled is False
    one.query = "print 1"
    with pytest.raises(HttpResponseError) as told:
        rules.create_or_update(*WORKSPACE, one.name, one)
    assert told.value.status_code == 400
    with pytest.raises(HttpResponseError) as told:
        rules.delete(*WORKSPACE, one.name)
    assert told.value.status_code == 409


def test_records_that_were_sent_are_there(clients, owner):
    publisher = clients(("Monitoring Metrics Publisher", "/workspaces/default"))
    mark = str(uuid.uuid4())
    rows = [
        {"TimeGenerated": NOW.isoformat(), "Computer": f"h{n}", "SyslogMessage": mark} for n in range(2000)
    ]
    publisher.ingestion.upload("default", "Microsoft-Syslog", rows)
    query = f"Syslog | where SyslogMessage == '{mark}' | summarize n = count(), hosts = dcount(Computer)"
    until = time.monotonic() + 60
    while True:
        found = list(
            owner.logs.query_workspace("default", query, timespan=timedelta(days=1)).tables[0].rows[0]
        )
        if found == [2000, 2000] or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert found == [2000, 2000]
    tables = owner.kusto.execute_mgmt("default", ".show tables").primary_results[0]
    assert "Syslog" in [row["TableName"] for row in tables]
    with pytest.raises(HttpResponseError) as told:
        owner.ingestion.upload("nosuch", "Microsoft-Syslog", rows[:1])
    assert told.value.status_code == 404
    with pytest.raises(HttpResponseError) as told:
        publisher.logs.query_workspace("default", query, timespan=None)
    assert told.value.status_code == 403


@pytest.mark.full
def test_a_bound_key_sends_for_its_own_machine_alone(clients, owner):
    machine, other = (
        f"/subscriptions/{uuid.uuid4()}/resourceGroups/g/providers/Microsoft.HybridCompute/machines/{name}"
        for name in ("bound-01", "bound-02")
    )
    agent = clients(("Monitoring Metrics Publisher", "/workspaces/default"), resource=machine)
    mark, now = str(uuid.uuid4()), NOW.isoformat()
    claims = [
        {},
        {"Computer": "bound-01"},
        {"Computer": "bound-02"},
        {"_ResourceId": other},
        {"_resourceid": other},
    ]
    rows = [{"TimeGenerated": now, "RenderedDescription": mark, **one} for one in claims]
    agent.ingestion.upload("default", "Microsoft-Event", rows)
    signed_in = [{"TimeGenerated": now, "CorrelationId": mark, "UserPrincipalName": "kim@contoso.com"}]
    agent.ingestion.upload("default", "Microsoft-SigninLogs", signed_in)

    def found(query):
        return [
            list(row) for row in owner.logs.query_workspace("default", query, timespan=None).tables[0].rows
        ]

    aside = f"_Quarantine | where Raw has '{mark}' | summarize count() by Table, SenderResourceId | sort by Table asc"
    until = time.monotonic() + 60
    while (told := found(aside)) != [["Event", machine.lower(), 3], ["SigninLogs", machine.lower(), 1]]:
        assert time.monotonic() < until, told
        time.sleep(0.2)
    stored = found(f"Event | where RenderedDescription == '{mark}' | project Computer, _ResourceId")
    assert stored == [["bound-01", machine.lower()]] * 2
    assert found(f"SigninLogs | where CorrelationId == '{mark}' | count") == [[0]]
    with pytest.raises(HttpResponseError) as told:
        agent.logs.query_workspace("default", "Event | count", timespan=None)
    assert told.value.status_code == 403
