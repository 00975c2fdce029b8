"""Analyzers of the network judge what a template plans, and an unknown value makes their verdicts Unknown and never the opposite."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.estate.network import MANAGER_TYPE
from nephoscope.posture.code.template import template_evaluation as judging
from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
from nephoscope.posture.code.template.planned_estate import PlannedEstate, plan_estate
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.code.template.unknown_value_guard import build_guarded_body
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, expand_template
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CASE = json.loads((Path(__file__).parent / "cases" / "planned_machine.json").read_text())
PERMISSIVE = "3b20e985-f71f-483b-b078-f30d73936d43"
PORTS = "bc303248-3d14-44c2-96a0-55f5c326b5fe"
SSH = "5bb7f9aa-1034-5740-9681-ecdafde86364"
FORWARDING = "c3b51c94-588b-426b-a892-24696f9e54cc"
FACING = "483f12ed-ae23-447e-a2de-a67a10db4353"
NODE = "[reference('/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/z', '2022-03-01').v]"


def with_managers(listed: Iterable[WrittenResource], unlisted: Mapping[str, str] = {}) -> PlannedEstate:
    """What is planned, in a subscription of which it is known that no network manager rules it."""
    planned = plan_estate(listed, unlisted)
    claims = {**planned.estate.coverage.scopes, DeploymentScope().subscription: frozenset({MANAGER_TYPE})}
    held = Estate.of(planned.estate.resources.values(), Coverage(claims, declared=True))
    return replace(planned, estate=held)


def verdicts(template: dict[str, Any], *, managers: bool = True) -> dict[str, ComplianceState]:
    """The verdict on the machine by key; Unknown where an analyzer leaves it open. `managers`: it is known that there are none."""
    expansion = expand_template(
        TemplateDocument.parse(json.dumps(template), "main.json"), scope=DeploymentScope()
    )
    planned = with_managers(expansion.resources) if managers else plan_estate(expansion.resources)
    analysis = analyze_planned_estate(planned.estate, NOW)
    found = {one.key: one.state for one in analysis.assessments if "/virtualMachines/" in one.resource}
    return found | {
        id_.rpartition("/")[2]: ComplianceState.UNKNOWN
        for id_ in analysis.unknown
        if "/virtualmachines/" in id_
    }


def test_what_a_template_opens_is_unhealthy() -> None:
    found = verdicts(CASE)
    assert {key: found[key] for key in (PERMISSIVE, PORTS, FORWARDING, FACING)} == {
        PERMISSIVE: ComplianceState.NON_COMPLIANT,
        PORTS: ComplianceState.NON_COMPLIANT,
        FORWARDING: ComplianceState.NON_COMPLIANT,
        FACING: ComplianceState.COMPLIANT,
    }


def test_an_id_of_a_subnet_that_is_none_is_not_taken_for_one() -> None:
    network = {
        "type": "Microsoft.Network/virtualNetworks", "apiVersion": "2023-09-01", "name": "vnet-other", "location": "westeurope",
        "properties": {"subnets": [{"id": "string", "name": "s", "properties": {"addressPrefix": "10.9.0.0/24"}}]},
    }  # fmt: skip
    assert verdicts({**CASE, "resources": [*CASE["resources"], network]}) == verdicts(CASE)


def test_rules_of_network_managers_are_not_known_before_a_deployment() -> None:
    found = verdicts(CASE, managers=False)
    assert {key: found[key] for key in (PERMISSIVE, PORTS, FORWARDING, FACING)} == {
        PERMISSIVE: ComplianceState.UNKNOWN,
        PORTS: ComplianceState.UNKNOWN,
        FORWARDING: ComplianceState.NON_COMPLIANT,
        FACING: ComplianceState.COMPLIANT,
    }


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every literal of the bodies that is not what identifies a resource."""
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if step not in ("type", "apiVersion", "name", "$schema", "contentVersion", "dependsOn"):
                yield from places(item, (*path, step))
    else:
        yield path


def replaced(path: tuple[str | int, ...]) -> dict[str, Any]:
    made: Any = copy.deepcopy(CASE)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = NODE
    return dict(made)


PLACES = list(places(CASE["resources"], ("resources",)))


@pytest.mark.parametrize("path", PLACES, ids=[".".join(map(str, one)) for one in PLACES])
def test_an_unknown_in_the_place_of_a_literal_turns_a_verdict_to_unknown_at_most(
    path: tuple[str | int, ...],
) -> None:
    before, after = verdicts(CASE), verdicts(replaced(path))
    assert before.keys() == after.keys()
    assert all(state in (before[key], ComplianceState.UNKNOWN) for key, state in after.items()), after


def test_the_finding_stands_at_the_port_and_has_the_words_of_the_analyzer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = Packs(tmp_path / "data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    assess = TemplateEvaluator(lambda: (plan, packs.aliases()), NOW)
    path = tmp_path / "main.json"
    path.write_text(json.dumps(CASE, indent=1))
    monkeypatch.setattr(judging, "plan_estate", with_managers)
    found = [
        one for one in scan_targets([path], assess, DeploymentScope()).findings if "22 (SSH)" in one.message
    ]
    port = path.read_text().splitlines().index('       "destinationPortRange": "22"') + 1
    assert [(one.region.line, one.subject.rpartition("/")[2]) for one in found] == [(port, "vm")]


def test_what_decides_is_unknown_and_the_rest_stays() -> None:
    at = next(path for path in PLACES if path[-1] == "sourceAddressPrefix")
    found = verdicts(replaced(at))
    assert (found[PERMISSIVE], found[FORWARDING]) == (ComplianceState.UNKNOWN, ComplianceState.NON_COMPLIANT)


def test_a_rule_of_its_own_counts_in_its_group() -> None:
    made = copy.deepcopy(CASE)
    (group,) = [one for one in made["resources"] if one["type"].endswith("/networkSecurityGroups")]
    (rule,) = group["properties"].pop("securityRules")
    own = {
        "type": f"{group['type']}/securityRules",
        "apiVersion": "2023-04-01",
        "name": f"{group['name']}/{rule['name']}",
    }
    made["resources"].append({**own, "properties": rule["properties"]})
    assert verdicts(made)[PERMISSIVE] is ComplianceState.NON_COMPLIANT
    made["resources"][-1]["condition"] = f"[equals({NODE[1:-1]}, 'x')]"
    assert verdicts(made)[PERMISSIVE] is ComplianceState.UNKNOWN


@pytest.mark.parametrize(
    "kind", ["networkInterfaces", "networkSecurityGroups", "virtualNetworks", "publicIPAddresses"]
)
def test_what_may_not_be_made_decides_nothing(kind: str) -> None:
    made = copy.deepcopy(CASE)
    for one in made["resources"]:
        if one["type"] == f"Microsoft.Network/{kind}":
            one["condition"] = f"[equals({NODE[1:-1]}, 'x')]"
    found = verdicts(made)
    before = verdicts(CASE)
    opposite = {
        ComplianceState.COMPLIANT: ComplianceState.NON_COMPLIANT,
        ComplianceState.NON_COMPLIANT: ComplianceState.COMPLIANT,
    }
    assert all(state is not opposite.get(before[key]) for key, state in found.items()), found
    assert found[PORTS] is ComplianceState.UNKNOWN


ID = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n"
BODY = {
    "id": ID,
    "type": "Microsoft.Network/networkInterfaces",
    "properties": {
        "known": 1,
        "later": Unknown(reason="r"),
        "open": OpenObject({"a": 1}, Unknown(reason="r")),
        "list": [1, Unknown(reason="r")],
        "items": [{"a": 1}],
    },
}
READS = [
    ("known", lambda body: body["KNOWN"], 1),
    ("unknown", lambda body: body.get("later"), None),
    ("a member of an open object", lambda body: body["open"].get("a"), 1),
    ("a missing member of an open object", lambda body: body["open"].get("b"), None),
    ("whether an open object has a member", lambda body: "b" in body["open"], None),
    ("all of an open object", lambda body: dict(body["open"]), None),
    ("how many", lambda body: len(body["open"]), None),
    ("an unknown element", lambda body: [*body["list"]], None),
    ("an unpacked object", lambda body: {**body}, None),
    ("what Azure may fill in", lambda body: body.get("other"), None),
    ("what is absent", lambda body: body.get("never", 0), 0),
    ("what is absent in an array", lambda body: body["items"][0].get("b", 0), 0),
]


@pytest.mark.parametrize(("read", "wanted"), [one[1:] for one in READS], ids=[one[0] for one in READS])
def test_a_guarded_body_gives_what_is_known_and_raises_for_the_rest(read: Any, wanted: Any) -> None:
    planning = Planning(absent=frozenset({("properties", "never")}))
    body = build_guarded_body(Resource(ResourceId.parse(ID), BODY, complete=False, planned=planning))[
        "properties"
    ]
    if wanted is None:
        with pytest.raises(DataNotCollectedError):
            read(body)
    else:
        assert read(body) == wanted


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ({"destinationPortRanges": ["443", "20-30", "8443"]}, '"20-30"'),
        ({"destinationPortRanges": ["443", "22"]}, '"22"'),
        ({"destinationPortRange": "0-100", "destinationPortRanges": []}, '"0-100"'),
    ],
)
def test_findings_stand_at_the_port_that_decides(ports: dict[str, Any], found: str, tmp_path: Path) -> None:
    template = copy.deepcopy(CASE)
    group = next(one for one in template["resources"] if "securityRules" in one["properties"])
    rule = group["properties"]["securityRules"][0]["properties"]
    del rule["destinationPortRange"]
    rule |= ports
    (tmp_path / "main.json").write_text(json.dumps(template, indent=1))
    packs = Packs(tmp_path / ".data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    report = scan_targets(
        [tmp_path], TemplateEvaluator(lambda: (plan, packs.aliases()), NOW), DeploymentScope()
    )
    [finding] = [one for one in report.failed_findings if one.rule == SSH]
    assert finding.evidence == found
