"""Templates are judged by the policies that judge the cloud, and a finding stands where the value that decides is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region, compute_fingerprints
from nephoscope.posture.code.planned_resources import PlannedPlace, merge_places
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope
from nephoscope_policy.catalog import PolicyCatalog

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
CONTACT = "94b4b7b9-2617-5482-bbd7-32d8f445dbf5"
TLS = "c1b4fe79-2934-5460-b73e-4555e9e3b567"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> PolicyCatalog:
    return Packs(tmp_path_factory.mktemp("data")).catalog()


class Repo:
    """A folder of templates, and a scan of it."""

    def __init__(self, folder: Path, catalog: PolicyCatalog) -> None:
        self.folder, self._catalog = folder, catalog

    def write(self, name: str, document: Any) -> str:
        text = document if isinstance(document, str) else json.dumps(document, indent=1)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return text

    def scan(self, *parameters: Path) -> CodeReport:
        plan = EvaluationPlan(self._catalog).with_assignment("nephoscope")
        aliases = Packs(self.folder / ".data").aliases()
        assess = TemplateEvaluator(lambda: (plan, aliases), datetime(2026, 11, 1, tzinfo=UTC))
        return scan_targets([self.folder], assess, DeploymentScope(), parameters)


@pytest.fixture
def repo(tmp_path: Path, catalog: PolicyCatalog) -> Repo:
    return Repo(tmp_path, catalog)


def storage(https: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2022-09-01",
        "name": "stgate",
        "location": "westeurope",
        "properties": {"supportsHttpsTrafficOnly": https, **more},
    }


def template(*resources: Any, **more: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **more, "resources": list(resources)}


def of_rule(report: CodeReport, rule: str = HTTPS) -> list[CodeFinding]:
    return [one for one in report.findings if one.rule == rule]


def text_at(text: str, finding: CodeFinding) -> str:
    region = finding.region
    line = text.splitlines()[region.line - 1]
    assert region.last_line == region.line
    return line[region.column - 1 : region.end_column - 1]


def test_a_literal_is_found_where_it_stands(repo: Repo) -> None:
    text = repo.write("main.json", template(storage(False)))
    (finding,) = of_rule(repo.scan())
    assert (finding.state, finding.region.file, text_at(text, finding)) == (
        FindingState.FAILED,
        "main.json",
        "false",
    )
    assert finding.subject.endswith("/storageAccounts/stgate")
    assert "supportsHttpsTrafficOnly" in finding.message


def test_a_value_is_found_through_a_parameter_and_its_file(repo: Repo) -> None:
    parameters = {"https": {"type": "bool", "defaultValue": True}}
    repo.write("main.json", template(storage("[parameters('https')]"), parameters=parameters))
    assert of_rule(repo.scan()) == []
    given = repo.write(
        "main.parameters.json",
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
            "contentVersion": "1.0.0.0",
            "parameters": {"https": {"value": False}},
        },
    )
    (finding,) = of_rule(repo.scan())
    assert finding.region.file == "main.parameters.json"
    assert text_at(given, finding) == "false"
    assert any(region.file == "main.json" for region in finding.related)


@pytest.mark.parametrize(
    ("allowed", "state"),
    [
        (["TLS1_0", "TLS1_1"], FindingState.FAILED),
        (["TLS1_2", "TLS1_3"], None),
        (["TLS1_1", "TLS1_2"], FindingState.UNKNOWN),
    ],
)
def test_allowed_values_decide_where_they_agree(
    repo: Repo, allowed: list[str], state: FindingState | None
) -> None:
    parameters = {"tls": {"type": "string", "allowedValues": allowed}}
    repo.write(
        "main.json", template(storage(True, minimumTlsVersion="[parameters('tls')]"), parameters=parameters)
    )
    found = [one.state for one in of_rule(repo.scan(), TLS)]
    assert found == ([] if state is None else [state])


def test_a_parameter_that_nobody_gives_is_unknown_only_where_it_decides(repo: Repo) -> None:
    repo.write(
        "main.json", template(storage("[parameters('https')]"), parameters={"https": {"type": "bool"}})
    )
    report = repo.scan()
    (finding,) = of_rule(report)
    assert finding.state is FindingState.UNKNOWN
    assert "https" in finding.reason
    assert report.failed_findings, "what does not read the parameter is judged all the same"


def test_what_is_not_set_is_what_azure_makes_of_it(repo: Repo) -> None:
    bare = storage(True)
    bare["properties"] = {}
    repo.write("main.json", template(bare))
    report = repo.scan()
    assert of_rule(report) == [], "secure transfer is on unless a template turns it off"
    assert any("networkAcls.defaultAction" in one.message for one in report.failed_findings)


def test_a_nested_template_is_found_in_its_own_file(repo: Repo) -> None:
    link = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "properties": {"mode": "Incremental", "templateLink": {"relativePath": "nested/storage.json"}},
    }
    repo.write("main.json", template(link))
    inner = repo.write("nested/storage.json", template(storage(False)))
    (finding,) = of_rule(repo.scan())
    assert finding.region.file == "nested/storage.json"
    assert text_at(inner, finding) == "false"


def test_a_sibling_in_the_deployment_answers_for_the_related_resource(repo: Repo) -> None:
    server = {
        "type": "Microsoft.Sql/servers",
        "apiVersion": "2022-05-01-preview",
        "name": "s",
        "location": "x",
        "properties": {},
    }
    audit = {
        "type": "Microsoft.Sql/servers/auditingSettings",
        "apiVersion": "2022-05-01-preview",
        "name": "s/default",
        "properties": {"state": "Enabled", "isAzureMonitorTargetEnabled": True},
    }

    def unaudited(report: CodeReport) -> list[CodeFinding]:
        return [one for one in report.failed_findings if "should have auditing enabled" in one.message]

    repo.write("main.json", template(server))
    (by_default,) = unaudited(repo.scan())
    repo.write("main.json", template(server, {**audit, "properties": {"state": "Disabled"}}))
    (disabled,) = unaudited(repo.scan())
    for one in (by_default, disabled):
        assert 'auditingSettings.state is "Disabled" (auditingSettings default)' in one.message
    repo.write("main.json", template(server, audit))
    assert unaudited(repo.scan()) == []
    repo.write(
        "main.json",
        template(server, {**audit, "condition": "[parameters('on')]"}, parameters={"on": {"type": "bool"}}),
    )
    report = repo.scan()
    assert unaudited(report) == []
    assert any("should have auditing enabled" in one.message for one in report.unknown)


def test_a_counted_member_is_named_and_a_long_one_cut(repo: Repo) -> None:
    subnet = {
        "name": "web",
        "properties": {
            "addressPrefix": "10.0.0.0/24",
            "serviceEndpoints": [{"service": f"Microsoft.Storage{number}"} for number in range(9)],
        },
    }
    network = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": "2023-05-01",
        "name": "v",
        "location": "x",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]},
    }
    repo.write("main.json", template(network))
    counted = [one.message for one in repo.scan().failed_findings if "(web: {" in one.message]
    assert counted
    assert all(one.endswith(" ...)") and len(one) < 300 for one in counted)


def test_a_fingerprint_survives_moved_lines_and_two_runs_are_alike(repo: Repo) -> None:
    text = repo.write("main.json", template(storage(False)))
    first = repo.scan()
    assert repr(repo.scan().findings) == repr(first.findings)
    repo.write("main.json", "// moved\n\n" + text)
    second = repo.scan()
    assert compute_fingerprints(second.findings) == compute_fingerprints(first.findings)
    assert second.findings[0].region.line == first.findings[0].region.line + 2


def test_a_broken_template_is_not_judged_and_says_where(repo: Repo) -> None:
    repo.write("bad.json", '{"$schema": "' + SCHEMA + '",\n "resources": [,]}')
    (unread,) = repo.scan().unread
    assert (unread.region.file, unread.region.line) == ("bad.json", 2)


def test_what_is_planned_is_listed_with_its_line_and_the_rules_that_it_passes(repo: Repo) -> None:
    unnamed = {**storage(False), "name": "[parameters('n')]"}
    text = repo.write("main.json", template(storage(True), unnamed, parameters={"n": {"type": "string"}}))
    known, open_ = repo.scan().resources
    assert known.id.endswith("/storageAccounts/stgate")
    assert known.region.line == text.splitlines().index(' "resources": [') + 2
    assert HTTPS in known.passed
    assert open_.id.endswith("/{parameters('n')}")
    assert HTTPS not in open_.passed


def test_what_one_parameters_file_breaks_is_not_passed() -> None:
    region = Region("main.json", 5)
    whole = PlannedPlace(id="/A", type="t", region=region, passed=("one", "two"))
    part = PlannedPlace(id="/a", type="t", region=region, passed=("two",), conditional=True)
    assert merge_places([whole, part]) == [msgspec.structs.replace(whole, passed=("two",), conditional=True)]


def test_bicep_without_its_template_is_not_judged_and_says_what_to_do(repo: Repo) -> None:
    repo.write("main.bicep", "resource s 'Microsoft.Storage/storageAccounts@2022-09-01' = { name: 's' }\n")
    (unread,) = repo.scan().unread
    assert unread.region.file == "main.bicep"
    assert "bicep build main.bicep" in unread.reason
    repo.write("main.json", template(storage(False)))
    report = repo.scan()
    (unverified,) = report.unread
    assert unverified.region.file == "main.bicep"
    assert "whether main.json is its output" in unverified.reason
    assert len(of_rule(report)) == 1


def test_a_resource_whose_id_is_none_is_not_judged_and_says_so(repo: Repo) -> None:
    repo.write("main.json", template(storage(True), {**storage(False), "name": ""}))
    report = repo.scan()
    (unread,) = report.unread
    assert "give the resource a whole type and name" in unread.reason
    assert unread.region.line > 1
    assert not of_rule(report), "the other is judged"
    assert report.states


def test_what_azure_makes_with_a_resource_is_judged_at_that_resource(repo: Repo) -> None:
    repo.write("main.json", template(storage(True)))
    found = [
        one
        for one in repo.scan().failed_findings
        if one.subject.lower().endswith("/stgate/blobservices/default")
    ]
    assert any("Blob soft delete" in one.message for one in found)
    assert {one.region.line for one in found} == {5}, "where the account begins"
    assert not any(one.fix for one in found)


@pytest.mark.parametrize("kind", [{}, {"type": "CustomRole"}, {"type": "customRole"}])
def test_a_role_that_a_template_defines_is_a_custom_one(repo: Repo, kind: dict[str, str]) -> None:
    permissions = [{"actions": ["Microsoft.Authorization/roleAssignments/*"], "notActions": []}]
    role = {
        "type": "Microsoft.Authorization/roleDefinitions",
        "apiVersion": "2022-04-01",
        "name": "0f3c2a9e-5f0b-4f0e-9d53-1f0b5a1c7d11",
        "properties": {"roleName": "r", "permissions": permissions, "assignableScopes": ["/"], **kind},
    }
    repo.write("main.json", template(role))
    (finding,) = of_rule(repo.scan(), "abf7baa2-10b4-579e-a0d2-6ad9e7ff40a8")
    assert finding.state is FindingState.FAILED


def test_a_child_that_the_template_sets_answers_for_itself(repo: Repo) -> None:
    child = {
        "type": "Microsoft.Storage/storageAccounts/blobServices",
        "apiVersion": "2022-09-01",
        "name": "stgate/default",
        "dependsOn": ["stgate"],
        "properties": {"deleteRetentionPolicy": {"enabled": True, "days": 30}},
    }
    repo.write("main.json", template(storage(True), child))
    assert not [one for one in repo.scan().failed_findings if "Deleted blobs" in one.message]


VAULT_LINK, STORAGE_LINK = "0e48a996-b620-5433-a9ff-bf40fcecbfb1", "3027cfd1-e85b-5d6f-a9bf-33956d7622e5"


def endpoint(target: str, member: str = "privateLinkServiceConnections") -> dict[str, Any]:
    leads = {"privateLinkServiceId": f"[resourceId('{target}', 'stgate')]", "groupIds": ["it"]}
    return {
        "type": "Microsoft.Network/privateEndpoints",
        "apiVersion": "2023-09-01",
        "name": "pe",
        "location": "westeurope",
        "properties": {member: [{"name": "c", "properties": leads}]},
    }


def test_private_endpoints_of_the_deployment_connect_their_targets(repo: Repo) -> None:
    vault = {**storage(True), "type": "Microsoft.KeyVault/vaults", "properties": {}}
    repo.write("main.json", template(vault, storage(True)))
    alone = repo.scan()
    assert [one.state for one in of_rule(alone, VAULT_LINK)] == [FindingState.FAILED]
    ends = [
        endpoint("Microsoft.KeyVault/vaults"),
        {**endpoint("Microsoft.Storage/storageAccounts"), "name": "other"},
    ]
    repo.write("main.json", template(vault, storage(True), *ends))
    connected = repo.scan()
    assert not of_rule(connected, VAULT_LINK)
    assert not of_rule(connected, STORAGE_LINK)
    assert connected.states["Compliant"] >= alone.states["Compliant"] + 2
    waiting = endpoint("Microsoft.KeyVault/vaults", "manualPrivateLinkServiceConnections")
    repo.write("main.json", template(vault, storage(True), waiting))
    assert [one.state for one in of_rule(repo.scan(), VAULT_LINK)] == [FindingState.FAILED]


def test_a_child_without_its_parents_names_is_judged_beside_the_error(repo: Repo) -> None:
    child = {
        "type": "Microsoft.Automation/automationAccounts/variables", "apiVersion": "2020-01-13-preview", "name": "v",
        "properties": {"value": "1", "isEncrypted": False},
    }  # fmt: skip
    repo.write("main.json", template(child))
    report = repo.scan()
    [unread] = report.unread
    assert "write the parents' names before it" in unread.reason
    assert [one.evidence for one in report.failed_findings if one.subject.endswith("/variables/v")] == [
        "false"
    ]


@pytest.mark.parametrize(
    ("notifications", "count"), [("On", 0), ("Off", 1), ({"state": "On"}, 0), ({"state": "Off"}, 1)]
)
def test_a_text_of_an_early_version_stands_for_its_member_of_later_ones(
    repo: Repo, notifications: object, count: int
) -> None:
    contact = {
        "type": "Microsoft.Security/securityContacts", "apiVersion": "2017-08-01-preview", "name": "default1",
        "properties": {"email": "a@example.com", "alertNotifications": notifications, "alertsToAdmins": "On"},
    }  # fmt: skip
    repo.write("main.json", template(contact))
    assert len(of_rule(repo.scan(), CONTACT)) == count
