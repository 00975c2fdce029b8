"""Strangers should not write the environment of later steps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-environment-file",
    title="Strangers should not write the environment of later steps",
    severity=Severity.HIGH,
    description=(
        "What is written to GITHUB_ENV and GITHUB_PATH changes the programs and variables of all later "
        "steps: a line feed in it sets any variable."
    ),
    steps=("Write a step output instead, or check the value.",),
    equivalents=("zizmor:github-env",),
)

_FILE = re.compile(r"GITHUB_(?:ENV|PATH)\b")
_FIXED = re.compile(r"^[\w\"'=./: -]*$")
_WRITE = re.compile(
    r"(?:>>?|\btee\b(?:\s+-a)?|Out-File|Add-Content|Set-Content)[^|;&]*?GITHUB_(?:ENV|PATH)\b", re.IGNORECASE
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each script that writes values to these files in a workflow that strangers start, or in an action."""
    if not workflow.is_action and not workflow.is_triggered_by("pull_request_target", "workflow_run"):
        return
    for step in workflow.steps:
        key = step.node.key("run")
        if (
            key is not None
            and step.run is not None
            and any(_writes_value(line) for line in _join_continued_lines(step.run.text))
        ):
            yield CodeMatch(
                key.span,
                "the script writes values to the environment of later steps",
                subject=step.subject,
                scope=step.node.span,
            )


def _join_continued_lines(script: str) -> list[str]:
    return script.replace("\\\n", " ").replace("`\n", " ").split("\n")


def _writes_value(line: str) -> bool:
    match = _WRITE.search(line[:2000])
    if match is None or line.lstrip().startswith("#"):
        return False
    before = line[: match.start()].strip()
    words = before.removeprefix("echo").removeprefix("printf").strip()
    return not (before.startswith(("echo", "printf")) and _FIXED.match(words))
