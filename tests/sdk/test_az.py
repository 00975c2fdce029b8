"""`az`, as it comes from PyPI, against one server: what it prints is what the files of the sample say.

It lives in an environment of its own (`make setup-az`), which is too large for `make test`: these run in `make test-all`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nephoscope.access.tokens import NO_TENANT

pytestmark = [pytest.mark.system, pytest.mark.full]
PROGRAM = Path(sys.prefix) / "az" / "bin" / "az"
ERP = "sub-bwf-erp-prod"
RULE = {"if": {"field": "type", "equals": "Microsoft.Storage/storageAccounts"}, "then": {"effect": "audit"}}


class Az:
    """The program with a configuration of its own."""

    def __init__(self, folder: Path, authority: str) -> None:
        self.environment = {
            **os.environ, "AZURE_CONFIG_DIR": str(folder), "REQUESTS_CA_BUNDLE": authority,
            "AZURE_CORE_COLLECT_TELEMETRY": "no", "AZURE_CORE_ONLY_SHOW_ERRORS": "yes", "PYTHONPATH": "",
        }  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words], env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def __call__(self, *words: str) -> Any:
        """What a command prints as JSON, None where it prints nothing."""
        done = self.run(*words, "--output", "json")
        assert done.returncode == 0, f"az {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def az(server, clients, sample, tmp_path_factory):
    """Signed in as an owner, in the subscription of ERP."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: make setup-az"
    address, authority, _ = server
    owner = clients(("Owner", "/"))
    made = Az(tmp_path_factory.mktemp("az"), authority)
    made("cloud", "register", "--name", "nephoscope", "--endpoint-resource-manager", address)
    made("cloud", "set", "--name", "nephoscope")
    made("config", "set", "core.instance_discovery=false")
    signed_in = made(
        "login",
        "--service-principal",
        "--username",
        owner.name,
        "--password",
        owner.secret,
        "--tenant",
        NO_TENANT,
    )
    assert {one["name"]: one["id"] for one in signed_in} == sample.subscriptions
    made("account", "set", "--subscription", ERP)
    return made


@pytest.fixture(scope="module")
def erp(sample):
    return sample.subscriptions[ERP]


def lowered(found: list[dict[str, Any]], name: str = "id") -> set[str]:
    return {one[name].lower() for one in found}


def test_a_wrong_secret_signs_nobody_in(az, tmp_path, clients):
    other = Az(tmp_path, az.environment["REQUESTS_CA_BUNDLE"])
    other.environment["AZURE_CONFIG_DIR"] = az.environment["AZURE_CONFIG_DIR"]
    told = other.run(
        "login", "--service-principal", "--username", clients(("Owner", "/")).name, "--password", "nephc_" + "w" * 43,
        "--tenant", NO_TENANT,
    )  # fmt: skip
    assert told.returncode != 0
    assert "AADSTS7000215" in told.stderr


def test_account(az, sample, erp):
    assert {one["name"]: one["id"] for one in az("account", "list")} == sample.subscriptions
    assert az("account", "show")["id"] == erp


def test_management_groups(az, sample):
    """It registers the provider first."""
    groups = {
        one["name"] for one in sample.containers if one["type"] == "microsoft.management/managementgroups"
    }
    assert lowered(az("account", "management-group", "list"), "name") == {one.lower() for one in groups}
    shown = az("account", "management-group", "show", "--name", "mg-corp", "--expand")
    assert {one["displayName"] for one in shown["children"]} <= {
        *sample.subscriptions,
        *(one["properties"]["displayName"] for one in sample.containers if one["name"] in groups),
    }


def test_roles(az, sample, erp):
    for scope in ((), ("--all",)):
        found = az("role", "assignment", "list", *scope, "--fill-principal-name", "false")
        assert {one["type"].lower() for one in found} == {"microsoft.authorization/roleassignments"}
    assert az("role", "definition", "list", "--name", "Reader")[0]["roleName"] == "Reader"


def test_groups(az, sample, erp):
    assert lowered(az("group", "list"), "name") == sample.groups(erp)
    assert az("group", "show", "--name", "rg-erp-app")["name"] == "rg-erp-app"
    assert az("group", "exists", "--name", "rg-none") is False


def test_resources(az, sample, erp):
    kind = "Microsoft.Compute/virtualMachines"
    found = az("resource", "list", "--resource-type", kind)
    assert lowered(found) == sample.ids(kind.lower(), erp) != set()
    one = next(each for each in sample.resources if each["id"].lower() in lowered(found))
    shown = az("resource", "show", "--ids", one["id"])
    assert (shown["id"].lower(), shown["location"]) == (one["id"].lower(), one["location"])
    # az adds the group beside every id, also inside properties
    assert shown["properties"]["hardwareProfile"] == one["properties"]["hardwareProfile"]
    assert shown["properties"]["osProfile"]["computerName"] == one["properties"]["osProfile"]["computerName"]


def test_resources_by_filter(az, sample, erp):
    every = [one for one in sample.resources if one["subscriptionId"].lower() == erp]
    for words, fits in (
        (("-g", "rg-erp-app"), lambda one: one["resourceGroup"].lower() == "rg-erp-app"),
        (("--name", "vm-erp-sql-01"), lambda one: one["name"] == "vm-erp-sql-01"),
        (("--tag", "environment=prod"), lambda one: (one["tags"] or {}).get("environment") == "prod"),
        (("--location", "northeurope"), lambda one: one["location"] == "northeurope"),
    ):
        wanted = {one["id"].lower() for one in every if fits(one)}
        assert lowered(az("resource", "list", *words)) >= wanted, words
    shown = az(
        "resource",
        "show",
        "-g",
        "rg-erp-app",
        "-n",
        "vm-erp-app-01",
        "--resource-type",
        "Microsoft.Compute/virtualMachines",
    )
    assert shown["name"] == "vm-erp-app-01"


def test_machines_with_details(az, sample, erp):
    found = az("vm", "list", "--show-details")
    assert lowered(found) == sample.ids("microsoft.compute/virtualmachines", erp)
    assert {one["powerState"] for one in found} <= {"VM running", "VM deallocated", "VM stopped", ""}
    assert any(one["powerState"] == "VM running" and one["privateIps"] for one in found)


def test_locations_and_tags(az, sample, erp):
    used = {one["location"] for one in sample.resources if one["subscriptionId"].lower() == erp} - {
        "global",
        "",
    }
    assert {one["name"] for one in az("account", "list-locations")} >= used
    assert "environment" in {one["tagName"] for one in az("tag", "list")}


def test_commands_of_other_services(az, sample, erp):
    assert lowered(az("network", "nsg", "list")) == sample.ids("microsoft.network/networksecuritygroups", erp)
    assert lowered(az("keyvault", "list")) == sample.ids("microsoft.keyvault/vaults", erp)
    assert lowered(az("storage", "account", "list")) == sample.ids("microsoft.storage/storageaccounts", erp)


def test_assessments(az, sample, erp):
    found = az("security", "assessment", "list")
    unhealthy = {
        (one["id"].lower().partition("/providers/microsoft.security/assessments/")[0], one["name"].lower())
        for one in found
        if one["status"]["code"] == "Unhealthy"
    }
    assert unhealthy == sample.unhealthy_in(erp) != set()
    resource, name = min(unhealthy)
    shown = az("security", "assessment", "show", "--name", name, "--assessed-resource-id", resource)
    assert shown["status"]["code"] == "Unhealthy"
    titles = {
        one["name"].lower(): one["displayName"] for one in az("security", "assessment-metadata", "list")
    }
    assert {wanted for _, wanted in unhealthy} <= titles.keys()


def test_score(az, sample, erp):
    (score,) = az("security", "secure-scores", "list")
    assert score["name"] == "ascScore"
    assert 0 < score["current"] < score["max"]
    controls = az("security", "secure-score-controls", "list")
    assert sum(one["max"] for one in controls) == score["max"]
    assert any(one["unhealthyResourceCount"] for one in controls)


def test_plans(az, sample, erp):
    plans = sample.children("microsoft.security/pricings", erp)
    found = {one["name"]: one["pricingTier"] for one in az("security", "pricing", "list")["value"]}
    assert found == {one["name"]: one["properties"]["pricingTier"] for one in plans}
    put = az("security", "pricing", "create", "--name", "KeyVaults", "--tier", "Free")
    assert (
        put["pricingTier"]
        == az("security", "pricing", "show", "--name", "KeyVaults")["pricingTier"]
        == "Free"
    )


def test_alerts_and_settings(az, sample, erp):
    assert az("security", "alert", "list") == []
    assert az("security", "alerts-suppression-rule", "list") == []
    wanted = sample.children("microsoft.security/settings", erp)
    assert lowered(az("security", "setting", "list"), "name") == lowered(wanted, "name") != set()


def test_what_nothing_produces_says_so(az):
    told = az.run("security", "external-security-solution", "list")
    assert told.returncode != 0
    assert "NotAssessed" in told.stderr


def test_definitions(az, sample):
    found = az("policy", "definition", "list")
    assert {name.lower() for name in sample.policies.values()} <= lowered(found, "name")
    name = sample.policies["vm-sql-vulnerabilities"]
    shown = az("policy", "definition", "show", "--name", name)
    written = next((sample.content / "policies").rglob("vm-sql-vulnerabilities.json"))
    assert shown["policyRule"] == json.loads(written.read_text())["properties"]["policyRule"]


def test_states(az, sample, erp):
    found = az("policy", "state", "list", "--filter", "complianceState eq 'NonCompliant'")
    pairs = {(one["resourceId"].lower(), one["policyDefinitionName"].lower()) for one in found}
    assert pairs == sample.unhealthy_in(erp)
    results = az("policy", "state", "summarize")["results"]
    assert results["nonCompliantResources"] == len({resource for resource, _ in sample.unhealthy_in(erp)})


def test_a_policy_is_put_assigned_and_exempted(az, erp):
    made = az(
        "policy", "definition", "create", "--name", "az-made", "--rules", json.dumps(RULE), "--mode", "All"
    )
    assert made["policyRule"] == RULE
    assert az("policy", "definition", "show", "--name", "az-made")["policyRule"] == RULE
    assigned = az("policy", "assignment", "create", "--name", "az-put", "--policy", "az-made")
    assert "az-put" in lowered(az("policy", "assignment", "list"), "name")
    az(
        "policy", "exemption", "create", "--name", "az-exempt", "--policy-assignment", assigned["id"],
        "--exemption-category", "Waiver",
    )  # fmt: skip
    assert az("policy", "exemption", "show", "--name", "az-exempt")["exemptionCategory"] == "Waiver"
    for kind, name in (("exemption", "az-exempt"), ("assignment", "az-put"), ("definition", "az-made")):
        az("policy", kind, "delete", "--name", name)
        # an assessment that ran meanwhile has published it: it is gone with the next, which a deletion asks for
        until = time.monotonic() + 120
        while az.run("policy", kind, "show", "--name", name).returncode == 0:
            assert time.monotonic() < until, f"{name} is still there"


def test_rest(az, server, sample, erp):
    """What `az graph query`, `az monitor log-analytics query` and `az sentinel` ask, whose extensions are not on PyPI."""
    asked = {"query": "resources | summarize n = count() by type", "subscriptions": [erp]}
    graph = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    rows = az("rest", "--method", "post", "--url", graph, "--body", json.dumps(asked))["data"]
    vms = sample.ids("microsoft.compute/virtualmachines", erp)
    assert {one["type"].lower(): one["n"] for one in rows}["microsoft.compute/virtualmachines"] == len(vms)
    query = f"{server[0]}/v1/workspaces/default/query"
    body = json.dumps({"query": "print n = 6 * 7"})
    told = az("rest", "--method", "post", "--url", query, "--resource", server[0], "--body", body)
    assert told["tables"][0]["rows"] == [[42]]
    sentinel = (
        f"/subscriptions/{erp}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/default"
        "/providers/Microsoft.SecurityInsights"
    )
    assert az("rest", "--url", f"{sentinel}/incidents?api-version=2023-02-01")["value"] == []
    mark = f"{sentinel}/bookmarks/8a6c2f52-0c4e-4a3f-9f5b-0e1d2c3b4a59?api-version=2023-02-01"
    put = {"properties": {"displayName": "Seen by az", "query": "SigninLogs | take 1"}}
    az("rest", "--method", "put", "--url", mark, "--body", json.dumps(put))
    assert az("rest", "--url", mark)["properties"]["displayName"] == "Seen by az"


def test_a_reader_of_one_subscription_sees_no_other(server, clients, sample, tmp_path):
    reader = clients(("Reader", f"/subscriptions/{sample.subscriptions['sub-bwf-sandbox']}"))
    az = Az(tmp_path, server[1])
    az("cloud", "register", "--name", "nephoscope", "--endpoint-resource-manager", server[0])
    az("cloud", "set", "--name", "nephoscope")
    az("config", "set", "core.instance_discovery=false")
    az(
        "login",
        "--service-principal",
        "--username",
        reader.name,
        "--password",
        reader.secret,
        "--tenant",
        NO_TENANT,
    )
    assert [one["name"] for one in az("account", "list")] == ["sub-bwf-sandbox"]
    wanted = sample.subscriptions["sub-bwf-sandbox"]
    found = lowered(az("resource", "list"))
    assert sample.ids("", wanted) <= found
    assert all(one.startswith(f"/subscriptions/{wanted}/") for one in found)
    denied = az.run("security", "pricing", "create", "--name", "KeyVaults", "--tier", "Free")
    assert denied.returncode != 0
    assert "AuthorizationFailed" in denied.stderr
