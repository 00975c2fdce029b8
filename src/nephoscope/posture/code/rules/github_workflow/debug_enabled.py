"""Debug logs should be off."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.runners import list_environments
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-debug-enabled",
    title="Debug logs should be off",
    severity=Severity.LOW,
    description=(
        "Debug logs print the environment and more of what a job does, to everybody who reads the log."
    ),
    steps=("Remove the variable.",),
    equivalents=("poutine:debug_enabled",),
)

_NAMES = frozenset({"ACTIONS_RUNNER_DEBUG", "ACTIONS_STEP_DEBUG"})


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each variable that switches debug logs on."""
    for _, env, subject in list_environments(workflow):
        for name, value in env.pairs:
            if name.text.upper() in _NAMES and value.is_true:
                yield CodeMatch(
                    TextSpan(name.span.start, value.span.end), f"{name.text} is on", subject=subject
                )
