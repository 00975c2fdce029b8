"""Downloads should be encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import list_shell_commands
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-insecure-url",
    title="Downloads should be encrypted",
    severity=Severity.LOW,
    description="An attacker in between can change what is downloaded over HTTP.",
    steps=("Use https.",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each download over http."""
    for step in workflow.steps:
        for command in list_shell_commands(workflow, step):
            for word in command.words if command.program in ("curl", "wget", "git") else []:
                if (
                    word.text.startswith("http://")
                    and "localhost" not in word.text
                    and "127.0.0.1" not in word.text
                ):
                    yield CodeMatch(
                        word.span, f"{word.text} is not encrypted", subject=step.subject, scope=step.node.span
                    )
