"""What is scanned as code: templates and folders of them, not a snapshot one of whose bodies holds a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nephoscope.cli.session.code_targets import is_code

TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "resources": [],
}
SPEC = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Resources/templateSpecs/one/versions/1"

DEPLOYMENT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Resources/deployments/one"
ARTIFACT = "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Blueprint/blueprints/b/artifacts/a"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (TEMPLATE, True),
        ({"metadata": {"tags": ["a"]}, **TEMPLATE}, True),
        ({"id": SPEC, "properties": {"mainTemplate": TEMPLATE}}, False),
        ([{"id": SPEC, "properties": {"mainTemplate": TEMPLATE}}], False),
        ([TEMPLATE], False),
        ({"id": SPEC}, False),
        ({"kind": "template", "id": ARTIFACT, "properties": {"template": TEMPLATE}}, True),
        (
            {
                "id": ARTIFACT,
                "type": "Microsoft.Blueprint/blueprints/artifacts",
                "properties": {"template": TEMPLATE},
            },
            True,
        ),
        ({"properties": {"template": TEMPLATE, "mode": "Incremental"}}, True),
        ({"id": DEPLOYMENT, "properties": {"template": TEMPLATE, "mode": "Incremental"}}, False),
        ([{"kind": "template", "properties": {"template": TEMPLATE}}], False),
    ],
)
def test_a_template_is_code_and_a_body_that_holds_one_is_not(
    tmp_path: Path, document: Any, code: bool
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(document))
    assert is_code([str(tmp_path / "one.json")]) is code
    assert is_code([str(tmp_path)]) is code


DEFINITION = {"name": "p", "properties": {"policyRule": {"if": {"field": "type", "equals": "A.B/c"}}}}


@pytest.mark.parametrize(
    ("beside", "code"),
    [
        ({"parameters": {}}, True),
        ([{"id": "/subscriptions/s/resourceGroups/g", "type": "Microsoft.Resources/resourceGroups"}], False),
    ],
)
def test_policies_in_a_subfolder_are_code_unless_a_snapshot_is_beside_them(
    tmp_path: Path, beside: Any, code: bool
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "one.json").write_text(json.dumps(DEFINITION))
    (tmp_path / "other.json").write_text(json.dumps(beside))
    assert is_code([str(tmp_path)]) is code


def test_no_target_is_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.json").write_text(json.dumps(TEMPLATE))
    monkeypatch.chdir(tmp_path)
    assert not is_code([""])
    assert not is_code([" "])
    assert not is_code(["sample:"])
