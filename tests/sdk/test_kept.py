"""Documents that the official clients manage: automations, governance, JIT, assessments, remediations, incidents, rules, streams."""

from __future__ import annotations

import io
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.kusto.data import DataFormat
from azure.kusto.ingest import IngestionProperties
from azure.mgmt.policyinsights.models import QueryOptions, Remediation
from azure.mgmt.resourcegraph.models import QueryRequest
from azure.mgmt.security.models import (
    Automation,
    AutomationActionLogicApp,
    AutomationScope,
    AutomationSource,
    AzureResourceDetails,
    GovernanceRule,
    GovernanceRuleOwnerSource,
    JitNetworkAccessPolicy,
    JitNetworkAccessPolicyVirtualMachine,
    JitNetworkAccessPortRule,
    SecurityAssessmentMetadataResponse,
)
from azure.mgmt.securityinsight.models import (
    AutomationRule,
    AutomationRuleTriggeringLogic,
    Bookmark,
    Incident,
    IncidentComment,
    OfficeDataConnector,
    Relation,
    SentinelOnboardingState,
)

pytestmark = pytest.mark.system

WORKSPACE = ("rg", "default")
GROUP = "rg-erp-app"


def names(items):
    return {one.name for one in items}


def test_an_automation(owner):
    scope = f"/subscriptions/{owner.subscription}"
    app = f"{scope}/resourceGroups/{GROUP}/providers/Microsoft.Logic/workflows/x"
    given = Automation(
        location="westeurope",
        is_enabled=True,
        scopes=[AutomationScope(scope_path=scope)],
        sources=[AutomationSource(event_source="Alerts")],
        actions=[AutomationActionLogicApp(logic_app_resource_id=app, uri="https://x.example/?sig=secret")],
    )
    automations = owner.security.automations
    assert automations.validate(GROUP, "tell", given).is_valid
    put = automations.create_or_update(GROUP, "tell", given)
    got = automations.get(GROUP, "tell")
    assert (got.is_enabled, got.sources[0].event_source, got.etag) == (True, "Alerts", put.etag)
    assert got.actions[0].uri is None
    assert "tell" in names(automations.list()) & names(automations.list_by_resource_group(GROUP))
    wrong = Automation(sources=[AutomationSource(event_source="Weather")])
    assert not automations.validate(GROUP, "tell", wrong).is_valid
    with pytest.raises(HttpResponseError):
        automations.create_or_update(GROUP, "tell", wrong)
    automations.delete(GROUP, "tell")
    with pytest.raises(ResourceNotFoundError):
        automations.get(GROUP, "tell")


def test_a_governance_rule(owner):
    scope = f"subscriptions/{owner.subscription}"
    given = GovernanceRule(
        display_name="ERP", rule_priority=200, rule_type="Integrated", source_resource_type="Assessments",
        condition_sets=[{"conditions": []}], owner_source=GovernanceRuleOwnerSource(type="Manually", value="erp@example.org"),
    )  # fmt: skip
    rules = owner.security.governance_rules
    rules.create_or_update(scope, "erp", given)
    assert rules.get(scope, "erp").owner_source.value == "erp@example.org"
    assert names(rules.list(scope)) == {"erp"}
    rules.begin_delete(scope, "erp").result()
    assert names(rules.list(scope)) == set()


def test_a_policy_of_just_in_time_access(owner, sample):
    machine = min(sample.ids("microsoft.compute/virtualmachines", owner.subscription))
    port = JitNetworkAccessPortRule(
        number=22, protocol="TCP", max_request_access_duration="PT3H", allowed_source_address_prefix="*"
    )
    given = JitNetworkAccessPolicy(
        kind="Basic", virtual_machines=[JitNetworkAccessPolicyVirtualMachine(id=machine, ports=[port])]
    )
    policies = owner.security.jit_network_access_policies
    made = policies.create_or_update(GROUP, "westeurope", "mine", given)
    assert made.provisioning_state is None
    assert policies.get(GROUP, "westeurope", "mine").virtual_machines[0].ports[0].number == 22
    assert "mine" in names(policies.list()) & names(policies.list_by_region("westeurope"))
    policies.delete(GROUP, "westeurope", "mine")
    assert "mine" not in names(policies.list())


@pytest.mark.full
def test_an_assessment_of_ones_own(owner, sample):
    name = str(uuid.uuid4())
    about = {"display_name": "Backups are tried", "severity": "Medium", "assessment_type": "CustomerManaged"}
    metadata = owner.security.assessments_metadata
    metadata.create_in_subscription(name, SecurityAssessmentMetadataResponse(**about))
    assert metadata.get_in_subscription(name).display_name == "Backups are tried"
    resource = min(sample.ids("microsoft.compute/virtualmachines", owner.subscription)).removeprefix("/")
    body = {
        "properties": {"resourceDetails": AzureResourceDetails().serialize(), "status": {"code": "Unhealthy"}}
    }

    def keep():
        return owner.security.assessments.create_or_update(
            resource, name, io.BytesIO(json.dumps(body).encode())
        )

    put = keep()
    assert put.display_name == "Backups are tried"
    assert owner.security.assessments.get(resource, name).status.code == "Unhealthy"
    assert name in names(owner.security.assessments.list(resource))
    query = f"securityresources | where type == 'microsoft.security/assessments' and name == '{name}'"
    (row,) = owner.graph.resources(QueryRequest(query=query)).data
    assert (row["properties"]["status"]["code"], row["id"].lower()) == ("Unhealthy", put.id.lower())
    owner.security.assessments.delete(resource, name)
    assert owner.graph.resources(QueryRequest(query=query)).data == []
    keep()
    metadata.delete_in_subscription(name)
    with pytest.raises(ResourceNotFoundError):
        owner.security.assessments.get(resource, name)


@pytest.mark.full
def test_a_remediation_and_events(owner):
    options = QueryOptions(filter="complianceState eq 'NonCompliant'", top=1)
    states = owner.insights.policy_states
    (row,) = list(
        states.list_query_results_for_subscription("latest", owner.subscription, query_options=options)
    )
    remediations = owner.insights.remediations
    given = Remediation(policy_assignment_id=row.policy_assignment_id)
    put = remediations.create_or_update_at_subscription("all", given)
    assert put.deployment_status.total_deployments > 0
    followed = {
        one.remediated_resource_id.lower() for one in remediations.list_deployments_at_subscription("all")
    }
    assert row.resource_id.lower() in followed
    assert "all" in names(remediations.list_for_subscription())
    assert remediations.cancel_at_subscription("all").provisioning_state == "Canceled"
    remediations.delete_at_subscription("all")
    with pytest.raises(ResourceNotFoundError):
        remediations.get_at_subscription("all")
    events = owner.insights.policy_events.list_query_results_for_subscription("default", owner.subscription)
    assert list(events) == [], "one evaluation has no events"


def test_an_incident_from_beginning_to_end(owner):
    sentinel, id_ = owner.sentinel, str(uuid.uuid4())
    made = sentinel.incidents.create_or_update(
        *WORKSPACE, id_, Incident(title="By hand", severity="High", status="New")
    )
    assert (made.title, made.incident_number > 0) == ("By hand", True)
    comment = str(uuid.uuid4())
    sentinel.incident_comments.create_or_update(*WORKSPACE, id_, comment, IncidentComment(message="seen"))
    sentinel.incident_comments.create_or_update(
        *WORKSPACE, id_, comment, IncidentComment(message="seen twice")
    )
    assert [one.message for one in sentinel.incident_comments.list(*WORKSPACE, id_)] == ["seen twice"]
    bookmark = str(uuid.uuid4())
    kept = sentinel.bookmarks.create_or_update(
        *WORKSPACE, bookmark, Bookmark(display_name="b", query="print 1")
    )
    relation = Relation(related_resource_id=kept.id)
    sentinel.incident_relations.create_or_update(*WORKSPACE, id_, "r", relation)
    assert [one.name for one in sentinel.incidents.list_bookmarks(*WORKSPACE, id_).value] == [bookmark]
    closed = Incident(
        title="By hand", severity="High", status="Closed", classification="Undetermined", classification_comment="nothing",
    )  # fmt: skip
    assert sentinel.incidents.create_or_update(*WORKSPACE, id_, closed).classification_comment == "nothing"
    sentinel.incident_relations.delete(*WORKSPACE, id_, "r")
    sentinel.incident_comments.delete(*WORKSPACE, id_, comment)
    sentinel.incidents.delete(*WORKSPACE, id_)
    sentinel.bookmarks.delete(*WORKSPACE, bookmark)
    with pytest.raises(ResourceNotFoundError):
        sentinel.incidents.get(*WORKSPACE, id_)


def test_settings_of_a_workspace(owner):
    sentinel = owner.sentinel
    rule = AutomationRule(
        display_name="close", order=1, actions=[],
        triggering_logic=AutomationRuleTriggeringLogic(is_enabled=True, triggers_on="Incidents", triggers_when="Created"),
    )  # fmt: skip
    sentinel.automation_rules.create_or_update(*WORKSPACE, "close", automation_rule_to_upsert=rule)
    assert sentinel.automation_rules.get(*WORKSPACE, "close").display_name == "close"
    assert names(sentinel.automation_rules.list(*WORKSPACE)) == {"close"}
    sentinel.automation_rules.delete(*WORKSPACE, "close")
    connector = OfficeDataConnector(tenant_id=str(uuid.uuid4()))
    sentinel.data_connectors.create_or_update(*WORKSPACE, "office", connector)
    assert sentinel.data_connectors.get(*WORKSPACE, "office").tenant_id == connector.tenant_id
    assert names(sentinel.data_connectors.list(*WORKSPACE)) == {"office"}
    sentinel.data_connectors.delete(*WORKSPACE, "office")
    state = SentinelOnboardingState(customer_managed_key=False)
    sentinel.sentinel_onboarding_states.create(*WORKSPACE, "default", state)
    assert sentinel.sentinel_onboarding_states.get(*WORKSPACE, "default").customer_managed_key is False
    sentinel.sentinel_onboarding_states.delete(*WORKSPACE, "default")


def test_streaming_ingestion(owner):
    when, mark = datetime.now(UTC).isoformat(), str(uuid.uuid4())
    record = {"TimeGenerated": when, "OperationNameValue": mark}
    sent = io.BytesIO(json.dumps(record).encode())
    owner.kusto_ingest.ingest_from_stream(
        sent, IngestionProperties("default", "AzureActivity", DataFormat.JSON)
    )
    rows, until = [], time.monotonic() + 60
    while not rows and time.monotonic() < until:
        found = owner.logs.query_workspace(
            "default", f"AzureActivity | where OperationNameValue == '{mark}'", timespan=timedelta(hours=1)
        )
        rows = found.tables[0].rows
    assert len(rows) == 1
    with pytest.raises(Exception, match="Nothing_CL"):
        owner.kusto_ingest.ingest_from_stream(
            io.BytesIO(b"{}"), IngestionProperties("default", "Nothing_CL", DataFormat.JSON)
        )
