"""A fix edits exactly the text that decides, and then the finding is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.posture.code.file_edits import apply_edits
from nephoscope.posture.code.finding import Edit, Region
from nephoscope.posture.code.template.fix_requirements import is_deployable

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(type_: str, properties: Any, **more: Any) -> dict[str, Any]:
    resource = {
        "type": type_,
        "apiVersion": "2022-09-01",
        "name": "one",
        "location": "x",
        "properties": properties,
    }
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [resource], **more}


STORAGE, WEB = "Microsoft.Storage/storageAccounts", "Microsoft.Web/sites"
PARAMETER = {"h": {"type": "bool", "defaultValue": False}}
VARIABLE = {"a": {"defaultAction": "Allow"}}
CASES = [
    ("a literal", template(STORAGE, {"supportsHttpsTrafficOnly": False}), "11374dee*", "true"),
    (
        "the default of a parameter",
        template(STORAGE, {"supportsHttpsTrafficOnly": "[parameters('h')]"}, parameters=PARAMETER),
        "11374dee*",
        '"defaultValue": true',
    ),
    ("a member that is not there", template(STORAGE, {"accessTier": "Hot"}), "34cbc653*", '"networkAcls": {"defaultAction": "Deny"}'),
    ("a member of an empty object", template(STORAGE, {}), "77499344*", '"properties": { "allowSharedKeyAccess": false}'),
    ("a variable", template(STORAGE, {"networkAcls": "[variables('a')]"}, variables=VARIABLE), "34cbc653*", '"Deny"'),
    ("a part that a child shows", template(WEB, {"siteConfig": {"ftpsState": "AllAllowed"}}), "5905f01c*", '"ftpsState": "'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "rule", "text"), [one[1:] for one in CASES], ids=[one[0] for one in CASES]
)
def test_a_fix_makes_the_finding_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], rule: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "main.json"
    path.write_text(json.dumps(document, indent=2))
    arguments = ["--data", str(tmp_path / "data"), "scan", "main.json", "--fail-on-policy", rule]
    assert CliRunner().invoke(cli, arguments).exit_code == 1
    assert CliRunner().invoke(cli, [*arguments, "--fix"]).exit_code == 1
    assert text in path.read_text()
    json.loads(path.read_text())
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output


def edit(line: int, column: int, end: int, text: str) -> Edit:
    return Edit(Region("f", line, column, line, end), text)


def test_edits_that_overlap_are_applied_once() -> None:
    assert apply_edits("ab\ncd\n", [edit(2, 1, 2, "X"), edit(1, 1, 3, "Y"), edit(1, 2, 3, "Z")]) == (
        "Y\nXd\n",
        2,
    )
    assert apply_edits("{}", [edit(1, 2, 2, "a"), edit(1, 2, 2, "b")]) == ("{a}", 1)
    many = [edit(1, 2, 2, '"a": 1,'), edit(1, 2, 2, '"a": 2,'), edit(1, 2, 2, '"b": 3,')]
    assert apply_edits('{"c": 4}', many) == ('{"a": 1,"b": 3,"c": 4}', 2)


KEY = {"keyvaultproperties": {"keyname": "k", "keyvaulturi": "https://kv"}}
#: A type, its properties and more of its body, a value that a rule wants at a path, and whether a fix is offered.
OFFERED: list[tuple[str, dict[str, Any], dict[str, Any], str, Any, bool]] = [
    (STORAGE, {}, {}, "properties.encryption.keySource", "Microsoft.Keyvault", False),
    (STORAGE, {"encryption": KEY}, {}, "properties.encryption.keySource", "Microsoft.Keyvault", False),
    (
        STORAGE, {"encryption": KEY}, {"identity": {"type": "SystemAssigned"}}, "properties.encryption.keySource",
        "Microsoft.Keyvault", True,
    ),
    (STORAGE, {}, {}, "properties.allowSharedKeyAccess", False, True),
    (STORAGE, {}, {}, "sku.name", "Standard_GRS", False),
    ("Microsoft.Storage/storageAccounts/blobServices", {}, {}, "properties.deleteRetentionPolicy.enabled", True, False),
    (
        "Microsoft.Storage/storageAccounts/blobServices", {"deleteRetentionPolicy": {"days": 7}}, {},
        "properties.deleteRetentionPolicy.enabled", True, True,
    ),
    ("Microsoft.Sql/servers", {}, {}, "properties.administrators.azureADOnlyAuthentication", True, False),
    ("Microsoft.Sql/servers", {}, {}, "properties.minimalTlsVersion", "1.2", True),
    ("Microsoft.Sql/servers/firewallRules", {}, {}, "properties.endIpAddress", "0.0.0.0", False),
    ("Microsoft.Compute/disks", {}, {}, "properties.networkAccessPolicy", "AllowPrivate", False),
    ("Microsoft.Compute/disks", {}, {}, "properties.networkAccessPolicy", "DenyAll", True),
    ("Microsoft.ContainerRegistry/registries", {}, {"sku": {"name": "Basic"}}, "properties.publicNetworkAccess", "Disabled", False),
    ("Microsoft.ContainerRegistry/registries", {}, {"sku": {"name": "Premium"}}, "properties.publicNetworkAccess", "Disabled", True),
    ("Microsoft.RecoveryServices/vaults", {}, {}, "properties.securitySettings.immutabilitySettings.state", "Locked", False),
    ("Microsoft.RecoveryServices/vaults", {}, {}, "properties.publicNetworkAccess", "Disabled", True),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "properties", "more", "path", "value", "offered"), OFFERED)
def test_a_fix_is_offered_only_where_azure_takes_it(
    type_: str, properties: dict[str, Any], more: dict[str, Any], path: str, value: Any, offered: bool
) -> None:
    body = {"properties": properties, **more}
    assert is_deployable(type_, body, tuple(path.split(".")), value) is offered


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_fix_keeps_the_ends_of_lines_and_the_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newline: str, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "main.json"
    written = json.dumps(
        template(STORAGE, {"accessTier": "Hot", "note": "Größe"}), indent=2, ensure_ascii=False
    )
    path.write_bytes(written.replace("\n", newline).encode(encoding))
    arguments = ["--data", str(tmp_path / "data"), "scan", "main.json", "--fail-on-policy", "34cbc653*"]
    assert CliRunner().invoke(cli, [*arguments, "--fix"]).exit_code == 1
    text = path.read_bytes().decode(encoding)
    assert '"networkAcls"' in text
    assert "keySource" not in text
    assert text.count("\r\n") == (text.count("\n") if newline == "\r\n" else 0)
    assert "Größe" in text
    assert path.read_bytes()[:1] == written.encode(encoding)[:1]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
