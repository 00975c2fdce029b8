"""What `bicep build-params --stdout` prints is judged: the template with the parameters for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.cli.session.code_targets import is_code
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope

SCHEMAS = "https://schema.management.azure.com/schemas/2019-04-01"
HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
TEMPLATE = {
    "$schema": f"{SCHEMAS}/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"https": {"type": "bool", "defaultValue": True}},
    "resources": [
        {
            "type": "Microsoft.Storage/storageAccounts",
            "apiVersion": "2022-09-01",
            "name": "plain",
            "location": "westeurope",
            "properties": {"supportsHttpsTrafficOnly": "[parameters('https')]"},
        }
    ],
}
PARAMETERS = {
    "$schema": f"{SCHEMAS}/deploymentParameters.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"https": {"value": False}},
}


def scan(folder: Path, built: Any) -> CodeReport:
    (folder / "built.json").write_text(json.dumps(built, indent=1))
    packs = Packs(folder / ".data")
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    assess = TemplateEvaluator(lambda: (plan, packs.aliases()), datetime(2026, 11, 1, tzinfo=UTC))
    return scan_targets([folder], assess, DeploymentScope())


@pytest.mark.parametrize("write", [json.dumps, lambda one: one])
def test_the_template_is_judged_with_its_parameters(tmp_path: Path, write: Any) -> None:
    built = {"parametersJson": write(PARAMETERS), "templateJson": write(TEMPLATE), "templateSpecId": None}
    report = scan(tmp_path, built)
    [found] = [one for one in report.failed_findings if one.rule == HTTPS]
    lines = (tmp_path / "built.json").read_text().splitlines()
    wanted = '"parametersJson"' if write is json.dumps else '"value": false'
    assert wanted in lines[found.region.line - 1]
    assert found.region.file == "built.json"
    assert is_code([str(tmp_path / "built.json")])


def test_parameters_without_their_template_are_told(tmp_path: Path) -> None:
    spec = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/templateSpecs/t/versions/1"
    report = scan(tmp_path, {"parametersJson": json.dumps(PARAMETERS), "templateSpecId": spec})
    assert [one.reason for one in report.unread] == [
        f"the parameters are for the template spec {spec}: scan them with that template"
    ]


def test_a_text_that_is_no_json_is_told_at_its_place(tmp_path: Path) -> None:
    report = scan(tmp_path, {"templateJson": "{", "parametersJson": "{}"})
    [unread] = report.unread
    assert (unread.region.line, unread.reason.startswith("templateJson is not JSON")) == (2, True)


def test_members_of_these_names_elsewhere_are_nothing(tmp_path: Path) -> None:
    report = scan(tmp_path, {"note": {"templateJson": "{", "parametersJson": 1}})
    assert not report.unread
    assert not report.findings


@pytest.mark.parametrize("name", ["built.bicepparam", "prod.bicepparam"])
def test_a_value_stands_in_the_bicep_file_that_it_was_built_from(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("using 'main.bicep'\n\nparam https = false\n")
    report = scan(tmp_path, {"parametersJson": json.dumps(PARAMETERS), "templateJson": json.dumps(TEMPLATE)})
    [found] = [one for one in report.failed_findings if one.rule == HTTPS]
    assert (found.region.file, found.region.line) == (name, 3)
    assert not report.unread


def test_a_bicep_file_without_the_parameter_is_not_its_source(tmp_path: Path) -> None:
    (tmp_path / "built.bicepparam").write_text("using 'main.bicep'\nparam other = false\n")
    report = scan(tmp_path, {"parametersJson": json.dumps(PARAMETERS), "templateJson": json.dumps(TEMPLATE)})
    [found] = [one for one in report.failed_findings if one.rule == HTTPS]
    assert found.region.file == "built.json"
