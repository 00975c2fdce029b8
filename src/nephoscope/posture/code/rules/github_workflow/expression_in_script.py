"""Scripts should read values from their environment."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.taint_analysis import find_carried_values, is_written_by_anybody
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import is_safe_context, list_script_expressions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-expression-in-script",
    title="Scripts should read values from their environment",
    severity=Severity.INFORMATIONAL,
    description="An expression in a script is a habit that turns into an injection with the next change.",
    steps=("Hand the value over by env: and use it as a quoted variable.",),
    equivalents=("zizmor:template-injection",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each expression in a script that no graver rule names."""
    for step, tree in list_script_expressions(workflow):
        found = [context for context in find_carried_values(tree) if context.kind == "context"]
        graver = any(
            is_written_by_anybody(one.parts) or not is_safe_context(workflow, step, one.parts)
            for one in found
        )
        if not graver:
            yield CodeMatch(
                tree.span,
                "an expression becomes part of the script",
                subject=step.subject,
                scope=step.node.span,
            )
