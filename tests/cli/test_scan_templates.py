"""`scan` of templates: formats, exit codes, and what it does not load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.cli.session import code_scan
from nephoscope.posture.code.template import verdict_cache_key

TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Storage/storageAccounts",
            "apiVersion": "2022-09-01",
            "name": "stgate",
            "location": "westeurope",
            "properties": {"supportsHttpsTrafficOnly": False},
        }
    ],
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "main.json").write_text(json.dumps(TEMPLATE, indent=1))
    monkeypatch.chdir(folder)
    return folder


def scan(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--data", "../data", "scan", *arguments])


def test_a_finding_fails_the_gate_at_its_line(repo: Path) -> None:
    del repo
    result = scan("main.json", "--fail-on", "High")
    assert result.exit_code == 1
    assert "main.json:11:33: High: Storage accounts should require secure transfer" in result.output
    assert scan(".", "--fail-on", "Critical").exit_code == 0
    assert scan(".").exit_code == 0
    assert scan(".", "--fail-on-policy", "11374dee*").exit_code == 1
    assert scan(".", "--fail-on-policy", "github-*", "--pass-policy", "trivy:*").exit_code == 0
    for option in ("--fail-on-policy", "--pass-policy"):
        unknown = scan(".", option, "github-unpined-action")
        assert unknown.exit_code == 2
        assert "no policy or rule has this id; did you mean github-unpinned-action" in unknown.output
    assert scan(".", "--fail-on", "High", "--pass-policy", "*").exit_code == 0


def test_sarif_has_the_region_and_two_runs_are_byte_identical(repo: Path) -> None:
    del repo
    first = scan(".", "-o", "sarif")
    assert first.stdout == scan(".", "-o", "sarif").stdout
    (run,) = json.loads(first.stdout)["runs"]
    regions = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    wanted = {
        "startLine": 11,
        "startColumn": 33,
        "endLine": 11,
        "endColumn": 38,
        "snippet": {"text": "false"},
    }
    assert {"artifactLocation": {"uri": "main.json"}, "region": wanted} in regions


def test_a_format_that_files_do_not_have_is_refused(repo: Path) -> None:
    del repo
    result = scan(".", "-o", "csv")
    assert result.exit_code == 2
    assert "-o csv" in result.output


def test_verdicts_are_kept_unless_that_is_not_wanted(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_cache_key, "_compute_product_digest", lambda: "product")
    kept = repo.parent / "data" / "content" / "verdicts"
    first = scan(".", "-o", "json", "--no-cache")
    assert not kept.exists()
    assert scan(".", "-o", "json", "--cache-size", "0").stdout == first.stdout
    assert not kept.exists()
    assert scan(".", "-o", "json").stdout == first.stdout
    (entry,) = kept.rglob("*.verdict")
    with monkeypatch.context() as without_plans:
        without_plans.setattr(code_scan, "build_plan", None)  # nothing is left to judge
        again = scan(".", "-o", "json")
    assert (again.stdout, again.stderr) == (first.stdout, "")
    entry.write_bytes(b"damaged")
    told = scan(".", "-o", "json")
    assert told.stdout == first.stdout
    assert f"1 kept verdict could not be read and was judged anew (first: {entry.name})" in told.stderr
    assert "stgate" in scan("main.json", "--explain", "stgate").stdout


@pytest.mark.parametrize(
    ("target", "output", "named"),
    [
        (".", "github", "file=infra/shop/main.json,line=11"),
        ("main.json", "github", "file=infra/shop/main.json,line=11"),
        ("absolute", "github", "file=infra/shop/main.json,line=11"),
        (".", "azuredevops", "sourcepath=infra/shop/main.json;linenumber=11"),
        (".", "gitlab", '"path": "infra/shop/main.json"'),
        (".", "sarif", '"uri": "infra/shop/main.json"'),
        (".", "table", "\nmain.json:11:33"),
    ],
)
def test_formats_that_a_host_reads_name_files_from_the_root_of_the_repository(
    repo: Path, monkeypatch: pytest.MonkeyPatch, target: str, output: str, named: str
) -> None:
    (repo / ".git").mkdir()
    folder = repo / "infra" / "shop"
    folder.mkdir(parents=True)
    (repo / "main.json").rename(folder / "main.json")
    (repo.parent / "elsewhere").mkdir()
    monkeypatch.chdir(folder if target != "absolute" else repo.parent / "elsewhere")
    result = scan(str(folder) if target == "absolute" else target, "-o", output, "--tools", "none")
    assert result.exit_code == 0, result.output
    assert named in f"\n{result.stdout}"


@pytest.mark.parametrize("output", ["table", "markdown", "github", "azuredevops"])
def test_a_person_reads_once_what_copies_of_a_resource_have_in_common(repo: Path, output: str) -> None:
    resource = TEMPLATE["resources"][0] | {
        "name": "[concat('stgate', copyIndex())]",
        "copy": {"name": "several", "count": 3},
    }
    (repo / "main.json").write_text(json.dumps(TEMPLATE | {"resources": [resource]}, indent=1))
    told = scan(".", "-o", output, "--tools", "none").stdout.splitlines()
    about = [line for line in told if "supportsHttpsTrafficOnly is false" in line]
    assert len(about) == 1
    assert "(3 resources)" in about[0]
    findings = json.loads(scan(".", "-o", "json", "--tools", "none").stdout)["findings"]
    assert sum(one["title"] == "Storage accounts should require secure transfer" for one in findings) == 3
