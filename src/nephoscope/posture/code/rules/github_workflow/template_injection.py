"""Expressions should not be pasted into scripts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import find_injected_expressions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-template-injection",
    title="Expressions should not be pasted into scripts",
    severity=Severity.MEDIUM,
    description=(
        "GitHub pastes the value of an expression into the script before the shell reads it. Inputs, "
        "outputs of steps and variables may hold what somebody else wrote."
    ),
    steps=("Hand the value over by env: and use it as a quoted variable.",),
    equivalents=("zizmor:template-injection",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each context in a script that is neither fixed nor harmless."""
    for step, context in find_injected_expressions(workflow, by_anybody=False):
        yield CodeMatch(
            context.span,
            f"{context.path} becomes part of the script",
            subject=step.subject,
            scope=step.node.span,
        )
