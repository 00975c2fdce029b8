"""Checkouts should keep the token on disk in no case."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-kept-credentials",
    title="Checkouts should keep the token on disk in no case",
    severity=Severity.LOW,
    description=(
        "persist-credentials: true keeps the token in .git/config, where every later step and an "
        "uploaded artifact may take it along."
    ),
    steps=("Set persist-credentials: false, and hand the token to the step that pushes.",),
    equivalents=("zizmor:artipacked",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each checkout that is told to keep its token."""
    for step in workflow.steps:
        uses, node = step.uses, step.get_input("persist-credentials")
        if (
            uses is not None
            and uses.name == "actions/checkout"
            and node is not None
            and node.text.lower() != "false"
        ):
            edit = (node.span, "false")
            yield CodeMatch(
                step.node.span, "the token stays in .git/config", (edit,), step.subject, scope=step.node.span
            )
