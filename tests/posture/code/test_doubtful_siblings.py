"""What a deployment may also make beside a resource turns a verdict to Unknown at most: whether it is there proves nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from nephoscope.posture.code.template.partial_resource_ids import is_within, may_be
from nephoscope.posture.code.template.planned_analysis import analyze_planned_estate
from nephoscope.posture.code.template.planned_estate import plan_estate
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, expand_template
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PASSES, FAILS, OPEN = ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT, ComplianceState.UNKNOWN
UNKNOWN = "[parameters('u')]"
LINK = {"mode": "Incremental", "templateLink": {"uri": "https://example.com/other.json"}}


def made(type_: str, name: str, properties: Any = None, **more: Any) -> dict[str, Any]:
    given = {} if properties is None else {"properties": properties}
    return {
        "type": type_,
        "apiVersion": "2023-01-01",
        "name": name,
        "location": "westeurope",
        **given,
        **more,
    }


def linked(**more: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "other",
        "properties": LINK,
        **more,
    }


def endpoint(target: object, **more: Any) -> dict[str, Any]:
    listed = [{"name": "c", "properties": {"privateLinkServiceId": target, "groupIds": ["vault"]}}]
    return made("Microsoft.Network/privateEndpoints", "pe", {"privateLinkServiceConnections": listed}, **more)


def rule(port: str) -> dict[str, Any]:
    return {
        "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 100, "sourceAddressPrefix": "*",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": port,
    }  # fmt: skip


VAULT_TYPE, SITE_TYPE = "Microsoft.KeyVault/vaults", "Microsoft.Web/sites"
GROUP_TYPE, SERVER_TYPE = "Microsoft.Network/networkSecurityGroups", "Microsoft.Sql/servers"
VAULT = made(VAULT_TYPE, "kv", {"accessPolicies": []})
OPEN_VAULT = made(VAULT_TYPE, UNKNOWN, {"accessPolicies": []})
SITE = made(SITE_TYPE, "app", {"siteConfig": {}}, kind="app")
SERVER = made(SERVER_TYPE, "sql", {})
GROUP = made(GROUP_TYPE, "nsg", {"securityRules": []})
LOGS = {"logs": [{"category": "AuditEvent", "enabled": True}], "workspaceId": "/subscriptions/x"}
SETTINGS = "Microsoft.Insights/diagnosticSettings"
AUDITING = f"{SERVER_TYPE}/auditingSettings"
ENABLED = {"state": "Enabled", "isAzureMonitorTargetEnabled": True}
VAULT_ID = f"[resourceId('{VAULT_TYPE}', 'kv')]"
NODE = "[reference('/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/z', '2022-03-01').v]"
LINKS, LOGGED = "0e48a996-b620-5433-a9ff-bf40fcecbfb1", "61113711-ddf9-5792-93a5-5883d737c502"
AUDITED, TLS = "09ab7017-5a49-5e9b-88b3-a8b68b77e907", "1e98fb44-c53e-54b7-9a62-62937f15fef9"
SSH, RDP = "5bb7f9aa-1034-5740-9681-ecdafde86364", "a9379551-ea1f-54ba-8d1d-3d4c14f83fec"
SIGN_IN = "6daaccf9-e559-5597-934a-f8c387997e48"


class Case(NamedTuple):
    """Resources of a deployment, and what a policy says of the first of them."""

    name: str
    resources: list[dict[str, Any]]
    policy: str
    state: ComplianceState


CASES = (
    Case("no endpoint", [VAULT], LINKS, FAILS),
    Case("an endpoint", [VAULT, endpoint(VAULT_ID)], LINKS, PASSES),
    Case("an endpoint to another", [VAULT, endpoint(f"[resourceId('{VAULT_TYPE}', 'other')]")], LINKS, FAILS),
    Case(
        "an endpoint with a condition",
        [VAULT, endpoint(VAULT_ID, condition="[parameters('b')]")],
        LINKS,
        OPEN,
    ),
    Case("an endpoint to something", [VAULT, endpoint(NODE)], LINKS, OPEN),
    Case(
        "an endpoint to a vault",
        [VAULT, endpoint(f"[resourceId('{VAULT_TYPE}', {UNKNOWN[1:-1]})]")],
        LINKS,
        OPEN,
    ),
    Case(
        "an endpoint to a site",
        [VAULT, endpoint(f"[resourceId('{SITE_TYPE}', {UNKNOWN[1:-1]})]")],
        LINKS,
        FAILS,
    ),
    Case(
        "the same expression",
        [OPEN_VAULT, endpoint(f"[resourceId('{VAULT_TYPE}', {UNKNOWN[1:-1]})]")],
        LINKS,
        PASSES,
    ),
    Case("a vault that may be it", [OPEN_VAULT, endpoint(VAULT_ID)], LINKS, OPEN),
    Case(
        "connections not known",
        [
            VAULT,
            made(
                "Microsoft.Network/privateEndpoints",
                "pe",
                {"privateLinkServiceConnections": "[parameters('a')]"},
            ),
        ],
        LINKS,
        OPEN,
    ),
    Case("an unread deployment", [VAULT, linked()], LINKS, OPEN),
    Case("no settings", [VAULT], LOGGED, FAILS),
    Case("settings", [VAULT, made(SETTINGS, "d", LOGS, scope=VAULT_ID)], LOGGED, PASSES),
    Case(
        "settings of a name not known", [VAULT, made(SETTINGS, UNKNOWN, LOGS, scope=VAULT_ID)], LOGGED, PASSES
    ),
    Case("settings of a scope not known", [VAULT, made(SETTINGS, "d", LOGS, scope=UNKNOWN)], LOGGED, OPEN),
    Case("unread settings", [VAULT, linked()], LOGGED, OPEN),
    Case("unread settings in another group", [VAULT, linked(resourceGroup="other")], LOGGED, FAILS),
    Case("auditing of Azure", [SERVER], AUDITED, FAILS),
    Case("auditing", [SERVER, made(AUDITING, "sql/default", ENABLED)], AUDITED, PASSES),
    Case(
        "auditing of a name not known",
        [SERVER, made(AUDITING, f"[concat('sql/', {UNKNOWN[1:-1]})]", ENABLED)],
        AUDITED,
        OPEN,
    ),
    Case(
        "auditing of a server not known",
        [SERVER, made(AUDITING, f"[concat({UNKNOWN[1:-1]}, '/default')]", ENABLED)],
        AUDITED,
        OPEN,
    ),
    Case(
        "auditing with a condition",
        [SERVER, made(AUDITING, "sql/default", ENABLED, condition="[parameters('b')]")],
        AUDITED,
        OPEN,
    ),
    Case(
        "off whatever the condition",
        [SERVER, made(AUDITING, "sql/default", {"state": "Disabled"}, condition="[parameters('b')]")],
        AUDITED,
        FAILS,
    ),
    Case("unread auditing", [SERVER, linked()], AUDITED, OPEN),
    Case("TLS of Azure", [SITE], TLS, PASSES),
    Case(
        "TLS of a name not known",
        [SITE, made(f"{SITE_TYPE}/config", f"[concat('app/', {UNKNOWN[1:-1]})]", {"minTlsVersion": "1.0"})],
        TLS,
        OPEN,
    ),
    Case(
        "TLS with a condition",
        [
            SITE,
            made(f"{SITE_TYPE}/config", "app/web", {"minTlsVersion": "1.0"}, condition="[parameters('b')]"),
        ],
        TLS,
        OPEN,
    ),
    Case("no sign-in", [SITE], SIGN_IN, FAILS),
    Case(
        "sign-in of a name not known",
        [
            SITE,
            made(
                f"{SITE_TYPE}/config", f"[concat('app/', {UNKNOWN[1:-1]})]", {"platform": {"enabled": True}}
            ),
        ],
        SIGN_IN,
        OPEN,
    ),
    Case(
        "sign-in with a condition",
        [
            SITE,
            made(f"{SITE_TYPE}/config", "app/web", {"siteAuthEnabled": True}, condition="[parameters('b')]"),
        ],
        SIGN_IN,
        OPEN,
    ),
    Case("no rules", [GROUP], SSH, PASSES),
    Case(
        "a rule with a condition",
        [GROUP, made(f"{GROUP_TYPE}/securityRules", "nsg/r", rule("22"), condition="[parameters('b')]")],
        SSH,
        OPEN,
    ),
    Case(
        "a rule of a group not known",
        [GROUP, made(f"{GROUP_TYPE}/securityRules", f"[concat({UNKNOWN[1:-1]}, '/r')]", rule("22"))],
        SSH,
        OPEN,
    ),
    Case(
        "a rule of a name not known",
        [GROUP, made(f"{GROUP_TYPE}/securityRules", f"[concat('nsg/', {UNKNOWN[1:-1]})]", rule("22"))],
        SSH,
        FAILS,
    ),
    Case(
        "a rule of another port",
        [GROUP, made(f"{GROUP_TYPE}/securityRules", f"[concat('nsg/', {UNKNOWN[1:-1]})]", rule("443"))],
        SSH,
        PASSES,
    ),
    Case("unread rules", [GROUP, linked()], SSH, OPEN),
    Case("rules of which the list is not known", [{**GROUP, "resources": "[parameters('a')]"}], SSH, OPEN),
    Case("a child of unknown type", [GROUP, made(UNKNOWN, "nsg/r", rule("443"))], SSH, OPEN),
    Case(
        "resources that nobody lists",
        [
            GROUP,
            {
                **linked(),
                "properties": {"mode": "Incremental", "template": {"resources": "[parameters('a')]"}},
            },
        ],
        SSH,
        OPEN,
    ),
    Case(
        "an open rule beside unread ones",
        [made(GROUP_TYPE, "nsg", {"securityRules": [{"name": "r", "properties": rule("22")}]}), linked()],
        SSH,
        FAILS,
    ),
    Case(
        "another port beside unread ones",
        [made(GROUP_TYPE, "nsg", {"securityRules": [{"name": "r", "properties": rule("22")}]}), linked()],
        RDP,
        OPEN,
    ),
)


@pytest.fixture(scope="module")
def assess(tmp_path_factory: pytest.TempPathFactory) -> TemplateEvaluator:
    packs = Packs(tmp_path_factory.mktemp("data"))
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    return TemplateEvaluator(lambda: (plan, packs.aliases()), NOW)


@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
def test_what_may_be_there_leaves_a_verdict_open(case: Case, assess: TemplateEvaluator) -> None:
    parameters = {name: {"type": kind} for name, kind in (("u", "string"), ("b", "bool"), ("a", "array"))}
    template = {
        "$schema": "x",
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "resources": case.resources,
    }
    document = TemplateDocument.parse(json.dumps(template), "main.json")
    expansion = expand_template(document, scope=DeploymentScope())
    plan, aliases, prepared = assess._prepared_plan
    estate = plan_estate(expansion.resources, expansion.unlisted).estate
    run = evaluate_estate(
        estate, plan, NOW, analyzers=analyze_planned_estate, aliases=aliases, prepared=prepared
    )
    first = expansion.resources[0].id.lower()
    said = {one.state for one in run.assessments if one.key == case.policy and one.resource.lower() == first}
    assert said == {case.state}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b", "/a/c", False),
        ("/a/{x}", "/a/c", True),
        ("/a/c", "/a/{x}", True),
        ("/a/{x}-1", "/a/c", False),
        ("/a/{x}", "/a/{y}", True),
        ("/a/{x}-1", "/b/{y}-1", False),
        ("{x}", "/a/b/c", True),
        ("/a/{of {x}}/b", "/a/c/b", True),
    ],
)
def test_an_unknown_part_may_be_any_text(left: str, right: str, same: bool) -> None:
    assert may_be(left, right) is same


@pytest.mark.parametrize(
    ("id_", "scope", "within"),
    [
        ("/s/1/g/a/p", "/s/1/g/a", True),
        ("/s/1/g/a/p", "/s/1/g/b", False),
        ("/s/1/g/a/p", "/s/1/g/{x}", True),
        ("/s/1/g/{x}/p", "/s/1/g/b", True),
        ("/s/1/g/a/p", "", True),
        ("/s/1/g/ab/p", "/s/1/g/a", False),
    ],
)
def test_a_scope_holds_what_is_below_it(id_: str, scope: str, within: bool) -> None:
    assert is_within(id_, scope) is within
