"""Values should not be written as expressions."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import list_scripts
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-literal-expression",
    title="Values should not be written as expressions",
    severity=Severity.INFORMATIONAL,
    description="An expression that is a literal hides a plain value.",
    steps=("Write the value.",),
    equivalents=("zizmor:obfuscation",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each expression in a script that is a literal."""
    for _, node in list_scripts(workflow):
        for tree in workflow.list_expressions(node):
            if tree.kind == "literal":
                yield CodeMatch(tree.span, "the expression is a plain value")
