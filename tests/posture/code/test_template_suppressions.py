"""What somebody accepts in a template does not fail, and says why: comments, other tools' marks, exemptions with an end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.posture.code.file_evaluation import assess_text
from nephoscope.posture.code.finding import FindingState

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
HTTPS = "11374dee-bf66-5966-911f-2f7558023edc"
GROUP = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/app"
LINES = [
    '{"$schema": "' + SCHEMA + '", "contentVersion": "1.0.0.0", "resources": [',
    "{",
    '"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2022-09-01", "name": "stgate", "location": "x",',
    '"properties": {',
    '"supportsHttpsTrafficOnly": false',
    "}",
    "}]}",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "repo"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def scan(*arguments: str) -> Result:
    options = ["--fail-on-policy", HTTPS, "-o", "json", *arguments]
    return CliRunner().invoke(cli, ["--data", "../data", "scan", "main.json", *options])


def write(folder: Path, line: int = 0, text: str = "") -> None:
    lines = [*LINES]
    if text:
        lines.insert(line - 1, text)
    (folder / "main.json").write_text("\n".join(lines))


COMMENTS = [
    (f"// nephoscope: ignore[{HTTPS}] only a test", "only a test", 5),
    ("// checkov:skip=CKV_AZURE_3:legacy clients", "legacy clients", 3),
    ("/* trivy:ignore:AVD-AZU-0008 old clients */", "old clients", 5),
    ("// trivy:ignore:AVD-AZU-0008:exp:2999-01-31 old clients", "old clients", 5),
    ("// tfsec:ignore:azure-storage-enforce-https old clients", "old clients", 5),
    ("// kics-scan ignore-line old clients", "old clients", 5),
    ("// kics-scan disable=1367dd13-2c90-4020-80b7-e4339a3dc2c4 old clients", "old clients", 5),
    ('"metadata": {"checkov": {"skip": [{"id": "CKV_AZURE_3", "comment": "old"}]}},', "old", 3),
]


@pytest.mark.parametrize(("text", "reason", "line"), COMMENTS, ids=[one[0][:30] for one in COMMENTS])
def test_a_suppression_counts_for_its_rule_and_says_why(
    folder: Path, text: str, reason: str, line: int
) -> None:
    write(folder, line, text)
    result = scan()
    assert result.exit_code == 0, result.output
    (finding,) = [
        one["finding"] for one in json.loads(result.stdout)["findings"] if one["finding"]["rule"] == HTTPS
    ]
    assert finding["state"] == "Suppressed"
    assert reason in finding["reason"]


def test_an_own_comment_without_a_reason_does_not_count_and_is_told(folder: Path) -> None:
    write(folder, 5, f"// nephoscope: ignore[{HTTPS}]")
    result = scan()
    assert result.exit_code == 1
    (finding,) = [
        one["finding"] for one in json.loads(result.stdout)["findings"] if one["finding"]["rule"] == HTTPS
    ]
    assert "the comment in line 5 does not count" in finding["message"]


FAULTS = [
    ("/* trivy:ignore:AVD-AZU-0008 */", "a reason must follow the rule (trivy)", 1),
    ("// tfsec:ignore:azure-storage-enforce-https", "a reason must follow the rule (tfsec)", 1),
    ("// kics-scan ignore-line", "a reason must follow the rule (kics)", 1),
    ("// checkov:skip=CKV_AZURE_3", "a reason must follow the rule (checkov)", 1),
    ("// trivy:ignore:AVD-AZU-0008:exp:2999-01-31", "a reason must follow the rule (trivy)", 1),
    ("// trivy:ignore:AVD-AZU-0008:exp:2020-01-01 old", "it ended on 2020-01-01", 1),
    ("// tfsec:ignore:azure-storage-enforce-https:exp:2020-01-01 old", "it ended on 2020-01-01", 1),
    ("// trivy:ignore:AVD-AZU-0008:exp:soon old", "its end is not a date: 'soon'", 1),
    ('"metadata": {"checkov": {"skip": [{"id": "CKV_AZURE_3"}]}},', "a comment must say why", 1),
]


@pytest.mark.parametrize(("text", "fault", "code"), FAULTS, ids=[one[0] for one in FAULTS])
def test_a_suppression_that_does_not_count_says_why(folder: Path, text: str, fault: str, code: int) -> None:
    write(folder, 5 if text.startswith("/") else 3, text)
    result = scan()
    assert result.exit_code == code, result.output
    document = json.loads(result.stdout)
    (finding,) = [one["finding"] for one in document["findings"] if one["finding"]["rule"] == HTTPS]
    assert finding["state"] == "Failed"
    assert fault in finding["message"]
    unread = [one["reason"] for one in document["unread"]]
    assert any("not a date" in one for one in unread) is ("soon" in text)


@pytest.mark.parametrize(
    "text",
    [
        f'"tags": {{"x": "// nephoscope: ignore[{HTTPS}] a text"}},',
        f'"comments": "# nephoscope: ignore[{HTTPS}] a text",',
        f"\"comments\": '/* nephoscope: ignore[{HTTPS}] a text */',",
    ],
)
def test_a_text_that_looks_like_a_comment_ignores_nothing(folder: Path, text: str) -> None:
    write(folder, 3, text)
    assert scan().exit_code == 1


@pytest.mark.parametrize(
    "text", ["// checkov:skip=CKV_AZURE_35:another", "// nephoscope: ignore[other] no", "// skip"]
)
def test_a_suppression_of_another_rule_counts_for_nothing(folder: Path, text: str) -> None:
    write(folder, 5, text)
    assert scan().exit_code == 1


def test_an_exemption_in_the_repository_holds_until_its_end(folder: Path) -> None:
    write(folder)
    exemption = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/policyExemptions/legacy",
        "properties": {
            "exemptionCategory": "Waiver",
            "expiresOn": "2026-12-31T00:00:00Z",
            "metadata": {"nephoscope": {"recommendations": [HTTPS]}},
        },
    }
    decisions = folder / ".nephoscope" / "decisions"
    decisions.mkdir(parents=True)
    (decisions / "legacy.json").write_text(json.dumps(exemption))
    assert scan("--deploy-to", GROUP, "--at", "2026-12-01").exit_code == 0
    assert scan("--deploy-to", GROUP, "--at", "2027-01-01").exit_code == 1
    assert scan("--deploy-to", GROUP + "2", "--at", "2026-12-01").exit_code == 1
    assert scan("--deploy-to", "nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("reason", "state"), [("", FindingState.FAILED), (" built here", FindingState.SUPPRESSED)]
)
def test_other_files_ask_for_a_reason_too(reason: str, state: FindingState) -> None:
    text = "FROM ubuntu:latest\n"
    rule = next(one.rule for one in assess_text("Dockerfile", text) or () if one.region.line == 1)
    found = assess_text("Dockerfile", f"# nephoscope: ignore[{rule}]{reason}\n{text}") or ()
    (finding,) = [one for one in found if one.rule == rule]
    assert finding.state is state
    assert ("line 1 does not count" in finding.message) is not reason.startswith(" ")
