"""What a deployment gives to a parent that it does not make is judged by the parent's policies, and nothing else of the parent is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope

GROUP = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
SUBSCRIPTION = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
FAILED, UNKNOWN = FindingState.FAILED, FindingState.UNKNOWN


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Packs:
    return Packs(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def assess(packs: Packs) -> TemplateEvaluator:
    plan, aliases = EvaluationPlan(packs.catalog()).with_assignment("nephoscope"), packs.aliases()
    return TemplateEvaluator(lambda: (plan, aliases), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def names(packs: Packs) -> dict[str, str]:
    members = packs.catalog().get_initiative("nephoscope")
    assert members is not None
    return {one.definition.rpartition("/")[2]: one.reference for one in members.members}


def found(
    tmp_path: Path, assess: TemplateEvaluator, resources: Any, schema: str = GROUP, **more: Any
) -> list[CodeFinding]:
    document = {"$schema": schema, "contentVersion": "1.0.0.0", **more, "resources": resources}
    (tmp_path / "main.json").write_text(json.dumps(document, indent=1))
    return list(scan_targets([tmp_path], assess, DeploymentScope(), []).findings)


def child(type_: str, name: str, **properties: Any) -> dict[str, Any]:
    return {"type": type_, "apiVersion": "2021-11-01", "name": name, "properties": properties}


POSTGRESQL = "Microsoft.DBforPostgreSQL/flexibleServers/configurations"
RULE = {
    "access": "Allow",
    "direction": "Inbound",
    "protocol": "Tcp",
    "priority": 100,
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "22",
}
DECIDED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("postgresql-log-connections", child(POSTGRESQL, "psql/log_connections", value="off"), GROUP, '"off"'),
    ("app-service-tls", child("Microsoft.Web/sites/config", "shop/web", minTlsVersion="1.0"), GROUP, '"1.0"'),
    (
        "sql-database-tde",
        child("Microsoft.Sql/servers/databases/transparentDataEncryption", "s/d/current", state="Disabled"),
        GROUP,
        '"Disabled"',
    ),
    (
        "nsg-ssh-from-internet",
        child("Microsoft.Network/networkSecurityGroups/securityRules", "nsg/ssh", **RULE),
        GROUP,
        '"22"',
    ),
    (
        "defender-for-servers",
        child("Microsoft.Security/pricings", "VirtualMachines", pricingTier="Free"),
        SUBSCRIPTION,
        '"Free"',
    ),
    (
        "defender-for-servers",
        child("Microsoft.Security/pricings", "VirtualMachines", pricingTier="Free"),
        GROUP,
        '"Free"',
    ),
)


@pytest.mark.parametrize(("policy", "resource", "schema", "evidence"), DECIDED, ids=lambda one: str(one)[:40])
def test_a_child_decides_at_its_own_line(
    policy: str,
    resource: dict[str, Any],
    schema: str,
    evidence: str,
    tmp_path: Path,
    assess: TemplateEvaluator,
    names: dict[str, str],
) -> None:
    (one,) = (one for one in found(tmp_path, assess, [resource], schema) if names.get(one.rule) == policy)
    assert one.state is FAILED
    assert one.evidence == evidence or one.evidence in json.dumps(resource)
    assert one.subject.endswith("/" + resource["name"].rpartition("/")[2])


def test_of_the_parent_itself_nothing_is_said(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    """The site's HTTPS, its identity, its certificates are not known: no finding, not even Unknown."""
    listed = found(
        tmp_path,
        assess,
        [child("Microsoft.Web/sites/config", "shop/web", minTlsVersion="1.2", ftpsState="Disabled")],
    )
    assert {names.get(one.rule) for one in listed} & {
        "app-service-https-only",
        "app-service-managed-identity",
        "app-service-tls",
    } == set()


def test_an_open_value_leaves_the_verdict_open(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    listed = found(
        tmp_path,
        assess,
        [child(POSTGRESQL, "psql/log_connections", value="[parameters('v')]")],
        parameters={"v": {"type": "string"}},
    )
    assert [(names.get(one.rule), one.state) for one in listed] == [("postgresql-log-connections", UNKNOWN)]


def test_a_parent_whose_name_is_a_parameter_has_its_children(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    resource = child(POSTGRESQL, "[concat(parameters('server'), '/log_connections')]", value="off")
    listed = found(tmp_path, assess, [resource], parameters={"server": {"type": "string"}})
    assert [(names.get(one.rule), one.state) for one in listed] == [("postgresql-log-connections", FAILED)]


def test_a_parent_that_is_only_read_is_judged_by_what_it_is_given(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    server = {
        "existing": True,
        "type": "Microsoft.DBforPostgreSQL/flexibleServers",
        "apiVersion": "2023-06-01-preview",
        "name": "psql",
    }
    conf = child(POSTGRESQL, "psql/log_connections", value="off")
    listed = found(tmp_path, assess, {"server": server, "conf": conf}, languageVersion="2.0")
    assert [(names.get(one.rule), one.state) for one in listed] == [("postgresql-log-connections", FAILED)]


def test_another_child_may_be_there_already(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    """One more diagnostic setting without logs says nothing of those that the service has."""
    setting = child(
        "Microsoft.KeyVault/vaults/providers/diagnosticSettings",
        "kv/Microsoft.Insights/metrics",
        workspaceId="/w",
        logs=[],
    )
    assert [names.get(one.rule) for one in found(tmp_path, assess, [setting]) if one.state is FAILED] == []


def test_a_comment_at_the_child_suppresses(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    found(tmp_path, assess, [child(POSTGRESQL, "psql/log_connections", value="off")])
    rule = next(key for key, name in names.items() if name == "postgresql-log-connections")
    text = (tmp_path / "main.json").read_text()
    (tmp_path / "main.json").write_text(
        text.replace('"value": "off"', f'"value": "off" // nephoscope: ignore[{rule}] a test server')
    )
    (one,) = scan_targets([tmp_path], assess, DeploymentScope(), []).findings
    assert one.state is FindingState.SUPPRESSED


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ([], FAILED),
        ([child("Microsoft.Web/sites/config", "shop/authsettings", enabled=False)], FAILED),
        ([child("Microsoft.Web/sites/config", "shop/authsettings", enabled=True)], None),
        ([child("Microsoft.Web/sites/config", "shop/authsettings")], FAILED),
        ([child("Microsoft.Web/sites/config", "shop/authsettingsV2", platform={"enabled": True})], None),
        ([child("Microsoft.Web/sites/config", "shop/authsettingsV2", platform={})], UNKNOWN),
    ],
)
def test_sign_in_settings_answer_for_the_site(
    settings: list[Any],
    state: FindingState | None,
    tmp_path: Path,
    assess: TemplateEvaluator,
    names: dict[str, str],
) -> None:
    site = {**child("Microsoft.Web/sites", "shop", httpsOnly=True), "location": "westeurope"}
    listed = found(tmp_path, assess, [site, *settings])
    assert (
        next((one.state for one in listed if names.get(one.rule) == "app-service-authentication"), None)
        is state
    )


def test_the_default_before_an_api_version(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    """Storage accounts that early versions of the API make let in clear text unless they are told not to."""
    account = {
        **child("Microsoft.Storage/storageAccounts", "stshop"),
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }
    states = {
        version: "storage-secure-transfer"
        in {names.get(one.rule) for one in found(tmp_path, assess, [{**account, "apiVersion": version}])}
        for version in ("2018-07-01", "2019-04-01", "2023-05-01")
    }
    assert states == {"2018-07-01": True, "2019-04-01": False, "2023-05-01": False}


def test_a_configuration_of_its_own_leaves_the_rest_to_the_site(
    tmp_path: Path, assess: TemplateEvaluator, names: dict[str, str]
) -> None:
    """What `config/web` does not say is what the site's `siteConfig` says, else Azure's default."""
    site = {
        **child(
            "Microsoft.Web/sites",
            "shop",
            siteConfig={"minTlsVersion": "1.0", "remoteDebuggingEnabled": False},
        ),
        "location": "westeurope",
    }
    web = child("Microsoft.Web/sites/config", "shop/web", http20Enabled=True)
    failed = {names.get(one.rule) for one in found(tmp_path, assess, [site, web]) if one.state is FAILED}
    assert {"app-service-tls", "app-service-ftps"} <= failed
    assert not failed & {"app-service-http2", "app-service-remote-debugging"}
