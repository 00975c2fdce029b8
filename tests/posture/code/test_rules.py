"""Every rule of code against its cases: `cases/<reader>.yaml` holds files with the lines on which a rule fires, and on which not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nephoscope.posture.code.file_evaluation import assess_text
from nephoscope.posture.code.finding import FindingState
from nephoscope.posture.code.rule_discovery import load_code_checks
from nephoscope.posture.code.rule_match import CodeOptions

CASES = Path(__file__).parent / "cases"
NAMES = {
    "dockerfile": "Dockerfile",
    "github_workflow": ".github/workflows/ci.yml",
    "azure_pipelines": "azure-pipelines.yml",
    "gitlab_ci": ".gitlab-ci.yml",
    "dependabot": ".github/dependabot.yml",
    "shell_script": "install.sh",
    "arm_template": "main.json",
    "kubernetes_manifest": "deploy/pod.yaml",
    "policy_as_code": "policies/policy.json",
}


def cases() -> list:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for rule, given in yaml.load(path.read_text(), yaml.CSafeLoader).items():
            for number, case in enumerate(given):
                found.append(pytest.param(path.stem, rule, case, id=f"{rule}-{number}"))
    return found


@pytest.mark.sampled(3, each="rule")
@pytest.mark.parametrize(("reader", "rule", "case"), cases())
def test_a_rule_fires_on_its_lines_alone(reader: str, rule: str, case: dict) -> None:
    options = CodeOptions(
        frozenset(case.get("registries", ())),
        case.get("labels", {}),
        case.get("strict", False),
        optional=True,
    )
    found = assess_text(case.get("name", NAMES[reader]), case["text"], options)
    assert found is not None
    lines = sorted({f.region.line for f in found if f.rule == rule and f.state is FindingState.FAILED})
    assert lines == case["lines"]
    for finding in found:
        text = case["text"].splitlines()
        assert 1 <= finding.region.line <= len(text) + 1
        assert finding.remediation


def test_every_rule_has_a_case_that_fires_and_one_that_does_not() -> None:
    fired: dict[str, set[bool]] = {}
    for case in cases():
        _, rule, given = case.values
        fired.setdefault(rule, set()).add(bool(given["lines"]))
    missing = sorted(
        check.rule.id for check in load_code_checks() if fired.get(check.rule.id) != {True, False}
    )
    assert missing == []


def test_the_words_of_rules_are_complete() -> None:
    for check in load_code_checks():
        rule = check.rule
        assert " should " in rule.title, rule.id
        assert not rule.title.endswith("."), rule.id
        assert rule.description.endswith("."), rule.id
        assert rule.steps, rule.id


def test_edits_make_their_finding_go() -> None:
    for case in cases():
        reader, rule, given = case.values
        if not given["lines"]:
            continue
        name, text = given.get("name", NAMES[reader]), given["text"]
        fixed = [
            f for f in assess_text(name, text, CodeOptions(optional=True)) or [] if f.rule == rule and f.fix
        ]
        if not fixed:
            continue
        edits = sorted((edit for f in fixed for edit in f.fix), key=lambda edit: edit.region, reverse=True)
        lines = text.splitlines(keepends=True)
        for edit in edits:
            region = edit.region
            assert region.line == region.end_line
            line = lines[region.line - 1]
            lines[region.line - 1] = line[: region.column - 1] + edit.text + line[region.end_column - 1 :]
        again = assess_text(name, "".join(lines), CodeOptions(optional=True)) or []
        assert not [f for f in again if f.rule == rule], (rule, "".join(lines))
