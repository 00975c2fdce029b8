"""Checkouts should not keep the token on disk."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-persisted-credentials",
    title="Checkouts should not keep the token on disk",
    severity=Severity.MEDIUM,
    description=(
        "actions/checkout writes the token into .git/config, where every later step and an uploaded "
        "artifact may take it along."
    ),
    steps=("Set persist-credentials: false.",),
    equivalents=("zizmor:artipacked",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each checkout that keeps its token."""
    for step in workflow.steps:
        uses = step.uses
        if uses is None or uses.name != "actions/checkout":
            continue
        if step.get_input("persist-credentials") is None:
            yield CodeMatch(
                step.node.span, "the token stays in .git/config", subject=step.subject, scope=step.node.span
            )
