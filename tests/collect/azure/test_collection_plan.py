"""From content to requests: what is needed, where it is read, in which order, and what is known not to be readable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nephoscope.collect.azure.collection_plan import CollectionPlan
from nephoscope.collect.azure.content_requirements import ALWAYS, ContentNeeds
from nephoscope.collect.resource_sources import TypeSources, parse
from nephoscope.estate.devops_documents import AZURE_DEVOPS_REPOSITORY, DOCUMENTS, GITLAB_PROJECT
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place

SITE, CONFIG = "microsoft.web/sites", "microsoft.web/sites/config"
DIAGNOSTICS = "microsoft.insights/diagnosticsettings"


def definition(
    number: int, condition: dict[str, Any], details: dict[str, Any] | None = None, mode: str = "All"
) -> Any:
    then = {"effect": "auditIfNotExists", "details": details} if details else {"effect": "audit"}
    properties = {"displayName": f"d{number}", "mode": mode, "policyRule": {"if": condition, "then": then}}
    name = f"00000000-0000-0000-0000-{number:012d}"
    body = {"name": name, "type": "Microsoft.Authorization/policyDefinitions", "properties": properties}
    return ContentDocument(json.dumps(body).encode(), Place(f"{number}.json"))


def of_type(type_: str, *more: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [{"field": "type", "equals": type_}, *more]}


def needs_of(*documents: Any, also: tuple[str, ...] = (), aliases: Aliases | None = None) -> ContentNeeds:
    return ContentNeeds.of(PolicyCatalog.of(documents), also, aliases)


def plan_of(needs: ContentNeeds) -> CollectionPlan:
    return CollectionPlan.of(needs, TypeSources.load_builtin())


def test_nothing_loaded_needs_what_a_scan_always_reads() -> None:
    assert needs_of().types == ALWAYS
    assert set(plan_of(needs_of()).tables) == {"resourcecontainers", "policyresources"}
    assert [job.list.type for job in plan_of(needs_of()).jobs] == ["microsoft.policyinsights/attestations"]


def test_a_type_and_what_is_looked_up_under_it() -> None:
    needs = needs_of(
        definition(1, of_type("Microsoft.KeyVault/vaults"), {"type": "Microsoft.Insights/diagnosticSettings"})
    )
    assert needs.types == ALWAYS | {"microsoft.keyvault/vaults", DIAGNOSTICS}
    plan = plan_of(needs)
    assert plan.tables["resources"] == {"microsoft.keyvault/vaults"}
    jobs = {job.list.type: job.parents for job in plan.jobs}
    assert jobs[DIAGNOSTICS] == {"microsoft.keyvault/vaults"}


def test_data_plane_definitions_need_nothing() -> None:
    document = definition(1, of_type("Microsoft.Storage/storageAccounts"), mode="Microsoft.Kubernetes.Data")
    assert needs_of(document).types == ALWAYS


def test_a_child_is_read_after_its_parents() -> None:
    plan = plan_of(needs_of(also=("microsoft.apimanagement/service/apis/operations",)))
    order = [job.list.type for job in plan.jobs if "apimanagement" in job.list.type]
    assert order == [
        "microsoft.apimanagement/service/apis",
        "microsoft.apimanagement/service/apis/operations",
    ]
    assert plan.tables["resources"] == {"microsoft.apimanagement/service"}


def test_what_lies_under_the_one_service_of_an_account_is_read_without_it() -> None:
    plan = plan_of(needs_of(also=("microsoft.storage/storageaccounts/fileservices/shares",)))
    (job,) = (job for job in plan.jobs if "storage" in job.list.type)
    assert (job.list.path, job.parents) == (
        "fileServices/default/shares",
        {"microsoft.storage/storageaccounts"},
    )


def test_an_extension_that_no_type_is_named_for_is_not_read() -> None:
    anything = definition(
        1, {"field": "location", "equals": "x"}, {"type": "Microsoft.Insights/diagnosticSettings"}
    )
    plan = plan_of(needs_of(anything))
    assert "name no resource type" in plan.unread[DIAGNOSTICS]
    assert DIAGNOSTICS not in {job.list.type for job in plan.jobs}


def test_a_child_without_a_known_request_is_said_to_be_unread() -> None:
    plan = plan_of(needs_of(also=("microsoft.new/things/parts", "microsoft.new/things")))
    assert "no request for it is known" in plan.unread["microsoft.new/things/parts"]
    assert "microsoft.new/things" in plan.tables["resources"]


def test_children_in_bodies_ask_for_the_parent_alone() -> None:
    plan = plan_of(needs_of(also=("microsoft.network/virtualnetworks/subnets",)))
    assert plan.embedded == {"microsoft.network/virtualnetworks/subnets"}
    assert plan.tables["resources"] == {"microsoft.network/virtualnetworks"}


def test_names_that_a_table_leaves_out_are_read_one_by_one() -> None:
    plan = plan_of(
        needs_of(
            definition(1, of_type(SITE), {"type": CONFIG, "name": "web"}),
            definition(2, of_type(SITE), {"type": CONFIG, "name": "logs"}),
        )
    )
    assert plan.items == {CONFIG: {"logs"}}
    assert plan.tables["appserviceresources"] == {CONFIG}


def test_bodies_that_resource_graph_cuts_are_read_whole_only_where_the_content_reads_that_part() -> None:
    aliases = Aliases.of(
        {
            "Microsoft.Web/sites/siteConfig.ftpsState": "properties.siteConfig.ftpsState",
            "Microsoft.Web/sites/httpsOnly": "properties.httpsOnly",
        }
    )
    cut = definition(
        1, of_type(SITE, {"field": "Microsoft.Web/sites/siteConfig.ftpsState", "equals": "AllAllowed"})
    )
    whole = definition(2, of_type(SITE, {"field": "Microsoft.Web/sites/httpsOnly", "equals": False}))
    assert plan_of(needs_of(whole, aliases=aliases)).lacks == {}
    assert set(plan_of(needs_of(whole, cut, aliases=aliases)).lacks) == {SITE}


def test_assessments_are_asked_for_by_the_names_that_are_looked_up() -> None:
    key = "1F655FB7-63CA-4980-91A3-56DBC2B715C6"
    details = {"type": "Microsoft.Security/assessments", "name": key}
    plan = plan_of(needs_of(definition(1, of_type("Microsoft.Compute/virtualMachines"), details)))
    assert plan.names == {"microsoft.security/assessments": {key.lower()}}


def test_what_azure_keeps_in_vaults_is_read_there() -> None:
    details = {"type": "Microsoft.RecoveryServices/backupprotecteditems"}
    plan = plan_of(needs_of(definition(1, of_type("Microsoft.Compute/virtualMachines"), details)))
    source = "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
    assert plan.tables["recoveryservicesresources"] == {source}
    assert plan.derived["microsoft.recoveryservices/backupprotecteditems"].source == source


def test_every_list_has_a_way_to_its_parents() -> None:
    reading = TypeSources.load_builtin()
    for type_, row in reading.lists.items():
        parents = row.of - {"*"}
        plan = CollectionPlan.of(ContentNeeds(frozenset(parents), {}, {}), reading)
        assert not plan.unread, f"{type_}: {plan.unread}"


def test_repositories_are_listed_below_security_connectors() -> None:
    plan = plan_of(ContentNeeds(frozenset({AZURE_DEVOPS_REPOSITORY.lower(), GITLAB_PROJECT.lower()}), {}, {}))
    assert not plan.unread
    assert "microsoft.security/securityconnectors" in plan.tables["resources"]
    assert [(job.depth, job.list.path) for job in plan.jobs] == [
        (0, "devops"), (1, "azureDevOpsOrgs"), (1, "gitLabGroups"), (2, "projects"), (2, "projects"), (3, "repos"),
    ]  # fmt: skip


def test_every_type_of_the_shipped_content_has_a_way(own_needs: ContentNeeds) -> None:
    # GitHub, GitLab and Azure DevOps tell these, and another command reads them there
    devops = {one.lower() for one in DOCUMENTS}
    assert set(plan_of(own_needs).unread) <= devops | {
        "microsoft.classiccompute/domainnames/slots/roles",
        "microsoft.network/networkmanagers/deploymentstatus",
        # an action gives them that a reader may not call; the guide has the command
        "microsoft.network/virtualnetworkgateways/learnedroutes",
        # external facts bring them: that Azure lists none says nothing where no scanner is on
        "microsoft.security/assessments/subassessments",
        "microsoft.sql/managedinstances/sqlvulnerabilityassessments",
        "microsoft.sql/managedinstances/databases/sqlvulnerabilityassessments/scans",
    }


@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("tables", [], "tables"),
        ("tables", {"resources": [1]}, "tables.resources"),
        ("lists", {"Microsoft.A/b/c": {}}, "Microsoft.A/b/c.api"),
        ("lists", {"Microsoft.A/b/c": {"api": "1", "of": "x"}}, "Microsoft.A/b/c.of"),
        ("custom", "x", "custom"),
    ],
)
def test_facts_of_another_shape_are_named(member: str, value: Any, path: str) -> None:
    empty: dict[str, Any] = {
        name: {} for name in ("tables", "lists", "items", "named", "lacks", "derived", "partial", "absent")
    }
    body = {**empty, "custom": [], "spelled": [], member: value}
    with pytest.raises(ContentError) as caught:
        parse(ContentDocument(json.dumps(body).encode(), Place("reading.json")))
    assert caught.value.place.path == path
