"""What is not known of a planned resource, or is no value, leaves open what depends on it, and nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.analyze.discovery import Analyzer
from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
from nephoscope.posture.code.template.planned_estate import plan_estate
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, expand_template
from nephoscope_policy.data_gap import KNOWN_LATER, NOT_SET
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.planned_view import make_view
from nephoscope_policy.resource_view import NotCollected

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CASE = json.loads((Path(__file__).parent / "cases" / "planned_machine.json").read_text())
ATTACHED = "eade5b56-eefd-444f-95c8-23f29e5d93cb"
FACING = "483f12ed-ae23-447e-a2de-a67a10db4353"
NODE = "[reference('/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/z', '2022-03-01').v]"
NETWORK = {
    "type": "Microsoft.Network/virtualNetworks",
    "apiVersion": "2023-01-01",
    "name": "vnet",
    "location": "westeurope",
    "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [
            {"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}},
            {
                "name": "b",
                "properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": NODE}},
            },
        ],
    },
}


def states(resources: list[dict[str, Any]]) -> dict[tuple[str, str], ComplianceState]:
    """The analyzers' verdicts by the last part of the id and the key."""
    template = {"$schema": "x", "contentVersion": "1.0.0.0", "resources": resources}
    expansion = expand_template(
        TemplateDocument.parse(json.dumps(template), "main.json"), scope=DeploymentScope()
    )
    said = analyze_planned_estate(plan_estate(expansion.resources).estate, NOW).assessments
    return {(one.resource.rpartition("/")[2], one.key): one.state for one in said}


@pytest.mark.parametrize("prefix", ["GET", NODE, "10.0.0.0/99"])
def test_a_prefix_does_not_decide_whether_a_group_is_attached(prefix: str) -> None:
    network: dict[str, Any] = copy.deepcopy(NETWORK)
    network["properties"]["subnets"][0]["properties"]["addressPrefix"] = prefix
    assert states([network])["a", ATTACHED] is ComplianceState.NON_COMPLIANT


def test_a_group_that_is_not_known_leaves_its_own_subnet_open() -> None:
    network: dict[str, Any] = copy.deepcopy(NETWORK)
    network["properties"]["subnets"][1]["properties"]["networkSecurityGroup"] = NODE
    found = states([network])
    assert found["a", ATTACHED] is ComplianceState.NON_COMPLIANT
    assert found["b", ATTACHED] is ComplianceState.UNKNOWN


def test_a_network_whose_subnets_are_not_known_leaves_those_of_others_judged() -> None:
    other = {**NETWORK, "name": "other", "properties": {"subnets": NODE}}
    assert states([other, NETWORK])["a", ATTACHED] is ComplianceState.NON_COMPLIANT


@pytest.mark.parametrize("address", ["10.0.0.x", "GET", NODE])
def test_an_address_that_is_none_keeps_no_group_from_being_seen(address: str) -> None:
    resources = copy.deepcopy(CASE["resources"])
    card = next(one for one in resources if one["type"] == "Microsoft.Network/networkInterfaces")
    card["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = address
    machine = next(one["name"] for one in resources if one["type"] == "Microsoft.Compute/virtualMachines")
    assert states(resources)[machine, FACING] is states(CASE["resources"])[machine, FACING]


def test_a_resource_that_an_analyzer_fails_on_is_not_assessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_view: object) -> None:
        raise KeyError("fault")

    monkeypatch.setattr(Analyzer, "analyze", property(lambda _analyzer: fail))
    packs = Packs(tmp_path / "data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    assess = TemplateEvaluator(lambda: (plan, packs.aliases()), NOW)
    expansion = expand_template(
        TemplateDocument.parse(json.dumps(CASE), "main.json"), scope=DeploymentScope()
    )
    found = assess.assess(expansion.resources)
    assert {told for _, told in found.unjudged} == {"the analyzer failed: KeyError: 'fault'"}


def test_a_subnet_in_the_body_of_its_network_is_judged_at_its_own_element(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    assess = TemplateEvaluator(lambda: (plan, packs.aliases()), NOW)
    text = json.dumps({"$schema": "x", "contentVersion": "1.0.0.0", "resources": [NETWORK]}, indent=1)
    found = assess.assess(
        expand_template(TemplateDocument.parse(text, "main.json"), scope=DeploymentScope()).resources
    )
    said = [one for one in found.findings if one.rule == "72b98293-0fe7-5d86-9c37-757a855deceb"]
    assert [one.subject.rpartition("/")[2] for one in said if one.state.value == "Failed"] == ["a"]
    assert text.splitlines()[said[0].region.line].strip() == '"name": "a",'


@pytest.mark.parametrize(
    ("type_", "path", "cause"),
    [
        ("Microsoft.Storage/storageAccounts", ("properties", "keyCreationTime", "key1"), KNOWN_LATER),
        ("Microsoft.Network/virtualNetworks", ("properties", "flowLogs"), KNOWN_LATER),
        ("Microsoft.Network/virtualNetworks", ("properties", "flowTimeoutInMinutes"), NOT_SET),
    ],
)
def test_what_azure_alone_writes_is_known_later_and_nobody_is_told_to_set_it(
    type_: str, path: tuple[str, ...], cause: str
) -> None:
    one = Resource.of({"id": f"/subscriptions/s/resourceGroups/g/providers/{type_}/n", "properties": {}})
    with pytest.raises(NotCollected) as raised:
        make_view(replace(one, planned=Planning())).follow(path)
    assert raised.value.cause == cause
    assert ("set it" in str(raised.value)) is (cause == NOT_SET)


def test_an_open_rule_is_named_at_the_port_that_opens_it(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    assess = TemplateEvaluator(lambda: (plan, packs.aliases()), NOW)
    rules = [
        {
            "name": name,
            "properties": {
                "access": "Allow",
                "direction": "Inbound",
                "protocol": "Tcp",
                "priority": 100 + index,
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": port,
            },
        }
        for index, (name, port) in enumerate(
            (("web", "443"), ("shell", "[parameters('port')]"), ("desktop", "3389"))
        )
    ]
    group = {
        "type": "Microsoft.Network/networkSecurityGroups",
        "apiVersion": "2023-01-01",
        "name": "nsg",
        "properties": {"securityRules": rules},
    }
    parameters = {"port": {"type": "string", "defaultValue": "22"}}
    template = {"$schema": "x", "contentVersion": "1.0.0.0", "parameters": parameters, "resources": [group]}
    text = json.dumps(template, indent=1)
    found = assess.assess(
        expand_template(TemplateDocument.parse(text, "main.json"), scope=DeploymentScope()).resources
    )
    places = {
        one.message.rpartition("(")[2].rstrip(")"): text.splitlines()[one.region.line - 1].strip()
        for one in found.findings
        if one.rule.startswith(("5bb7f9aa", "a9379551"))
    }
    assert places == {
        'shell: "22"': '"defaultValue": "22"',
        'desktop: "3389"': '"destinationPortRange": "3389"',
    }
