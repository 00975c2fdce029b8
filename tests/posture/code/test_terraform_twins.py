"""For each table of Terraform one plan is judged as its ARM twin: by every policy and analyzer that reads the type."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.posture.code.terraform_twins import (
    GROUP,
    Asked,
    Steps,
    TwinMaker,
    asked_values,
    change,
    identifying,
    made,
    put,
)

from nephoscope.collect.templates.terraform.attributes import MISSING
from nephoscope.collect.templates.terraform.mapping_table import ResourceTable, load_tables
from nephoscope.collect.templates.terraform.plan import TerraformPlan
from nephoscope.collect.templates.terraform.plan_mapper import map_plan
from nephoscope.collect.templates.terraform.planned_resource import TerraformResource, fold_path
from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
from nephoscope.posture.code.template.planned_estate import plan_estate
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope.posture.evaluation.evaluation_run import PreparedPlan, evaluate_estate, prepare_plan
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, expand_template
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = "https://schema.management.azure.com/schemas/{}#"
Verdicts = dict[tuple[str, str], ComplianceState]


class Judge:
    """All policies that the product has, made ready once."""

    def __init__(self, packs: Packs) -> None:
        catalog = packs.catalog()
        self.aliases: Aliases = packs.aliases()
        self.plan = EvaluationPlan(catalog).with_assignment("nephoscope")
        self.prepared: PreparedPlan = prepare_plan(self.plan, self.aliases, {})
        self.asked: Asked = asked_values((one.document() for one in catalog.definitions()), self.aliases)

    def title(self, key: str) -> str:
        return next(
            (one.display_name for one in self.plan.catalog.definitions() if key in (one.name, one.id)), key
        )

    def verdicts(self, listed: list[WrittenResource]) -> Verdicts:
        run = evaluate_estate(
            plan_estate(listed).estate,
            self.plan,
            NOW,
            analyzers=analyze_planned_estate,
            aliases=self.aliases,
            prepared=self.prepared,
        )
        return {(one.key, one.resource.lower()): one.state for one in run.assessments}


@pytest.fixture(scope="module")
def assess(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(Packs(tmp_path_factory.mktemp("data")))


def plan_of(maker: TwinMaker) -> TerraformPlan:
    """One plan with a resource of every table; what is a part of another stands beside one of that."""
    changes = []
    for table in load_tables().values():
        values = identifying(table)
        for body, type_ in bodies_of(table):
            maker.solve(values, body, maker.values(type_))
        if table.merge_into:
            name = table.resource.replace("_", "-")
            whole = load_tables()[table.part_of]
            held = {**identifying(whole), "name": name}
            parts = [fold_path(tuple(key.split("."))) for key in table.body]
            wanted = maker.values(whole.type).items()
            beside = {
                one: value
                for one, value in wanted
                if not any(fold_path(one)[: len(part)] == part for part in parts)
            }
            maker.solve(held, whole.body, beside)
            changes.append(change(whole.resource, held, table.resource))
            values[table.merge_into] = map_plan(plan_document(changes[-1:])).resources[0].id
        changes.append(change(table.resource, values))
    return map_plan(plan_document(changes))


def plan_document(changes: list[dict[str, Any]]) -> TemplateDocument:
    plan = {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": changes}
    return TemplateDocument.parse(json.dumps(plan), "plan.json")


def bodies_of(table: ResourceTable) -> list[tuple[dict[str, Any], str]]:
    """What a table makes: each mapping, with the type of ARM."""
    type_ = load_tables()[table.part_of].type if table.merge_into else table.type
    return [(table.body, type_), *((child.body, f"{type_}/{child.type}") for child in table.children)]


def twin_body(maker: TwinMaker, resource: TerraformResource) -> tuple[dict[str, Any], set[Steps]]:
    """The body that policies ask for, with what the plan makes beside it, and the paths that the plan lacks."""
    body: dict[str, Any] = {}
    lacking = set()
    for steps, value in maker.values(resource.type).items():
        if contradicts(resource, steps, value):
            continue
        planned = made(resource.body, steps)
        if planned is MISSING:
            if not resource.is_whole and put(body, steps, value):
                lacking.add(steps)
        else:
            put(body, steps, planned)
    return _with(body, {k: v for k, v in resource.body.items() if k not in ("id", "name", "type")}), lacking


def contradicts(resource: TerraformResource, steps: Steps, value: Any) -> bool:
    """Whether no resource of a table can have a value: the table says never, or makes an object where policies ask for any."""
    for path in resource.unset:
        if (
            value == "some"
            and [*map(str, path)][: len(steps)] == [*map(str, steps)]
            and len(path) >= len(steps)
        ):
            return made(resource.body, steps) is MISSING
        rule = resource.rules.get(path)
        if (
            rule is not None
            and rule.expression == "= none"
            and fold_path(steps[: len(path)]) == fold_path(path)
        ):
            return True
    return False


def _with(body: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in more.items():
        held = next((one for one in body if one.lower() == key.lower()), key)
        if isinstance(value, dict) and isinstance(body.get(held), dict):
            _with(body[held], value)
        elif (
            isinstance(value, list)
            and isinstance(body.get(held), list)
            and value
            and isinstance(value[0], dict)
        ):
            _with(body[held][0], value[0])
        else:
            body.setdefault(held, value)
    return body


def expanded(resource: TerraformResource, body: dict[str, Any]) -> list[WrittenResource]:
    """What a template plans that deploys a body at the id of a resource."""
    scope = resource.id.partition("/providers/")[0]
    at = DeploymentScope().find_scope(scope or "/")
    assert at is not None
    in_group = (
        "/resourcegroups/" in scope.lower() and resource.type.lower() != "microsoft.resources/resourcegroups"
    )
    file = (
        "2019-04-01/deploymentTemplate.json" if in_group else "2018-05-01/subscriptionDeploymentTemplate.json"
    )
    item = {"type": resource.type, "apiVersion": "2024-01-01", "name": resource.name, **body}
    before, _, _ = resource.id.rpartition(f"/providers/{resource.type.partition('/')[0]}/")
    if before.lower() != scope.lower() and "/providers/" in before:
        item["scope"] = before
    template = {"$schema": SCHEMA.format(file), "contentVersion": "1.0.0.0", "resources": [item]}
    document = TemplateDocument.parse(json.dumps(template), "azuredeploy.json")
    found = expand_template(
        document,
        None,
        scope=at if in_group else DeploymentScope().find_scope("/".join(scope.split("/")[:3])) or at,
    )
    assert not found.errors, (resource.address, found.errors[0].message)
    return [*found.resources]


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("turn", [0, 1])
def test_a_plan_is_judged_as_its_twin(assess: Judge, turn: int, opposite: bool) -> None:
    maker = TwinMaker(assess.asked, turn, opposite)
    plan = plan_of(maker)
    assert plan.unmapped == []
    assert {one.terraform_type for one in plan.resources} >= {
        one.resource for one in load_tables().values() if one.type
    }
    twins: list[WrittenResource] = []
    lacking: dict[str, set[Steps]] = {}
    for resource in plan.resources:
        body, lacks = twin_body(maker, resource)
        twins += expanded(resource, body)
        lacking[resource.id.lower()] = lacks
    ours, theirs = assess.verdicts([*plan.resources]), assess.verdicts(twins)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 600
    other = {key: (ours[key], state) for key, state in theirs.items() if ours[key] is not state}
    wrong = {
        key: pair
        for key, pair in other.items()
        if ComplianceState.UNKNOWN not in pair
        or not any(lacking[id_] for id_ in lacking if id_.startswith(key[1]))
    }
    assert wrong == {}, "\n".join(f"{id_}: {assess.title(key)}: {pair}" for (key, id_), pair in wrong.items())


NETWORK = f"{GROUP}/providers/Microsoft.Network"
SUBNET, SECURITY_GROUP = f"{NETWORK}/virtualNetworks/v/subnets/s", f"{NETWORK}/networkSecurityGroups/g"
RULE = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp"}
PLANNED_NETWORK: dict[str, dict[str, Any]] = {
    "azurerm_virtual_network": {"name": "v", "address_space": ["10.0.0.0/16"], "subnet": []},
    "azurerm_subnet": {"name": "s", "virtual_network_name": "v", "address_prefixes": ["10.0.1.0/24"],
    "default_outbound_access_enabled": True},
    "azurerm_network_security_group": {"name": "g", "security_rule": []},
    "azurerm_network_security_rule": {"name": "ssh", "network_security_group_name": "g", **RULE, "source_port_range": "*",
    "destination_port_range": "22", "source_address_prefix": "*", "destination_address_prefix": "*"},
    "azurerm_subnet_network_security_group_association": {"subnet_id": SUBNET, "network_security_group_id": SECURITY_GROUP},
    "azurerm_public_ip": {"name": "p", "allocation_method": "Static", "sku": "Standard"},
    "azurerm_network_interface": {"name": "n", "ip_forwarding_enabled": True, "ip_configuration": [{"name": "i", "subnet_id": SUBNET,
    "public_ip_address_id": f"{NETWORK}/publicIPAddresses/p"}]},
    "azurerm_linux_virtual_machine": {"name": "m", "size": "Standard_B1s", "disable_password_authentication": True,
    "network_interface_ids": [f"{NETWORK}/networkInterfaces/n"], "os_disk": [{"storage_account_type": "Standard_LRS"}]},
}  # fmt: skip
MACHINE = {
    "hardwareProfile": {"vmSize": "Standard_B1s"}, "osProfile": {"linuxConfiguration": {"disablePasswordAuthentication": True}},
    "storageProfile": {"osDisk": {"osType": "Linux", "createOption": "FromImage",
    "managedDisk": {"storageAccountType": "Standard_LRS"}}},
    "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/n"}]},
    "diagnosticsProfile": {"bootDiagnostics": {"enabled": False}},
}  # fmt: skip
OPEN = {
    "sourcePortRange": "*",
    "destinationPortRange": "22",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
}


def network_twin(*, associated: bool) -> list[WrittenResource]:
    """The network of the plan as somebody writes it in ARM."""
    attached = {"networkSecurityGroup": {"id": SECURITY_GROUP}} if associated else {}
    subnet = {"addressPrefixes": ["10.0.1.0/24"], "defaultOutboundAccess": True, **attached}
    inner = {"subnet": {"id": SUBNET}, "publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/p"}}
    interface = {"enableIPForwarding": True, "ipConfigurations": [{"name": "i", "properties": inner}]}
    resources: list[tuple[str, str, dict[str, Any]]] = [
        ("Microsoft.Network/virtualNetworks", "v", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}),
        ("Microsoft.Network/virtualNetworks/subnets", "v/s", subnet),
        ("Microsoft.Network/networkSecurityGroups", "g", {}),
        ("Microsoft.Network/networkSecurityGroups/securityRules", "g/ssh", {**RULE, **OPEN}),
        ("Microsoft.Network/publicIPAddresses", "p", {"publicIPAllocationMethod": "Static"}),
        ("Microsoft.Network/networkInterfaces", "n", interface),
        ("Microsoft.Compute/virtualMachines", "m", MACHINE),
    ]
    items = [
        {"type": type_, "apiVersion": "2023-01-01", "name": name, "location": "westeurope", "properties": body,
         **({"sku": {"name": "Standard"}} if name == "p" else {})}
        for type_, name, body in resources
    ]  # fmt: skip
    schema = SCHEMA.format("2019-04-01/deploymentTemplate.json")
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": items}
    document = TemplateDocument.parse(json.dumps(template), "azuredeploy.json")
    found = expand_template(document, None, scope=DeploymentScope().find_scope(GROUP) or DeploymentScope())
    assert not found.errors
    return [*found.resources]


@pytest.mark.parametrize("associated", [True, False])
def test_a_network_is_judged_as_its_twin(assess: Judge, associated: bool) -> None:
    changes = [
        change(resource, {"resource_group_name": "rg", "location": "westeurope", **values})
        for resource, values in PLANNED_NETWORK.items()
        if associated or not resource.endswith("association")
    ]
    plan = map_plan(plan_document(changes))
    ours, theirs = assess.verdicts([*plan.resources]), assess.verdicts(network_twin(associated=associated))
    assert ours == theirs
    assert Counter(theirs.values())[ComplianceState.NON_COMPLIANT] > 8


VAULT = {"name": "kv", "tenant_id": "t", "sku_name": "standard", "rbac_authorization_enabled": True}
UNREAD = "contacts_that_no_table_reads"


@pytest.mark.parametrize(
    ("attributes", "unknown", "beside", "whole"),
    [
        ({}, {}, (), True),
        ({UNREAD: None, "timeouts": None, "tags": {}}, {"id": True, "vault_uri": True}, (), True),
        ({UNREAD: []}, {}, (), True),
        ({UNREAD: ["a"]}, {}, (), False),
        ({UNREAD: False}, {}, (), False),
        ({}, {UNREAD: True}, (), True),
        ({}, {"tags_all": True, "set_by_reference": True}, (), False),
        ({}, {}, ("azurerm_key_vault_of_no_table",), False),
        ({}, {}, ("azurerm_monitor_of_no_table",), True),
    ],
)
def test_what_a_plan_that_sets_nothing_else_leaves_out_is_what_azure_makes(
    assess: Judge, attributes: dict[str, Any], unknown: dict[str, Any], beside: tuple[str, ...], whole: bool
) -> None:
    made = change("azurerm_key_vault", {**VAULT, **attributes})
    made["change"]["after_unknown"] = unknown
    written = {"expressions": {"set_by_reference": {"references": ["local.a"]}}, "address": made["address"]}
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "resource_changes": [made, *(change(one, {"name": "x"}) for one in beside)],
        "configuration": {"root_module": {"resources": [written]}},
    }
    [vault] = map_plan(TemplateDocument.parse(json.dumps(plan), "plan.json")).resources
    assert vault.is_whole is whole
    verdicts = assess.verdicts([vault])
    links = [state for (key, _), state in verdicts.items() if "private link" in assess.title(key)]
    assert links == [ComplianceState.NON_COMPLIANT if whole else ComplianceState.UNKNOWN]
