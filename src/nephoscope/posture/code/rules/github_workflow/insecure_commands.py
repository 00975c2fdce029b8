"""Insecure workflow commands should stay off."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.runners import list_environments
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-insecure-commands",
    title="Insecure workflow commands should stay off",
    severity=Severity.HIGH,
    description=(
        "ACTIONS_ALLOW_UNSECURE_COMMANDS lets every line of output set variables and paths of later steps."
    ),
    steps=("Remove the variable, and write to GITHUB_ENV instead.",),
    equivalents=("zizmor:insecure-commands",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each environment that allows the commands."""
    for key, env, subject in list_environments(workflow):
        for name, value in env.pairs:
            if name.text.upper() == "ACTIONS_ALLOW_UNSECURE_COMMANDS" and value.is_true:
                yield CodeMatch(key.span, "insecure commands are allowed", subject=subject, scope=env.span)
