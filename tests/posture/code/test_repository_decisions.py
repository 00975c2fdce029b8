"""A repository's own exemptions are those around the target, wherever the command runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli

HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
ACCOUNT = {
    "type": "Microsoft.Storage/storageAccounts", "apiVersion": "2022-09-01", "name": "st", "location": "x",
    "properties": {"supportsHttpsTrafficOnly": False},
}  # fmt: skip
EXEMPTION = {
    "id": "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Authorization/policyExemptions/edge",
    "type": "Microsoft.Authorization/policyExemptions",
    "properties": {
        "exemptionCategory": "Mitigated",
        "metadata": {"nephoscope": {"recommendations": [HTTPS]}},
    },
}


@pytest.mark.parametrize(
    ("decided", "top", "exempt"),
    [
        ("repo", "repo", True),
        ("repo/infra", "repo", True),
        (".", "repo", False),
        (".", "", True),
        ("repo/other", "repo", False),
    ],
)
@pytest.mark.parametrize("target", ["repo/infra/app/main.json", "repo/infra/app"])
def test_decisions_lie_around_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decided: str, top: str, exempt: bool, target: str
) -> None:
    path = tmp_path / "repo/infra/app/main.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [ACCOUNT]}))
    folder = tmp_path / decided / ".nephoscope" / "decisions"
    folder.mkdir(parents=True)
    (folder / "exemptions.json").write_text(json.dumps(EXEMPTION))
    if top:
        (tmp_path / top / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", str(tmp_path / "data"), "scan", target, "-o", "json", "--fail-on-policy", HTTPS]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == (0 if exempt else 1), result.stderr


@pytest.mark.parametrize("https", [False, True])
def test_an_exemption_suppresses_what_fails_alone_and_is_external(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, https: bool
) -> None:
    account = {**ACCOUNT, "properties": {"supportsHttpsTrafficOnly": https}}
    text = json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [account]}, indent=1)
    line = '"supportsHttpsTrafficOnly"'
    (tmp_path / "main.json").write_text(text)
    (tmp_path / "waived.json").write_text(json.dumps(EXEMPTION))
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", str(tmp_path / "data"), "scan", "main.json", "-o", "sarif"]
    result = CliRunner().invoke(cli, [*arguments, "--decisions", "waived.json"])
    [run] = json.loads(result.stdout)["runs"]
    found = [one["suppressions"][0]["kind"] for one in run["results"] if one.get("suppressions")]
    assert found == ([] if https else ["external"])
    commented = text.replace(line, f"// nephoscope: ignore[{HTTPS}] the edge ends TLS\n {line}")
    (tmp_path / "main.json").write_text(commented)
    [run] = json.loads(CliRunner().invoke(cli, arguments).stdout)["runs"]
    found = [one["suppressions"][0]["kind"] for one in run["results"] if one.get("suppressions")]
    assert found == ([] if https else ["inSource"])
