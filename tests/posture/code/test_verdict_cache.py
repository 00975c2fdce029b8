"""Kept verdicts: what a scan says with them is what it says without, whatever changed in between, and damage is told."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from nephoscope.cli.code_outputs import load_code_renderer
from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.template.file_verdict import FileVerdict
from nephoscope.posture.code.template.repository_files import RepositoryFiles
from nephoscope.posture.code.template.template_evaluation import TemplateEvaluator
from nephoscope.posture.code.template.template_scan import scan_targets
from nephoscope.posture.code.template.time_dependence import WatchedTime
from nephoscope.posture.code.template.verdict_cache import VerdictCache, hash_content
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.arm.json_text import TextMark
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.source_location import Place

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STORAGE = "Microsoft.Storage/storageAccounts"
LARGE = 1 << 30
RULES: dict[str, Any] = {
    "https": {"field": f"{STORAGE}/supportsHttpsTrafficOnly", "notEquals": True},
    "region": {"field": "location", "notEquals": "westeurope"},
    "tagged": {
        "allOf": [
            {"field": "tags['until']", "exists": True},
            {"field": "tags['until']", "less": "[utcNow()]"},
        ]
    },
}


def definition(name: str, condition: Any) -> dict[str, Any]:
    rule = {"if": {"allOf": [{"field": "type", "equals": STORAGE}, condition]}, "then": {"effect": "audit"}}
    return {
        "id": f"/providers/Microsoft.Authorization/policyDefinitions/{name}", "name": name,
        "type": "Microsoft.Authorization/policyDefinitions",
        "properties": {"displayName": name, "policyType": "Custom", "mode": "Indexed", "policyRule": rule},
    }  # fmt: skip


def plan_of(rules: dict[str, Any]) -> EvaluationPlan:
    bodies = [(definition(name, condition), Place(name)) for name, condition in rules.items()]
    return EvaluationPlan(PolicyCatalog.from_bodies(bodies)).assign_every_definition()


def account(name: str, **members: Any) -> dict[str, Any]:
    body = {"type": STORAGE, "apiVersion": "2022-09-01", "name": name, "location": "westeurope"}
    return {**body, "properties": {"supportsHttpsTrafficOnly": True}, **members}


def template(*resources: Any, **more: Any) -> str:
    return json.dumps(
        {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **more, "resources": [*resources]}, indent=1
    )


def link(path: str) -> dict[str, Any]:
    properties = {"mode": "Incremental", "templateLink": {"relativePath": path}}
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "n",
        "properties": properties,
    }


MADE = {
    "name": "stplan", "resource_group_name": "rg", "location": "northeurope", "account_tier": "Standard",
    "account_replication_type": "LRS", "https_traffic_only_enabled": False,
}  # fmt: skip
PLAN = {
    "format_version": "1.2",
    "resource_changes": [
        {
            "address": "azurerm_storage_account.a", "mode": "managed", "type": "azurerm_storage_account", "name": "a",
            "change": {"actions": ["create"], "before": None, "after": MADE, "after_unknown": {}},
        }
    ],
    "configuration": {
        "root_module": {
            "resources": [
                {"address": "azurerm_storage_account.a", "type": "azurerm_storage_account", "name": "a", "expressions": {}}
            ]
        }
    },
}  # fmt: skip
ACCOUNT = """resource "azurerm_storage_account" "a" {
  location                   = "northeurope"
  https_traffic_only_enabled = var.https
}
"""

FILES = {
    "stack/plan.json": json.dumps(PLAN),
    "stack/main.tf": ACCOUNT,
    "stack/variables.tf": 'variable "https" {\n  default = false\n}\n',
    "main.json": template(
        account("stmain", properties={"supportsHttpsTrafficOnly": "[parameters('https')]"}), link("modules/inner.json"),
        parameters={"https": {"type": "bool", "defaultValue": True}},
    ),
    "main.parameters.json": json.dumps(
        {"$schema": PARAMETERS, "contentVersion": "1.0.0.0", "parameters": {"https": {"value": False}}}
    ),
    "modules/inner.json": template(account("stinner", location="northeurope"), link("deeper.json")),
    "modules/deeper.json": template(account("stdeeper", properties={"supportsHttpsTrafficOnly": False})),
    "alone.json": template(account("stalone", location="[resourceGroup().location]"), link("missing.json")),
    "Dockerfile": "FROM ubuntu\nRUN curl http://h.contoso.com/x | sh\n",
    ".github/workflows/ci.yml": "on: push\njobs:\n a:\n  runs-on: ubuntu-latest\n  steps:\n  - uses: actions/checkout@v4\n",
}  # fmt: skip


class Workshop:
    """A repository, and scans of it with and without kept verdicts; `judged` counts the plans that were built."""

    def __init__(self, root: Path) -> None:
        self.root, self.rules, self.scope, self.now = root / "repository", dict(RULES), DeploymentScope(), NOW
        self.folder, self.judged = root / "verdicts", 0
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, data: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def cache(self, largest: int = LARGE) -> VerdictCache:
        return VerdictCache(self.folder, json.dumps(self.rules).encode(), largest)

    def scan(self, cache: VerdictCache | None) -> CodeReport:
        assess = TemplateEvaluator(self._content, self.now)
        return scan_targets([self.root], assess, self.scope, cache=cache)

    def _content(self) -> tuple[EvaluationPlan, Aliases]:
        self.judged += 1
        return plan_of(self.rules), Aliases.load_builtin()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def written(report: CodeReport) -> list[str]:
    found = []
    for name in ("json", "sarif", "table", "markdown"):
        out = StringIO()
        load_code_renderer(name)(report, out)
        found.append(out.getvalue())
    return found


def assert_same(workshop: Workshop) -> CodeReport:
    kept = workshop.scan(workshop.cache())
    fresh = workshop.scan(None)
    assert written(kept) == written(fresh)
    assert kept == fresh
    return kept


def test_an_unchanged_repository_is_judged_once(workshop: Workshop) -> None:
    first = workshop.scan(workshop.cache())
    assert workshop.judged == 1
    second = workshop.scan(workshop.cache())
    assert workshop.judged == 1
    assert written(first) == written(second) == written(workshop.scan(None))
    assert first.states.total() > 5
    assert len(first.findings) > 4
    assert {one.region.file for one in first.findings} >= {
        "Dockerfile",
        "modules/deeper.json",
        "main.parameters.json",
        "stack/variables.tf",
    }


def removed(name: str) -> Callable[[Workshop], None]:
    return lambda workshop: (workshop.root / name).unlink()


def replaced(name: str, before: str, after: str) -> Callable[[Workshop], None]:
    def change(workshop: Workshop) -> None:
        text = (workshop.root / name).read_text()
        assert before in text
        workshop.write(name, text.replace(before, after))

    return change


def put(name: str, text: str) -> Callable[[Workshop], None]:
    return lambda workshop: workshop.write(name, text)


def set_to(name: str, value: Any) -> Callable[[Workshop], None]:
    return lambda workshop: setattr(workshop, name, value)


CHANGES = {
    "a byte of a parameter": replaced("main.parameters.json", "false", "true "),
    "no parameters file": removed("main.parameters.json"),
    "another parameters file": put("main.prod.parameters.json", FILES["main.parameters.json"].replace("false", "true")),
    "a byte of the template": replaced("main.json", '"westeurope"', '"westus"'),
    "a linked module": replaced("modules/inner.json", "northeurope", "westeurope"),
    "a module of a module": replaced("modules/deeper.json", "false", "true"),
    "a linked module that is gone": removed("modules/inner.json"),
    "a linked module that came": put("missing.json", template(account("stcame", location="x"))),
    "a template that is not deployed any more": replaced("main.json", "modules/inner.json", "modules/deeper.json"),
    "a template that broke": replaced("alone.json", "}", ""),
    "a suppression": replaced("main.json", '"name": "stmain"', '// nephoscope: ignore[https] it is known\n "name": "stmain"'),
    "the scope": set_to("scope", DeploymentScope(resource_group="other")),
    "the region": set_to("scope", DeploymentScope(location="westeurope")),
    "a policy": set_to("rules", {**RULES, "region": {"field": "location", "notEquals": "northeurope"}}),
    "another policy": set_to("rules", {**RULES, "kind": {"field": "kind", "exists": False}}),
    "a name": lambda workshop: (workshop.root / "alone.json").rename(workshop.root / "other.json"),
    "a Dockerfile": put("Dockerfile", "FROM ubuntu:24.04\n"),
    "a value of a plan": replaced("stack/plan.json", "northeurope", "westeurope"),
    "a line of a configuration": replaced("stack/variables.tf", "\n  default", "\n\n  default"),
    "a file of a configuration that is gone": removed("stack/variables.tf"),
    "a file of values beside a plan": put("stack/terraform.tfvars", "https = false\n"),
    "a configuration elsewhere": lambda workshop: (workshop.root / "stack/main.tf").rename(workshop.root / "main.tf"),
    "a new workflow": put(".github/workflows/pr.yml", "on: pull_request_target\njobs: {}\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen(workshop: Workshop, what: str) -> None:
    before = workshop.scan(workshop.cache())
    CHANGES[what](workshop)
    after = assert_same(workshop)
    assert written(after) != written(before)
    for name, text in FILES.items():  # and back: what was kept first still holds, or is judged anew
        workshop.write(name, text)
    assert_same(workshop)


def test_any_byte_of_any_file_is_seen(workshop: Workshop) -> None:
    chosen = random.Random(7)
    workshop.scan(workshop.cache())
    for _ in range(25):
        name = chosen.choice(sorted(FILES))
        data = bytearray(FILES[name].encode())
        data[chosen.randrange(len(data))] = chosen.choice(b' 0"a}[')
        workshop.write(name, bytes(data))
        assert_same(workshop)
        workshop.write(name, FILES[name])


def test_a_verdict_that_asks_for_the_time_is_not_kept(workshop: Workshop) -> None:
    workshop.write("main.json", template(account("stmain", tags={"until": "2026-11-02T00:00:00Z"})))
    before = workshop.scan(workshop.cache())
    workshop.now = NOW + timedelta(days=2)
    after = assert_same(workshop)
    assert [one.rule for one in after.findings].count("tagged") == [
        one.rule for one in before.findings
    ].count("tagged") + 1
    assert workshop.judged == 3


def test_explanations_rest_on_no_kept_verdict(workshop: Workshop) -> None:
    workshop.scan(workshop.cache())
    assess = TemplateEvaluator(workshop._content, NOW)
    assess.explains = lambda _: True
    scan_targets([workshop.root], assess, workshop.scope, cache=workshop.cache())
    assert {one.resource.rpartition("/")[2] for one in assess.explained} >= {"stmain", "stdeeper", "stalone"}


def test_what_a_bicep_file_compiles_to_is_in_its_digest(tmp_path: Path) -> None:
    def digest(text: str, value: Any) -> str:
        mark = TextMark(0, len(text))
        compiled = {"main.bicep": TemplateDocument.from_source(value, "main.bicep", text, mark)}
        return RepositoryFiles(Repository(tmp_path, compiled=compiled), {}, DeploymentScope()).digest(
            "main.bicep"
        )

    first = digest("param a int", {"a": 1})
    assert first == digest("param a int", {"a": 1})
    assert (
        len(
            {
                first,
                digest("param a int ", {"a": 1}),
                digest("param a int", {"a": 1.0}),
                digest("param a int", {}),
            }
        )
        == 4
    )


def cut(data: bytes) -> bytes:
    return data[:-1]


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


DAMAGE: list[Callable[[bytes], bytes]] = [
    cut,
    flipped,
    lambda _: b"",
    lambda data: b"x" + data,
    lambda data: data + b"\0",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_told_and_judged_anew(
    workshop: Workshop, damage: Callable[[bytes], bytes]
) -> None:
    workshop.scan(workshop.cache())
    entries = sorted(workshop.folder.rglob("*.verdict"))
    for path in entries:
        path.write_bytes(damage(path.read_bytes()))
    cache = workshop.cache()
    kept = workshop.scan(cache)
    assert sorted(cache.damaged) == sorted(path.name for path in entries)
    assert kept == workshop.scan(None)
    again = workshop.cache()
    workshop.scan(again)
    assert again.damaged == []


def test_a_folder_that_cannot_be_written_to_is_told_once(workshop: Workshop) -> None:
    workshop.folder.write_text("a file")
    cache = workshop.cache()
    assert workshop.scan(cache) == workshop.scan(None)
    assert "verdicts" in cache.failure
    cache.prune()
    cache._written = 1
    cache.failure = ""
    cache.prune()
    assert "verdicts" in cache.failure


def verdict(text: str = "x") -> FileVerdict:
    return FileVerdict(is_template=True, loaded=((text, hash_content(text.encode())),))


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts", b"basis", LARGE)
    for number in range(20):
        cache.keep(b"%d" % number, verdict())
        os.utime(cache._get_path(b"%d" % number), (1000 + number, 1000 + number))
    cache.prune()
    size = cache._get_path(b"0").stat().st_size
    cache.largest = 10 * size
    assert cache.find(b"0", lambda _: hash_content(b"x")) == verdict()  # and is noted as used
    (tmp_path / "verdicts" / "README").write_text("not an entry")
    (cache._get_path(b"1").parent / ".left-behind").write_bytes(b"half")
    os.utime(cache._get_path(b"1").parent / ".left-behind", (1, 1))
    cache.prune()
    left = {number for number in range(20) if cache._get_path(b"%d" % number).exists()}
    assert left == {0, *range(13, 20)}
    assert not list(tmp_path.rglob(".left-behind"))


def test_processes_share_a_folder(tmp_path: Path) -> None:
    def work(number: int) -> list[str]:
        cache = VerdictCache(tmp_path / "verdicts", b"basis", 4_000)
        for turn in range(30):
            key = b"%d" % (turn % 5)
            cache.keep(key, verdict("x" * (number + 1)))
            found = cache.find(key, lambda name: hash_content(name.encode()))
            assert found is None or found.is_template
            cache.prune()
        return [*cache.damaged, cache.failure]

    with ThreadPoolExecutor(6) as pool:
        assert [one for several in pool.map(work, range(6)) for one in several if one] == []


@pytest.mark.parametrize(
    ("ask", "asked"),
    [(lambda time: time.astimezone(UTC), True), (lambda time: time.isoformat(), True), (lambda time: time.timestamp(), True),
     (lambda time: time + timedelta(days=1), True), (lambda time: time - NOW, True), (lambda time: f"{time:%Y}", True),
     (lambda time: time < NOW, False), (lambda time: time <= NOW, False), (lambda time: time.tzinfo, False)],
)  # fmt: skip
def test_asking_for_the_time_is_noted(ask: Callable[[datetime], object], asked: bool) -> None:
    time = WatchedTime.of(NOW)
    assert time == NOW
    ask(time)
    assert time.asked is asked
