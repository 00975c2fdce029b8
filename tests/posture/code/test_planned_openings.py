"""Openings of templates against the list of those that are allowed: at the rule that opens, by the resource that is reached."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
RULE = {
    "access": "Allow",
    "direction": "Inbound",
    "protocol": "Tcp",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
}


def resource(type_: str, name: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    base = {"type": type_, "apiVersion": "2023-04-01", "name": name, "location": "[resourceGroup().location]"}
    return base | more | {"properties": properties}


def build_reference(type_: str, *names: str) -> dict[str, str]:
    listed = ", ".join(f"'{one}'" for one in (type_, *names))
    return {"id": f"[resourceId({listed})]"}


def machine(
    rules: Sequence[Mapping[str, Any]], group: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    network = "Microsoft.Network"
    written = [
        {"name": f"rule{at}", "properties": {**RULE, "priority": 100 + at, **one}}
        for at, one in enumerate(rules)
    ]
    interface = {
        "name": "ip",
        "properties": {
            "subnet": build_reference(f"{network}/virtualNetworks/subnets", "vn", "s"),
            "publicIPAddress": build_reference(f"{network}/publicIPAddresses", "pip"),
        },
    }
    subnet = {
        "addressPrefix": "10.0.0.0/24",
        "networkSecurityGroup": group or build_reference(f"{network}/networkSecurityGroups", "nsg"),
    }
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    return [
        resource(f"{network}/publicIPAddresses", "pip", {}, sku={"name": "Standard"}),
        resource(f"{network}/networkSecurityGroups", "nsg", {"securityRules": written}),
        resource(
            f"{network}/virtualNetworks",
            "vn",
            {"addressSpace": space, "subnets": [{"name": "s", "properties": subnet}]},
        ),
        resource(f"{network}/networkInterfaces", "nic", {"ipConfigurations": [interface]}),
        resource(
            "Microsoft.Compute/virtualMachines",
            "vm1",
            {
                "networkProfile": {
                    "networkInterfaces": [build_reference(f"{network}/networkInterfaces", "nic")]
                }
            },
        ),
    ]


WEB = {"sourceAddressPrefix": "*", "destinationPortRange": "443"}
OFFICE = {"sourceAddressPrefix": "203.0.113.0/24", "destinationPortRange": "22"}
CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "a port for everybody": (machine([WEB, OFFICE]), [("Failed", "TCP 443 is open to everybody")]),
    "ports for an office": (machine([OFFICE]), []),
    "a group that is elsewhere": (machine([WEB], {"id": "[parameters('group')]"}), [("Unknown", "group")]),
    "a server with a rule for all": (
        [
            resource("Microsoft.Sql/servers", "sql", {}),
            resource(
                "Microsoft.Sql/servers/firewallRules",
                "sql/all",
                {"startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255"},
            ),
        ],
        [("Failed", "service endpoint is open to everybody")],
    ),
    "a server without a rule": ([resource("Microsoft.Sql/servers", "sql", {})], []),
    "an account that says nothing": (
        [
            resource(
                "Microsoft.Storage/storageAccounts", "st", {}, kind="StorageV2", sku={"name": "Standard_LRS"}
            )
        ],
        [("Failed", "service endpoint is open to everybody")],
    ),
    "an account that is closed": (
        [resource("Microsoft.Storage/storageAccounts", "st", {"publicNetworkAccess": "Disabled"})],
        [],
    ),
    "a site with a restriction": (
        [
            resource(
                "Microsoft.Web/sites",
                "web",
                {
                    "siteConfig": {
                        "ipSecurityRestrictions": [{"ipAddress": "203.0.113.0/24", "action": "Allow"}]
                    }
                },
            )
        ],
        [],
    ),
    "a site": (
        [resource("Microsoft.Web/sites", "web", {})],
        [("Failed", "service endpoint is open to everybody")],
    ),
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    (folder / ".nephoscope").mkdir(parents=True)
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    return folder


def scan(folder: Path, resources: Sequence[Mapping[str, Any]], *options: str) -> Result:
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}
    template |= {"parameters": {"group": {"type": "string"}}}
    (folder / "main.json").write_text(json.dumps(template, indent=1))
    return CliRunner().invoke(cli, ["--data", "../data", "scan", ".", "--tools", "none", *options])


def openings(result: Result) -> list[dict[str, Any]]:
    found = [one["finding"] for one in json.loads(result.stdout)["findings"]]
    return [one for one in found if one["rule"] == "opening-not-allowed"]


@pytest.mark.parametrize("case", CASES)
def test_what_a_template_opens_is_a_finding_where_a_list_does_not_allow_it(
    repository: Path, case: str
) -> None:
    resources, wanted = CASES[case]
    assert not openings(scan(repository, resources, "-o", "json"))
    (repository / ".nephoscope" / "allowed-openings.json").write_text("[]")
    found = openings(scan(repository, resources, "-o", "json"))
    assert [one["state"] for one in found] == [state for state, _ in wanted]
    assert all(text in one["message"] for one, (_, text) in zip(found, wanted, strict=True))


def test_an_opening_is_found_at_its_port_until_the_list_allows_it(repository: Path) -> None:
    (repository / ".nephoscope" / "allowed-openings.json").write_text("[]")
    (one,) = openings(scan(repository, machine([OFFICE, WEB]), "-o", "json"))
    lines = (repository / "main.json").read_text().splitlines()
    assert lines[one["region"]["line"] - 1].strip() == '"destinationPortRange": "443"'
    assert one["related"]
    assert scan(repository, machine([OFFICE, WEB]), "--fail-on-policy", "opening-not-allowed").exit_code == 1
    allowed = {"resource": "Microsoft.Compute/virtualMachines/vm1", "ports": "443", "reason": "the shop"}
    (repository / "own.json").write_text(json.dumps([allowed]))
    options = ("--fail-on-policy", "opening-not-allowed", "--allowed-openings", "own.json")
    assert scan(repository, machine([OFFICE, WEB]), *options).exit_code == 0
    wider = machine([OFFICE, WEB | {"destinationPortRange": "443-444"}])
    assert scan(repository, wider, *options).exit_code == 1


def test_a_list_that_cannot_be_read_stops_the_gate(repository: Path) -> None:
    (repository / ".nephoscope" / "allowed-openings.json").write_text("[{}]")
    result = scan(repository, machine([WEB]))
    assert result.exit_code == 2
    assert "allowed-openings.json" in result.output


def test_a_comment_with_a_reason_accepts_an_opening(repository: Path) -> None:
    (repository / ".nephoscope" / "allowed-openings.json").write_text("[]")
    scan(repository, CASES["a site"][0])
    file = repository / "main.json"
    marked = file.read_text().replace(
        '"name": "web",', '"name": "web", // nephoscope: ignore[opening-not-allowed] the shop'
    )
    file.write_text(marked)
    options = ["--data", "../data", "scan", ".", "--tools", "none", "-o", "json"]
    (one,) = openings(CliRunner().invoke(cli, options))
    assert (one["state"], one["reason"]) == ("Suppressed", "the shop")
