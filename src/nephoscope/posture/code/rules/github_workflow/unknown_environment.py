"""Environments should be written out."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.runners import list_environments
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unknown-environment",
    title="Environments should be written out",
    severity=Severity.LOW,
    description=(
        "An environment that an expression gives may set any variable, as "
        "ACTIONS_ALLOW_UNSECURE_COMMANDS or LD_PRELOAD."
    ),
    steps=("Write the variables out.",),
    equivalents=("zizmor:insecure-commands",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each environment that an expression gives."""
    for key, env, subject in list_environments(workflow):
        if env.kind == "scalar" and "${{" in env.text:
            yield CodeMatch(
                key.span, "the environment is given by an expression", subject=subject, scope=env.span
            )
