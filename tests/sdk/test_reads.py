"""What the official clients read is what the files of the sample say: expected values are computed from them, not by the product."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resourcegraph.models import FacetRequest, QueryRequest, QueryRequestOptions
from azure.monitor.query import LogsBatchQuery, LogsQueryStatus

pytestmark = pytest.mark.system

ERP = "sub-bwf-erp-prod"
WORKSPACE = ("rg", "default")
UNHEALTHY = """securityresources
| where type =~ 'microsoft.security/assessments' and properties.status.code == 'Unhealthy'
| project resource = tolower(tostring(properties.resourceDetails.Id)), name = tolower(name)"""


def ids(items):
    return {one.id.lower() for one in items}


def everything(graph, query, **options):
    """All rows of a query, page by page as the client is told."""
    rows, token = [], None
    while True:
        found = graph.resources(
            QueryRequest(query=query, options=QueryRequestOptions(skip_token=token, **options))
        )
        rows += found.data
        token = found.skip_token
        if not token:
            assert len(rows) == found.total_records
            return rows


class TestResourceGraph:
    def test_every_resource(self, owner, sample):
        rows = everything(owner.graph, "resources | project id", top=100)
        assert {one["id"].lower() for one in rows} >= sample.ids()

    def test_the_resources_of_a_subscription_counted(self, owner, sample):
        asked = QueryRequest(
            query="resources | summarize n = count() by type", subscriptions=[owner.subscription]
        )
        found = {one["type"].lower(): one["n"] for one in owner.graph.resources(asked).data}
        vms = sample.ids("microsoft.compute/virtualmachines", owner.subscription)
        assert found["microsoft.compute/virtualmachines"] == len(vms) > 0

    def test_what_was_planted_is_unhealthy_and_nothing_else(self, owner, sample):
        found = {(one["resource"], one["name"]) for one in everything(owner.graph, UNHEALTHY)}
        assert found == sample.unhealthy

    def test_a_table(self, owner, sample):
        asked = QueryRequest(
            query="resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project name | order by name asc",
            options=QueryRequestOptions(result_format="table"),
        )
        found = owner.graph.resources(asked).data
        assert [one["name"] for one in found["columns"]] == ["name"]
        assert [row[0] for row in found["rows"]] == sorted(sample.subscriptions)

    def test_alerts_are_those_of_the_alerts_api(self, owner):
        query = """securityresources | where type =~ 'microsoft.security/locations/alerts'
            | where properties.Status in ('Active') | project name, severity = tostring(properties.Severity)"""
        asked = QueryRequest(query=query, subscriptions=[owner.subscription])
        found = {(one["name"], one["severity"]) for one in owner.graph.resources(asked).data}
        several = owner.security.alerts.list()
        assert found == {(one.name, one.severity) for one in several if one.status == "Active"}

    def test_facets(self, owner, sample):
        asked = QueryRequest(
            query="resources",
            facets=[FacetRequest(expression="location"), FacetRequest(expression="nosuch(")],
        )
        good, wrong = owner.graph.resources(asked).facets
        assert {one["location"] for one in good.data} <= {
            one["location"].lower() for one in sample.resources
        } | {""}
        assert wrong.result_type == "FacetError"
        assert wrong.errors

    def test_a_wrong_query_says_where(self, owner):
        with pytest.raises(HttpResponseError) as told:
            owner.graph.resources(QueryRequest(query="resources | wher x"))
        assert told.value.error.code == "InvalidQuery"
        assert told.value.error.details[0].code == "ParserFailure"


class TestSubscriptions:
    def test_all(self, owner, sample):
        found = {one.display_name: one.subscription_id for one in owner.subscriptions.subscriptions.list()}
        assert found == sample.subscriptions

    def test_one(self, owner, sample):
        assert owner.subscriptions.subscriptions.get(sample.subscriptions[ERP]).display_name == ERP

    def test_tenants(self, owner):
        assert len(list(owner.subscriptions.tenants.list())) == 1


class TestSecurity:
    def test_assessments_of_a_subscription(self, owner, sample):
        found = owner.security.assessments.list(f"/subscriptions/{owner.subscription}")
        unhealthy = {
            (one.id.lower().partition("/providers/microsoft.security/assessments/")[0], one.name.lower())
            for one in found
            if one.status.code == "Unhealthy"
        }
        assert unhealthy == sample.unhealthy_in(owner.subscription)

    def test_one_assessment(self, owner, sample):
        resource, name = min(sample.unhealthy)
        found = owner.security.assessments.get(resource, name)
        assert (found.status.code, found.name.lower()) == ("Unhealthy", name)

    def test_an_exempted_one(self, owner, sample):
        for resource, name in sample.exempt:
            assert owner.security.assessments.get(resource, name).status.cause == "Exempt"

    def test_a_planted_one_and_its_twin(self, owner, sample):
        row = next(one for one in sample.planted if one["policy"] == "vm-system-updates")
        twin = owner.security.assessments.get(row["twin"], sample.policies[row["policy"]])
        assert twin.status.code == "Healthy"

    def test_no_such_assessment(self, owner, sample):
        with pytest.raises(ResourceNotFoundError):
            owner.security.assessments.get(min(sample.unhealthy)[0], "nothing")

    def test_metadata(self, owner, sample):
        found = {one.name.lower() for one in owner.security.assessments_metadata.list()}
        assert {name for _, name in sample.unhealthy} <= found
        name = min(found)
        assert owner.security.assessments_metadata.get(name).name.lower() == name

    def test_secure_scores(self, owner):
        (score,) = owner.security.secure_scores.list()
        assert 0 < score.current < score.max
        assert owner.security.secure_scores.get(score.name).current == score.current
        controls = list(owner.security.secure_score_controls.list())
        assert sum(one.max for one in controls) >= score.max > 0

    def test_control_definitions(self, owner):
        defined = {one.name for one in owner.security.secure_score_control_definitions.list()}
        assert {one.name for one in owner.security.secure_score_controls.list()} <= defined

    def test_regulatory_compliance(self, owner):
        standards = list(owner.security.regulatory_compliance_standards.list())
        assert standards
        standard = owner.security.regulatory_compliance_standards.get(standards[0].name)
        controls = list(owner.security.regulatory_compliance_controls.list(standard.name))
        counts = (
            standard.passed_controls,
            standard.failed_controls,
            standard.skipped_controls,
            standard.unsupported_controls,
        )
        assert len(controls) == sum(counts) > 0
        failed = next(one for one in controls if one.state == "Failed")
        assert owner.security.regulatory_compliance_controls.get(standard.name, failed.name).id == failed.id
        assessments = list(owner.security.regulatory_compliance_assessments.list(standard.name, failed.name))
        worst = next(one for one in assessments if one.state == "Failed")
        assert (
            owner.security.regulatory_compliance_assessments.get(standard.name, failed.name, worst.name).state
            == "Failed"
        )

    def test_failed_resources_are_those_that_were_planted(self, owner, sample):
        planted = sample.unhealthy_in(owner.subscription)
        for standard in owner.security.regulatory_compliance_standards.list():
            for control in owner.security.regulatory_compliance_controls.list(standard.name):
                for one in owner.security.regulatory_compliance_assessments.list(standard.name, control.name):
                    wanted = sum(name == one.name.lower() for _, name in planted)
                    assert one.failed_resources in (0, wanted), (control.name, one.name)

    def test_alerts(self, owner):
        assert list(owner.security.alerts.list()) == []

    def test_plans_are_those_of_the_estate(self, owner, sample):
        plans = sample.children("microsoft.security/pricings", owner.subscription)
        found = {
            one.name: one.pricing_tier
            for one in owner.security.pricings.list(f"subscriptions/{owner.subscription}").value
        }
        assert found == {one["name"]: one["properties"]["pricingTier"] for one in plans}
        one = owner.security.pricings.get(f"subscriptions/{owner.subscription}", "VirtualMachines")
        assert (one.pricing_tier, one.sub_plan) == ("Standard", "P2")

    def test_contacts_are_those_of_the_estate(self, owner, sample):
        wanted = sample.children("microsoft.security/securitycontacts", owner.subscription)
        found = list(owner.security.security_contacts.list())
        assert ids(found) == {one["id"].lower() for one in wanted}

    def test_what_azure_said_of_itself(self, owner, sample):
        for operations, type_ in (
            (owner.security.settings, "microsoft.security/settings"),
            (
                owner.security.jit_network_access_policies,
                "microsoft.security/locations/jitnetworkaccesspolicies",
            ),
        ):
            wanted = sample.children(type_, owner.subscription)
            if wanted:
                assert ids(operations.list()) == {one["id"].lower() for one in wanted}
        assert ids(owner.security.automations.list()) == sample.ids(
            "microsoft.security/automations", owner.subscription
        )

    def test_tasks_are_what_was_planted(self, owner, sample):
        found = {
            (
                one.security_task_parameters.additional_properties["resourceId"].lower(),
                one.security_task_parameters.additional_properties["assessmentKey"].lower(),
            )
            for one in owner.security.tasks.list()
        }
        assert found == sample.unhealthy_in(owner.subscription)
        assert ids(owner.security.tasks.list_by_home_region("global")) <= ids(owner.security.tasks.list())

    def test_topology_has_the_networks_and_their_machines(self, owner, sample):
        (one,) = owner.security.topology.list()
        found = {row.resource_id.lower(): row for row in one.topology_resources}
        networks = sample.ids("microsoft.network/virtualnetworks", owner.subscription)
        machines = sample.ids("microsoft.compute/virtualmachines", owner.subscription)
        assert networks | machines <= found.keys()
        unhealthy = {resource for resource, _ in sample.unhealthy_in(owner.subscription)}
        assert {key for key in machines if found[key].recommendations_exist} == machines & unhealthy

    def test_connections_are_between_machines_of_the_subscription(self, owner, sample):
        (one,) = owner.security.allowed_connections.list()
        machines = sample.ids("microsoft.compute/virtualmachines", owner.subscription)
        reached = {
            (row.id.lower(), other.connected_resource_id.lower())
            for row in one.connectable_resources
            for other in row.inbound_connected_resources
        }
        back = {
            (other.connected_resource_id.lower(), row.id.lower())
            for row in one.connectable_resources
            for other in row.outbound_connected_resources
        }
        assert reached == back != set()
        assert {key for pair in reached for key in pair} <= machines

    def test_locations(self, owner):
        assert [one.name for one in owner.security.locations.list()] == ["global"]

    def test_what_nothing_produces_says_so(self, owner):
        with pytest.raises(HttpResponseError) as told:
            list(owner.security.external_security_solutions.list())
        assert (told.value.status_code, told.value.error.code) == (501, "NotAssessed")


class TestPolicy:
    def test_definitions(self, owner, sample):
        found = {one.name.lower() for one in owner.policy.policy_definitions.list()}
        assert {one.lower() for one in sample.policies.values()} <= found

    def test_a_definition(self, owner, sample):
        name = sample.policies["vm-backup"]
        assert (
            next(one for one in owner.policy.policy_definitions.list() if one.name == name).display_name
            == "Virtual machines should be backed up"
        )

    def test_initiatives_and_assignments(self, owner):
        assert list(owner.policy.policy_set_definitions.list())
        assert list(owner.policy.policy_assignments.list())


class TestPolicyInsights:
    def test_states_of_a_subscription(self, owner, sample):
        found = owner.insights.policy_states.list_query_results_for_subscription(
            "latest", owner.subscription, query_options=None
        )
        states = [one for one in found if one.compliance_state == "NonCompliant"]
        pairs = {(one.resource_id.lower(), one.policy_definition_name.lower()) for one in states}
        assert pairs == sample.unhealthy_in(owner.subscription)

    def test_states_of_a_resource(self, owner, sample):
        resource = min(sample.unhealthy)[0]
        found = owner.insights.policy_states.list_query_results_for_resource("latest", resource)
        wanted = {name for one, name in sample.unhealthy if one == resource}
        assert {
            one.policy_definition_name.lower() for one in found if one.compliance_state == "NonCompliant"
        } == wanted

    def test_summary(self, owner, sample):
        found = owner.insights.policy_states.summarize_for_subscription("latest", owner.subscription)
        resources = {resource for resource, _ in sample.unhealthy_in(owner.subscription)}
        assert found.value[0].results.non_compliant_resources == len(resources)


class TestSentinel:
    def test_rules_are_the_shipped_ones(self, owner, sample):
        import yaml

        from_files = {
            str(yaml.load(path.read_text(), yaml.CSafeLoader)["id"]).lower()
            for path in (sample.content / "detections").rglob("*.yaml")
            if not path.stem.endswith(".test")
        }
        assert from_files <= {one.name for one in owner.sentinel.alert_rules.list(*WORKSPACE)}
        name = min(from_files)
        assert owner.sentinel.alert_rules.get(*WORKSPACE, name).name == name
        assert from_files <= {one.name for one in owner.sentinel.alert_rule_templates.list(*WORKSPACE)}
        assert owner.sentinel.alert_rule_templates.get(*WORKSPACE, name).status == "Available"

    def test_incidents(self, owner):
        assert list(owner.sentinel.incidents.list(*WORKSPACE)) == []

    def test_no_entity_is_known_before_there_is_an_alert(self, web):
        root = (
            "providers/Microsoft.OperationalInsights/workspaces/default/providers/Microsoft.SecurityInsights"
        )
        path = f"/subscriptions/s/resourceGroups/rg/{root}"
        assert web.get(f"{path}/entities?api-version=2023-02-01").json()["value"] == []
        assert web.get(f"{path}/entities/x?api-version=2023-02-01").status_code == 404
        told = web.post(f"{path}/entities/x/getInsights?api-version=2023-02-01", json={})
        assert (told.status_code, told.json()["error"]["code"]) == (404, "ResourceNotFound")


class TestLogs:
    def test_a_query(self, owner):
        found = owner.logs.query_workspace(
            "default", "range x from 1 to 5 step 1 | summarize sum(x)", timespan=timedelta(hours=1)
        )
        assert (found.status, list(found.tables[0].rows[0])) == (LogsQueryStatus.SUCCESS, [15])

    def test_statistics(self, owner):
        found = owner.logs.query_workspace(
            "default", "print 1", timespan=None, include_statistics=True, server_timeout=30
        )
        assert found.statistics["query"]["executionTime"] >= 0

    def test_a_batch(self, owner):
        asked = [
            LogsBatchQuery("default", "print a = 'b'", timespan=None),
            LogsBatchQuery("default", "nosuch | take 1", timespan=None),
        ]
        good, wrong = owner.logs.query_batch(asked)
        assert good.tables[0].rows[0]["a"] == "b"
        assert wrong.status == LogsQueryStatus.FAILURE

    def test_of_a_resource(self, owner):
        found = owner.logs.query_resource(f"/subscriptions/{owner.subscription}", "print 7", timespan=None)
        assert list(found.tables[0].rows[0]) == [7]

    def test_a_wrong_query(self, owner):
        with pytest.raises(HttpResponseError) as told:
            owner.logs.query_workspace("default", "print (", timespan=None)
        assert told.value.status_code == 400


class TestKusto:
    def test_a_query(self, owner):
        found = owner.kusto.execute_query(
            "default", "range x from 1 to 3 step 1 | extend t = 1h * x, d = dynamic({'a': 1})"
        )
        rows = [(one["x"], one["t"], one["d"]) for one in found.primary_results[0]]
        assert rows == [(n, timedelta(hours=n), {"a": 1}) for n in (1, 2, 3)]

    def test_version_1(self, owner):
        found = owner.kusto.execute("default", ".show version").primary_results[0][0]
        assert found["ServiceType"] == "Engine"

    def test_commands(self, owner):
        assert "default" in [
            one["DatabaseName"]
            for one in owner.kusto.execute_mgmt("default", ".show databases").primary_results[0]
        ]
        schema = owner.kusto.execute_mgmt("default", ".show table SigninLogs cslschema").primary_results[0][0]
        assert "TimeGenerated:datetime" in schema["Schema"]

    def test_parameters_and_options(self, owner):
        from azure.kusto.data import ClientRequestProperties

        asked = ClientRequestProperties()
        asked.set_parameter("who", "adm'; print 1")
        asked.set_parameter("many", "2")
        asked.set_option("query_now", "2020-01-01")
        asked.set_option("query_take_max_records", 5)
        asked.set_option(asked.request_timeout_option_name, timedelta(minutes=1))
        asked.set_option("of_another_release", 1)
        text = (
            "declare query_parameters(who: string, many: long);"
            "range n from 1 to 100 step 1 | extend who, m = n * many, at = now()"
        )
        whole = owner.kusto.execute_query("default", text, asked).primary_results[0]
        streamed = next(
            owner.kusto.execute_streaming_query("default", text, properties=asked).iter_primary_results()
        )
        for found in (whole, streamed):
            rows = [(one["n"], one["who"], one["m"], one["at"].year) for one in found]
            assert rows == [(n, "adm'; print 1", 2 * n, 2020) for n in range(1, 6)]

    def test_commands_without_a_database(self, owner):
        for database in (None, ""):
            found = owner.kusto.execute_mgmt(database, ".show databases | project DatabaseName")
            assert "default" in [one["DatabaseName"] for one in found.primary_results[0]]

    def test_an_unknown_database(self, owner):
        from azure.kusto.data.exceptions import KustoServiceError

        with pytest.raises(KustoServiceError, match="Database 'nosuch' not found"):
            owner.kusto.execute_mgmt("nosuch", ".show tables")

    def test_schemas_and_who_asks(self, owner):
        told = owner.kusto.execute_mgmt("default", ".show database default schema as json").primary_results[
            0
        ][0]
        assert "default" in json.loads(told["DatabaseSchema"])["Databases"]
        table = owner.kusto.execute_mgmt("default", ".show table SigninLogs schema as json").primary_results[
            0
        ][0]
        assert json.loads(table["Schema"])["Name"] == "SigninLogs"
        who = owner.kusto.execute_mgmt("default", ".show current principal details").primary_results[0][0]
        assert who["PrincipalObjectId"] == owner.name

    def test_a_stream(self, owner):
        found = owner.kusto.execute_streaming_query("default", "range x from 1 to 1000 step 1")
        assert sum(row["x"] for row in found.iter_primary_results().__next__()) == 500500

    def test_a_wrong_query(self, owner):
        from azure.kusto.data.exceptions import KustoServiceError

        with pytest.raises(KustoServiceError, match="nosuch"):
            owner.kusto.execute_query("default", "nosuch | take 1")


@pytest.fixture(scope="module")
def reader(clients, sample):
    return clients(("Reader", f"/subscriptions/{sample.subscriptions[ERP]}"))


class TestScope:
    """A client with a role at one subscription sees its part and no more."""

    def test_its_resources(self, reader, sample):
        found = {one["id"].lower() for one in everything(reader.graph, "resources | project id")}
        assert sample.ids(subscription=reader.subscription) <= found
        assert all(f"/subscriptions/{reader.subscription}/" in one for one in found)

    def test_its_subscription(self, reader):
        assert [one.display_name for one in reader.subscriptions.subscriptions.list()] == [ERP]

    def test_another_one_s_assessments(self, reader, sample):
        other = sample.subscriptions["sub-bwf-data-prod"]
        with pytest.raises(HttpResponseError) as told:
            list(reader.security.assessments.list(f"/subscriptions/{other}"))
        assert (told.value.status_code, told.value.error.code) == (403, "AuthorizationFailed")

    def test_it_changes_nothing(self, reader):
        from azure.mgmt.security.models import Pricing

        with pytest.raises(HttpResponseError) as told:
            reader.security.pricings.update(
                f"subscriptions/{reader.subscription}", "VirtualMachines", Pricing(pricing_tier="Free")
            )
        assert told.value.status_code == 403
