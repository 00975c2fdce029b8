"""Choices should not have an empty first value."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unsound-ternary",
    title="Choices should not have an empty first value",
    severity=Severity.LOW,
    description=(
        "condition && value || other gives other where value is empty, 0 or false, whatever the condition."
    ),
    steps=("Turn the condition round, so that the first value is not empty.",),
    equivalents=("zizmor:unsound-ternary",),
)

_FALSY = frozenset({"", "0", "-0", "false", "null"})


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each choice whose first value counts as false."""
    for node in workflow.list_scalars():
        for tree in workflow.list_expressions(node):
            yield from (
                CodeMatch(one.span, "the first value counts as false: the other is always chosen")
                for one in tree.walk()
                if _is_unsound_ternary(one)
            )


def _is_unsound_ternary(tree: WorkflowExpression) -> bool:
    if (
        tree.kind != "binary"
        or tree.value != "||"
        or tree.args[0].kind != "binary"
        or tree.args[0].value != "&&"
    ):
        return False
    value = tree.args[0].args[1]
    return value.kind == "literal" and value.value.lower() in _FALSY
