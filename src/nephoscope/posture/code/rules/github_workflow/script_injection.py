"""Texts that anybody can write should not be pasted into scripts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import find_evaluated_expressions, find_injected_expressions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-script-injection",
    title="Texts that anybody can write should not be pasted into scripts",
    severity=Severity.CRITICAL,
    description=(
        "GitHub pastes the value of an expression into the script before the shell reads it: the title "
        "of an issue, the name of a branch or a comment becomes code that runs with the token and the "
        "secrets of the workflow."
    ),
    steps=(
        "Hand the value over by env: and use it as a quoted variable.",
        "Give the job no more rights than it needs.",
    ),
    equivalents=(
        "zizmor:template-injection",
        "actionlint:expression-untrusted",
        "scorecard:DangerousWorkflow",
        "poutine:injection",
    ),
    tags=("DS-6",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each context in a script that people outside of the repository write."""
    for step, context in find_injected_expressions(workflow, by_anybody=True):
        message = f"{context.path} is written by anybody and becomes part of the script"
        yield CodeMatch(context.span, message, subject=step.subject, scope=step.node.span)
    for step, command, written in find_evaluated_expressions(workflow):
        message = f"{written} is written by anybody and is evaluated as a script"
        yield CodeMatch(command.span, message, subject=step.subject, scope=step.node.span)
