"""What a template spec deploys is judged where its version is held: by a file, by a template that makes it, by the estate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope
from nephoscope_policy.catalog import PolicyCatalog

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/templateSpecs/store/versions/1.0"
HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> PolicyCatalog:
    return Packs(tmp_path_factory.mktemp("data")).catalog()


def template(*resources: Any, **more: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **more, "resources": list(resources)}


def main_template(escape: str = "") -> dict[str, Any]:
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2022-09-01",
        "name": "plain",
        "location": "westeurope",
        "properties": {"supportsHttpsTrafficOnly": f"{escape}[parameters('https')]"},
    }
    return template(account, parameters={"https": {"type": "bool", "defaultValue": False}})


def deployment(id_: str = ID) -> dict[str, Any]:
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "d",
        "properties": {"mode": "Incremental", "templateLink": {"id": id_}},
    }


class Folder:
    def __init__(self, path: Path, catalog: PolicyCatalog) -> None:
        self.path, self._catalog = path, catalog

    def write(self, name: str, document: object) -> None:
        (self.path / name).write_text(json.dumps(document, indent=1))

    def scan(self, estate: Mapping[str, Any] | None = None) -> CodeReport:
        plan = EvaluationPlan(self._catalog).with_assignment("nephoscope")
        aliases = Packs(self.path / ".data").aliases()
        assess = TemplateEvaluator(lambda: (plan, aliases), datetime(2026, 11, 1, tzinfo=UTC))
        return scan_targets([self.path], assess, DeploymentScope(), specs=dict(estate or {}).get)


@pytest.fixture
def folder(tmp_path: Path, catalog: PolicyCatalog) -> Folder:
    return Folder(tmp_path, catalog)


def places(report: CodeReport) -> list[tuple[str, int]]:
    return [(one.region.file, one.region.line) for one in report.failed_findings if one.rule == HTTPS]


def lines_with(folder: Folder, name: str, text: str) -> list[int]:
    lines = (folder.path / name).read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if text in line]


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"value": [one]}])
def test_a_version_as_azure_gives_it_is_judged_in_its_file(folder: Folder, wrap: Any) -> None:
    version = {
        "id": ID,
        "type": "Microsoft.Resources/templateSpecs/versions",
        "properties": {"mainTemplate": main_template()},
    }
    folder.write("spec.json", wrap(version))
    folder.write("main.json", template(deployment()))
    line = lines_with(folder, "spec.json", '"defaultValue": false')[0]
    assert places(folder.scan()) == [("spec.json", line)]


@pytest.mark.parametrize("whole", [True, False])
def test_a_version_that_another_template_makes_is_judged_there(folder: Folder, whole: bool) -> None:
    version = {"apiVersion": "2022-02-01", "properties": {"mainTemplate": main_template("[")}}
    if whole:
        made = {**version, "type": "Microsoft.Resources/templateSpecs/versions", "name": "store/1.0"}
    else:
        child = {**version, "type": "versions", "name": "1.0"}
        made = {
            "type": "Microsoft.Resources/templateSpecs",
            "apiVersion": "2022-02-01",
            "name": "store",
            "resources": [child],
        }
    folder.write("specs.json", template(made))
    link = "[resourceId('Microsoft.Resources/templateSpecs/versions', 'store', '1.0')]"
    folder.write("main.json", template(deployment(link)))
    line = lines_with(folder, "specs.json", '"defaultValue": false')[0]
    assert places(folder.scan()) == [("specs.json", line)]


def test_a_version_that_the_estate_has_is_judged_at_the_link(folder: Folder) -> None:
    folder.write("main.json", template(deployment()))
    body = {"id": ID, "properties": {"mainTemplate": main_template()}}
    found = places(folder.scan({ID.lower(): body}))
    assert found == [("main.json", lines_with(folder, "main.json", '"templateLink"')[0])]


@pytest.mark.parametrize("version", ["1.1", "1.0/x"])
def test_another_version_is_not_taken_for_it(folder: Folder, version: str) -> None:
    other = {"id": ID.replace("1.0", version), "mainTemplate": main_template()}
    folder.write("spec.json", {"value": [other]})
    folder.write("main.json", template(deployment()))
    report = folder.scan()
    assert places(report) == []
    assert any("template spec" in one.reason for one in report.unread)


def test_a_version_of_another_group_is_not_taken_for_it(folder: Folder) -> None:
    folder.write("spec.json", {"value": [{"id": ID.replace("/g/", "/h/"), "mainTemplate": main_template()}]})
    folder.write("main.json", template(deployment()))
    assert places(folder.scan()) == []
