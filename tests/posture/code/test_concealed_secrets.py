"""A finding about a secret names its place and does not quote it, in every output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli

SECRET = "hunter2-is-no-secret"
TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"password": {"type": "securestring", "defaultValue": SECRET}},
    "resources": [
        {
            "type": "Microsoft.Compute/virtualMachines", "apiVersion": "2022-08-01", "name": "vm", "location": "x",
            "properties": {"osProfile": {"computerName": "vm", "adminUsername": "user", "adminPassword": SECRET}},
        },
        {
            "type": "Microsoft.ContainerInstance/containerGroups", "apiVersion": "2023-05-01", "name": "group", "location": "x",
            "properties": {
                "osType": "Linux",
                "containers": [
                    {"name": "web", "properties": {"environmentVariables": [{"name": "DB_PASSWORD", "value": SECRET}]}}
                ],
            },
        },
        {
            "type": "Microsoft.ApiManagement/service/backends", "apiVersion": "2022-08-01", "name": "service/backend",
            "properties": {"url": f"http://user:{SECRET}@backend.contoso.com/", "protocol": "http"},
        },
        {
            "type": "Microsoft.ApiManagement/service/apis", "apiVersion": "2022-08-01", "name": "service/api",
            "properties": {"displayName": "api", "path": "api", "serviceUrl": f"http://backend.contoso.com/?code={SECRET}"},
        },
        {
            "type": "Microsoft.ApiManagement/service/policies", "apiVersion": "2022-08-01", "name": "service/policy",
            "properties": {
                "format": "xml",
                "value": f'<policies><inbound><set-header name="x-functions-key"><value>{SECRET}</value></set-header><cors>'
                "<allowed-origins><origin>*</origin></allowed-origins></cors></inbound></policies>",
            },
        },
    ],
}  # fmt: skip
POD = f"""apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers:
    - name: web
      image: web:1
      env:
        - name: DB_PASSWORD
          value: {SECRET}
"""
GROUP = {
    "name": "group", "location": "x", "resource_group_name": "rg", "os_type": "Linux",
    "init_container": [{"name": "init", "image": "i:1", "environment_variables": {"DB_PASSWORD": SECRET}}],
}  # fmt: skip
PLAN: dict[str, Any] = {
    "format_version": "1.2", "terraform_version": "1.7.0",
    "resource_changes": [
        {
            "address": "azurerm_container_group.group", "mode": "managed", "type": "azurerm_container_group", "name": "group",
            "provider_name": "registry.terraform.io/hashicorp/azurerm",
            "change": {"actions": ["create"], "before": None, "after": GROUP, "after_unknown": {"id": True}},
        }
    ],
    "configuration": {"root_module": {"resources": [
        {"address": "azurerm_container_group.group", "mode": "managed", "type": "azurerm_container_group", "name": "group",
         "expressions": {}}
    ]}},
}  # fmt: skip
CONFIGURATION = f"""resource "azurerm_container_group" "group" {{
  name                = "group"
  location            = "x"
  resource_group_name = "rg"
  os_type             = "Linux"
  init_container {{
    name  = "init"
    image = "i:1"
    environment_variables = {{
      DB_PASSWORD = "{SECRET}"
    }}
  }}
}}
"""
BACKEND, CORS = "44cad3b7-c2ac-5981-b56b-6fb8f0f0a4f0", "99c05d42-4bb5-515c-8d6a-afe35ef3ec41"
RULES = {
    "arm-literal-password", "arm-secure-parameter-default", "arm-unencrypted-link", "DL3064", "kubernetes-secret-in-env",
    BACKEND, CORS,
}  # fmt: skip


ENVIRONMENT = "ad4401f0-7c3c-5bdc-9be8-1142951d8c20"


@pytest.mark.parametrize("output", ["json", "sarif", "table", "markdown", "junit"])
def test_no_output_quotes_a_secret(tmp_path: Path, output: str) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "main.json").write_text(json.dumps(TEMPLATE, indent=1))
    (folder / "Dockerfile").write_text(f"FROM ubuntu:24.04\nENV DB_PASSWORD={SECRET}\n")
    (folder / "pod.yaml").write_text(POD)
    arguments = ["--data", str(tmp_path / "data"), "scan", str(folder), "-o", output, "--tools", "none"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert "main.json" in result.output
    if output == "json":
        found = {one["finding"]["rule"] for one in json.loads(result.stdout)["findings"]}
        assert found >= RULES, found


@pytest.mark.parametrize("output", ["json", "sarif", "table"])
def test_no_output_quotes_a_secret_of_a_configuration_of_terraform(tmp_path: Path, output: str) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    (folder / "plan.json").write_text(json.dumps(PLAN))
    result = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "scan", str(folder), "-o", output])
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    if output == "json":
        found = [one["finding"] for one in json.loads(result.stdout)["findings"]]
        (one,) = (finding for finding in found if finding["rule"] == ENVIRONMENT)
        assert one["region"]["file"].endswith("main.tf")
        assert "DB_PASSWORD" in one["evidence"]
