"""Terraform plans are judged as what they make; a finding stands in the file that the plan was made from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.file_edits import apply_fixes
from nephoscope.posture.code.finding import CodeFinding, FindingState, UnreadKind
from nephoscope.posture.code.template.plan_scan import NOT_MAPPED
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope_policy.arm.template import DeploymentScope
from nephoscope_policy.model.state import ComplianceState

HTTPS, TLS, DENY = (
    "11374dee-bf66-5966-911f-2f7558023edc",
    "Storage accounts should require TLS 1.2 or later",
    "Storage accounts should restrict network access",
)
ACCOUNT = {
    "name": "stgate", "resource_group_name": "rg", "location": "westeurope", "account_tier": "Standard",
    "account_replication_type": "LRS",
    "min_tls_version": "TLS1_0", "https_traffic_only_enabled": False, "network_rules": [{"default_action": "Allow", "ip_rules": []}],
}  # fmt: skip
MAIN = """variable "tls" {
  default = "TLS1_0"
}
resource "azurerm_storage_account" "a" {
  name                       = "stgate"
  min_tls_version            = var.tls
  https_traffic_only_enabled = false
  network_rules {
    default_action = "Allow"
  }
}
"""


def change(
    address: str, after: Any, *, module: str = "", before: Any = None, unknown: Any = None
) -> dict[str, Any]:
    kind, name = address.removeprefix(f"{module}.").split("[")[0].split(".")
    made = {"actions": ["create"], "before": before, "after": after, "after_unknown": unknown or {}}
    return {
        "address": address, "mode": "managed", "type": kind, "name": name,
        **({"module_address": module} if module else {}), "change": made,
    }  # fmt: skip


def declared(address: str, **expressions: Any) -> dict[str, Any]:
    kind, name = address.split(".")
    return {"address": address, "type": kind, "name": name, "expressions": expressions}


def plan(*changes: dict[str, Any], resources: Any = None, calls: Any = None) -> str:
    listed = [declared("azurerm_storage_account.a")] if resources is None else resources
    root = {"resources": listed, "module_calls": calls or {}}
    body = {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "resource_changes": changes,
        "configuration": {"root_module": root},
    }
    return json.dumps(body)


@pytest.fixture(scope="module")
def assess(tmp_path_factory: pytest.TempPathFactory) -> TemplateEvaluator:
    packs = Packs(tmp_path_factory.mktemp("data"))
    plan = EvaluationPlan(packs.catalog()).with_assignment("nephoscope")
    return TemplateEvaluator(lambda: (plan, packs.aliases()), datetime(2026, 11, 1, tzinfo=UTC))


class Repo:
    """A folder with plans and files of Terraform, and a scan of it."""

    def __init__(self, folder: Path, assess: TemplateEvaluator) -> None:
        self.folder, self._judge = folder, assess

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_json", ".json").replace("_tf", ".tf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def scan(self, *targets: Path) -> CodeReport:
        return scan_targets(targets or (self.folder,), self._judge, DeploymentScope())


@pytest.fixture
def repo(tmp_path: Path, assess: TemplateEvaluator, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.chdir(tmp_path)
    return Repo(tmp_path, assess)


def finding(report: CodeReport, rule: str) -> CodeFinding:
    (found,) = [one for one in report.findings if one.rule == rule or one.message.startswith(rule)]
    return found


def shown(one: CodeFinding) -> str:
    return f"{one.region.file}:{one.region.line}: {one.evidence}"


SEARCH = """resource "azapi_resource" "s" {
  type = "Microsoft.Search/searchServices@2023-11-01"
  name = "srch"
  body = {
    properties = {
      hostingMode         = "default"
      publicNetworkAccess = "enabled"
    }
  }
}
"""


@pytest.mark.parametrize("encoded", [False, True])
def test_findings_of_azapi_stand_at_the_property_in_the_body(repo: Repo, encoded: bool) -> None:
    body = {"properties": {"hostingMode": "default", "publicNetworkAccess": "enabled"}}
    after = {
        "type": "Microsoft.Search/searchServices@2023-11-01",
        "name": "srch",
        "parent_id": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg",
        "body": json.dumps(body) if encoded else body,
    }
    main = SEARCH.replace("body = {", "body = jsonencode({").replace("    }\n  }\n", "    }\n  })\n")
    made = plan(change("azapi_resource.s", after), resources=[declared("azapi_resource.s")])
    repo.write(main_tf=main if encoded else SEARCH, plan_json=made)
    found = finding(repo.scan(), "AI Search services should disable public network access")
    assert shown(found) == 'main.tf:7: "enabled"'


def test_findings_stand_at_the_attribute_the_block_and_the_variable(repo: Repo) -> None:
    repo.write(main_tf=MAIN, plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)))
    report = repo.scan()
    assert shown(finding(report, HTTPS)) == "main.tf:7: false"
    assert shown(finding(report, DENY)) == 'main.tf:9: "Allow"'
    tls = finding(report, TLS)
    assert shown(tls) == 'main.tf:2: "TLS1_0"'
    assert [one.line for one in tls.related] == [4, 6]
    assert "(azurerm_storage_account.a)" in tls.message
    assert tls.subject.endswith("/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stgate")
    assert report.files == ["plan.json"]
    assert [(one.region.file, one.region.line) for one in report.resources] == [("main.tf", 4)]


def test_without_the_files_a_finding_stands_in_the_plan(repo: Repo) -> None:
    text = plan(change("azurerm_storage_account.a", ACCOUNT))
    repo.write(plan_json=text)
    found = finding(repo.scan(repo.folder / "plan.json"), HTTPS)
    assert text[found.region.column - 1 : found.region.end_column - 1] == "false"
    assert found.fix == ()


def test_the_files_may_lie_in_another_folder(repo: Repo) -> None:
    repo.write(
        infra__main_tf=MAIN,
        other__main_tf='resource "x" "y" {}',
        out__plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)),
    )
    assert shown(finding(repo.scan(), HTTPS)) == "infra/main.tf:7: false"


def test_values_that_the_files_of_values_give_stand_there(repo: Repo) -> None:
    repo.write(main_tf=MAIN, plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)))
    (repo.folder / "terraform.tfvars").write_text('\ntls = "TLS1_0"\n')
    assert shown(finding(repo.scan(), TLS)) == 'terraform.tfvars:2: "TLS1_0"'


MODULE = 'variable "https" {}\nresource "azurerm_storage_account" "a" {\n  https_traffic_only_enabled = var.https\n}\n'
CALL = 'module "m" {\n  for_each = toset(["x", "y"])\n  source = "./mod"\n  https  = false\n}\n'


def module_plan(source: str) -> str:
    changes = [
        change(
            f'module.m["{key}"].azurerm_storage_account.a',
            {**ACCOUNT, "name": key},
            module=f'module.m["{key}"]',
        )
        for key in "xy"
    ]
    inner = {
        "resources": [
            declared("azurerm_storage_account.a", https_traffic_only_enabled={"references": ["var.https"]})
        ]
    }
    return plan(*changes, resources=[], calls={"m": {"source": source, "module": inner}})


def test_a_module_is_followed_to_its_call(repo: Repo) -> None:
    repo.write(main_tf=CALL, mod__main_tf=MODULE, plan_json=module_plan("./mod"))
    found = [one for one in repo.scan().findings if one.rule == HTTPS]
    assert [shown(one) for one in found] == ["main.tf:4: false"] * 2
    assert [one.file for one in found[0].related] == ["mod/main.tf", "mod/main.tf"]


def test_a_module_from_a_registry_stands_at_its_call(repo: Repo) -> None:
    repo.write(main_tf=CALL, plan_json=module_plan("Azure/storage/azurerm"))
    assert {shown(one) for one in repo.scan().findings if one.rule == HTTPS} == {"main.tf:1: "}


def test_what_is_known_after_the_apply_is_unknown(repo: Repo) -> None:
    after = {**ACCOUNT, "https_traffic_only_enabled": None}
    resources = [
        declared("azurerm_storage_account.a", https_traffic_only_enabled={"references": ["data.x.y.z"]})
    ]
    unknown = {"https_traffic_only_enabled": True}
    repo.write(
        plan_json=plan(change("azurerm_storage_account.a", after, unknown=unknown), resources=resources)
    )
    found = finding(repo.scan(), HTTPS)
    assert found.state is FindingState.UNKNOWN
    assert "known after the apply" in found.reason


def test_what_the_configuration_does_not_set_is_what_azure_makes_of_it(repo: Repo) -> None:
    after = {**ACCOUNT, "https_traffic_only_enabled": None}
    repo.write(
        plan_json=plan(
            change("azurerm_storage_account.a", after, unknown={"https_traffic_only_enabled": True})
        )
    )
    assert not [one for one in repo.scan().findings if one.rule == HTTPS]


DYNAMIC = """resource "azurerm_network_security_group" "g" {
  dynamic "security_rule" {
    for_each = var.x
    content {}
  }
}
"""
RULE = {
    "name": "ssh", "network_security_group_name": "g", "resource_group_name": "rg", "destination_port_range": "22",
    "source_address_prefix": "*", "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 100,
    "source_port_range": "*", "destination_address_prefix": "*",
}  # fmt: skip
SSH = "Network security groups should not open SSH to the internet"


@pytest.mark.parametrize(
    ("text", "rules", "state"),
    [
        (DYNAMIC, [], FindingState.UNKNOWN),
        (DYNAMIC.replace("dynamic", "other"), [RULE], FindingState.FAILED),
        (DYNAMIC.replace("dynamic", "other"), [{**RULE, "access": "Deny"}], None),
    ],
)
def test_rules_stand_in_their_group_and_dynamic_blocks_may_hold_others(
    repo: Repo, text: str, rules: list[dict[str, Any]], state: FindingState | None
) -> None:
    group = {"name": "g", "resource_group_name": "rg", "location": "x"}
    changes = [
        change("azurerm_network_security_group.g", group, unknown={"security_rule": True}),
        *(change("azurerm_network_security_rule.r", one) for one in rules),
    ]
    listed = [declared("azurerm_network_security_group.g"), declared("azurerm_network_security_rule.r")]
    own = '\nresource "azurerm_network_security_rule" "r" {\n  destination_port_range = "22"\n}\n'
    repo.write(main_tf=text + own, plan_json=plan(*changes, resources=listed))
    found = [one for one in repo.scan().findings if one.message.startswith(SSH)]
    assert [one.state for one in found] == ([state] if state else [])


def test_resources_whose_names_are_not_known_are_told_apart(repo: Repo) -> None:
    after = {**ACCOUNT, "name": None}
    changes = [
        change(
            f"azurerm_storage_account.{name}",
            {**after, "https_traffic_only_enabled": name == "b"},
            unknown={"name": True},
        )
        for name in "ab"
    ]
    listed = [
        declared(f"azurerm_storage_account.{name}", name={"references": ["random_id.x"]}) for name in "ab"
    ]
    repo.write(plan_json=plan(*changes, resources=listed))
    report = repo.scan()
    assert finding(report, HTTPS).subject.endswith("/{azurerm_storage_account.a.name}")
    assert len(report.resources) == 2


def test_several_plans_are_judged_each_by_itself(repo: Repo) -> None:
    for folder, https in (("a", True), ("b", False)):
        text = plan(change("azurerm_storage_account.a", {**ACCOUNT, "https_traffic_only_enabled": https}))
        repo.write(**{f"{folder}__plan_json": text, f"{folder}__main_tf": MAIN})
    report = repo.scan()
    assert [one.region.file for one in report.findings if one.rule == HTTPS] == ["b/main.tf"]
    assert report.files == ["a/plan.json", "b/plan.json"]


def test_what_no_table_maps_is_told(repo: Repo) -> None:
    repo.write(
        main_tf='resource "azurerm_new_thing" "n" {\n}\n',
        plan_json=plan(
            change("azurerm_new_thing.n", {"name": "n"}), resources=[declared("azurerm_new_thing.n")]
        ),
    )
    report = repo.scan()
    found = finding(report, NOT_MAPPED.id)
    assert (shown(found), found.state) == ("main.tf:1: ", FindingState.UNKNOWN)
    assert report.states[ComplianceState.NON_COMPLIANT] == 0


def test_suppressing_comments_count_in_the_block(repo: Repo) -> None:
    text = MAIN.replace("  name  ", "  # checkov:skip=CKV_AZURE_3: the edge does it\n  name  ")
    repo.write(main_tf=text, plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)))
    found = finding(repo.scan(), HTTPS)
    assert (found.state, found.reason) == (FindingState.SUPPRESSED, "the edge does it")


def test_a_comment_whose_end_is_no_date_is_told_at_its_line(repo: Repo) -> None:
    text = MAIN.replace("  name  ", "  # trivy:ignore:AVD-AZU-0008:exp:soon old clients\n  name  ")
    repo.write(main_tf=text, plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)))
    (unread,) = repo.scan().unread
    assert (unread.region.file, unread.region.line) == ("main.tf", 5)
    assert "its end is not a date: 'soon'" in unread.reason


def test_fixes_edit_the_literal_or_insert_the_attribute(repo: Repo) -> None:
    repo.write(
        main_tf=MAIN,
        plan_json=plan(
            change("azurerm_storage_account.a", {**ACCOUNT, "public_network_access_enabled": None})
        ),
    )
    apply_fixes(repo.scan().failed_findings, repo.folder)
    text = (repo.folder / "main.tf").read_text()
    assert 'default = "TLS1_2"' in text
    assert "https_traffic_only_enabled = true" in text
    assert 'default_action = "Deny"' in text


def test_a_fix_inserts_what_no_line_sets(repo: Repo) -> None:
    text = MAIN.replace("  https_traffic_only_enabled = false\n", "")
    repo.write(main_tf=text, plan_json=plan(change("azurerm_storage_account.a", ACCOUNT)))
    (edit,) = finding(repo.scan(), HTTPS).fix
    assert edit.text == "\n  https_traffic_only_enabled = true"
    assert (edit.region.line, edit.region.column) == (4, 41)


ARCHIVE = b"PK\x03\x04" + bytes(40)


@pytest.mark.parametrize(
    ("name", "data"),
    [("plan.tfplan", ARCHIVE), ("plan.json", b'{"format_version": "1.2", "terraform_version": "1", x')],
)
def test_what_cannot_be_read_is_told_with_its_place(repo: Repo, name: str, data: bytes) -> None:
    (repo.folder / name).write_bytes(data)
    (unread,) = repo.scan().unread
    assert unread.region.file == name
    assert "terraform show -json" in unread.reason or "not JSON" in unread.reason


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(folder / ".data"), "scan", *arguments])


@pytest.mark.parametrize(
    ("after", "arguments", "code"),
    [
        (ACCOUNT, (), 0),
        (ACCOUNT, ("--fail-on", "high"), 1),
        ({**ACCOUNT, "https_traffic_only_enabled": True}, ("--fail-on", "high"), 0),
        (ACCOUNT, ("--fail-on-policy", HTTPS), 1),
    ],
)
def test_the_command_ends_with_the_code_of_the_gate(
    repo: Repo, after: dict[str, Any], arguments: tuple[str, ...], code: int
) -> None:
    repo.write(main_tf=MAIN, plan_json=plan(change("azurerm_storage_account.a", after)))
    first, second = (run(repo.folder, "plan.json", "-o", "sarif", *arguments) for _ in range(2))
    assert first.exit_code == code, first.stderr
    assert first.stdout == second.stdout
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for one in json.loads(first.stdout)["runs"][0]["results"]
        for place in one["locations"]
    }
    assert uris <= {"main.tf"}


def test_a_configuration_without_a_plan_is_told_how_it_is_judged(repo: Repo) -> None:
    repo.write(main_tf=MAIN)
    (repo.folder / ".git").mkdir()
    result = run(repo.folder, ".")
    assert result.exit_code == 3
    assert (
        "main.tf:4:1: not assessed: Terraform is judged by its plan: run in .: terraform plan"
        in result.stdout
    )
    assert "terraform show -json plan.out" in result.stdout


OUTDATED = {
    "as it was": ("", "", None),
    "another literal": ("https_traffic_only_enabled = false", "https_traffic_only_enabled = true",
        (7, "the plan was made with false here")),
    "a literal for a reference": ("= var.tls", '= "TLS1_0"', (6, "the plan was made with var.tls here")),
    "another expression is not known": ("= var.tls", "= upper(var.tls)", None),
    "another default": ('default = "TLS1_0"', 'default = "TLS1_2"', (2, 'the plan was made with "TLS1_0" here')),
    "in a block": ('"Allow"', '"Deny"', (9, 'the plan was made with "Allow" here')),
    "an attribute more": ("  network_rules {", "  shared_access_key_enabled = false\n  network_rules {",
        (8, "shared_access_key_enabled is not in the plan")),
    "one that is null": ("  network_rules {", "  shared_access_key_enabled = null\n  network_rules {", None),
    "an attribute less": ("  https_traffic_only_enabled = false\n", "",
        (4, "the plan sets https_traffic_only_enabled, which is not here")),
    "a resource more": ("variable", 'resource "azurerm_storage_account" "b" {}\nvariable',
        (1, "azurerm_storage_account.b is not in the plan")),
    "a dynamic block": ("  network_rules {",
        '  dynamic "identity" {\n    for_each = [1]\n    content {\n      type = "x"\n    }\n  }\n  network_rules {', None),
    "a resource of others": ("variable", 'resource "random_id" "b" {}\nvariable', None),
    "what Terraform reads itself": ("  name  ", "  count = 2\n  lifecycle {\n    prevent_destroy = true\n  }\n  name  ", None),
}  # fmt: skip


@pytest.mark.parametrize("case", OUTDATED)
def test_a_plan_of_other_files_than_these_is_told_where_they_differ(repo: Repo, case: str) -> None:
    before, after, told = OUTDATED[case]
    expressions = {
        "name": {"constant_value": "stgate"},
        "min_tls_version": {"references": ["var.tls"]},
        "https_traffic_only_enabled": {"constant_value": False},
        "network_rules": [{"default_action": {"constant_value": "Allow"}}],
    }
    document = json.loads(
        plan(
            change("azurerm_storage_account.a", ACCOUNT),
            resources=[declared("azurerm_storage_account.a", **expressions)],
        )
    )
    document["configuration"]["root_module"]["variables"] = {"tls": {"default": "TLS1_0"}}
    repo.write(main_tf=MAIN.replace(before, after, 1), plan_json=json.dumps(document))
    found = [(one.region.line, one.reason, one.kind) for one in repo.scan().unread]
    if told is None:
        assert found == []
    else:
        ((line, reason, kind),) = found
        assert (line, kind) == (told[0], UnreadKind.WITHOUT_PLAN)
        assert f"plan.json was made from another state of this file ({told[1]}" in reason


def test_a_module_with_overriding_files_is_not_compared(repo: Repo) -> None:
    resources = [declared("azurerm_storage_account.a", min_tls_version={"constant_value": "TLS1_2"})]
    repo.write(
        main_tf='resource "azurerm_storage_account" "a" {\n  min_tls_version = "TLS1_0"\n}\n',
        main_override_tf='resource "azurerm_storage_account" "a" {\n  min_tls_version = "TLS1_2"\n}\n',
        plan_json=plan(change("azurerm_storage_account.a", ACCOUNT), resources=resources),
    )
    assert repo.scan().unread == []


def test_of_folders_alike_the_one_that_the_plan_was_made_from_is_its_own(repo: Repo) -> None:
    resources = [declared("azurerm_storage_account.a", https_traffic_only_enabled={"constant_value": False})]
    text = 'resource "azurerm_storage_account" "a" {\n  https_traffic_only_enabled = %s\n}\n'
    repo.write(
        dev__main_tf=text % "true",
        prod__main_tf=text % "false",
        out__plan_json=plan(change("azurerm_storage_account.a", ACCOUNT), resources=resources),
    )
    report = repo.scan()
    assert finding(report, HTTPS).region.file == "prod/main.tf"
    assert [one.region.file for one in report.unread] == ["dev/main.tf"], "that has no plan"
